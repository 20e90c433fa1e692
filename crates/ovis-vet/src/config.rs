//! Sizes of a visual embedding table and how a fresh one starts.

use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{LayerNorm, seeded};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::error::{VetError, check_scale};
use crate::tokenize::Tokenize;
use crate::vet::Vet;

/// Epsilon of the LayerNorm behind the head: PyTorch's default, not the tower's.
pub const LAYER_NORM_EPS: f64 = 1e-5;

/// Standard deviation of the tokens of a freshly initialised patch merger on features of unit
/// root mean square; [`TableInit::MatchedOutput`] aims at it.
pub const PATCH_MERGER_TOKEN_STD: f64 = 0.2;

/// How the rows of a fresh table are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum TableInit {
    /// `N(0, std²)`: 1.0 in the Ovis code, 0.02 in transformers' random start.
    Normal {
        /// Standard deviation of an entry.
        std: f64,
    },
    /// `N(0, std²)` with `std` chosen so that tokens start at [`PATCH_MERGER_TOKEN_STD`].
    ///
    /// Fresh logits are `N(0, g²)` with `g` the LayerNorm gain. A hard token is one row, so
    /// `std = 0.2`. A soft token is a mixture with variance `std² Σp²`; with log-normal weights
    /// `Σp² = E[e^2l] / (K E[e^l]²) = e^(g²) / K`, so `std = 0.2 sqrt(K / e^(g²))`, which is
    /// `0.2 sqrt(K / e)` at `g = 1`. Over the `k` best words only, `Σp²` is that of the softmax of
    /// the `k` largest of `K` normal scores.
    MatchedOutput,
}

/// How the weights of a fresh head are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum HeadInit {
    /// Uniform in `±1/sqrt(fan_in)`, PyTorch's default and what Ovis trains from.
    FanIn,
    /// `N(0, std²)`: 0.02 in transformers' random start.
    Normal {
        /// Standard deviation of a weight.
        std: f64,
    },
}

/// Sizes and start of a [`Vet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VetConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token; `hidden_stride` in Ovis.
    pub merge: usize,
    /// Rows of the table `K`, indicator rows included.
    pub words_total: usize,
    /// Last rows of the table, kept for image boundaries; no patch is ever assigned to them.
    pub indicators: usize,
    /// Width of a visual token.
    pub d_out: usize,
    /// From logits to tokens.
    pub tokenize: Tokenize,
    /// Start of the table.
    pub table_init: TableInit,
    /// Start of the head.
    pub head_init: HeadInit,
    /// Start of the LayerNorm's gain, the inverse temperature of the softmax; 1 in Ovis.
    pub layer_norm_gain: f64,
    /// Width of a linear layer between block and head, which makes the head's matrix the product
    /// of two of this rank; none in Ovis.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rank: Option<usize>,
}

impl VetConfig {
    /// A table with the start that Ovis trains from: softmax, rows `N(0, 1)`, fan-in head, gain 1.
    #[must_use]
    pub fn new(
        d_in: usize,
        merge: usize,
        words_total: usize,
        indicators: usize,
        d_out: usize,
    ) -> Self {
        Self {
            d_in,
            merge,
            words_total,
            indicators,
            d_out,
            tokenize: Tokenize::Softmax,
            table_init: TableInit::Normal { std: 1.0 },
            head_init: HeadInit::FanIn,
            layer_norm_gain: 1.0,
            rank: None,
        }
    }

