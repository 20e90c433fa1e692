//! The registry of arms: every projector of the comparison, by name.
//!
//! An arm is written `kind[@K][+usage]`: `patch-merger`, `gelu-mlp@256`, `vet-st-argmax@1024+usage`.
//! The projector of a published checkpoint is `pretrained`, `pretrained+argmax`, `pretrained+top16`.
//! To add one, add a variant to [`ArmKind`] and say in [`ArmSpec::build`] what it is.

use crate::published::Swap;
use anyhow::bail;
use burn::module::Module;
use burn::tensor::Device;
use control_projectors::{
    Blind, BlindConfig, GeluMlp, GeluMlpConfig, Identity, LinearProjector, LinearProjectorConfig,
    MeanPool,
};
use ovis_vet::{TableInit, Tau, Tokenize, Vet, VetConfig};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use published_models::PublishedProjector;
use qwen_merger::{PatchMerger, PatchMergerConfig};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// Rows of the table that no patch is assigned to; 4 in Ovis2.5.
pub const INDICATORS: usize = 4;

/// Kinds of projectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ArmKind {
    /// Concatenated patches behind a parameter-free norm: the ceiling.
    Identity,
    /// One linear layer.
    Linear,
    /// Mean of the block's patches.
    MeanPool,
    /// Qwen2.5-VL's merger.
    PatchMerger,
    /// GELU MLP with the width, the hidden LayerNorm and the parameters of a VET of K rows.
    GeluMlp,
    /// VET as released: softmax mixture of rows.
    VetSoftmax,
    /// VET with hard words, straight-through softmax gradient (transformers).
    VetStArgmax,
    /// VET with hard words, straight-through identity gradient on the logits (Ovis code).
    VetStArgmaxRaw,
    /// VET with sampled hard words at tau = 1 (transformers).
    VetGumbel,
    /// VET with sampled hard words, tau annealed 5 to 0.05 (Ovis code).
    VetGumbelAnnealed,
    /// The same token whatever the image: the floor.
    Blind,
    /// The projector that a published checkpoint brings, frozen.
    Pretrained(Swap),
}

impl ArmKind {
    /// Every kind that we train, in the order in which results list them.
    pub const ALL: [Self; 11] = [
        Self::Identity,
        Self::Linear,
        Self::MeanPool,
        Self::PatchMerger,
        Self::GeluMlp,
        Self::VetSoftmax,
        Self::VetStArgmax,
        Self::VetStArgmaxRaw,
        Self::VetGumbel,
        Self::VetGumbelAnnealed,
        Self::Blind,
    ];

    /// Name on the command line and in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Linear => "linear",
            Self::MeanPool => "mean-pool",
            Self::PatchMerger => "patch-merger",
            Self::GeluMlp => "gelu-mlp",
            Self::VetSoftmax => "vet-softmax",
            Self::VetStArgmax => "vet-st-argmax",
            Self::VetStArgmaxRaw => "vet-st-argmax-raw",
            Self::VetGumbel => "vet-gumbel",
            Self::VetGumbelAnnealed => "vet-gumbel-annealed",
            Self::Blind => "blind",
            Self::Pretrained(_) => "pretrained",
        }
    }

    /// The tokenize function, for arms with a visual vocabulary; what `pretrained` alone has, the
    /// checkpoint knows.
    #[must_use]
    pub fn tokenize(self) -> Option<Tokenize> {
        match self {
            Self::VetSoftmax => Some(Tokenize::Softmax),
            Self::VetStArgmax => Some(Tokenize::StArgmax),
            Self::VetStArgmaxRaw => Some(Tokenize::StArgmaxRaw),
            Self::VetGumbel => Some(Tokenize::GumbelArgmax {
                tau: Tau::Fixed(1.0),
            }),
            Self::VetGumbelAnnealed => Some(Tokenize::GumbelArgmax { tau: Tau::OVIS }),
            Self::Pretrained(swap) => swap.tokenize(),
            _ => None,
        }
    }

    /// Whether the arm's tokens are single visual words.
    #[must_use]
    pub fn is_hard(self) -> bool {
        self.tokenize().is_some_and(|tokenize| tokenize.is_hard())
    }

    /// Whether tokens are sampled while training.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        matches!(self, Self::VetGumbel | Self::VetGumbelAnnealed)
    }

    /// Whether it is the projector of a checkpoint.
    #[must_use]
    pub fn is_pretrained(self) -> bool {
        matches!(self, Self::Pretrained(_))
    }

    /// Whether the arm mixes words by softmax (or may: `pretrained`), and so can be read with only
    /// its best words.
    #[must_use]
    pub fn hardens(self) -> bool {
        matches!(
            self,
            Self::VetSoftmax | Self::Pretrained(Swap::Own | Swap::Softmax)
        )
    }

    /// Whether the arm is sized by a vocabulary: the VET arms and the MLP matched to them.
    #[must_use]
    pub fn takes_vocabulary(self) -> bool {
        !self.is_pretrained() && (self == Self::GeluMlp || self.tokenize().is_some())
    }
}

