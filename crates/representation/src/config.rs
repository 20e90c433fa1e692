//! What a run decodes, from which images, and how.

use anyhow::{Context, Result, ensure};
use arms::{ArmKind, ArmSpec};
use perception_tasks::TaskKind;
use probe::optimize::OptimizerConfig;
use probe::{
    DataConfig, ImageSource, LayoutKind, Preset as ProbePreset, ProbeConfig, ReaderKind,
    Replication, SplitSizes, TrainingConfig,
};
use runs::run_folder::FolderConfig;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use text_images::{Charset, Content};

/// What a projector is trained for before its tokens are decoded.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// To read text, as in `ocr-probe`; then it is frozen. What the tokens of a reader keep.
    Read,
    /// To give back the pixels, together with the decoder. What that many words can keep.
    Reconstruct,
}

impl Objective {
    /// Name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Reconstruct => "reconstruct",
        }
    }
}

impl fmt::Display for Objective {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Number of images of every kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ImageCounts {
    /// Rendered texts per density to train on.
    pub text: usize,
    /// Images per task to train on.
    pub task: usize,
    /// Photograph crops to train on.
    pub photographs: usize,
    /// Images per density, and of every kind, to choose learning rates on.
    pub validation: usize,
    /// Images per density, per level of a task, and of photographs to report.
    pub test: usize,
}

/// Everything that decides the results.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RepresentationConfig {
    /// Name of the preset it started from.
    pub preset: String,
    /// Arms, in the order in which results list them.
    pub arms: Vec<ArmSpec>,
    /// What projectors are trained for.
    pub objectives: Vec<Objective>,
    /// Paired seeds: data order, parameters and noise.
    pub seeds: Vec<u64>,
    /// What else differs between the seeds.
    #[serde(default, skip_serializing_if = "Replication::is_start")]
    pub replication: Replication,
    /// Alphabet of the text.
    pub charset: Charset,
    /// Characters per visual token.
    pub densities: Vec<f64>,
    /// Fine-grained tasks whose images are decoded.
    pub tasks: Vec<TaskKind>,
    /// Folder of photographs, searched with all its subfolders; none for a run without.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub photographs: Option<PathBuf>,
    /// How many images.
    pub images: ImageCounts,
    /// Root of the randomness of the images.
    pub data_seed: u64,
    /// Root of the images to train and to choose on, where it is not `data_seed`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub train_seed: Option<u64>,
    /// Pre-trained tower; `{seed}` stands for the seed where each has one of its own.
    pub backbone: PathBuf,
    /// Width of a visual token.
    pub d_token: usize,
    /// Optimiser steps in which a projector learns to read.
    pub read_steps: usize,
    /// Optimiser steps of the decoder.
    pub decode_steps: usize,
    /// Images per step.
    pub batch: usize,
    /// Peak learning rates that every arm is tried with.
    pub learning_rates: Vec<f64>,
    /// Peak learning rate of the decoder of a frozen projector.
    pub decoder_rate: f64,
    /// Weight of the usage regulariser, for arms that have it.
    pub usage_weight: f64,
    /// Width of the decoder's blocks.
    pub decoder_width: usize,
    /// Number of the decoder's blocks.
    pub decoder_depth: usize,
    /// Tokens of text, of all densities together, on which the use of hard words is counted: of
    /// further images, which are not decoded. 0 stands for the test images.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub usage_tokens: usize,
    /// Draws of the bootstrap.
    pub bootstrap_draws: usize,
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
fn is_zero(number: &usize) -> bool {
    *number == 0
}

impl FolderConfig for RepresentationConfig {
    const FILE: &'static str = "representation.toml";
}

impl RepresentationConfig {
    /// Checks what can be checked without touching data.
    ///
    /// # Errors
    /// Names the setting that makes no sense and what to write instead.
    pub fn check(&self) -> Result<()> {
        ensure!(
            !self.objectives.is_empty(),
            "`objectives` is empty; name read, reconstruct or both"
        );
        for (index, objective) in self.objectives.iter().enumerate() {
            ensure!(
                !self.objectives[..index].contains(objective),
                "objective `{objective}` is listed twice"
            );
        }
        for arm in &self.arms {
            ensure!(
                !arm.kind.is_pretrained(),
                "arm `{arm}` is the projector of a published model, whose tower is not decoded here; \
                 leave it out"
            );
            ensure!(
                arm.settings.queries.is_none(),
                "arm `{arm}` makes no token of each block, and the pixel decoder undoes the merge block by \
                 block; leave it out"
            );
            ensure!(
                !arm.settings.text,
                "arm `{arm}` is taught the text of its tokens, which tasks and photographs have not; leave \
                 out `+text`"
            );
        }
        for (name, count) in [
            ("images.photographs", self.images.photographs),
            ("decode_steps", self.decode_steps),
            ("decoder_depth", self.decoder_depth),
        ] {
            ensure!(count > 0, "`{name}` is 0; give more");
        }
        ensure!(
            self.images.test > 1,
            "`images.test` is {}; intervals are drawn from the test images, give 2 or more",
            self.images.test
        );
        ensure!(
            self.decoder_rate.is_finite() && self.decoder_rate > 0.0,
            "`decoder_rate` is {}; give a number above 0",
            self.decoder_rate
        );
        ensure!(
            self.decoder_width > 0 && self.decoder_width.is_multiple_of(16),
            "`decoder_width` is {}; give a multiple of 16",
            self.decoder_width
        );
        self.text()?.check()?;
        for (index, &task) in self.tasks.iter().enumerate() {
            // Or means would count it twice.
            ensure!(
                !self.tasks[..index].contains(&task),
                "task `{task}` is listed twice; name it once in `tasks` (--tasks)"
            );
            self.task(task)?.check()?;
        }
        Ok(())
    }

