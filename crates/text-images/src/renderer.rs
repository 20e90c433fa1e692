//! From a configuration and an index to a labelled image.

use image::GrayImage;
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::corpus::Corpus;
use crate::drawing::{Canvas, draw_grid, draw_strip};
use crate::face::CharsetFace;
use crate::print::Print;
use crate::source::TextSource;
use crate::stream::stream;
use crate::{Charset, Content, Degradation, Error, Fonts, Grid, Layout, Result, Split};

/// Share of test items in held-out fonts. The rest use the fonts of the other splits.
const HELD_OUT_SHARE: f64 = 0.5;

/// Longest side of a rendered image in px.
const MAX_SIDE_PX: u32 = 4096;

/// Everything that decides what is rendered, except the fonts and the item's index.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RendererConfig {
    /// Alphabet of the text.
    pub charset: Charset,
    /// Where the text comes from.
    pub content: Content,
    /// Grid or strip.
    pub layout: Layout,
    /// Width of the image in px.
    pub width_px: u32,
    /// Height of the image in px.
    pub height_px: u32,
    /// Train, validation or test: decides the random streams, the fonts and the words.
    pub split: Split,
    /// Root of all randomness.
    pub seed: u64,
    /// Contrast, noise and artefacts.
    pub degradation: Degradation,
}

impl RendererConfig {
    /// Random characters with the default degradation, on 64 × 32 px for a grid and 128 × 32 px
    /// for a strip.
    pub fn new(charset: Charset, layout: Layout, split: Split, seed: u64) -> Self {
        Self {
            charset,
            content: Content::Random,
            layout,
            width_px: match layout {
                Layout::Grid(_) => 64,
                Layout::Strip(_) => 128,
            },
            height_px: 32,
            split,
            seed,
            degradation: Degradation::default(),
        }
    }
}

/// A labelled image.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// Index in its split.
    pub index: u64,
    /// The split it was rendered for.
    pub split: Split,
    /// 8-bit grey.
    pub image: GrayImage,
    /// The characters in reading order: the lines of a grid are joined without separator.
    pub text: String,
    /// Centre (x, y) in px of every character of `text`: of its cell in a grid, of its ink and
    /// line in a strip.
    pub slots: Vec<[f32; 2]>,
    /// The grid, `None` for a strip.
    pub grid: Option<Grid>,
    /// PostScript name of the font face.
    pub font: String,
    /// Font family.
    pub family: String,
    /// Whether the family is kept out of training.
    pub held_out: bool,
    /// Difference between ink and background, as a fraction of the grey range.
    pub contrast: f32,
}

/// Renders the items of one split. Shared by threads without locks.
#[derive(Clone, Debug)]
pub struct Renderer {
    config: RendererConfig,
    seen: Vec<Vec<CharsetFace>>,
    held_out: Vec<Vec<CharsetFace>>,
    source: TextSource,
    /// Text lengths that a strip may have.
    strip_lengths: Vec<usize>,
}

impl Renderer {
    /// Checks the configuration and picks the fonts.
    ///
    /// Faces that cannot draw the charset are left out; [`Fonts::warnings`] names them.
    ///
    /// # Errors
    /// If the layout does not fit the image, the text does not fit charset or layout or needs a
    /// corpus, a degradation is out of range, or no font is left for training or, for the test split,
    /// none that is held out.
    pub fn new(config: RendererConfig, fonts: &Fonts) -> Result<Self> {
        Self::with_corpus(config, fonts, None)
    }

