//! From a configuration and an index to a labelled image.

use image::{DynamicImage, RgbImage};
use rand::RngExt;
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};
use text_images::{Degradation, Fonts, Split, stream};

use crate::ink::Ink;
use crate::scene::Scene;
use crate::typefaces::Typefaces;
use crate::{Error, MIN_HEIGHT_PX, MIN_WIDTH_PX, Result, TaskKind};

/// Longest side of a canvas in px.
const MAX_SIDE_PX: u32 = 4096;

/// Most difficulty levels.
const MAX_LEVELS: usize = 64;

/// Most jitter in px: what every task has room for.
const MAX_JITTER_PX: f32 = 1.0;

/// Grey or colour images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Channels {
    /// One 8-bit channel.
    Grey,
    /// Three 8-bit channels; equal ones, but for noise, where the task shows no hue.
    Rgb,
}

/// Everything that decides what is drawn, except the fonts and the item's index.
///
/// | field | default |
/// |---|---|
/// | `width_px`, `height_px` | 64, 32: the canvas of the small tower, and the smallest |
/// | `channels` | RGB for tasks that need it, else grey |
/// | `levels` | 9 |
/// | `degradation` | contrast 0.5 to 1, either polarity, jitter 0.7 px, noise 0.02; no blur, no JPEG |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TaskConfig {
    /// What is asked.
    pub kind: TaskKind,
    /// Train, validation or test: decides the random streams, the fonts and the difficulties.
    pub split: Split,
    /// Root of all randomness.
    pub seed: u64,
    /// Width of the image in px.
    pub width_px: u32,
    /// Height of the image in px.
    pub height_px: u32,
    /// Grey or RGB.
    pub channels: Channels,
    /// Number of difficulty levels of test items.
    pub levels: usize,
    /// Contrast, noise and artefacts. `jitter_px` moves the whole drawing, by 1 px at most. Tasks
    /// of hue are always dark on light, and `contrast` draws its own contrast. Blur, noise and
    /// JPEG change how hard a level is.
    pub degradation: Degradation,
}

impl TaskConfig {
    /// The defaults of the table above.
    pub fn new(kind: TaskKind, split: Split, seed: u64) -> Self {
        Self {
            kind,
            split,
            seed,
            width_px: MIN_WIDTH_PX,
            height_px: MIN_HEIGHT_PX,
            channels: if kind.needs_colour() {
                Channels::Rgb
            } else {
                Channels::Grey
            },
            levels: 9,
            degradation: Degradation {
                noise_sd: 0.02,
                blur_share: 0.0,
                jpeg_share: 0.0,
                ..Degradation::default()
            },
        }
    }
}

/// A labelled image.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Index in its split.
    pub index: u64,
    /// Index of its counterfactual pair: items `2 * pair` and `2 * pair + 1`.
    pub pair: u64,
    /// 8-bit grey or RGB.
    pub image: DynamicImage,
    /// Index into [`TaskKind::classes`].
    pub label: usize,
    /// Label of the other item of the pair.
    pub other: usize,
    /// Position on the task's axis, in its unit. Tasks whose axis is a distance between two
    /// renderings give the distance that the font allowed.
    pub difficulty: Option<f64>,
    /// Index of the difficulty level, 0 being the easiest; test items only.
    pub level: Option<usize>,
    /// Font family, or polarity and band of contrast: items of a cluster are alike beyond chance,
    /// so resample by cluster.
    pub cluster: String,
    /// Whether the font family is kept out of training.
    pub held_out: bool,
    /// Whether part of the drawing leaves the canvas. With the embedded fonts none does.
    pub is_clipped: bool,
    /// What was drawn, by name, in px unless the name says otherwise.
    pub attributes: Vec<(&'static str, f64)>,
}

/// Makes the items of one task and split. Shared by threads without locks.
#[derive(Clone, Debug)]
pub struct Task {
    config: TaskConfig,
    levels: Vec<f64>,
    typefaces: Typefaces,
}

