//! From logits over visual words to tokens.
//!
//! | function | value | gradient of the logits |
//! |---|---|---|
//! | [`Softmax`](Tokenize::Softmax) | mixture of all rows | true |
//! | [`TopK`](Tokenize::TopK) | mixture of the `k` best rows | true (0 at `k = 1`) |
//! | [`StArgmax`](Tokenize::StArgmax) | best row | of the softmax mixture |
//! | [`StArgmaxRaw`](Tokenize::StArgmaxRaw) | best row | of the raw logits as weights |
//! | [`GumbelArgmax`](Tokenize::GumbelArgmax) | sampled row | of the tempered, noisy softmax mixture |
//! | [`Curriculum`](Tokenize::Curriculum) | mixture, then best row | true, then of the tempered mixture |

pub mod curriculum;
pub mod gumbel;
pub mod softmax;
pub mod straight_through;
pub mod top_k;

use burn::tensor::{Int, Tensor};
use projector::Pass;
use serde::{Deserialize, Serialize};

pub use curriculum::Curriculum;
pub use gumbel::Tau;

use crate::error::VetError;

/// What the tokenize function made of a batch of logits.
#[derive(Clone, Debug)]
pub struct Selection {
    /// Distribution over words with gradient, `[batch, tokens, words]`: the mixing weights of soft
    /// tokens, the softmax that a hard word was taken from.
    pub probabilities: Tensor<3>,
    /// The words taken, `None` for soft tokens.
    pub hard: Option<HardChoice>,
}

/// One word per token.
#[derive(Clone, Debug)]
pub struct HardChoice {
    /// Word of each token, `[batch, tokens]`.
    pub ids: Tensor<2, Int>,
    /// Weights over words whose mixture of rows stands in for the row in the backward pass,
    /// `[batch, tokens, words]`; `None` where no gradient reaches the logits.
    pub surrogate: Option<Tensor<3>>,
}

/// A tokenize function, with its own backward pass.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Tokenize {
    /// `softmax(l)`: what every released Ovis checkpoint uses. Tokens stay continuous.
    Softmax,
    /// `onehot(argmax l) - sg(y) + y` with `y = softmax(l)`: straight-through as in transformers.
    StArgmax,
    /// `onehot(argmax l) - sg(l) + l`: straight-through as in the Ovis code, where the gradient
    /// reaches the logits without a softmax Jacobian.
    StArgmaxRaw,
    /// `onehot(argmax(l + g)) - sg(y) + y` with `y = softmax((l + g) / tau)` and Gumbel noise `g`.
    /// Without noise in the pass, `g = 0` and the best word is taken.
    GumbelArgmax {
        /// Temperature of the surrogate; the word taken does not depend on it.
        tau: Tau,
    },
    /// Softmax over the `k` best words only. From `k = words` on it is [`Softmax`](Self::Softmax)
    /// exactly; at `k = 1` it is a look-up of the best word whose logits get no gradient.
    TopK {
        /// Words kept.
        k: usize,
    },
    /// Softmax whose temperature falls, then straight-through look-ups of the best word. At the end
    /// of training, and therefore in a deterministic pass, tokens are hard.
    Curriculum(Curriculum),
}

impl Tokenize {
    /// Checks the parameters of the function.
    ///
    /// # Errors
    /// If `k` is 0, a temperature is not a positive finite number, or a curriculum has no soft or no
    /// hard part.
    pub fn check(&self) -> Result<(), VetError> {
        match self {
            Self::Softmax | Self::StArgmax | Self::StArgmaxRaw => Ok(()),
            Self::GumbelArgmax { tau } => tau.check(),
            Self::Curriculum(curriculum) => curriculum.check(),
            Self::TopK { k: 0 } => Err(VetError::EmptyTopK),
            Self::TopK { .. } => Ok(()),
        }
    }

    /// Whether a token is one word once training is done, so that it carries at most `log2(words)`
    /// bits.
    ///
    /// Soft tokens (softmax, top-k above 1) are continuous: no bound in bits applies to them.
    #[must_use]
    pub fn is_hard(&self) -> bool {
        match self {
            Self::Softmax => false,
            Self::StArgmax | Self::StArgmaxRaw => true,
            Self::GumbelArgmax { .. } | Self::Curriculum(_) => true,
            Self::TopK { k } => *k == 1,
        }
    }

    /// Table rows that are multiplied and summed to make one token; 0 for a look-up.
    #[must_use]
    pub fn rows_mixed(&self, words: usize) -> usize {
        match self {
            Self::Softmax => words,
            Self::TopK { k: 1 } => 0,
            Self::TopK { k } => (*k).min(words),
            Self::StArgmax | Self::StArgmaxRaw => 0,
            Self::GumbelArgmax { .. } | Self::Curriculum(_) => 0,
        }
    }

    /// Applies the function.
    ///
    /// # Shapes
    /// - `logits`: `[batch, tokens, words]`
    #[must_use]
    pub fn select(&self, logits: Tensor<3>, pass: &mut Pass<'_>) -> Selection {
        match *self {
            Self::Softmax => softmax::select(logits),
            Self::StArgmax => straight_through::select_softmax(logits),
            Self::StArgmaxRaw => straight_through::select_raw(logits),
            Self::GumbelArgmax { tau } => gumbel::select(logits, tau.at(pass.progress), pass),
            Self::TopK { k } => top_k::select(logits, k),
            Self::Curriculum(curriculum) => curriculum::select(logits, curriculum, pass.progress),
        }
    }
}

/// Best word of each token, `[batch, tokens]`; the lowest number wins a tie.
fn best_words(scores: Tensor<3>) -> Tensor<2, Int> {
    scores.argmax(2).squeeze_dim(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn functions_survive_a_round_trip_through_json() {
        for tokenize in [
            Tokenize::Softmax,
            Tokenize::StArgmax,
            Tokenize::StArgmaxRaw,
            Tokenize::GumbelArgmax { tau: Tau::OVIS },
            Tokenize::GumbelArgmax {
                tau: Tau::Fixed(1.0),
            },
            Tokenize::TopK { k: 4 },
            Tokenize::Curriculum(Curriculum::STANDARD),
        ] {
            let json = serde_json::to_string(&tokenize).unwrap();
            assert_eq!(serde_json::from_str::<Tokenize>(&json).unwrap(), tokenize);
        }
    }

    #[test]
    fn unknown_functions_are_refused_with_the_known_ones_listed() {
        let error = serde_json::from_str::<Tokenize>(r#"{"kind": "hard"}"#).unwrap_err();
        assert!(error.to_string().contains("st-argmax-raw"), "{error}");
    }

    #[test]
    fn only_mixtures_cost_multiply_adds_in_the_table() {
        assert_eq!(Tokenize::Softmax.rows_mixed(10), 10);
        assert_eq!(Tokenize::TopK { k: 4 }.rows_mixed(10), 4);
        assert_eq!(Tokenize::TopK { k: 40 }.rows_mixed(10), 10);
        assert_eq!(Tokenize::TopK { k: 1 }.rows_mixed(10), 0);
        assert_eq!(Tokenize::StArgmaxRaw.rows_mixed(10), 0);
    }
}