    /// What the run is carried out as: itself, or the run of every seed alone, where each has images of its own.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn replicates(&self) -> Result<Vec<Self>> {
        let text = self.text()?;
        let alone = text.replicates().into_iter().map(|replicate| Self {
            seeds: replicate.seeds,
            replication: replicate.replication,
            train_seed: replicate.data.train_seed,
            backbone: replicate.backbone,
            ..self.clone()
        });
        Ok(alone.collect())
    }

    /// The run of `ocr-probe` whose projectors are frozen, and whose text is decoded.
    ///
    /// # Errors
    /// If no arm is left to read.
    pub fn text(&self) -> Result<ProbeConfig> {
        let base = ProbePreset::Quick.config();
        let arms = self.arms.clone();
        ensure!(!arms.is_empty(), "`arms` is empty; name at least one");
        Ok(ProbeConfig {
            preset: format!("representation-{}", self.preset),
            arms,
            seeds: self.seeds.clone(),
            replication: self.replication,
            d_token: self.d_token,
            backbone: self.backbone.clone(),
            hardening_images: 0,
            reconstruction_images: 0,
            usage_tokens: self.usage_tokens,
            bootstrap_draws: self.bootstrap_draws,
            data: DataConfig {
                charset: self.charset,
                densities: self.densities.clone(),
                train_contents: vec![Content::Random],
                test_contents: vec![Content::Random],
                images: SplitSizes {
                    train: self.images.text,
                    validation: self.images.validation,
                    test: self.images.test,
                    test_words: self.images.test,
                },
                seed: self.data_seed,
                train_seed: self.train_seed,
                layout: LayoutKind::Grid,
                ..base.data
            },
            training: TrainingConfig {
                steps: self.read_steps,
                until_converged: None,
                batch: self.batch,
                learning_rates: self.learning_rates.clone(),
                rates_of_arms: BTreeMap::new(),
                extensions: 0,
                usage_weight: self.usage_weight,
                evaluations: 1,
                evaluation_images: self.images.validation,
                optimizer: OptimizerConfig::default(),
            },
            reader: ReaderKind::Anchored,
            ..base
        })
    }

    /// The images of a task.
    ///
    /// # Errors
    /// As [`text`](Self::text).
    pub fn task(&self, task: TaskKind) -> Result<ProbeConfig> {
        let text = self.text()?;
        Ok(ProbeConfig {
            reader: ReaderKind::Flat,
            usage_tokens: 0,
            data: DataConfig {
                source: ImageSource::Perception(task),
                images: SplitSizes {
                    train: self.images.task,
                    ..text.data.images
                },
                ..text.data
            },
            ..text
        })
    }

    /// The arm whose probe reads the reconstructions of all others: nothing is lost before it.
    #[must_use]
    pub fn reader_arm() -> ArmSpec {
        ArmSpec::plain(ArmKind::Identity)
    }

    /// What decides a cell besides which cell it is and the images: TOML.
    ///
    /// # Errors
    /// If the settings do not fit into TOML.
    pub fn cell_identity(&self) -> Result<String> {
        let mut config = self.clone();
        config.preset.clear();
        config.arms.clear();
        config.objectives.clear();
        config.seeds.clear();
        config.learning_rates.clear();
        config.bootstrap_draws = 0;
        // Found by content, not by place.
        config.backbone = PathBuf::new();
        config.photographs = None;
        toml::to_string(&config).context("the configuration does not fit into TOML")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::preset::Preset;

    #[test]
    fn settings_that_make_no_sense_are_named() {
        let broken = |change: fn(&mut RepresentationConfig)| {
            let mut config = Preset::Smoke.config();
            change(&mut config);
            config.check().unwrap_err().to_string()
        };
        assert!(broken(|c| c.arms.clear()).contains("`arms`"));
        assert!(broken(|c| c.objectives.clear()).contains("`objectives`"));
        assert!(broken(|c| c.decoder_width = 20).contains("`decoder_width`"));
        assert!(broken(|c| c.decoder_rate = f64::NAN).contains("`decoder_rate`"));
        assert!(broken(|c| c.decode_steps = 0).contains("`decode_steps`"));
        assert!(broken(|c| c.seeds.clear()).contains("seeds"));
        assert!(broken(|c| c.images.test = 1).contains("`images.test` is 1; "));
        assert!(broken(|c| c.arms = vec!["pretrained".parse().unwrap()]).contains("pretrained"));
        let twice = broken(|c| c.tasks = vec![TaskKind::Vernier, TaskKind::Vernier]);
        assert!(
            twice.contains("task `vernier` is listed twice") && twice.contains("--tasks"),
            "{twice}"
        );
    }

    #[test]
    fn cells_are_shared_by_runs_that_differ_in_their_lists_alone() {
        let mut other = Preset::Smoke.config();
        let identity = other.cell_identity().unwrap();
        other.arms.pop();
        other.seeds.push(9);
        other.photographs = Some(PathBuf::from("elsewhere"));
        assert_eq!(other.cell_identity().unwrap(), identity);
        other.decode_steps += 1;
        assert_ne!(other.cell_identity().unwrap(), identity);
    }
}
