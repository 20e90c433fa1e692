//! What a cell of the study leaves behind.

use crate::config::ProbeConfig;
use arms::ArmSpec;
use probe_data::{Answer, GroupImages};
use probe_statistics::text_metrics::PositionAccuracy;
use serde::{Deserialize, Serialize};

/// One training run: an arm, a seed, a learning rate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellSpec {
    /// The projector.
    pub arm: ArmSpec,
    /// Decides data order, parameters and noise; paired across arms.
    pub seed: u64,
    /// Peak learning rate.
    pub learning_rate: f64,
}

/// How a cell ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "kebab-case")]
pub enum Status {
    /// All steps were made.
    Finished,
    /// Training broke down; nothing below was measured.
    Failed {
        /// Step at which it did.
        step: usize,
        /// What happened.
        reason: String,
    },
}

/// Everything measured in one cell. Cells are stored as TOML, so a run can be resumed and its
/// tables and plots redone without training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CellOutcome {
    /// Which cell.
    pub spec: CellSpec,
    /// How it ended.
    pub status: Status,
    /// Trainable parameters of the projector.
    pub parameters: usize,
    /// Multiply-adds of the projector per visual token.
    pub multiply_adds_per_token: usize,
    /// Nominal bits per token, for hard tokens.
    pub bits_per_token: Option<f64>,
    /// Levels of the tower that the projector of a checkpoint reads beside the last block (DeepStack).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub published_levels: usize,
    /// Trainable parameters of the probe.
    pub reader_parameters: usize,
    /// Trainable parameters of the projector that the first batch gave no gradient, by name; none
    /// if no step was made.
    #[serde(default)]
    pub without_gradient: Option<Vec<String>>,
    /// Training curve, from step 0.
    pub history: Vec<Evaluation>,
    /// CER on the validation images, the mean over groups; what learning rates are chosen by.
    pub validation_cer: Option<f64>,
    /// Mean loss on the validation images in nats per character (for CTC the mean over lines), all groups
    /// together.
    #[serde(default)]
    pub validation_loss: Option<f64>,
    /// Test results, one per group and evaluation mode; none for a learning rate that was tried
    /// and not chosen.
    pub tests: Vec<TestResult>,
    /// Softmax arms: CER when only the `k` best words are kept, without retraining.
    pub hardening: Vec<HardeningResult>,
    /// Softmax arms: CER with the softmax at other temperatures, without retraining.
    #[serde(default)]
    pub temperatures: Vec<TemperatureResult>,
    /// How much of the patch features a linear map finds in the tokens; none where it was not
    /// measured.
    #[serde(default)]
    pub reconstruction: Option<ReconstructionRecord>,
    /// Wall time in seconds.
    pub seconds: f64,
}

impl CellOutcome {
    /// That of a cell of which nothing is known yet.
    #[must_use]
    pub fn begun(spec: CellSpec) -> Self {
        Self {
            spec,
            status: Status::Finished,
            parameters: 0,
            multiply_adds_per_token: 0,
            bits_per_token: None,
            published_levels: 0,
            reader_parameters: 0,
            without_gradient: None,
            history: Vec::new(),
            validation_cer: None,
            validation_loss: None,
            tests: Vec::new(),
            hardening: Vec::new(),
            temperatures: Vec::new(),
            reconstruction: None,
            seconds: 0.0,
        }
    }
}

/// One point of the training curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Steps done.
    pub step: usize,
    /// Loss of the step before, in nats per character (for CTC the mean over lines); none at step 0.
    pub train_loss: Option<f64>,
    /// CER on `evaluation_images` of the validation images, all groups pooled: dense ones weigh more than in
    /// what rates are chosen by.
    pub validation_cer: f64,
    /// Use of the vocabulary on those images.
    pub usage: Option<UsageRecord>,
}

/// How tokens are made when a trained cell is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum EvaluationMode {
    /// Without noise, but for noise that is part of the arm.
    Deterministic,
    /// With Gumbel noise, as the reference implementations evaluate.
    Sampled,
}

