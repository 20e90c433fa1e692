//! What is wrong with the text of an arm.

use crate::{ArmKind, INDICATORS, TokenizeOverride};

/// Why a text names no arm.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArmError {
    /// No such kind.
    #[error("unknown arm `{found}`; known arms: {}", known())]
    Unknown {
        /// The text.
        found: String,
    },
    /// A kind that needs a vocabulary came without one.
    #[error("arm `{name}` needs the size of its vocabulary, for example `{example}`")]
    NeedsVocabulary {
        /// The kind.
        name: &'static str,
        /// An arm of this kind.
        example: String,
    },
    /// A kind without vocabulary came with one.
    #[error("arm `{name}` has no vocabulary; write it without `@K` and `+usage`")]
    NoVocabulary {
        /// The kind.
        name: &'static str,
    },
    /// `+usage` on an arm whose words are not used hard, or that has means of its own.
    #[error(
        "arm `{found}`: `+usage` is for hard visual words (st-argmax, gumbel and curriculum arms)"
    )]
    UsageNeedsHardWords {
        /// The text.
        found: String,
    },
    /// The vocabulary is not a number, or leaves no visual word.
    #[error(
        "arm `{found}`: the vocabulary K must be a whole number above {INDICATORS}, the number of indicator rows"
    )]
    Vocabulary {
        /// The text.
        found: String,
    },
    /// The number of codes is none that the discretiser takes, or a setting makes no sense.
    #[error("arm `{found}`: {problem}")]
    Setting {
        /// The text.
        found: String,
        /// What is wrong and what to write.
        problem: String,
    },
}

fn known() -> String {
    ArmKind::ALL
        .iter()
        .map(|kind| kind.form())
        .chain([TokenizeOverride::FORMS.to_owned()])
        .collect::<Vec<_>>()
        .join(", ")
}