/// One arm of the comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ArmSpec {
    /// What it is.
    pub kind: ArmKind,
    /// Rows of the table `K`, indicator rows included, where the kind takes a vocabulary.
    pub vocabulary: Option<usize>,
    /// Whether training is rewarded for using many words.
    pub usage: bool,
}

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
    #[error("arm `{name}` needs the size of its vocabulary, for example `{name}@256`")]
    NeedsVocabulary {
        /// The kind.
        name: &'static str,
    },
    /// A kind without vocabulary came with one.
    #[error("arm `{name}` has no vocabulary; write it without `@K` and `+usage`")]
    NoVocabulary {
        /// The kind.
        name: &'static str,
    },
    /// `+usage` on an arm whose words are not used hard.
    #[error("arm `{found}`: `+usage` is for hard visual words (st-argmax and gumbel arms)")]
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
}

fn known() -> String {
    ArmKind::ALL
        .iter()
        .map(|kind| match (kind.takes_vocabulary(), kind.is_hard()) {
            (true, true) => format!("{}@K[+usage]", kind.name()),
            (true, false) => format!("{}@K", kind.name()),
            _ => kind.name().to_owned(),
        })
        .chain([Swap::FORMS.to_owned()])
        .collect::<Vec<_>>()
        .join(", ")
}

impl FromStr for ArmSpec {
    type Err = ArmError;

    fn from_str(text: &str) -> Result<Self, ArmError> {
        let text = text.trim();
        if let Some(swap) = text.strip_prefix("pretrained").and_then(Swap::parse) {
            return Ok(Self {
                kind: ArmKind::Pretrained(swap),
                vocabulary: None,
                usage: false,
            });
        }
        let (rest, usage) = match text.strip_suffix("+usage") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let (name, vocabulary) = match rest.split_once('@') {
            Some((name, vocabulary)) => (name, Some(vocabulary)),
            None => (rest, None),
        };
        let found = text.to_owned();
        let Some(kind) = ArmKind::ALL.into_iter().find(|kind| kind.name() == name) else {
            return Err(ArmError::Unknown { found });
        };
        let name = kind.name();
        let vocabulary = match vocabulary {
            None if kind.takes_vocabulary() => return Err(ArmError::NeedsVocabulary { name }),
            None => None,
            Some(_) if !kind.takes_vocabulary() => return Err(ArmError::NoVocabulary { name }),
            Some(size) => match size.parse::<usize>() {
                Ok(size) if size > INDICATORS => Some(size),
                _ => return Err(ArmError::Vocabulary { found }),
            },
        };
        if usage && !kind.is_hard() {
            return Err(if kind.takes_vocabulary() {
                ArmError::UsageNeedsHardWords { found }
            } else {
                ArmError::NoVocabulary { name }
            });
        }
        Ok(Self {
            kind,
            vocabulary,
            usage,
        })
    }
}

impl TryFrom<String> for ArmSpec {
    type Error = ArmError;

    fn try_from(text: String) -> Result<Self, ArmError> {
        text.parse()
    }
}

impl From<ArmSpec> for String {
    fn from(spec: ArmSpec) -> Self {
        spec.to_string()
    }
}

impl fmt::Display for ArmSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.name())?;
        if let ArmKind::Pretrained(swap) = self.kind {
            swap.fmt(f)?;
        }
        if let Some(vocabulary) = self.vocabulary {
            write!(f, "@{vocabulary}")?;
        }
        f.write_str(if self.usage { "+usage" } else { "" })
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

impl ArmSpec {
    /// Visual words a token can be assigned to, `K` without indicator rows; for the matched MLP,
    /// its hidden width.
    #[must_use]
    pub fn words(&self) -> Option<usize> {
        self.vocabulary.map(|vocabulary| vocabulary - INDICATORS)
    }

