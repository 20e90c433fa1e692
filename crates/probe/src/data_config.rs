//! What a run trains and is tested on.

use crate::data_file::DataFile;
use crate::image_source::ImageSource;
use crate::outcome::TestSet;
use anyhow::{Context, Error, Result, bail, ensure};
use perception_tasks::TaskKind;
use probe_data::{Answer, DataSource, Relabelling, StoredConfig, condition_name, scene_charset};
use run_support::settings::listed_twice;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use text_images::{Charset, Content, Degradation, Split};

/// Margin around bounding boxes, as a share of them, beyond which nothing is a crop any more.
const MOST_MARGIN: f32 = 10.0;

/// Longest side of an image in pixels.
const MOST_PX: usize = 1024;
/// Most patches along a side of the block that makes a token.
const MOST_MERGE: usize = 64;

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutKind {
    /// A character grid that fixes the density exactly.
    Grid,
    /// Proportional lines of free length.
    Strip,
}

/// Width and height of an image in pixels, written `WIDTHxHEIGHT`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ImageSize {
    /// Width.
    pub width: usize,
    /// Height.
    pub height: usize,
}

impl fmt::Display for ImageSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.width, self.height)
    }
}

impl FromStr for ImageSize {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let sides = text.split_once('x');
        let sides = sides.and_then(|(w, h)| Some((w.parse().ok()?, h.parse().ok()?)));
        let sides = sides.filter(|&(width, height)| {
            (1..=MOST_PX).contains(&width) && (1..=MOST_PX).contains(&height)
        });
        let (width, height) = sides.with_context(|| {
            format!("`{text}` is no size of an image; write width x height in pixels, up to {MOST_PX}, such as 128x64")
        })?;
        Ok(Self { width, height })
    }
}

impl TryFrom<String> for ImageSize {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<ImageSize> for String {
    fn from(size: ImageSize) -> Self {
        size.to_string()
    }
}

/// Images rendered per density and kind of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitSizes {
    /// To train on.
    pub train: usize,
    /// To choose learning rates on.
    pub validation: usize,
    /// To report.
    pub test: usize,
    /// To report of the second condition, words.
    pub test_words: usize,
}

impl SplitSizes {
    /// Images that a kind of text is tested on.
    pub(super) fn tested(&self, content: Content) -> usize {
        match content == Content::Words {
            true => self.test_words,
            false => self.test,
        }
    }
}

/// The data. In files it is one flat table, in which the settings of the source exclude each other.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "DataFile", into = "DataFile")]
pub struct DataConfig {
    /// Where images come from, and what is asked about them.
    pub source: ImageSource,
    /// Grid or strip.
    pub layout: LayoutKind,
    /// Side in patches of the block that makes a token; that of the backbone where there is none.
    pub merge: Option<usize>,
    /// Size of the images; that of the layout where there is none.
    pub image_px: Option<ImageSize>,
    /// Alphabet.
    pub charset: Charset,
    /// Characters per visual token, for grids.
    pub densities: Vec<f64>,
    /// Kinds of text trained on.
    pub train_contents: Vec<Content>,
    /// Kinds of text tested on.
    pub test_contents: Vec<Content>,
    /// Number of images.
    pub images: SplitSizes,
    /// Whether the validation images are the training images that follow those trained on, as the
    /// next block of an online code is.
    pub next_block: bool,
    /// Root of the randomness of the images.
    pub seed: u64,
    /// The same for the images to train on and to choose on, where theirs is another.
    pub train_seed: Option<u64>,
    /// Contrast, noise and artefacts.
    pub degradation: Degradation,
    /// Folder of fonts instead of the embedded ones.
    pub fonts: Option<PathBuf>,
    /// UTF-8 file whose text is rendered where a content is `text`.
    pub text_file: Option<PathBuf>,
    /// How data sets on disk are read.
    pub stored: StoredConfig,
}

impl DataConfig {
    /// The answer that a probe gives by choosing these classes: one of the whole image, or one per
    /// character.
    #[must_use]
    pub fn answer(&self, classes: &[usize]) -> Answer {
        if self.source.asks_for_class() {
            Answer::Class(classes.first().map_or(0, |&class| class as u16))
        } else {
            Answer::Text(text_of(classes, self.charset))
        }
    }

