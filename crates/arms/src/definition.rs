//! What is true of a kind of arm.

use crate::{Arm, ArmSpec, Setting};
use burn::tensor::Device;
use discretisers::{DiscretiserError, Sizes};
use ovis_vet::{TableInit, Tokenize};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

/// A kind of arm: all that other places ask about it is here or follows from it.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Name on the command line and in results.
    pub name: &'static str,
    /// What it is in the comparison.
    pub role: ArmRole,
    /// What stands behind the `@` of its name.
    pub argument: Argument,
    /// The tokenize function of an arm with a visual embedding table.
    pub tokenize: Option<Tokenize>,
    /// The settings that it takes, in the order in which they are written.
    pub settings: &'static [Setting],
    /// For a kind that is nothing without `+codesN`: what to say where that is missing behind the
    /// text so far.
    pub needs_codes: Option<fn(&str) -> String>,
    /// Whether noise is part of the arm itself, in evaluation as in training.
    pub is_noisy: bool,
    /// Whether a teacher chooses its words in training: k-means of a sample of training features, or the
    /// text of the tokens.
    pub is_taught: bool,
    /// Whether it reads earlier blocks of the tower beside the last.
    pub reads_levels: bool,
    /// Whether a token may hold what does not stand in its block: of other blocks of patches, or of other
    /// blocks of the tower. The untouched features are no ceiling for it.
    pub reads_beyond: bool,
    /// Builds a fresh projector; the generator decides every parameter.
    pub build: Build,
}

/// Makes the layers of an arm from its settings and the sizes of the run.
pub type Build = fn(&ArmSpec, ArmSizes, &mut ChaCha8Rng, &Device) -> anyhow::Result<Arm>;

impl Definition {
    /// A projector with continuous tokens and nothing behind its name.
    #[must_use]
    pub const fn continuous(name: &'static str, role: ArmRole, build: Build) -> Self {
        Self {
            name,
            role,
            argument: Argument::Nothing,
            tokenize: None,
            settings: &[],
            needs_codes: None,
            is_noisy: false,
            is_taught: false,
            reads_levels: false,
            reads_beyond: false,
            build,
        }
    }

    /// A discretiser other than a visual embedding table, written `name@K`.
    #[must_use]
    pub const fn codebook(name: &'static str, sizes: CodeSizes, build: Build) -> Self {
        Self {
            argument: Argument::Codes(sizes),
            ..Self::continuous(name, ArmRole::Codebook, build)
        }
    }
}

/// Sizes that all arms of a run share.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmSizes {
    /// Width of a patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token (identity and mean-pool have their own).
    pub d_token: usize,
    /// Start of the visual embedding table.
    pub table_init: TableInit,
}

impl From<ArmSizes> for Sizes {
    fn from(sizes: ArmSizes) -> Self {
        Self {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        }
    }
}

/// What stands behind the `@` of an arm's name.
#[derive(Clone, Copy, Debug)]
pub enum Argument {
    /// There is no `@`.
    Nothing,
    /// `@K`: rows of a visual embedding table, indicator rows included. MLPs matched to a table take
    /// its K.
    Rows,
    /// `@K`: codes of a codebook, which has no indicator rows.
    Codes(CodeSizes),
    /// `@SIGMA`: standard deviation of noise on tokens of unit root mean square.
    Noise,
    /// `@N`: tokens of an image, whatever its size.
    Queries,
}

impl Argument {
    /// How it is written, for messages.
    #[must_use]
    pub fn form(self) -> &'static str {
        match self {
            Self::Nothing => "",
            Self::Rows | Self::Codes(_) => "@K",
            Self::Noise => "@SIGMA",
            Self::Queries => "@N",
        }
    }
}

/// Numbers of codes that a discretiser can have.
#[derive(Clone, Copy, Debug)]
pub struct CodeSizes {
    /// Says why it cannot have a number of codes of 2 or more.
    pub check: fn(usize) -> Result<(), DiscretiserError>,
    /// A number that it can have, near the given one.
    pub nearest: fn(usize) -> usize,
}

impl CodeSizes {
    /// From 2 up, any number.
    pub const ANY: Self = Self {
        check: |_| Ok(()),
        nearest: |words| words,
    };
}

/// What an arm is in the comparison. Figures choose its colour by this, and claims what they compare.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ArmRole {
    /// No projector at all: nothing should be read better.
    Ceiling,
    /// The continuous connector that the others are compared against.
    Merger,
    /// Another continuous connector.
    Control,
    /// An MLP with the width of a visual vocabulary.
    WidthMatchedMlp,
    /// A continuous connector with noise that costs what a hard arm loses.
    NoiseMatched,
    /// Mixtures of the rows of a table.
    SoftWords,
    /// One row of a table (or of each of several), the best one.
    HardWords,
    /// One row of a table, sampled while training.
    SampledWords,
    /// Mixtures of rows at first, one row in the end.
    Curriculum,
    /// Codes of another discretiser.
    Codebook,
    /// The same token whatever the image: nothing should be read worse.
    Floor,
    /// The projector of a checkpoint as it was published; only the checkpoint knows whether it has
    /// visual words.
    Published,
}