    /// Builds a fresh projector; `rng` decides every parameter.
    ///
    /// # Errors
    /// If the sizes make no projector; the message names the number to change. If the arm is the
    /// projector of a checkpoint, which cannot be built but only read.
    pub fn build(
        &self,
        sizes: ArmSizes,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> anyhow::Result<Arm> {
        let ArmSizes {
            d_in,
            merge,
            d_token,
            table_init,
        } = sizes;
        if self.kind.is_pretrained() {
            bail!("arm `{self}` is the projector of a checkpoint; name one with --checkpoint");
        }
        let vocabulary = self.vocabulary.unwrap_or(0);
        if let Some(tokenize) = self.kind.tokenize() {
            let config = VetConfig {
                tokenize,
                table_init,
                ..VetConfig::new(d_in, merge, vocabulary, INDICATORS, d_token)
            };
            return Ok(Arm::Vet(config.init(rng, device)?));
        }
        Ok(match self.kind {
            ArmKind::Identity => Arm::Identity(Identity::new(d_in, merge)?),
            ArmKind::MeanPool => Arm::MeanPool(MeanPool::new(d_in, merge)?),
            ArmKind::Linear => Arm::Linear(
                LinearProjectorConfig {
                    d_in,
                    merge,
                    d_out: d_token,
                }
                .init(rng, device)?,
            ),
            ArmKind::PatchMerger => {
                let config = PatchMergerConfig {
                    d_in,
                    merge,
                    d_out: d_token,
                };
                config.check()?;
                Arm::PatchMerger(config.init(rng, device))
            }
            ArmKind::GeluMlp => Arm::GeluMlp(
                GeluMlpConfig::matching_vet(d_in, merge, vocabulary - INDICATORS, d_token)
                    .init(rng, device)?,
            ),
            _ => Arm::Blind(
                BlindConfig {
                    d_in,
                    merge,
                    d_out: d_token,
                }
                .init(rng, device)?,
            ),
        })
    }
}

/// Any projector of the comparison.
#[derive(Module, Debug)]
pub enum Arm {
    /// See [`ArmKind::Identity`].
    Identity(Identity),
    /// See [`ArmKind::Linear`].
    Linear(LinearProjector),
    /// See [`ArmKind::MeanPool`].
    MeanPool(MeanPool),
    /// See [`ArmKind::PatchMerger`].
    PatchMerger(PatchMerger),
    /// See [`ArmKind::GeluMlp`].
    GeluMlp(GeluMlp),
    /// All VET kinds.
    Vet(Vet),
    /// See [`ArmKind::Blind`].
    Blind(Blind),
    /// See [`ArmKind::Pretrained`].
    Pretrained(PublishedProjector),
}

macro_rules! each_arm {
    ($self:expr, $arm:ident => $body:expr) => {
        match $self {
            Arm::Identity($arm) => $body,
            Arm::Linear($arm) => $body,
            Arm::MeanPool($arm) => $body,
            Arm::PatchMerger($arm) => $body,
            Arm::GeluMlp($arm) => $body,
            Arm::Vet($arm) => $body,
            Arm::Blind($arm) => $body,
            Arm::Pretrained($arm) => $body,
        }
    };
}

impl Projector for Arm {
    fn merge_size(&self) -> usize {
        each_arm!(self, arm => arm.merge_size())
    }

    fn d_out(&self) -> usize {
        each_arm!(self, arm => arm.d_out())
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        each_arm!(self, arm => arm.forward(patches, pass))
    }

    fn cost(&self) -> Cost {
        each_arm!(self, arm => arm.cost())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip() {
        for kind in ArmKind::ALL {
            let mut name = kind.name().to_owned();
            if kind.takes_vocabulary() {
                name.push_str("@256");
            }
            if kind.is_hard() {
                name.push_str("+usage");
            }
            assert_eq!(name.parse::<ArmSpec>().unwrap().to_string(), name);
        }
    }

    #[test]
    fn pretrained_arms_have_names_but_cannot_be_built() {
        for name in ["pretrained", "pretrained+argmax", "pretrained+top16"] {
            let spec: ArmSpec = name.parse().unwrap();
            assert_eq!(spec.to_string(), name);
            assert_eq!(spec.kind.is_hard(), name == "pretrained+argmax");
        }
        for name in ["pretrained+usage", "pretrained@8", "pretrained+top"] {
            assert!(name.parse::<ArmSpec>().is_err(), "{name}");
        }
    }

    #[test]
    fn an_unknown_arm_is_answered_with_the_known_ones() {
        let message = "perceiver".parse::<ArmSpec>().unwrap_err().to_string();
        for kind in ArmKind::ALL {
            assert!(message.contains(kind.name()), "{message}");
        }
    }

    #[test]
    fn names_that_make_no_sense_say_what_to_write() {
        let message = |text: &str| text.parse::<ArmSpec>().unwrap_err().to_string();
        assert!(message("vet-softmax").contains("vet-softmax@256"));
        assert!(message("linear@256").contains("no vocabulary"));
        assert!(message("linear+usage").contains("no vocabulary"));
        assert!(message("vet-softmax@256+usage").contains("hard visual words"));
        assert!(message("vet-softmax@4").contains("above 4"));
        assert!(message("vet-softmax@many").contains("whole number"));
    }
}
