//! InternVL's `mlp1` behind its pixel shuffle.
//!
//! `out = W2 gelu(W1 LayerNorm(concat(patches of the block)) + b1) + b2`
//!
//! Source: `InternVLChatModel.pixel_shuffle` and `.mlp1` of InternVL2.5 (arXiv:2412.05271) and InternVL3
//! (arXiv:2504.10479), `modeling_internvl_chat.py` of the releases.
//!
//! **The order of a block.** The reference moves the patches by two views and two permutations of
//! `[images, rows, columns, channels]`. The first view joins the patches of a row of a block into one
//! vector `(dx, channel)`; after the exchange of rows and columns the second view joins the rows of a
//! block into `(dy, dx, channel)`. That is the order of Qwen and Ovis, so a block is concatenated here as
//! everywhere ([`PatchGrid::merged`]). The last permutation, which `ps_version` v2 has and v1 has not, does
//! not touch the order in a block: it brings the tokens from columns of blocks into rows of blocks. InternVL2.5
//! and InternVL3 are released with v2. The fixture is computed with the views and permutations.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use fused_ops::gelu;
use projector::{Cost, LayerNorm, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ConnectorError, check_axes};

/// Epsilon of the norm, PyTorch's default.
pub const LAYER_NORM_EPS: f64 = 1e-5;

/// Sizes of an [`InternVlMlp`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternVlMlpConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token; 2 in the releases (`downsample_ratio` 0.5).
    pub merge: usize,
    /// Width of a visual token, and of the hidden layer.
    pub d_out: usize,
}

impl InternVlMlpConfig {
    /// Numbers of a block, `merge² * d_in`.
    #[must_use]
    pub fn d_block(&self) -> usize {
        self.merge * self.merge * self.d_in
    }

    /// Checks the sizes.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn check(&self) -> Result<(), ConnectorError> {
        check_axes(
            "internvl-mlp",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )
    }

    /// Checks the sizes and builds the connector with PyTorch's default start.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<InternVlMlp, ConnectorError> {
        self.check()?;
        let d_block = self.d_block();
        Ok(InternVlMlp {
            norm: seeded::layer_norm(d_block, LAYER_NORM_EPS, device),
            fc1: seeded::linear(d_block, self.d_out, true, rng, device),
            fc2: seeded::linear(self.d_out, self.d_out, true, rng, device),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// Concat of the block, LayerNorm, Linear, erf-GELU, Linear; as wide inside as a token.
///
/// Fields are public so that checkpoint weights can be put in; PyTorch stores linear weights as
/// `[out, in]`, here they are `[in, out]`.
#[derive(Module, Debug)]
pub struct InternVlMlp {
    /// Over `merge² * d_in`; `mlp1.0` in checkpoints.
    pub norm: LayerNorm,
    /// `merge² * d_in -> d_out`; `mlp1.1` in checkpoints.
    pub fc1: Linear,
    /// `d_out -> d_out`; `mlp1.3` in checkpoints.
    pub fc2: Linear,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl InternVlMlp {
    /// A connector of these sizes with layers of a checkpoint.
    #[must_use]
    pub fn from_parts(
        config: &InternVlMlpConfig,
        norm: LayerNorm,
        fc1: Linear,
        fc2: Linear,
    ) -> Self {
        Self {
            norm,
            fc1,
            fc2,
            d_in: config.d_in,
            merge: config.merge,
        }
    }
}

impl Projector for InternVlMlp {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.fc2.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("internvl-mlp", self.d_in, self.merge);
        let hidden = linear::apply(&self.fc1, self.norm.forward(patches.merged()));
        VisualTokens::continuous(linear::apply(&self.fc2, gelu(hidden)))
    }

    fn cost(&self) -> Cost {
        let [d_block, d_hidden] = self.fc1.weight.dims();
        Cost::continuous(
            self.num_params(),
            d_block * d_hidden + d_hidden * self.d_out(),
        )
    }
}