    /// As [`new`](Self::new), with what [`Content::Text`] is taken from. Other contents do not look
    /// at it.
    ///
    /// # Errors
    /// As [`new`](Self::new), or if the corpus is in another charset or too short.
    pub fn with_corpus(
        config: RendererConfig,
        fonts: &Fonts,
        corpus: Option<&Corpus>,
    ) -> Result<Self> {
        let (width_px, height_px) = (config.width_px, config.height_px);
        let sides = 1..=MAX_SIDE_PX;
        if !sides.contains(&width_px) || !sides.contains(&height_px) {
            return Err(Error::ImageSize {
                width_px,
                height_px,
                max_side_px: MAX_SIDE_PX,
            });
        }
        config.degradation.check()?;
        let source = TextSource::new(config.content, config.charset, config.split, corpus)?;
        let mut strip_lengths = Vec::new();
        match config.layout {
            Layout::Grid(grid) => {
                if config.degradation.photographed {
                    return Err(Error::PhotographedGrid);
                }
                grid.check(width_px, height_px)?;
                source.check(grid.lines, grid.columns)?;
            }
            Layout::Strip(strip) => {
                strip.check(width_px, height_px)?;
                strip_lengths.extend(strip.min_chars..=strip.max_chars);
                source.check(1, strip.max_chars)?;
                strip_lengths.retain(|length| source.check(1, *length).is_ok());
            }
        }
        let seen = fonts.select(config.charset, false)?;
        let held_out = match config.split {
            Split::Test => fonts.select(config.charset, true)?,
            Split::Train | Split::Validation => Vec::new(),
        };
        Ok(Self {
            config,
            seen,
            held_out,
            source,
            strip_lengths,
        })
    }

    /// The configuration it was made from.
    pub fn config(&self) -> &RendererConfig {
        &self.config
    }

    /// Item `index`, the same bytes whenever and wherever it is rendered.
    pub fn render(&self, index: u64) -> Item {
        let config = &self.config;
        let of_item = |purpose: &str| {
            let name = format!("{}/{purpose}", config.split);
            stream(config.seed, &name, index)
        };
        let text = self.draw_text(&mut of_item("text"));
        let mut look = of_item("look");
        let face = self.draw_face(&mut look);

        let characters: Vec<char> = text.chars().collect();
        let (image, slots, contrast) = if config.degradation.photographed {
            let neighbour = self.draw_text(&mut of_item("neighbour"));
            let print = Print {
                text: &characters,
                neighbour: &neighbour.chars().collect::<Vec<char>>(),
                face,
            };
            let strip = (config.width_px, config.height_px);
            let mut camera = of_item("degradation");
            let printed = print.draw(strip, &config.degradation, &mut look, &mut camera);
            (printed.image, printed.slots, printed.contrast)
        } else {
            let mut canvas = Canvas::new(config.width_px, config.height_px);
            let slots = match config.layout {
                Layout::Grid(grid) => {
                    let degradation = &config.degradation;
                    draw_grid(&mut canvas, grid, &characters, face, degradation, &mut look);
                    grid.slots(config.width_px, config.height_px)
                }
                Layout::Strip(_) => draw_strip(&mut canvas, &characters, face, &mut look),
            };
            let mut developing = of_item("degradation");
            let (image, contrast) = config.degradation.apply(canvas, &mut developing);
            (image, slots, contrast)
        };
        Item {
            index,
            split: config.split,
            image,
            text: text.replace(' ', ""),
            slots,
            grid: match config.layout {
                Layout::Grid(grid) => Some(grid),
                Layout::Strip(_) => None,
            },
            font: face.face.name.clone(),
            family: face.face.family.clone(),
            held_out: face.face.held_out,
            contrast,
        }
    }

    fn draw_text(&self, rng: &mut impl Rng) -> String {
        match self.config.layout {
            Layout::Grid(grid) => self.source.draw(grid.lines, grid.columns, rng),
            Layout::Strip(_) => self.source.draw_line(&self.strip_lengths, rng),
        }
    }

    /// A family first, then one of its faces, so that families with many faces do not dominate.
    fn draw_face(&self, rng: &mut impl Rng) -> &CharsetFace {
        let families = if !self.held_out.is_empty() && rng.random_bool(HELD_OUT_SHARE) {
            &self.held_out
        } else {
            &self.seen
        };
        let family = &families[rng.random_range(0..families.len())];
        &family[rng.random_range(0..family.len())]
    }
}