    /// Visual words a token can be assigned to, `K - indicators`.
    ///
    /// # Panics
    /// If there are more indicators than rows; [`check`](Self::check) refuses such a config.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words_total - self.indicators
    }

    /// Checks sizes and scales without building anything.
    ///
    /// # Errors
    /// If an axis is 0, no word is left beside the indicators, a scale is not a positive finite
    /// number, or the tokenize function has no valid parameters.
    pub fn check(&self) -> Result<(), VetError> {
        for (axis, extent) in [
            ("d_in", self.d_in),
            ("merge", self.merge),
            ("d_out", self.d_out),
            ("rank", self.rank.unwrap_or(1)),
        ] {
            if extent == 0 {
                return Err(VetError::EmptyAxis { axis });
            }
        }
        if self.words_total <= self.indicators {
            return Err(VetError::NoWords {
                words_total: self.words_total,
                indicators: self.indicators,
            });
        }
        check_scale("layer_norm_gain", self.layer_norm_gain)?;
        if let HeadInit::Normal { std } = self.head_init {
            check_scale("head_init std", std)?;
        }
        if let TableInit::Normal { std } = self.table_init {
            check_scale("table_init std", std)?;
        }
        self.tokenize.check()
    }

    /// Standard deviation of an entry of the fresh table.
    #[must_use]
    pub fn table_std(&self) -> f64 {
        match self.table_init {
            TableInit::Normal { std } => std,
            TableInit::MatchedOutput => {
                let words = self.words();
                let gain = self.layer_norm_gain;
                let sum_of_squares = match self.tokenize {
                    tokenize if tokenize.is_hard() => 1.0,
                    Tokenize::TopK { k } if k < words => best_weights_squared(k, words, gain),
                    Tokenize::Softmax
                    | Tokenize::TopK { .. }
                    | Tokenize::StArgmax
                    | Tokenize::StArgmaxRaw
                    | Tokenize::GumbelArgmax { .. }
                    | Tokenize::Curriculum(_) => (gain * gain).exp() / words as f64,
                };
                PATCH_MERGER_TOKEN_STD / sum_of_squares.sqrt()
            }
        }
    }

    /// Checks the config and builds a fresh table.
    ///
    /// # Errors
    /// As [`check`](Self::check).
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<Vet, VetError> {
        self.check()?;
        let words = self.words();
        let d_block = self.merge * self.merge * self.d_in;
        let reduction = self
            .rank
            .map(|rank| self.init_head(d_block, rank, rng, device));
        let head = self.init_head(self.rank.unwrap_or(d_block), words, rng, device);
        let mut norm: LayerNorm = seeded::layer_norm(words, LAYER_NORM_EPS, device);
        norm.gamma = Param::from_tensor(Tensor::full([words], self.layer_norm_gain, device));
        let shape = [self.words_total, self.d_out];
        let table = seeded::normal(shape, self.table_std(), rng, device);
        let vet = Vet::from_parts(
            head,
            norm,
            Param::from_tensor(table),
            self.merge,
            self.tokenize,
        );
        Ok(match reduction {
            Some(reduction) => vet.with_reduction(reduction),
            None => vet,
        })
    }

    fn init_head(
        &self,
        d_in: usize,
        d_out: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Linear {
        match self.head_init {
            HeadInit::FanIn => seeded::linear(d_in, d_out, false, rng, device),
            HeadInit::Normal { std } => Linear {
                weight: Param::from_tensor(seeded::normal([d_in, d_out], std, rng, device)),
                bias: None,
            },
        }
    }
}

/// `Σp²` of the softmax over the `k` best of `words` scores `N(0, gain²)`.
///
/// The scores are put at their expected places (G. Blom, "Statistical Estimates and Transformed
/// Beta-Variables", 1958): the `i`-th best of `n` normal scores is near
/// `Φ⁻¹(1 - (i - 3/8) / (n + 1/4))`.
fn best_weights_squared(k: usize, words: usize, gain: f64) -> f64 {
    let normal = Normal::standard();
    let weights = (1..=k).map(|place| {
        let upper = (place as f64 - 0.375) / (words as f64 + 0.25);
        (-gain * normal.inverse_cdf(upper)).exp()
    });
    let (sum, squares) = weights.fold((0.0, 0.0), |(sum, squares), weight| {
        (sum + weight, squares + weight * weight)
    });
    squares / (sum * sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tiny() -> VetConfig {
        VetConfig::new(4, 2, 16, 5, 6)
    }

    #[test]
    fn a_table_without_words_is_refused() {
        let config = VetConfig {
            words_total: 5,
            ..tiny()
        };
        let error = config.check().unwrap_err();
        assert_eq!(
            error,
            VetError::NoWords {
                words_total: 5,
                indicators: 5
            }
        );
        assert!(error.to_string().contains("6 or more"), "{error}");
    }

    #[test]
    fn bad_numbers_are_named() {
        for (config, part) in [
            (VetConfig { d_out: 0, ..tiny() }, "d_out"),
            (
                VetConfig {
                    layer_norm_gain: f64::NAN,
                    ..tiny()
                },
                "layer_norm_gain",
            ),
            (
                VetConfig {
                    table_init: TableInit::Normal { std: -1.0 },
                    ..tiny()
                },
                "table_init",
            ),
            (
                VetConfig {
                    tokenize: Tokenize::TopK { k: 0 },
                    ..tiny()
                },
                "k is 0",
            ),
            (
                VetConfig {
                    rank: Some(0),
                    ..tiny()
                },
                "rank",
            ),
        ] {
            let message = config.check().unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }
}
