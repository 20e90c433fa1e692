//! Everything that decides the results of `ocr-probe`.

use crate::convergence::Convergence;
use crate::data_config::{DataConfig, LayoutKind};
use crate::image_source::ImageSource;
use crate::optimize::OptimizerConfig;
use crate::reader::SequenceSize;
use crate::replication::Replication;
use crate::text_words;
use anyhow::{Context, Result, bail, ensure};
use arms::ArmSpec;
use ovis_vet::TableInit;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;

/// Widest token.
const MOST_WIDE: usize = 65_536;
/// Longest training.
const MOST_STEPS: usize = 100_000_000;
/// Most draws of the bootstrap.
const MOST_DRAWS: usize = 1_000_000;
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
    /// A small transformer that writes the text from left to right and sees what it wrote: a
    /// vision-language model in miniature.
    Causal,
    /// The same transformer without what it wrote: every character is read by itself.
    Attention,
}

impl ReaderKind {
    /// Whether it writes texts of any length, and so is built for the longest one to train on.
    #[must_use]
    pub fn writes(self) -> bool {
        match self {
            Self::Causal | Self::Attention => true,
            Self::Anchored | Self::SlotLinear | Self::Ctc | Self::Pooled | Self::Flat => false,
        }
    }
}

/// How a cell is trained.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrainingConfig {
    /// Optimiser steps.
    pub steps: usize,
    /// Whether and when it ends after doublings of the steps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until_converged: Option<Convergence>,
    /// Images per step.
    pub batch: usize,
    /// Peak learning rates that every arm is tried with.
    pub learning_rates: Vec<f64>,
    /// What arms of these names are tried with instead.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub rates_of_arms: BTreeMap<String, Vec<f64>>,
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
    /// What differs between seeds besides.
    #[serde(default, skip_serializing_if = "Replication::is_start")]
    pub replication: Replication,
    /// What trains besides projector and probe.
    pub regime: Regime,
    /// Which probe reads.
    pub reader: ReaderKind,
    /// Size of the readers that are transformers.
    #[serde(default, skip_serializing_if = "SequenceSize::is_default")]
    pub reader_size: SequenceSize,
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
    /// Tokens, of all test groups together, on which the use of hard words is counted: of further
    /// images, which are not read. 0 stands for the test images.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub usage_tokens: usize,
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
        config.training.rates_of_arms.clear();
        config.training.extensions = 0;
        config.training.until_converged = None;
        // Found by content, not by place.
        config.backbone = PathBuf::new();
        config.data.fonts = None;
        config.data.text_file = None;
        config.data.source.forget_places();
        let text = toml::to_string(&config).context("the configuration does not fit into TOML")?;
        // There, photographs without a place are no setting.
        Ok(text.replacen("\nphotographs = \"folder:\"\n", "\n", 1))
    }

    /// Learning rates that an arm is tried with.
    #[must_use]
    pub fn rates_of(&self, arm: ArmSpec) -> &[f64] {
        let own = self.training.rates_of_arms.get(&arm.to_string());
        own.unwrap_or(&self.training.learning_rates)
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
            text_words::check(arm, self)?;
            ensure!(
                !arm.reads_levels() || (self.regime == Regime::Frozen && self.checkpoint.is_none()),
                "arm `{arm}` reads several blocks of our own frozen tower; leave it out with --checkpoint \
                 and where the tower trains (`regime`)"
            );
            arm.check_width(self.d_token)?;
            ensure!(
                self.reader != ReaderKind::SlotLinear || arm.settings.queries.is_none(),
                "reader `slot-linear` reads each character from the token of its block, and the tokens of \
                 arm `{arm}` have none; take another --reader or leave out the arm"
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
        ensure!(
            training.steps <= MOST_STEPS,
            "`training.steps` is {}; {MOST_STEPS} are more than anybody waits for",
            training.steps
        );
        if let Some(until) = training.until_converged {
            until.check(training.steps)?;
        }
        ensure!(training.batch > 0, "`training.batch` is 0");
        ensure!(
            !training.learning_rates.is_empty(),
            "`training.learning_rates` is empty; give at least one"
        );
        let of_arms = training.rates_of_arms.iter();
        for (name, rates) in of_arms.clone() {
            ensure!(
                self.arms.iter().any(|arm| arm.to_string() == *name),
                "`training.rates_of_arms` names `{name}`, which is none of the arms of this run; write its \
                 name as `arms` has it"
            );
            ensure!(
                !rates.is_empty(),
                "`training.rates_of_arms` gives `{name}` no learning rate; give at least one"
            );
        }
        let lists =
            std::iter::once(&training.learning_rates).chain(of_arms.map(|(_, rates)| rates));
        for rates in lists {
            for (index, rate) in rates.iter().enumerate() {
                ensure!(
                    rate.is_finite() && *rate > 0.0,
                    "learning rate {rate} is not a number above 0; try 0.002"
                );
                ensure!(
                    !rates[..index].contains(rate),
                    "learning rate {rate} is listed twice"
                );
            }
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
        data.check()?;
        self.check_replication()?;
        self.check_usage()?;
        self.check_reader()
    }

    /// Whether there are further images to count words on.
    fn check_usage(&self) -> Result<()> {
        let rendered = match &self.data.source {
            ImageSource::Text { test, .. } => test.is_rendered(),
            ImageSource::Relabelled(_)
            | ImageSource::Perception(_)
            | ImageSource::Photographs(_) => false,
        };
        ensure!(
            self.usage_tokens == 0 || (rendered && self.regime != Regime::Joint),
            "`usage_tokens` (--usage-tokens) asks for more test images, which only rendered text behind a \
             tower that is not trained as a whole has; leave it out"
        );
        Ok(())
    }

    /// Whether the reader can answer what is asked.
    fn check_reader(&self) -> Result<()> {
        match self.data.layout {
            LayoutKind::Grid => ensure!(
                self.reader != ReaderKind::Ctc,
                "reader `ctc` reads lines: use it with --layout strip"
            ),
            LayoutKind::Strip => ensure!(
                self.reader == ReaderKind::Ctc || self.reader.writes(),
                "lines of free length need --reader ctc, causal or attention"
            ),
        }
        ensure!(
            self.reader_size.is_sound(),
            "`reader_size` (--reader-width, --reader-blocks) has width {} and {} blocks; give a width \
             that is a multiple of 32 up to 4,096 and from 1 to 64 blocks",
            self.reader_size.width,
            self.reader_size.blocks
        );
        ensure!(
            self.reader.writes() || self.reader_size.is_default(),
            "`reader_size` (--reader-width, --reader-blocks) is that of --reader causal or attention; name \
             one of them, or leave it out"
        );
        let needed = self.data.source.asks_for_class();
        let chooses_class = match self.reader {
            ReaderKind::Pooled | ReaderKind::Flat => true,
            ReaderKind::Anchored
            | ReaderKind::SlotLinear
            | ReaderKind::Ctc
            | ReaderKind::Causal
            | ReaderKind::Attention => false,
        };
        ensure!(
            needed == chooses_class,
            "task `{}` needs reader {}",
            self.data.source.name(),
            if needed {
                "`pooled` or `flat`"
            } else {
                "`anchored`, `slot-linear`, `ctc`, `causal` or `attention`"
            }
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
                self.data.merge.is_none() && self.data.image_px.is_none(),
                "a published model brings the size of its images and tokens; leave out --merge and \
                 --image-size, or --checkpoint"
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
