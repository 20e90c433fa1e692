//! The merger and its released sizes.
//!
//! `out = W2 gelu(W1 concat(RMSNorm(patch) for the patches of a block) + b1) + b2`
//!
//! Source: `Qwen2_5_VLPatchMerger` in transformers 5.23.0. Differs: rows come out in the order
//! they go in, while the reference runs its tower in window order and re-sorts the merged rows by
//! `argsort(window_index)`; the merger itself does not depend on the order of blocks.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{DType, Device, FloatDType, Tensor};
use fused_ops::gelu;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, linear, rms_normalize, seeded};
use rand_chacha::ChaCha8Rng;

/// Epsilon of the norm in every Qwen2-VL and Qwen2.5-VL checkpoint.
pub const RMS_NORM_EPS: f64 = 1e-6;

/// Width of the vision tower in every Qwen2.5-VL checkpoint.
const QWEN2_5_VL_D_IN: usize = 1280;

/// Why a config describes no merger.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum MergerError {
    /// An axis has no extent.
    #[error("{merger}: {axis} is 0; set it to 1 or more")]
    EmptyAxis {
        /// Name of the merger.
        merger: &'static str,
        /// The field of the config.
        axis: &'static str,
    },
}

/// Refuses the first axis that is 0.
pub(crate) fn check_axes(
    merger: &'static str,
    d_in: usize,
    merge: usize,
    d_out: usize,
) -> Result<(), MergerError> {
    let axes = [("d_in", d_in), ("merge", merge), ("d_out", d_out)];
    match axes.iter().find(|(_, extent)| *extent == 0) {
        Some((axis, _)) => Err(MergerError::EmptyAxis { merger, axis }),
        None => Ok(()),
    }
}

/// Sizes of a [`PatchMerger`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatchMergerConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl PatchMergerConfig {
    /// Qwen2.5-VL-3B.
    #[must_use]
    pub fn qwen2_5_vl_3b() -> Self {
        Self::qwen2_5_vl(2048)
    }

    /// Qwen2.5-VL-7B.
    #[must_use]
    pub fn qwen2_5_vl_7b() -> Self {
        Self::qwen2_5_vl(3584)
    }

    /// Qwen2.5-VL-32B.
    #[must_use]
    pub fn qwen2_5_vl_32b() -> Self {
        Self::qwen2_5_vl(5120)
    }

    /// Qwen2.5-VL-72B.
    #[must_use]
    pub fn qwen2_5_vl_72b() -> Self {
        Self::qwen2_5_vl(8192)
    }

    fn qwen2_5_vl(d_out: usize) -> Self {
        Self {
            d_in: QWEN2_5_VL_D_IN,
            merge: 2,
            d_out,
        }
    }

    /// Width of the concatenated block, which is also the hidden width.
    #[must_use]
    pub fn d_block(&self) -> usize {
        self.merge * self.merge * self.d_in
    }

    /// Checks the sizes without building anything.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn check(&self) -> Result<(), MergerError> {
        check_axes("PatchMerger", self.d_in, self.merge, self.d_out)
    }

    /// Checks the sizes and builds a merger with PyTorch's default start: linear layers uniform in
    /// `±1/sqrt(fan_in)`, norm gain 1.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<PatchMerger, MergerError> {
        self.check()?;
        let d_block = self.d_block();
        Ok(PatchMerger {
            norm_gain: Param::from_tensor(Tensor::ones([self.d_in], device)),
            norm_bias: None,
            fc1: seeded::linear(d_block, d_block, true, rng, device),
            fc2: seeded::linear(d_block, self.d_out, true, rng, device),
            merge: self.merge,
        })
    }
}

/// RMSNorm per patch (in Qwen2-VL: LayerNorm), concat of the block, Linear, erf-GELU, Linear.
///
/// Fields are public so that checkpoint weights can be put in; PyTorch stores linear weights as
/// `[out, in]`, here they are `[in, out]`.
#[derive(Module, Debug)]
pub struct PatchMerger {
    /// Gain of the RMSNorm, `[d_in]`; `merger.ln_q.weight` in checkpoints.
    pub norm_gain: Param<Tensor<1>>,
    /// Bias of the norm, `[d_in]`: Qwen2-VL has a LayerNorm there, Qwen2.5-VL an RMSNorm.
    pub norm_bias: Option<Param<Tensor<1>>>,
    /// `merge² * d_in -> merge² * d_in`; `merger.mlp.0` in checkpoints.
    pub fc1: Linear,
    /// `merge² * d_in -> d_out`; `merger.mlp.2` in checkpoints.
    pub fc2: Linear,
    #[module(skip)]
    merge: usize,
}

