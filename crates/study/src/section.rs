//! The questions of the study, by name. What each is made of is its definition, in `sections`.

use serde::{Deserialize, Serialize};

/// A section of the study: one question, answered by one or more runs.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    clap::ValueEnum,
)]
#[serde(rename_all = "kebab-case")]
pub enum Section {
    /// Arms × random strings and words; the main claims.
    Ocr,
    /// Density × alphabet × bits per token.
    Capacity,
    /// Error against bits per token, all discretisers.
    RateLadder,
    /// Size of the characters.
    Redundancy,
    /// Ways to train hard words.
    Estimators,
    /// Size of the vocabulary.
    Vocabulary,
    /// Frozen tower, last block, whole tower.
    Regimes,
    /// Learning curves and online codelength.
    Codelength,
    /// Selectivity against the control task.
    Control,
    /// Coarse properties, for the interaction with reading.
    Coarse,
    /// Fine-grained tasks with thresholds; the command `fine-grained-probe`.
    FineGrained,
    /// Tokens that cover more and more characters, of text of known entropy, read with language and
    /// without. Asked by name: the published study was registered before it.
    Compression,
    /// The main comparison of the second registration: 4,000 steps at one density per run.
    Converged,
    /// The same, trained for a quarter and a sixteenth as long.
    TrainingLength,
    /// Bits per token after long training.
    Rungs,
    /// Eight densities, each a run of its own.
    Knee,
    /// A reader that writes from left to right, on text of 1 bit per character and on random text.
    Language,
    /// A tower that was not taught to read.
    Untaught,
    /// The control task under the conditions of the main comparison.
    Memory,
    /// Gradient estimators after long training.
    Gradients,
}

impl Section {
    /// Those of `study` unless some are named, in the order in which they run and are reported: the
    /// main claims first, so that an interrupted study has them.
    pub const STUDY: [Self; 11] = [
        Self::Ocr,
        Self::Coarse,
        Self::FineGrained,
        Self::Capacity,
        Self::RateLadder,
        Self::Redundancy,
        Self::Estimators,
        Self::Vocabulary,
        Self::Regimes,
        Self::Control,
        Self::Codelength,
    ];

    /// Those of the second registration, in the order in which a reader wants to know them.
    pub const PAPER: [Self; 9] = [
        Self::Converged,
        Self::TrainingLength,
        Self::Memory,
        Self::Untaught,
        Self::Knee,
        Self::Rungs,
        Self::Language,
        Self::FineGrained,
        Self::Gradients,
    ];

    /// Those of the study, and behind them those that have to be asked for by name.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = <Self as clap::ValueEnum>::value_variants().iter().copied();
        let others = others.filter(|section| !Self::STUDY.contains(section));
        Self::STUDY.into_iter().chain(others)
    }
}
