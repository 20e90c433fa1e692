//! A two-layer GELU MLP of any width, with or without LayerNorm on its hidden layer.
//!
//! A visual embedding table is Linear, LayerNorm, softmax, Linear with a very wide hidden layer.
//! With `hidden` set to its number of words and the LayerNorm on, this control differs from it in
//! one thing only: GELU stands where the softmax stood.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use fused_ops::gelu;
use projector::{Cost, LayerNorm, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ControlError, check_axes};

/// Epsilon of the hidden LayerNorm, the one the visual embedding table uses.
const LAYER_NORM_EPS: f64 = 1e-5;

/// Shape of a [`GeluMlp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GeluMlpConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Hidden width.
    pub hidden: usize,
    /// Width of a visual token.
    pub d_out: usize,
    /// Whether a LayerNorm stands between the first linear layer and the GELU.
    pub hidden_layer_norm: bool,
    /// Whether the two linear layers have biases.
    pub bias: bool,
}

impl GeluMlpConfig {
    /// The MLP that matches a visual embedding table of `words` words (without indicator rows):
    /// same width, hidden LayerNorm, no biases.
    ///
    /// Its parameters are those of the table's path from patches to tokens exactly; the table as a
    /// whole has `indicators * d_out` more, in rows that no patch ever reads.
    #[must_use]
    pub fn matching_vet(d_in: usize, merge: usize, words: usize, d_out: usize) -> Self {
        Self {
            d_in,
            merge,
            hidden: words,
            d_out,
            hidden_layer_norm: true,
            bias: false,
        }
    }

    /// The MLP without a LayerNorm that has as many parameters as [`matching_vet`] for `words`: an
    /// ordinary one with biases, a little wider to make up for the LayerNorm.
    ///
    /// `hidden (d_block + d_out + 1) + d_out` is as near as a whole number of hidden units comes to
    /// `words (d_block + d_out + 2)`.
    ///
    /// [`matching_vet`]: Self::matching_vet
    #[must_use]
    pub fn plain(d_in: usize, merge: usize, words: usize, d_out: usize) -> Self {
        let d_block = merge * merge * d_in;
        let parameters = (words * (d_block + d_out + 2)) as f64;
        let hidden = (parameters - d_out as f64) / (d_block + d_out + 1) as f64;
        Self {
            hidden: (hidden.round() as usize).max(1),
            hidden_layer_norm: false,
            bias: true,
            ..Self::matching_vet(d_in, merge, words, d_out)
        }
    }

    /// The MLP that makes a token with as many multiply-adds as a *hard* table of `words` words.
    ///
    /// A hard token costs the product with the head, `d_block * words`; the row is looked up for
    /// nothing. An MLP has to multiply its second layer as well, so at the same cost it is narrower:
    /// `hidden = words * d_block / (d_block + d_out)`. All else is as in
    /// [`matching_vet`](Self::matching_vet), which has the multiply-adds of a *soft* table.
    #[must_use]
    pub fn matching_look_up(d_in: usize, merge: usize, words: usize, d_out: usize) -> Self {
        let d_block = merge * merge * d_in;
        let hidden = (words * d_block) as f64 / (d_block + d_out).max(1) as f64;
        Self {
            hidden: (hidden.round() as usize).max(1),
            ..Self::matching_vet(d_in, merge, words, d_out)
        }
    }

    /// Checks the sizes and builds the MLP with PyTorch's default start.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<GeluMlp, ControlError> {
        check_axes(
            "gelu-mlp",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("hidden", self.hidden),
                ("d_out", self.d_out),
            ],
        )?;
        let d_block = self.merge * self.merge * self.d_in;
        Ok(GeluMlp {
            fc1: seeded::linear(d_block, self.hidden, self.bias, rng, device),
            norm: self
                .hidden_layer_norm
                .then(|| seeded::layer_norm(self.hidden, LAYER_NORM_EPS, device)),
            fc2: seeded::linear(self.hidden, self.d_out, self.bias, rng, device),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// `out = W2 gelu(LayerNorm(W1 concat(patches of the block))) + b2`, LayerNorm and biases optional.
#[derive(Module, Debug)]
pub struct GeluMlp {
    /// `merge² * d_in -> hidden`.
    pub fc1: Linear,
    /// Over the hidden axis.
    pub norm: Option<LayerNorm>,
    /// `hidden -> d_out`.
    pub fc2: Linear,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Projector for GeluMlp {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.fc2.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("gelu-mlp", self.d_in, self.merge);
        let hidden = linear::apply(&self.fc1, patches.merged());
        let hidden = match &self.norm {
            Some(norm) => norm.forward(hidden),
            None => hidden,
        };
        VisualTokens::continuous(linear::apply(&self.fc2, gelu(hidden)))
    }

    fn cost(&self) -> Cost {
        let [d_block, hidden] = self.fc1.weight.dims();
        Cost::continuous(self.num_params(), d_block * hidden + hidden * self.d_out())
    }
}