    /// Trains and tests on one kind of rendered text.
    ///
    /// # Errors
    /// If other images than rendered text are asked for, or the text of a file without the file.
    pub fn set_text_source(&mut self, content: Content, file: Option<PathBuf>) -> Result<()> {
        let wanted = "--text-source and --text say what is rendered";
        match &self.source {
            ImageSource::Text { train, test } => ensure!(
                train.has_rendered() && test.has_rendered(),
                "{wanted}, and --dataset, --train-dataset or `data` of a settings file name other \
                 images; leave one of them out, or add `rendered` to the data sets with `+`"
            ),
            ImageSource::Relabelled(_) => {}
            ImageSource::Perception(_) | ImageSource::Photographs(_) => bail!(
                "{wanted}, and `{}` brings images of its own; leave one of them out",
                self.source.name()
            ),
        }
        ensure!(
            file.is_some() == (content == Content::Text),
            "--text-source {content}: name the file whose text is meant, with --text FILE alone"
        );
        self.train_contents = vec![content];
        self.test_contents = vec![content];
        self.text_file = file;
        Ok(())
    }

    /// Root of the randomness of the images of a split.
    #[must_use]
    pub fn seed_of(&self, split: Split) -> u64 {
        match split {
            Split::Train | Split::Validation => self.train_seed.unwrap_or(self.seed),
            Split::Test => self.seed,
        }
    }

    /// Forgets the text file if no text comes from it any more.
    pub fn forget_unused_text(&mut self) {
        if !self.contents().any(|content| content == Content::Text) {
            self.text_file = None;
        }
    }

    /// Names of rendered text in results; data sets get others.
    #[must_use]
    pub fn rendered_conditions(&self) -> Vec<String> {
        let known = [Content::Random, Content::Words].into_iter();
        known.chain(self.contents()).map(condition_name).collect()
    }

    /// Whether a test group holds the lines of a data set on disk, which somebody named: text that we did
    /// not render. Images on a character grid are ours, wherever they lie.
    #[must_use]
    pub fn is_data_set(&self, set: &TestSet) -> bool {
        let sources = match &self.source {
            ImageSource::Text { test, .. } => test,
            ImageSource::Relabelled(_)
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => return false,
        };
        let has_lines = set.density.is_none()
            && sources.list().iter().any(|source| match source {
                DataSource::Stored { .. } => true,
                DataSource::Rendered => false,
            });
        // Rendered text alone has these names.
        has_lines && !self.rendered_conditions().contains(&set.condition)
    }

    fn contents(&self) -> impl Iterator<Item = Content> {
        self.train_contents
            .iter()
            .chain(&self.test_contents)
            .copied()
    }

    /// Checks that the rendered text can be written with the charset, and where it comes from.
    fn check_contents(&self) -> Result<()> {
        let rendered = match &self.source {
            ImageSource::Text { train, test } => train.has_rendered() || test.has_rendered(),
            ImageSource::Relabelled(_) => true,
            ImageSource::Perception(_) | ImageSource::Photographs(_) => false,
        };
        for content in self.contents() {
            match content {
                // Words are what presets ask for, whatever is read in the end.
                Content::Random | Content::Words => {}
                Content::Print | Content::Markov { .. } | Content::Zipf { .. } | Content::Text => {
                    ensure!(
                        rendered,
                        "text source `{content}` is for rendered text; leave it out of \
                         `data.train_contents` and `data.test_contents`, or the other images"
                    );
                    content.check(self.charset)?;
                }
            }
        }
        let is_used = self.contents().any(|content| content == Content::Text);
        ensure!(
            self.text_file.is_some() || !is_used,
            "text source `text` is the text of a file; name it with --text FILE (`data.text_file`)"
        );
        ensure!(
            self.text_file.is_none() || is_used,
            "`data.text_file` is not read; write \"text\" into `data.train_contents` and \
             `data.test_contents`, or leave the file out"
        );
        Ok(())
    }

