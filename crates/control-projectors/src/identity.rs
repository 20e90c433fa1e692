//! The ceiling: every feature of the block reaches the reader.

use burn::module::Module;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens, rms_normalize};

use crate::{ControlError, check_axes};

/// Keeps silent blocks (all zero) finite, far below the mean square of real features.
const EPS: f64 = 1e-6;

/// Concatenates the patches of a block and normalises the result; nothing is trained.
///
/// `out = rms_normalize(concat(patches of the block))`, so `d_out = merge² * d_in`.
#[derive(Module, Debug)]
pub struct Identity {
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl Identity {
    /// An identity for patches of width `d_in` in blocks of `merge x merge`.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn new(d_in: usize, merge: usize) -> Result<Self, ControlError> {
        check_axes("identity", &[("d_in", d_in), ("merge", merge)])?;
        Ok(Self { d_in, merge })
    }
}

impl Projector for Identity {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.merge * self.merge * self.d_in
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("identity", self.d_in, self.merge);
        VisualTokens::continuous(rms_normalize(patches.merged(), EPS))
    }

    fn cost(&self) -> Cost {
        Cost::continuous(0, 0)
    }
}