impl PatchMerger {
    /// Puts a merger together from its layers; with a bias, the norm is Qwen2-VL's LayerNorm.
    ///
    /// # Shapes
    /// - `norm_gain`, `norm_bias`: `[d_in]`
    /// - `fc1.weight`: `[merge² * d_in, merge² * d_in]`
    /// - `fc2.weight`: `[merge² * d_in, d_out]`
    ///
    /// # Panics
    /// If the layers do not fit one another.
    #[must_use]
    pub fn from_parts(
        norm_gain: Param<Tensor<1>>,
        norm_bias: Option<Param<Tensor<1>>>,
        fc1: Linear,
        fc2: Linear,
        merge: usize,
    ) -> Self {
        let d_block = merge * merge * norm_gain.dims()[0];
        assert!(
            fc1.weight.dims() == [d_block; 2] && fc2.weight.dims()[0] == d_block,
            "PatchMerger: both layers read blocks of {d_block} numbers"
        );
        Self {
            norm_gain,
            norm_bias,
            fc1,
            fc2,
            merge,
        }
    }

    /// The norm in front of the concat, patch by patch.
    ///
    /// Statistics are taken in f32 at least and the result is cast back before the gain, as in
    /// the reference; the order matters for half-precision features.
    ///
    /// # Shapes
    /// - `features`: `[batch, patches, d_in]`, output the same
    #[must_use]
    pub fn normalize(&self, features: Tensor<3>) -> Tensor<3> {
        if let Some(bias) = &self.norm_bias {
            return fused_ops::layer_norm(features, self.norm_gain.val(), bias.val(), RMS_NORM_EPS);
        }
        let dtype = features.dtype();
        let normalized = if matches!(dtype, DType::F16 | DType::BF16) {
            let narrow: FloatDType = dtype.into();
            rms_normalize(features.cast(FloatDType::F32), RMS_NORM_EPS).cast(narrow)
        } else {
            rms_normalize(features, RMS_NORM_EPS)
        };
        normalized * self.norm_gain.val().unsqueeze()
    }

    /// The two-layer MLP behind the concat.
    ///
    /// # Shapes
    /// - `blocks`: `[batch, tokens, merge² * d_in]`
    /// - output: `[batch, tokens, d_out]`
    #[must_use]
    pub fn mlp(&self, blocks: Tensor<3>) -> Tensor<3> {
        linear::apply(&self.fc2, gelu(linear::apply(&self.fc1, blocks)))
    }
}

impl Projector for PatchMerger {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.fc2.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("PatchMerger", self.norm_gain.dims()[0], self.merge);
        let normalized = patches.map_features(|features| self.normalize(features));
        VisualTokens::continuous(self.mlp(normalized.merged()))
    }

    fn cost(&self) -> Cost {
        let [d_block, d_hidden] = self.fc1.weight.dims();
        Cost::continuous(
            self.num_params(),
            d_block * d_hidden + d_hidden * self.d_out(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_cost_what_the_checkpoints_cost() {
        // 2 x multiply-adds: 73M, 89M, 105M and 136M operations per token.
        for (config, mega_operations) in [
            (PatchMergerConfig::qwen2_5_vl_3b(), 73),
            (PatchMergerConfig::qwen2_5_vl_7b(), 89),
            (PatchMergerConfig::qwen2_5_vl_32b(), 105),
            (PatchMergerConfig::qwen2_5_vl_72b(), 136),
        ] {
            let d_block = config.d_block();
            let operations = 2 * (d_block * d_block + d_block * config.d_out);
            assert_eq!(
                (operations + 500_000) / 1_000_000,
                mega_operations,
                "{config:?}"
            );
        }
    }

    #[test]
    fn parameters_are_counted_as_in_the_formula() {
        let config = PatchMergerConfig {
            d_in: 6,
            merge: 2,
            d_out: 5,
        };
        let mut rng = seeded::stream(0, "merger");
        let merger = config.init(&mut rng, &Device::flex()).unwrap();
        let cost = merger.cost();
        assert_eq!(cost.parameters, 6 + 24 * 24 + 24 + 24 * 5 + 5);
        assert_eq!(cost.multiply_adds_per_token, 24 * 24 + 24 * 5);
        assert_eq!(cost.bits_per_token, None);
    }

    #[test]
    fn empty_axes_are_named() {
        let config = PatchMergerConfig {
            d_in: 4,
            merge: 0,
            d_out: 4,
        };
        let expected = MergerError::EmptyAxis {
            merger: "PatchMerger",
            axis: "merge",
        };
        assert_eq!(config.check().unwrap_err(), expected);
        let refused = config.init(&mut seeded::stream(0, "merger"), &Device::flex());
        assert_eq!(refused.unwrap_err(), expected);
    }
}