/// A place in the sequence of pairs.
#[derive(Clone, Copy)]
struct Place {
    level: Option<usize>,
    /// Labels of the first and the second image.
    labels: [usize; 2],
}

impl Task {
    /// Checks the configuration and picks the fonts.
    ///
    /// # Errors
    /// If the canvas is too small or large, a task of hue is asked for in grey, there are fewer
    /// than 2 or too many levels, a degradation is out of range, or the fonts lack characters.
    pub fn new(config: TaskConfig, fonts: &Fonts) -> Result<Self> {
        let TaskConfig {
            kind,
            width_px,
            height_px,
            ..
        } = config;
        let fits = |side: u32, least: u32| (least..=MAX_SIDE_PX).contains(&side);
        if !fits(width_px, MIN_WIDTH_PX) || !fits(height_px, MIN_HEIGHT_PX) {
            return Err(Error::Canvas {
                width_px,
                height_px,
                max_side_px: MAX_SIDE_PX,
            });
        }
        if let (Some(instead), Channels::Grey) = (kind.in_grey(), config.channels) {
            return Err(Error::NeedsColour { kind, instead });
        }
        if !(2..=MAX_LEVELS).contains(&config.levels) {
            return Err(Error::Levels {
                levels: config.levels,
                most: MAX_LEVELS,
            });
        }
        config.degradation.check()?;
        let typefaces = match kind.description().lettering {
            Some((words, upright)) => Typefaces::new(fonts, kind, config.split, words, upright)?,
            None => Typefaces::default(),
        };
        if kind == TaskKind::FontFamily {
            let has = |family: &str| typefaces.seen.iter().any(|f| f[0].family() == family);
            if let Some(family) = kind.classes().iter().find(|family| !has(family)) {
                return Err(Error::MissingFamily { kind, family });
            }
        }
        let levels = kind.difficulty().map(|axis| axis.levels(config.levels));
        Ok(Self {
            levels: levels.unwrap_or_default(),
            config,
            typefaces,
        })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &TaskConfig {
        &self.config
    }

    /// What is asked.
    pub fn kind(&self) -> TaskKind {
        self.config.kind
    }

    /// Difficulties of test items, easiest first; empty for a task without axis.
    pub fn levels(&self) -> &[f64] {
        &self.levels
    }

    /// Number of consecutive items after which every label has come up equally often at every
    /// level.
    pub fn balanced_items(&self) -> u64 {
        let levels = match self.config.split {
            Split::Test => self.levels.len().max(1),
            Split::Train | Split::Validation => 1,
        };
        2 * (self.kind().classes().len() * levels) as u64
    }

    /// Item `index`, the same bytes whenever and wherever it is drawn.
    ///
    /// Test items go through the levels pair by pair; others draw a difficulty from the whole
    /// range.
    pub fn item(&self, index: u64) -> Item {
        let place = self.place(index / 2);
        let difficulty = self.kind().difficulty().map(|axis| match place.level {
            Some(level) => self.levels[level],
            None => axis.at(self.stream("difficulty", index / 2).random()),
        });
        self.render(index, place, difficulty)
    }

    /// Item `index` drawn at another difficulty; label and everything else that chance decides
    /// stay as in [`Task::item`].
    ///
    /// # Errors
    /// If the task has no axis, or the value lies outside it.
    pub fn item_at(&self, index: u64, difficulty: f64) -> Result<Item> {
        let kind = self.kind();
        let axis = kind.difficulty().ok_or(Error::NoAxis { kind })?;
        if !axis.contains(difficulty) {
            return Err(Error::Difficulty {
                kind,
                value: difficulty,
                easy: axis.easy,
                hard: axis.hard,
                unit: axis.unit,
            });
        }
        let place = Place {
            level: None,
            ..self.place(index / 2)
        };
        Ok(self.render(index, place, Some(difficulty)))
    }

    fn stream(&self, purpose: &str, index: u64) -> rand_chacha::ChaCha8Rng {
        let TaskConfig {
            kind, split, seed, ..
        } = self.config;
        stream(seed, &format!("{split}/{kind}/{purpose}"), index)
    }

    /// Level and labels of a pair. Labels come in shuffled rounds through all classes, one
    /// sequence of rounds for every level.
    fn place(&self, pair: u64) -> Place {
        let classes = self.kind().classes().len();
        let (level, turn) = match (self.config.split, self.levels.len() as u64) {
            (Split::Test, levels @ 1..) => (Some((pair % levels) as usize), pair / levels),
            _ => (None, pair),
        };
        let (round, position) = (turn / classes as u64, (turn % classes as u64) as usize);
        let purpose = format!("labels of level {}", level.unwrap_or_default());
        let mut order: Vec<usize> = (0..classes).collect();
        order.shuffle(&mut self.stream(&purpose, round));
        let first = order[position];
        let other = self.kind().description().partner.of(first, classes, round);
        Place {
            level,
            labels: [first, other],
        }
    }

    /// Ink of an item, before contrast and noise.
    fn scene(&self, index: u64, place: Place, difficulty: Option<f64>) -> Scene<'_> {
        let config = &self.config;
        let [first, second] = place.labels;
        let labels = if index.is_multiple_of(2) {
            [first, second]
        } else {
            [second, first]
        };
        let mut scene = Scene::new(
            Ink::new(config.width_px, config.height_px),
            labels,
            difficulty.unwrap_or_default() as f32,
            self.stream("look", index / 2),
            &self.typefaces,
            config.degradation.jitter_px.min(MAX_JITTER_PX),
            config.split == Split::Test,
        );
        (self.kind().description().draw)(&mut scene);
        scene
    }

