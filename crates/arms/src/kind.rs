//! Kinds of projectors.

use super::INDICATORS;
use crate::Swap;
use ovis_vet::{Curriculum, Tau, Tokenize};

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
    /// The merger with Gaussian noise on its tokens.
    NoisyMerger,
    /// GELU MLP with the width, the hidden LayerNorm and the parameters of a VET of K rows.
    GeluMlp,
    /// GELU MLP without the hidden LayerNorm, with the parameters of a VET of K rows.
    GeluMlpPlain,
    /// GELU MLP with the multiply-adds of a hard VET of K rows, which looks its rows up.
    FlopMlp,
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
    /// VET trained with soft tokens that harden: deferred quantisation.
    VetCurriculum,
    /// Nearest vector of a codebook of running means.
    Vq,
    /// Nearest vectors of several codebooks, each for what the last one left.
    Rvq,
    /// A few numbers, each rounded to a few levels.
    Fsq,
    /// Signs of a few numbers.
    Lfq,
    /// Signs of a few numbers on the unit sphere.
    Bsq,
    /// Nearest row of a frozen codebook behind a learnt map.
    SimVq,
    /// A linear map that is never trained.
    Random,
    /// The merger with its tokens in random order.
    Shuffled,
    /// The same token whatever the image: the floor.
    Blind,
    /// The projector that a published checkpoint brings, frozen.
    Pretrained(Swap),
}

impl ArmKind {
    /// Every kind that we train, in the order in which results list them.
    pub const ALL: [Self; 23] = [
        Self::Identity,
        Self::Linear,
        Self::MeanPool,
        Self::PatchMerger,
        Self::NoisyMerger,
        Self::GeluMlp,
        Self::GeluMlpPlain,
        Self::FlopMlp,
        Self::VetSoftmax,
        Self::VetStArgmax,
        Self::VetStArgmaxRaw,
        Self::VetGumbel,
        Self::VetGumbelAnnealed,
        Self::VetCurriculum,
        Self::Vq,
        Self::Rvq,
        Self::Fsq,
        Self::Lfq,
        Self::Bsq,
        Self::SimVq,
        Self::Random,
        Self::Shuffled,
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
            Self::NoisyMerger => "noisy-merger",
            Self::GeluMlp => "gelu-mlp",
            Self::GeluMlpPlain => "gelu-mlp-plain",
            Self::FlopMlp => "flop-mlp",
            Self::VetSoftmax => "vet-softmax",
            Self::VetStArgmax => "vet-st-argmax",
            Self::VetStArgmaxRaw => "vet-st-argmax-raw",
            Self::VetGumbel => "vet-gumbel",
            Self::VetGumbelAnnealed => "vet-gumbel-annealed",
            Self::VetCurriculum => "vet-curriculum",
            Self::Vq => "vq",
            Self::Rvq => "rvq",
            Self::Fsq => "fsq",
            Self::Lfq => "lfq",
            Self::Bsq => "bsq",
            Self::SimVq => "simvq",
            Self::Random => "random",
            Self::Shuffled => "shuffled",
            Self::Blind => "blind",
            Self::Pretrained(_) => "pretrained",
        }
    }

    /// How an arm of this kind is written, settings in brackets where they may be left out.
    #[must_use]
    pub fn form(self) -> String {
        let mut form = self.name().to_owned();
        if self == Self::NoisyMerger {
            form.push_str("@SIGMA");
        } else if self.takes_vocabulary() {
            form.push_str("@K");
        }
        if self == Self::VetSoftmax {
            form.push_str("[+topN]");
        }
        if self.is_vet() {
            form.push_str("[+gainX][+rankR][+codesN]");
        } else if self == Self::Rvq {
            form.push_str("+codesN");
        }
        if self.takes_usage() {
            form.push_str("[+usage]");
        }
        form
    }

    /// The tokenize function, for arms with a visual embedding table; what `pretrained` alone has,
    /// the checkpoint knows.
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
            Self::VetCurriculum => Some(Tokenize::Curriculum(Curriculum::STANDARD)),
            Self::Pretrained(swap) => swap.tokenize(),
            _ => None,
        }
    }

    /// Whether it is a visual embedding table that we train.
    #[must_use]
    pub fn is_vet(self) -> bool {
        !self.is_pretrained() && self.tokenize().is_some()
    }

    /// Whether it rounds in another way than a table does.
    #[must_use]
    pub fn is_discretiser(self) -> bool {
        matches!(
            self,
            Self::Vq | Self::Rvq | Self::Fsq | Self::Lfq | Self::Bsq | Self::SimVq
        )
    }

    /// Whether tokens are made of the words of a vocabulary, softly or hard.
    #[must_use]
    pub fn has_words(self) -> bool {
        self.tokenize().is_some() || self.is_discretiser()
    }

    /// Whether a token of the trained arm is one code, or one set of codes: it carries a limited
    /// number of bits.
    #[must_use]
    pub fn is_hard(self) -> bool {
        self.is_discretiser() || self.tokenize().is_some_and(|tokenize| tokenize.is_hard())
    }

    /// Whether tokens are sampled while training.
    #[must_use]
    pub fn is_sampled(self) -> bool {
        matches!(self, Self::VetGumbel | Self::VetGumbelAnnealed)
    }

    /// Whether noise is part of the arm itself, in evaluation as in training.
    #[must_use]
    pub fn is_noisy(self) -> bool {
        matches!(self, Self::NoisyMerger | Self::Shuffled)
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

    /// Whether the arm is sized by a vocabulary: all with words, and the MLPs matched to a table.
    #[must_use]
    pub fn takes_vocabulary(self) -> bool {
        let mlp = matches!(self, Self::GeluMlp | Self::GeluMlpPlain | Self::FlopMlp);
        mlp || self.is_vet() || self.is_discretiser()
    }

    /// Whether training can be rewarded for using many words: tables with hard words. Discretisers
    /// keep their codes in use by means of their own.
    #[must_use]
    pub fn takes_usage(self) -> bool {
        self.is_vet() && self.is_hard()
    }

    /// Rows of the vocabulary that no patch is assigned to: tables have them, and the MLPs matched
    /// to tables leave out as many hidden units; codebooks have none.
    #[must_use]
    pub fn indicators(self) -> usize {
        if self.is_discretiser() { 0 } else { INDICATORS }
    }
}
