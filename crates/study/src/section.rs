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

    /// Those of the study, and behind them those that have to be asked for by name.
    pub fn all() -> impl Iterator<Item = Self> {
        let others = <Self as clap::ValueEnum>::value_variants().iter().copied();
        let others = others.filter(|section| !Self::STUDY.contains(section));
        Self::STUDY.into_iter().chain(others)
    }
}
