//! The questions of the study.

use probe::ProbeConfig;
use run_results::Extent;
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

    /// Name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ocr => "ocr",
            Self::Capacity => "capacity",
            Self::RateLadder => "rate-ladder",
            Self::Redundancy => "redundancy",
            Self::Estimators => "estimators",
            Self::Vocabulary => "vocabulary",
            Self::Regimes => "regimes",
            Self::Codelength => "codelength",
            Self::Control => "control",
            Self::Coarse => "coarse",
            Self::FineGrained => "fine-grained",
        }
    }

    /// What it asks.
    #[must_use]
    pub fn question(self) -> &'static str {
        match self {
            Self::Ocr => "Does turning visual features into visual words cost reading?",
            Self::Capacity => "Does a hard token stop reading where its bits run out?",
            Self::Redundancy => "Do larger characters make up for hard words?",
            Self::RateLadder => "How many bits per token does reading need?",
            Self::Estimators => "Which gradient estimator trains hard words?",
            Self::Vocabulary => "How many visual words are needed?",
            Self::Regimes => "Does a tower that trains along make up for the vocabulary?",
            Self::Codelength => "How many labels does it take to learn to read?",
            Self::Control => "How much could the probe have learnt by heart?",
            Self::Coarse => "Do coarse properties suffer as reading does?",
            Self::FineGrained => "From how small a detail on can each projector tell?",
        }
    }
}

/// One run of a section.
#[derive(Clone, Debug, PartialEq)]
pub struct Part {
    /// The section.
    pub section: Section,
    /// What distinguishes it within the section; empty where it is the only run.
    pub variant: String,
    /// Its settings.
    pub config: ProbeConfig,
}

impl Part {
    /// How much is made of it by itself; the figures of the study go over several runs.
    #[must_use]
    pub fn extent(&self) -> Extent {
        match self.section {
            Section::Ocr | Section::Capacity | Section::Estimators => Extent::of(&self.config),
            _ => Extent::Tables,
        }
    }

    /// Name of its folder: `capacity-36-characters`.
    #[must_use]
    pub fn name(&self) -> String {
        if self.variant.is_empty() {
            self.section.name().to_owned()
        } else {
            format!("{}-{}", self.section.name(), self.variant)
        }
    }
}
