//! Gemma 3's projector.
//!
//! `out = W ((1 + weight) RMSNorm(mean of the patches of the block))`
//!
//! Source: `Gemma3MultiModalProjector` and `Gemma3RMSNorm` in transformers (arXiv:2503.19786 §2.1). Differs:
//! the matrix starts as a linear layer of PyTorch does, in the reference at 0, which its checkpoints replace.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, linear, rms_normalize, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ConnectorError, check_axes};

/// Epsilon of the norm, `layer_norm_eps` of the tower in the releases.
pub const RMS_NORM_EPS: f64 = 1e-6;

/// Sizes of a [`GemmaPool`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GemmaPoolConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token; 4 in the releases (64 x 64 patches, 256
    /// tokens).
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl GemmaPoolConfig {
    /// Checks the sizes and builds the connector: weight of the norm 0, which is a gain of 1, and the
    /// matrix uniform in `±1/sqrt(d_in)`.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<GemmaPool, ConnectorError> {
        check_axes(
            "gemma-pool",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )?;
        Ok(GemmaPool {
            norm_weight: Param::from_tensor(Tensor::zeros([self.d_in], device)),
            projection: seeded::linear(self.d_in, self.d_out, false, rng, device),
            merge: self.merge,
        })
    }
}

/// Mean of the block, RMSNorm with a gain of 1 + weight, a matrix without bias.
///
/// Fields are public so that checkpoint weights can be put in.
#[derive(Module, Debug)]
pub struct GemmaPool {
    /// What the gain of the RMSNorm has beyond 1, `[d_in]`; `mm_soft_emb_norm.weight` in checkpoints.
    pub norm_weight: Param<Tensor<1>>,
    /// `d_in -> d_out`; `mm_input_projection_weight` in checkpoints, stored `[in, out]` as here.
    pub projection: Linear,
    #[module(skip)]
    merge: usize,
}

impl Projector for GemmaPool {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.projection.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        let d_in = self.norm_weight.dims()[0];
        patches.assert_fits("gemma-pool", d_in, self.merge);
        let batch = patches.features().dims()[0];
        let pooled = patches
            .features()
            .clone()
            .reshape([batch, patches.tokens(), self.merge * self.merge, d_in])
            .mean_dim(2)
            .squeeze_dim::<3>(2);
        let gain = self.norm_weight.val().add_scalar(1.0).unsqueeze();
        let normalized = rms_normalize(pooled, RMS_NORM_EPS) * gain;
        VisualTokens::continuous(linear::apply(&self.projection, normalized))
    }

    /// The additions of the mean are not counted, nor is the norm, as nowhere else.
    fn cost(&self) -> Cost {
        let [d_in, d_out] = self.projection.weight.dims();
        Cost::continuous(self.num_params(), d_in * d_out)
    }
}