impl EvaluationMode {
    /// Name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Deterministic => "deterministic",
            Self::Sampled => "sampled",
        }
    }
}

/// Reading of one test group.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestResult {
    /// Index into the run's test sets.
    pub group: usize,
    /// Evaluation mode.
    pub mode: EvaluationMode,
    /// The answers, one per image, in the order of the test set.
    pub predictions: Vec<Answer>,
    /// Use of the vocabulary over all tokens of the group.
    pub usage: Option<UsageRecord>,
    /// What is known of answers that were not kept; there are no `predictions` then. Never in a cell.
    #[serde(skip)]
    pub counted: Option<CountedAnswers>,
}

/// What is left of the answers to a test group where they themselves were not kept.
#[derive(Clone, Debug, PartialEq)]
pub struct CountedAnswers {
    /// Edits of every image.
    pub edits: Vec<u32>,
    /// 1-NED over all images, which needs the lengths of the answers.
    pub one_minus_ned: f64,
    /// Right characters by place.
    pub positions: PositionAccuracy,
}

/// One point of the hardening curve.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct HardeningResult {
    /// Index into the run's test sets.
    pub group: usize,
    /// Words kept.
    pub k: usize,
    /// Micro CER.
    pub cer: f64,
    /// Reference characters behind it.
    pub characters: usize,
    /// Edits of every image.
    #[serde(default)]
    pub edits: Vec<u32>,
}

/// Softmax words read at another temperature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TemperatureResult {
    /// Index into the run's test sets.
    pub group: usize,
    /// What the scores are divided by; 1 as trained.
    pub temperature: f64,
    /// Micro CER.
    pub cer: f64,
    /// Reference characters behind it.
    pub characters: usize,
}

/// Linear reconstruction of the merged patch features from the tokens, on validation images.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReconstructionRecord {
    /// `R²` of the linear map.
    pub r2: f64,
    /// `R²` of the mean of the training features, by the same sums: 0.
    pub mean_predictor_r2: f64,
}

/// Use of a visual vocabulary over a set of tokens.
///
/// Where a token has several codes, counts and entropies are sums over the codebooks, each counted
/// by itself, and masses and fractions are means. The sum of the entropies is an upper bound on that
/// of the codes together, which cannot be counted: what two codes share is in it twice.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UsageRecord {
    /// Codes of a token.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub codebooks: usize,
    /// Words that exist, without indicator rows.
    pub words: usize,
    /// Tokens whose words were counted; distributions are averaged over at most 4,096 of the images that were read.
    pub tokens: u64,
    /// Mean entropy of a token's distribution, in bits.
    pub token_entropy_bits: f64,
    /// Entropy of the words over all tokens, plug-in estimate, in bits.
    pub marginal_entropy_bits: f64,
    /// The same with Chao–Shen correction; hard tokens only.
    pub corrected_entropy_bits: Option<f64>,
    /// Standard error of the corrected entropy, in bits, as of independent tokens; the sum over codebooks,
    /// which is the most that it can be. Hard tokens only; older versions did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub entropy_error_bits: Option<f64>,
    /// Share of tokens whose words these tokens do not show, by Good and Turing; the mean over codebooks.
    /// Hard tokens only; older versions did not store it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unseen_mass: Option<f64>,
    /// Two to the best estimate of the marginal entropy; the geometric mean over codebooks.
    pub perplexity: f64,
    /// Words that are the best one of at least one token.
    pub codes_used: usize,
    /// Fewest words that hold 90% of the mass.
    pub codes_covering_90: usize,
    /// Mass of a token's `k` best words, averaged: `(k, mass)`.
    pub top_k_mass: Vec<(usize, f64)>,
    /// Share of probabilities above 1e-4.
    pub fraction_above_small: f64,
    /// Codebooks of hard words whose words have an entropy below 0.1 bits, as with one word that 99
    /// in 100 tokens become.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub dead_codebooks: usize,
}

