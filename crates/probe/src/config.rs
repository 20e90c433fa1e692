//! Everything that decides the results of `ocr-probe`.

use crate::optimize::OptimizerConfig;
use anyhow::{Context, Result, bail, ensure};
use arms::ArmSpec;
use ovis_vet::TableInit;
use perception_tasks::{DatasetSource, TaskKind};
use probe_data::{DataSources, StoredConfig, Task, scene_charset};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use text_images::{Charset, Content, Degradation};

/// Widest token.
const MOST_WIDE: usize = 65_536;
/// Most draws of the bootstrap.
const MOST_DRAWS: usize = 1_000_000;
/// Margin around bounding boxes, as a share of them, beyond which nothing is a crop any more.
const MOST_MARGIN: f32 = 10.0;

/// What trains besides projector and probe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Regime {
    /// Nothing: features are computed once.
    Frozen,
    /// The last block of the tower, as in stage 1 of Ovis (there it is re-initialised first).
    LastBlock,
    /// The whole tower.
    Joint,
}

/// Which probe reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum ReaderKind {
    /// Cross-attention anchored at character places.
    Anchored,
    /// One linear map per character place.
    SlotLinear,
    /// Lines of free length, aligned by CTC.
    Ctc,
    /// One answer for the whole image, from the mean of its tokens.
    Pooled,
    /// One answer for the whole image, from all tokens in their places.
    Flat,
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum LayoutKind {
    /// A character grid that fixes the density exactly.
    Grid,
    /// Proportional lines of free length.
    Strip,
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

/// The data.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DataConfig {
    /// What is asked about the images.
    #[serde(default, skip_serializing_if = "Task::is_text")]
    pub task: Task,
    /// Images of a fine-grained task instead of text; one label for the whole image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub perception: Option<TaskKind>,
    /// Photographs with one class each instead of text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photographs: Option<DatasetSource>,
    /// Whether photographs that cannot be read, and classes without any, are counted and left out;
    /// otherwise the first one is an error.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub skip_broken: bool,
    /// Photographs are cropped to the bounding box of their object, with a margin on every side of
    /// this share of the box's longer side; whole photographs if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub box_margin: Option<f32>,
    /// Grid or strip.
    pub layout: LayoutKind,
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
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub next_block: bool,
    /// Root of the randomness of the images.
    pub seed: u64,
    /// Contrast, noise and artefacts.
    pub degradation: Degradation,
    /// Folder of fonts instead of the embedded ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fonts: Option<PathBuf>,
    /// Images to test on; rendered ones if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub test_data: Option<DataSources>,
    /// Images to train on; rendered ones if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_data: Option<DataSources>,
    /// How data sets on disk are read.
    #[serde(default)]
    pub stored: StoredConfig,
}

impl DataConfig {
    /// Whether there is one label for the whole image.
    #[must_use]
    pub fn is_of_whole_image(&self) -> bool {
        self.brings_its_own_images() || self.task.is_of_whole_image()
    }

    /// Whether images and labels are those of a fine-grained task or of photographs.
    #[must_use]
    pub fn brings_its_own_images(&self) -> bool {
        self.perception.is_some() || self.photographs.is_some()
    }

    /// Name of what is asked.
    #[must_use]
    pub fn task_name(&self) -> &'static str {
        match self.perception {
            Some(kind) => kind.name(),
            None if self.photographs.is_some() => "photographs",
            None => self.task.name(),
        }
    }

    fn check_own_images(&self) -> Result<()> {
        ensure!(
            self.layout == LayoutKind::Grid
                && self.task.is_text()
                && self.test_data.is_none()
                && self.train_data.is_none()
                && !(self.perception.is_some() && self.photographs.is_some()),
            "`data.perception` and `data.photographs` bring images and labels of their own; name one \
             of them, and leave out `data.task`, --layout and data sets of text"
        );
        if let Some(margin) = self.box_margin {
            ensure!(
                (0.0..=MOST_MARGIN).contains(&margin),
                "`data.box_margin` (--crop-to-boxes) is {margin}; give a share of the box between 0 and \
                 {MOST_MARGIN}"
            );
        }
        self.perception
            .map_or(Ok(()), |kind| self.check_perception(kind))
    }

    fn check_perception(&self, kind: TaskKind) -> Result<()> {
        if let Some(instead) = kind.in_grey() {
            bail!("task `{kind}` shows hue, and the tower reads grey images; ask for `{instead}`");
        }
        ensure!(
            kind.classes().len() <= self.charset.size(),
            "task `{kind}` has {} classes and charset {} only {} names for them; choose a larger \
             charset",
            kind.classes().len(),
            self.charset,
            self.charset.size()
        );
        Ok(())
    }
}