    fn render(&self, index: u64, place: Place, difficulty: Option<f64>) -> Item {
        let config = &self.config;
        let scene = self.scene(index, place, difficulty);
        let mut degradation = config.degradation.clone();
        if let Some(contrast) = scene.contrast {
            degradation.contrast = [contrast, contrast];
        }
        if self.kind().needs_colour() {
            degradation.inverted_share = 0.0;
        }
        let mut rng = self.stream("degradation", index / 2);
        let appearance = degradation.draw(&mut rng);
        let (width_px, height_px) = (config.width_px, config.height_px);
        let mut develop = |plane| appearance.develop(width_px, height_px, plane, &mut rng);
        let image = match config.channels {
            Channels::Grey => DynamicImage::ImageLuma8(develop(scene.ink.grey())),
            Channels::Rgb => {
                let planes = [0, 1, 2].map(|channel| develop(scene.ink.plane(channel).to_vec()));
                DynamicImage::ImageRgb8(RgbImage::from_fn(width_px, height_px, |x, y| {
                    let level = |plane: &image::GrayImage| plane.get_pixel(x, y).0[0];
                    image::Rgb([level(&planes[0]), level(&planes[1]), level(&planes[2])])
                }))
            }
        };
        let polarity = if appearance.is_inverted() {
            "light on dark"
        } else {
            "dark on light"
        };
        let mut attributes = scene.attributes;
        attributes.push(("contrast_share", f64::from(appearance.contrast())));
        let (cluster, held_out) = match scene.family {
            Some(family) => family,
            None if scene.contrast.is_some() => (polarity.to_owned(), false),
            None => {
                let tenth = (appearance.contrast() * 10.0).floor().min(9.0);
                (format!("{polarity}, contrast 0.{tenth}"), false)
            }
        };
        Item {
            index,
            pair: index / 2,
            image,
            label: scene.class,
            other: scene.other,
            difficulty: difficulty.map(|_| f64::from(scene.difficulty)),
            level: place.level,
            cluster,
            held_out,
            is_clipped: scene.ink.is_clipped(),
            attributes,
        }
    }
}
