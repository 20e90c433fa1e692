//! Qwen3-VL's merger, and the one that its DeepStack levels have.
//!
//! `out = W2 gelu(W1 concat(LayerNorm(patch) for the patches of a block) + b1) + b2`, and with
//! [`use_postshuffle_norm`](Qwen3MergerConfig::use_postshuffle_norm)
//! `out = W2 gelu(W1 LayerNorm(concat(patches of the block)) + b1) + b2`.
//!
//! Source: `Qwen3VLVisionPatchMerger` in transformers 5.23.0 (arXiv:2511.21631). Without the flag the
//! arithmetic is that of Qwen2-VL's merger, under other names.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fused_ops::gelu;
use projector::{Cost, LayerNorm, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::merger::{MergerError, check_axes};

/// Epsilon of the norm, in front of the concat and behind it.
pub const LAYER_NORM_EPS: f64 = 1e-6;

/// Sizes of a [`Qwen3Merger`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Qwen3MergerConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
    /// Whether the LayerNorm stands behind the concat, over a whole block, as in the DeepStack mergers,
    /// and not in front of it, over every patch.
    pub use_postshuffle_norm: bool,
}

impl Qwen3MergerConfig {
    /// The merger of the last block: a LayerNorm over every patch.
    #[must_use]
    pub fn new(d_in: usize, merge: usize, d_out: usize) -> Self {
        Self {
            d_in,
            merge,
            d_out,
            use_postshuffle_norm: false,
        }
    }

    /// The merger of a DeepStack level: a LayerNorm over the block.
    #[must_use]
    pub fn deepstack(d_in: usize, merge: usize, d_out: usize) -> Self {
        Self {
            use_postshuffle_norm: true,
            ..Self::new(d_in, merge, d_out)
        }
    }

    /// Width of the concatenated block, which is also the hidden width.
    #[must_use]
    pub fn d_block(&self) -> usize {
        self.merge * self.merge * self.d_in
    }

    /// Width that the norm looks at: of a patch, or of a block with
    /// [`use_postshuffle_norm`](Self::use_postshuffle_norm).
    #[must_use]
    pub fn d_norm(&self) -> usize {
        match self.use_postshuffle_norm {
            true => self.d_block(),
            false => self.d_in,
        }
    }

    /// Checks the sizes without building anything.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn check(&self) -> Result<(), MergerError> {
        check_axes("Qwen3Merger", self.d_in, self.merge, self.d_out)
    }

    /// Checks the sizes and builds a merger with PyTorch's default start: linear layers uniform in
    /// `±1/sqrt(fan_in)`, gain 1 and bias 0 of the norm.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<Qwen3Merger, MergerError> {
        self.check()?;
        let d_block = self.d_block();
        Ok(Qwen3Merger {
            norm: seeded::layer_norm(self.d_norm(), LAYER_NORM_EPS, device),
            fc1: seeded::linear(d_block, d_block, true, rng, device),
            fc2: seeded::linear(d_block, self.d_out, true, rng, device),
            d_in: self.d_in,
            merge: self.merge,
            use_postshuffle_norm: self.use_postshuffle_norm,
        })
    }
}

/// LayerNorm per patch or per block, concat of the block, Linear, erf-GELU, Linear.
///
/// Fields are public so that checkpoint weights can be put in; PyTorch stores linear weights as
/// `[out, in]`, here they are `[in, out]`.
#[derive(Module, Debug)]
pub struct Qwen3Merger {
    /// Over `d_in`, or `merge² * d_in` with `use_postshuffle_norm`; `merger.norm` in checkpoints.
    pub norm: LayerNorm,
    /// `merge² * d_in -> merge² * d_in`; `merger.linear_fc1` in checkpoints.
    pub fc1: Linear,
    /// `merge² * d_in -> d_out`; `merger.linear_fc2` in checkpoints.
    pub fc2: Linear,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
    #[module(skip)]
    use_postshuffle_norm: bool,
}

impl Qwen3Merger {
    /// Puts a merger of these sizes together from its layers.
    ///
    /// # Shapes
    /// - `norm`: over `d_in`, or `merge² * d_in` with `use_postshuffle_norm`
    /// - `fc1.weight`: `[merge² * d_in, merge² * d_in]`
    /// - `fc2.weight`: `[merge² * d_in, d_out]`
    ///
    /// # Panics
    /// If the layers do not have these sizes.
    #[must_use]
    pub fn from_parts(
        config: &Qwen3MergerConfig,
        norm: LayerNorm,
        fc1: Linear,
        fc2: Linear,
    ) -> Self {
        let d_block = config.d_block();
        assert!(
            norm.gamma.dims() == [config.d_norm()]
                && fc1.weight.dims() == [d_block; 2]
                && fc2.weight.dims() == [d_block, config.d_out],
            "Qwen3Merger: the layers are not of the sizes of {config:?}"
        );
        Self {
            norm,
            fc1,
            fc2,
            d_in: config.d_in,
            merge: config.merge,
            use_postshuffle_norm: config.use_postshuffle_norm,
        }
    }

    /// Norm and concat of every block.
    ///
    /// # Shapes
    /// - output: `[batch, tokens, merge² * d_in]`
    fn blocks(&self, patches: &PatchGrid) -> Tensor<3> {
        match self.use_postshuffle_norm {
            true => self.norm.forward(patches.merged()),
            false => patches
                .map_features(|features| self.norm.forward(features))
                .merged(),
        }
    }
}

impl Projector for Qwen3Merger {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.fc2.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("Qwen3Merger", self.d_in, self.merge);
        let hidden = gelu(linear::apply(&self.fc1, self.blocks(patches)));
        VisualTokens::continuous(linear::apply(&self.fc2, hidden))
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
    fn parameters_are_counted_as_in_the_formula() {
        for (config, norm) in [
            (Qwen3MergerConfig::new(6, 2, 5), 2 * 6),
            (Qwen3MergerConfig::deepstack(6, 2, 5), 2 * 24),
        ] {
            let mut rng = seeded::stream(0, "merger");
            let cost = config.init(&mut rng, &Device::flex()).unwrap().cost();
            assert_eq!(cost.parameters, norm + 24 * 24 + 24 + 24 * 5 + 5);
            assert_eq!(cost.multiply_adds_per_token, 24 * 24 + 24 * 5);
            assert_eq!(cost.bits_per_token, None);
        }
    }

    #[test]
    fn empty_axes_are_named() {
        let refused = Qwen3MergerConfig::new(4, 2, 0)
            .init(&mut seeded::stream(0, "merger"), &Device::flex())
            .unwrap_err();
        assert_eq!(
            refused.to_string(),
            "Qwen3Merger: d_out is 0; set it to 1 or more"
        );
    }
}