/// How a cell is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Optimiser steps.
    pub steps: usize,
    /// Images per step.
    pub batch: usize,
    /// Peak learning rates that every arm is tried with.
    pub learning_rates: Vec<f64>,
    /// How many more rates an arm is tried with, one after the other, while its best one is the
    /// smallest or largest so far.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub extensions: usize,
    /// Weight of the usage regulariser, for arms that have it.
    pub usage_weight: f64,
    /// Evaluations on validation images during training, besides the one at step 0.
    pub evaluations: usize,
    /// Validation images per group for those evaluations.
    pub evaluation_images: usize,
    /// Optimiser settings.
    pub optimizer: OptimizerConfig,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
fn is_zero(number: &usize) -> bool {
    *number == 0
}

/// Everything that decides the results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeConfig {
    /// Name of the preset it started from.
    pub preset: String,
    /// Arms, in the order in which results list them.
    pub arms: Vec<ArmSpec>,
    /// Paired seeds: data order, parameters and noise.
    pub seeds: Vec<u64>,
    /// What trains besides projector and probe.
    pub regime: Regime,
    /// Which probe reads.
    pub reader: ReaderKind,
    /// Width of a visual token.
    pub d_token: usize,
    /// Start of the visual embedding tables.
    pub table_init: TableInit,
    /// Pre-trained backbone; not read if there is a checkpoint.
    pub backbone: PathBuf,
    /// Folder or hub id of a published model whose tower takes the place of the backbone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub checkpoint: Option<String>,
    /// Test images per group on which the hardening curve is measured; 0 leaves it out.
    pub hardening_images: usize,
    /// Images per group and split on which the linear reconstruction of patch features from tokens
    /// is measured; 0 leaves it out.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub reconstruction_images: usize,
    /// Draws of the bootstrap.
    pub bootstrap_draws: usize,
    /// The data.
    pub data: DataConfig,
    /// How a cell is trained.
    pub training: TrainingConfig,
}

impl ProbeConfig {
    /// What decides a cell besides its [`CellSpec`](super::CellSpec) and the images: two runs that
    /// agree in it can share cells. TOML.
    ///
    /// # Errors
    /// If the settings do not fit into TOML.
    pub fn cell_identity(&self) -> Result<String> {
        let mut config = self.clone();
        // Which cells there are, and what is made of them afterwards.
        config.preset.clear();
        config.arms.clear();
        config.seeds.clear();
        config.bootstrap_draws = 0;
        config.training.learning_rates.clear();
        config.training.extensions = 0;
        // Found by content, not by place.
        config.backbone = PathBuf::new();
        config.data.fonts = None;
        config.data.test_data = None;
        config.data.train_data = None;
        config.data.photographs = None;
        config.data.skip_broken = false;
        toml::to_string(&config).context("the configuration does not fit into TOML")
    }

