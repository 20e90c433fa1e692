//! What the backbone is pre-trained on, and how.

use super::HEAD_CHARSET;
use crate::data_config::strip_px;
use crate::optimize::OptimizerConfig;
use anyhow::{Result, ensure};
use probe_data::RenderPlan;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use text_images::{Charset, Content, Degradation, Split};
use vision_backbone::SmallVitConfig;

/// What the tower learns from its images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Objective {
    /// To read them, characters whose places are known.
    #[default]
    Read,
    /// To read lines whose places are not known, as a probe of lines does.
    ReadLines,
    /// To paint in hidden patches. No label is used: the tower is not taught to read.
    FillIn,
}

impl Objective {
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// One kind of image.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReadingTask {
    /// Alphabet of the images.
    pub charset: Charset,
    /// Characters per merged token on a grid; absent for a line of free length.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub density: Option<f64>,
    /// Share of training batches, relative to the other tasks.
    pub weight: u32,
}

/// Everything that decides a pre-trained backbone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PretrainConfig {
    /// What is learned.
    #[serde(default, skip_serializing_if = "Objective::is_default")]
    pub objective: Objective,
    /// Backbone of the same shape whose weights it starts from; none if not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<PathBuf>,
    /// Root of all randomness.
    pub seed: u64,
    /// Optimiser steps.
    pub steps: usize,
    /// Images per step.
    pub batch: usize,
    /// Parts of a batch that are trained side by side; part of the recipe, because it decides the
    /// order of summation.
    pub shards: usize,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Steps between evaluations on validation images.
    pub evaluate_every: usize,
    /// Images per task in the final evaluation.
    pub test_images: usize,
    /// Optimiser settings.
    pub optimizer: OptimizerConfig,
    /// The tower.
    pub backbone: SmallVitConfig,
    /// Contrast, noise and artefacts.
    pub degradation: Degradation,
    /// Kinds of images.
    pub tasks: Vec<ReadingTask>,
}

impl Default for PretrainConfig {
    fn default() -> Self {
        let grid = |charset, density, weight| ReadingTask {
            charset,
            density: Some(density),
            weight,
        };
        let strip = |charset, weight| ReadingTask {
            charset,
            density: None,
            weight,
        };
        Self {
            objective: Objective::default(),
            start: None,
            seed: 1,
            steps: 6000,
            batch: 64,
            shards: 2,
            learning_rate: 1.5e-3,
            evaluate_every: 250,
            test_images: 1500,
            optimizer: OptimizerConfig {
                warmup: 100,
                ..OptimizerConfig::default()
            },
            backbone: SmallVitConfig::default(),
            degradation: Degradation::default(),
            tasks: vec![
                grid(Charset::Alnum36, 0.5, 1),
                grid(Charset::Alnum36, 1.0, 2),
                grid(Charset::Alnum36, 2.0, 3),
                grid(Charset::Alnum36, 3.0, 2),
                grid(Charset::Alnum36, 4.0, 5),
                grid(Charset::Printable94, 1.0, 1),
                grid(Charset::Printable94, 2.0, 2),
                strip(Charset::Alnum36, 2),
                strip(Charset::Printable94, 1),
            ],
        }
    }
}

impl PretrainConfig {
    /// The tower for words and lines of print, which goes on from the default one.
    #[must_use]
    pub fn lines() -> Self {
        Self {
            objective: Objective::ReadLines,
            start: Some(PathBuf::from("data/backbones/small-vit.safetensors")),
            steps: 8000,
            evaluate_every: 500,
            degradation: Degradation::photographed(),
            tasks: vec![ReadingTask {
                charset: HEAD_CHARSET,
                density: None,
                weight: 1,
            }],
            ..Self::default()
        }
    }

    /// Checks what can be checked without rendering.
    ///
    /// # Errors
    /// Names the setting that makes no sense.
    pub fn check(&self) -> Result<()> {
        ensure!(
            self.steps > 0,
            "pretrain: `steps` is 0; train at least 1 step"
        );
        ensure!(
            !self.tasks.is_empty(),
            "pretrain: no `tasks`; name at least one"
        );
        ensure!(
            self.tasks.iter().any(|task| task.weight > 0),
            "pretrain: every task has weight 0"
        );
        ensure!(
            // Shards are of one size but for the last, which must not be empty.
            self.shards > 0 && (self.shards - 1) * self.batch.div_ceil(self.shards) < self.batch,
            "pretrain: a batch of {} does not split into {} shards; choose `shards` that divide `batch`",
            self.batch,
            self.shards
        );
        ensure!(
            self.learning_rate.is_finite() && self.learning_rate > 0.0,
            "pretrain: `learning_rate` must be a number above 0"
        );
        ensure!(self.evaluate_every > 0, "pretrain: `evaluate_every` is 0");
        ensure!(self.test_images > 0, "pretrain: `test_images` is 0");
        ensure!(
            self.start.is_none() || self.objective == Objective::ReadLines,
            "pretrain: `start` is for objective `read-lines`; leave it out"
        );
        ensure!(
            self.objective != Objective::ReadLines
                || self.tasks.iter().all(|task| task.density.is_none()),
            "pretrain: objective `read-lines` reads lines; leave `density` out of its `tasks`, or name it \
             as --objective read-lines, which brings tasks of its own"
        );
        Ok(self.backbone.check()?)
    }

    /// What to render for a task.
    #[must_use]
    pub fn plan(&self, task: ReadingTask, split: Split, first: u64, images: usize) -> RenderPlan {
        let (strip_width, strip_height) = strip_px(&self.degradation);
        RenderPlan {
            charset: task.charset,
            content: match self.objective {
                Objective::Read | Objective::FillIn => Content::Random,
                Objective::ReadLines => Content::Print,
            },
            corpus: None,
            density: task.density,
            width_px: if task.density.is_some() {
                64
            } else {
                strip_width as u32
            },
            height_px: strip_height as u32,
            patch: self.backbone.patch,
            merge: self.backbone.merge,
            split,
            images,
            first,
            seed: self.seed,
            degradation: self.degradation.clone(),
        }
    }

    /// The task of a step: tasks take turns in proportion to their weights, evenly spread.
    #[must_use]
    pub fn task_of_step(&self, step: usize) -> usize {
        let total: u64 = self.tasks.iter().map(|task| u64::from(task.weight)).sum();
        // Stride scheduling: the golden ratio spreads any proportions evenly over time.
        let point = (step as f64 * 0.618_033_988_749_895).fract() * total as f64;
        let mut upper = 0.0;
        for (index, task) in self.tasks.iter().enumerate() {
            upper += f64::from(task.weight);
            if point < upper {
                return index;
            }
        }
        self.tasks.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tasks_take_turns_in_proportion_to_their_weights() {
        let config = PretrainConfig::default();
        let total: u32 = config.tasks.iter().map(|task| task.weight).sum();
        let steps = 100 * total as usize;
        let mut counts = vec![0_u32; config.tasks.len()];
        for step in 0..steps {
            counts[config.task_of_step(step)] += 1;
        }
        for (count, task) in counts.iter().zip(&config.tasks) {
            let expected = 100 * task.weight;
            assert!(count.abs_diff(expected) < 10, "{count} of {expected}");
        }
    }

    #[test]
    fn the_default_is_sound_and_survives_toml() {
        let config = PretrainConfig::default();
        config.check().unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(toml::from_str::<PretrainConfig>(&text).unwrap(), config);
    }
}
