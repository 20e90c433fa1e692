//! What the operation has to know of the tokenize function.

use projector::Pass;

use super::noise::Noise;
use crate::tokenize::Tokenize;
use crate::tokenize::curriculum::Phase;

/// Which rows of the table make the value of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    /// The mixture of all rows.
    All,
    /// The mixture of this many best rows.
    Best(usize),
    /// The best row, after noise.
    One,
}

/// What stands for a hard token in the gradient of the scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Surrogate {
    /// The softmax of the noisy scores divided by a temperature; the true gradient of mixtures.
    Softmax {
        /// One over the temperature.
        sharpness: f32,
    },
    /// The scores themselves as weights.
    Raw,
}

/// A tokenize function under one pass, over a vocabulary of a given size.
#[derive(Clone, Debug)]
pub(crate) struct TokenizeKernel {
    pub(super) value: Value,
    pub(super) surrogate: Surrogate,
    pub(super) noise: Option<Noise>,
    /// Of the LayerNorm.
    pub(super) epsilon: f32,
    /// Bytes of logits that a pass with gradients keeps for its way back.
    pub(super) kept_bytes: usize,
}

impl TokenizeKernel {
    /// Takes the noise of `tokens * words` scores out of the pass.
    pub(super) fn new(
        tokenize: Tokenize,
        words: usize,
        (epsilon, kept_bytes): (f64, usize),
        pass: &mut Pass<'_>,
        tokens: usize,
    ) -> Self {
        let mut noise = None;
        let (value, sharpness) = match tokenize {
            Tokenize::Softmax => (Value::All, 1.0),
            Tokenize::TopK { k } if k >= words => (Value::All, 1.0),
            Tokenize::TopK { k: 1 } | Tokenize::StArgmax | Tokenize::StArgmaxRaw => {
                (Value::One, 1.0)
            }
            Tokenize::TopK { k } => (Value::Best(k), 1.0),
            // The temperature of soft tokens is in the gain and bias that the operation is given.
            Tokenize::Curriculum(curriculum) => match curriculum.phase(pass.progress) {
                Phase::Soft { .. } => (Value::All, 1.0),
                Phase::Hard { tau } => (Value::One, 1.0 / tau),
            },
            Tokenize::GumbelArgmax { tau } => {
                noise = pass
                    .noise
                    .as_deref_mut()
                    .map(|rng| Noise::take(rng, tokens, words));
                (Value::One, 1.0 / tau.at(pass.progress))
            }
        };
        let surrogate = match tokenize {
            Tokenize::StArgmaxRaw => Surrogate::Raw,
            Tokenize::Softmax
            | Tokenize::StArgmax
            | Tokenize::GumbelArgmax { .. }
            | Tokenize::TopK { .. }
            | Tokenize::Curriculum(_) => Surrogate::Softmax {
                sharpness: sharpness as f32,
            },
        };
        Self {
            value,
            surrogate,
            noise,
            epsilon: epsilon as f32,
            kept_bytes,
        }
    }

    /// Whether the logits of so many tokens are kept.
    pub(super) fn keeps(&self, tokens: usize, words: usize) -> bool {
        let bytes = tokens
            .saturating_mul(words)
            .saturating_mul(size_of::<f32>());
        bytes <= self.kept_bytes
    }

    /// Whether a token is a row of the table.
    pub(super) fn is_hard(&self) -> bool {
        self.value == Value::One
    }
}