impl UsageRecord {
    /// These words with what the distributions of single tokens look like in `read`.
    #[must_use]
    pub(crate) fn with_tokens_of(self, read: Self) -> Self {
        Self {
            token_entropy_bits: read.token_entropy_bits,
            top_k_mass: read.top_k_mass,
            fraction_above_small: read.fraction_above_small,
            ..self
        }
    }
}

fn one() -> usize {
    1
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
fn is_zero(number: &usize) -> bool {
    *number == 0
}

#[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
fn is_one(number: &usize) -> bool {
    *number == 1
}

/// Labels of a test group, shared by all cells of a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TestSet {
    /// Characters per token, where the layout fixes it.
    pub density: Option<f64>,
    /// Mean characters per token over the images.
    pub mean_density: f64,
    /// `random`, `words`, the name of a data set, or a fine-grained task with its level.
    pub condition: String,
    /// Level of a fine-grained task, in the unit of its axis.
    #[serde(default)]
    pub difficulty: Option<f64>,
    /// The right answers.
    pub targets: Vec<Answer>,
    /// Font or source of each image.
    pub clusters: Vec<u32>,
    /// Names of the clusters.
    pub cluster_names: Vec<String>,
    /// Whether the font was kept out of training, for each image.
    pub held_out: Vec<bool>,
}

/// What was chosen for an arm on validation images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Tuning {
    /// The arm.
    pub arm: ArmSpec,
    /// `(learning rate, validation CER)` of every candidate; none where the cell failed.
    pub candidates: Vec<(f64, Option<f64>)>,
    /// The chosen learning rate; none if every candidate failed.
    pub chosen: Option<f64>,
    /// Whether the choice is the smallest or largest candidate, so that a better one may lie
    /// outside the grid.
    pub on_edge: bool,
}

/// Everything that tables, plots and verdict are made from.
#[derive(Clone, Debug)]
pub struct RunOutcome {
    /// Labels of the test groups.
    pub test_sets: Vec<TestSet>,
    /// Images of the test groups that are data sets on disk, to show some of them; none for other groups,
    /// and an empty list where nobody kept them.
    pub test_images: Vec<Option<GroupImages>>,
    /// Names of the classes, where classes are asked.
    pub class_names: Vec<String>,
    /// What became of the images: fonts, rows and images that were left out.
    pub image_notes: Vec<String>,
    /// Chosen learning rates, in the order of the arms.
    pub tuning: Vec<Tuning>,
    /// The cells at the chosen learning rates: arms in order, seeds in order.
    pub cells: Vec<CellOutcome>,
    /// The same cells with fewer steps, where steps were doubled; shortest first.
    pub shorter: Vec<TrainingLength>,
    /// The arms whose error the last doubling still moved, or that broke down.
    pub moving: Vec<ArmSpec>,
}

/// Cells of a run that were trained for so many steps.
#[derive(Clone, Debug)]
pub struct TrainingLength {
    /// Optimiser steps.
    pub steps: usize,
    /// As [`RunOutcome::cells`].
    pub cells: Vec<CellOutcome>,
}

impl RunOutcome {
    /// The configuration that its cells were trained with: that of the run, with the steps of the last
    /// doubling.
    #[must_use]
    pub fn trained_with(&self, config: &ProbeConfig) -> ProbeConfig {
        let mut config = config.clone();
        if let Some(length) = self.shorter.last() {
            config.training.steps = 2 * length.steps;
        }
        config
    }

    /// Whether every answer is there, and not only what was counted of it.
    #[must_use]
    pub fn has_answers(&self) -> bool {
        let cells = self.shorter.iter().flat_map(|length| &length.cells);
        let mut tests = self.cells.iter().chain(cells).flat_map(|cell| &cell.tests);
        tests.all(|test| test.counted.is_none())
    }

    /// Whether there is nothing to report.
    #[must_use]
    pub fn all_failed(&self) -> bool {
        self.cells.iter().all(|cell| cell.validation_cer.is_none())
    }
}
