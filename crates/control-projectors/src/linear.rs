//! A single linear layer over the concatenated block.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::Device;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, linear, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ControlError, check_axes};

/// Sizes of a [`LinearProjector`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinearProjectorConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl LinearProjectorConfig {
    /// Checks the sizes and builds the layer with PyTorch's default start.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(
        &self,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Result<LinearProjector, ControlError> {
        check_axes(
            "linear",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )?;
        let d_block = self.merge * self.merge * self.d_in;
        Ok(LinearProjector {
            linear: seeded::linear(d_block, self.d_out, true, rng, device),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// `out = W concat(patches of the block) + b`
#[derive(Module, Debug)]
pub struct LinearProjector {
    /// `merge² * d_in -> d_out`.
    pub linear: Linear,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Projector for LinearProjector {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.linear.weight.dims()[1]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("linear", self.d_in, self.merge);
        VisualTokens::continuous(linear::apply(&self.linear, patches.merged()))
    }

    fn cost(&self) -> Cost {
        let [d_block, d_out] = self.linear.weight.dims();
        Cost::continuous(self.num_params(), d_block * d_out)
    }
}