    /// Checks what can be checked without touching data.
    ///
    /// # Errors
    /// Names the setting that makes no sense and what to write instead.
    pub fn check(&self) -> Result<()> {
        let (data, training) = (&self.data, &self.training);
        ensure!(!self.arms.is_empty(), "`arms` is empty; name at least one");
        for (index, arm) in self.arms.iter().enumerate() {
            ensure!(
                !self.arms[..index].contains(arm),
                "arm `{arm}` is listed twice"
            );
        }
        self.check_checkpoint()?;
        ensure!(!self.seeds.is_empty(), "zero seeds; give at least 1");
        for (index, seed) in self.seeds.iter().enumerate() {
            ensure!(
                !self.seeds[..index].contains(seed),
                "seed {seed} is listed twice; seeds are the unit of replication"
            );
        }
        ensure!(
            (1..=MOST_WIDE).contains(&self.d_token),
            "`d_token` is {}; give a width from 1 to {MOST_WIDE}",
            self.d_token
        );
        ensure!(
            (100..=MOST_DRAWS).contains(&self.bootstrap_draws),
            "`bootstrap_draws` is {}; an interval needs at least 100, and {MOST_DRAWS} are plenty",
            self.bootstrap_draws
        );
        ensure!(
            training.steps > 0,
            "`training.steps` is 0; train at least 1"
        );
        ensure!(training.batch > 0, "`training.batch` is 0");
        ensure!(
            !training.learning_rates.is_empty(),
            "`training.learning_rates` is empty; give at least one"
        );
        for rate in &training.learning_rates {
            ensure!(
                rate.is_finite() && *rate > 0.0,
                "learning rate {rate} is not a number above 0; try 0.002"
            );
        }
        ensure!(
            training.usage_weight.is_finite() && training.usage_weight >= 0.0,
            "`training.usage_weight` must be 0 or more"
        );
        let optimizer = &training.optimizer;
        ensure!(
            optimizer.weight_decay.is_finite() && optimizer.weight_decay >= 0.0,
            "`training.optimizer.weight_decay` is {}; give 0 or more",
            optimizer.weight_decay
        );
        ensure!(
            optimizer.clip.is_finite() && optimizer.clip > 0.0,
            "`training.optimizer.clip` is {}; give a norm above 0",
            optimizer.clip
        );
        ensure!(training.evaluations > 0, "`training.evaluations` is 0");
        ensure!(
            training.evaluation_images > 0,
            "`training.evaluation_images` is 0"
        );
        for (name, images) in [
            ("train", data.images.train),
            ("validation", data.images.validation),
            ("test", data.images.test),
            ("test_words", data.images.test_words),
        ] {
            ensure!(
                images > 1,
                "`data.images.{name}` is {images}; give at least 2"
            );
        }
        data.degradation.check()?;
        for sources in [&data.test_data, &data.train_data].into_iter().flatten() {
            if let Some(format) = sources.lines().next() {
                ensure!(
                    data.layout == LayoutKind::Strip,
                    "`{format}:` data sets hold lines; read them with --layout strip"
                );
                scene_charset(data.charset)?;
            }
        }
        ensure!(
            data.stored.max_images > 1 && data.stored.max_label_chars > 0,
            "`data.stored` takes no image; `max_images` is at least 2, `max_label_chars` 1"
        );
        match data.layout {
            LayoutKind::Grid => {
                ensure!(
                    !data.densities.is_empty(),
                    "`data.densities` is empty; give characters per token, for example 1, 2, 4"
                );
                ensure!(
                    self.reader != ReaderKind::Ctc,
                    "reader `ctc` reads lines: use it with --layout strip"
                );
            }
            LayoutKind::Strip => ensure!(
                self.reader == ReaderKind::Ctc,
                "lines of free length need --reader ctc"
            ),
        }
        ensure!(
            data.is_of_whole_image()
                == matches!(self.reader, ReaderKind::Pooled | ReaderKind::Flat),
            "task `{}` needs reader {}",
            data.task_name(),
            if data.is_of_whole_image() {
                "`pooled` or `flat`"
            } else {
                "`anchored`, `slot-linear` or `ctc`"
            }
        );
        if data.brings_its_own_images() {
            data.check_own_images()?;
        }
        ensure!(
            data.task.is_text() || (data.test_data.is_none() && data.train_data.is_none()),
            "task `{}` is for rendered images; leave out --dataset and --train-dataset",
            data.task.name()
        );
        ensure!(
            !data.train_contents.is_empty(),
            "`data.train_contents` is empty"
        );
        ensure!(
            !data.test_contents.is_empty(),
            "`data.test_contents` is empty"
        );
        Ok(())
    }

    /// Whether arms, regime and layout go with a checkpoint, or with its absence.
    fn check_checkpoint(&self) -> Result<()> {
        if self.checkpoint.is_some() {
            ensure!(
                self.regime == Regime::Frozen,
                "--checkpoint needs `regime` frozen: a published tower is not trained here"
            );
            ensure!(
                self.data.layout == LayoutKind::Grid,
                "--checkpoint needs `data.layout` grid: the size of the images is the tower's"
            );
        } else if let Some(arm) = self.arms.iter().find(|arm| arm.kind.is_pretrained()) {
            bail!(
                "arm `{arm}` is the projector of a published model; name the model with \
                 --checkpoint DIR|ID"
            );
        }
        Ok(())
    }
}