    /// Checks sizes, and that source and layout go together.
    pub(super) fn check(&self) -> Result<()> {
        for (name, images) in [
            ("train", self.images.train),
            ("validation", self.images.validation),
            ("test", self.images.test),
            ("test_words", self.images.test_words),
        ] {
            ensure!(
                images > 1,
                "`data.images.{name}` is {images}; give at least 2"
            );
        }
        ensure!(
            !self.train_contents.is_empty(),
            "`data.train_contents` is empty"
        );
        ensure!(
            !self.test_contents.is_empty(),
            "`data.test_contents` is empty"
        );
        ensure!(
            self.layout == LayoutKind::Strip || !self.densities.is_empty(),
            "`data.densities` is empty; give characters per token, for example 1, 2, 4"
        );
        self.check_lists()?;
        self.check_geometry()?;
        self.check_contents()?;
        self.degradation.check()?;
        ensure!(
            self.layout == LayoutKind::Strip || !self.degradation.photographed,
            "`data.degradation.photographed` (--preset words) is for lines; leave out --layout grid, or \
             name another --preset"
        );
        ensure!(
            self.stored.max_images > 1 && self.stored.max_label_chars > 0,
            "`data.stored` takes no image; `max_images` is at least 2, `max_label_chars` 1"
        );
        match &self.source {
            ImageSource::Text { train, test } => {
                if let Some(format) = test.lines().chain(train.lines()).next() {
                    ensure!(
                        self.layout == LayoutKind::Strip,
                        "`{format}:` data sets hold lines; read them with --layout strip"
                    );
                    scene_charset(self.charset)?;
                }
                Ok(())
            }
            ImageSource::Relabelled(labels) => self.check_relabelling(*labels),
            ImageSource::Perception(kind) => {
                self.check_grid()?;
                ensure!(
                    self.images.test.is_multiple_of(2),
                    "`data.images.test` is {}; images of a task come in pairs, give an even number",
                    self.images.test
                );
                check_grey(*kind)
            }
            ImageSource::Photographs(photographs) => {
                self.check_grid()?;
                let margin = photographs.box_margin.unwrap_or(0.0);
                ensure!(
                    (0.0..=MOST_MARGIN).contains(&margin),
                    "`data.box_margin` (--crop-to-boxes) is {margin}; give a share of the box between \
                     0 and {MOST_MARGIN}"
                );
                Ok(())
            }
        }
    }

    /// Every kind of text would have the same new names; random answers are asked for where they were learnt.
    fn check_relabelling(&self, labels: Relabelling) -> Result<()> {
        let [tested] = self.test_contents[..] else {
            bail!(
                "task `{}` is asked of one kind of text; leave one in `data.test_contents`",
                labels.name()
            );
        };
        let images = self.images.tested(tested);
        ensure!(
            labels != Relabelling::Control
                || (self.test_contents == self.train_contents && images <= self.images.train),
            "task `control` is tested on images that were trained on; give `data.test_contents` what \
             `data.train_contents` has, and no more test images than images to train on"
        );
        Ok(())
    }

    /// Size of the images, in front of the small tower.
    #[must_use]
    pub fn image_size(&self) -> ImageSize {
        let (width, height) = match self.layout {
            LayoutKind::Grid => (64, 32),
            LayoutKind::Strip => strip_px(&self.degradation),
        };
        self.image_px.unwrap_or(ImageSize { width, height })
    }

    /// What stands twice in a list would be a result twice.
    fn check_lists(&self) -> Result<()> {
        if let Some(density) = listed_twice(&self.densities) {
            bail!("density {density} is listed twice in `data.densities` (--densities)");
        }
        for (name, contents) in [
            ("train_contents", &self.train_contents),
            ("test_contents", &self.test_contents),
        ] {
            if let Some(content) = listed_twice(contents) {
                bail!("`{content}` is listed twice in `data.{name}`");
            }
        }
        Ok(())
    }

    fn check_geometry(&self) -> Result<()> {
        let is_text = match &self.source {
            ImageSource::Text { .. } => true,
            ImageSource::Relabelled(_)
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => false,
        };
        ensure!(
            is_text || (self.merge.is_none() && self.image_px.is_none()),
            "`data.merge` (--merge) and `data.image_px` (--image-size) are for text; leave them out"
        );
        ensure!(
            self.merge
                .is_none_or(|merge| (1..=MOST_MERGE).contains(&merge)),
            "`data.merge` (--merge) is {}; give a number of patches from 1 to {MOST_MERGE}",
            self.merge.unwrap_or(0)
        );
        Ok(())
    }

    fn check_grid(&self) -> Result<()> {
        ensure!(
            self.layout == LayoutKind::Grid,
            "`data.perception` and `data.photographs` bring images and labels of their own; leave out \
             --layout"
        );
        Ok(())
    }
}

/// Width and height of a line: print has up to 25 characters.
#[must_use]
pub fn strip_px(degradation: &Degradation) -> (usize, usize) {
    if degradation.photographed {
        (208, 32)
    } else {
        (128, 32)
    }
}

fn check_grey(kind: TaskKind) -> Result<()> {
    match kind.in_grey() {
        Some(instead) => {
            bail!("task `{kind}` shows hue, and the tower reads grey images; ask for `{instead}`")
        }
        None => Ok(()),
    }
}

/// The text of some classes of characters.
#[must_use]
pub fn text_of(classes: &[usize], charset: Charset) -> String {
    let chars = charset.chars();
    classes
        .iter()
        .filter_map(|&class| chars.get(class))
        .collect()
}
