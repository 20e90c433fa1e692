//! A linear map that is drawn once and never trained.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ControlError, check_axes};

/// Sizes of a [`RandomLinear`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RandomLinearConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl RandomLinearConfig {
    /// Checks the sizes and draws the map, entries uniform in `±1/sqrt(merge² * d_in)` as in a fresh
    /// linear layer.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<RandomLinear, ControlError> {
        check_axes(
            "random",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )?;
        let d_block = self.merge * self.merge * self.d_in;
        let bound = 1.0 / (d_block as f64).sqrt();
        Ok(RandomLinear {
            weight: seeded::uniform([d_block, self.d_out], bound, rng, device),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// `out = R concat(patches of the block)`, `R` random and constant.
///
/// The reader behind it trains as usual, so this is what the features are worth when only the
/// width of a token is given: a random map of `d_block` to `d_out` numbers keeps most distances and
/// learns nothing about text.
#[derive(Module, Debug)]
pub struct RandomLinear {
    /// `R`, `[merge² * d_in, d_out]`; a constant, which no optimiser sees.
    pub weight: Tensor<2>,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Projector for RandomLinear {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("random", self.d_in, self.merge);
        let blocks = patches.merged();
        let [batch, tokens, d_block] = blocks.dims();
        let weight = self.weight.clone().cast(blocks.dtype());
        let embeddings = blocks
            .reshape([batch * tokens, d_block])
            .matmul(weight)
            .reshape([batch, tokens, self.d_out()]);
        VisualTokens::continuous(embeddings)
    }

    fn cost(&self) -> Cost {
        let [d_block, d_out] = self.weight.dims();
        Cost::continuous(self.num_params(), d_block * d_out)
    }
}
