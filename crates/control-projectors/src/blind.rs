//! The floor: a token that never saw the image.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, seeded};
use rand_chacha::ChaCha8Rng;

use crate::{ControlError, check_axes};

/// Output standard deviation of a freshly initialised patch merger, so that the floor starts at
/// the scale of the arms it is compared with.
const START_STD: f64 = 0.2;

/// Sizes of a [`Blind`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlindConfig {
    /// Width of one patch feature.
    pub d_in: usize,
    /// Side of the block of patches that becomes one token.
    pub merge: usize,
    /// Width of a visual token.
    pub d_out: usize,
}

impl BlindConfig {
    /// Checks the sizes and draws the token from `N(0, 0.2²)`.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> Result<Blind, ControlError> {
        check_axes(
            "blind",
            &[
                ("d_in", self.d_in),
                ("merge", self.merge),
                ("d_out", self.d_out),
            ],
        )?;
        Ok(Blind {
            token: Param::from_tensor(seeded::normal([self.d_out], START_STD, rng, device)),
            d_in: self.d_in,
            merge: self.merge,
        })
    }
}

/// One trained vector in place of every visual token.
#[derive(Module, Debug)]
pub struct Blind {
    /// The token, `[d_out]`.
    pub token: Param<Tensor<1>>,
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Projector for Blind {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.token.dims()[0]
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("blind", self.d_in, self.merge);
        let batch = patches.features().dims()[0];
        VisualTokens::continuous(self.token.val().unsqueeze::<3>().expand([
            batch,
            patches.tokens(),
            self.d_out(),
        ]))
    }

    fn cost(&self) -> Cost {
        Cost {
            parameters: self.num_params(),
            multiply_adds_per_token: 0,
            bits_per_token: Some(0.0),
            words: None,
        }
    }
}
