//! One patch-wide average per block.

use burn::module::Module;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};

use crate::{ControlError, check_axes};

/// Averages the patches of a block; nothing is trained, and `d_out = d_in`.
///
/// The place of a patch inside its block is lost, and so is everything that cancels between the
/// patches. There is no projection behind the mean: a trained one would be a [`LinearProjector`]
/// whose weights are tied over the block.
///
/// [`LinearProjector`]: crate::LinearProjector
#[derive(Module, Debug)]
pub struct MeanPool {
    #[module(skip)]
    d_in: usize,
    #[module(skip)]
    merge: usize,
}

impl MeanPool {
    /// A mean over blocks of `merge x merge` patches of width `d_in`.
    ///
    /// # Errors
    /// If an axis is 0.
    pub fn new(d_in: usize, merge: usize) -> Result<Self, ControlError> {
        check_axes("mean-pool", &[("d_in", d_in), ("merge", merge)])?;
        Ok(Self { d_in, merge })
    }
}

impl Projector for MeanPool {
    fn merge_size(&self) -> usize {
        self.merge
    }

    fn d_out(&self) -> usize {
        self.d_in
    }

    fn forward(&self, patches: &PatchGrid, _pass: &mut Pass<'_>) -> VisualTokens {
        patches.assert_fits("mean-pool", self.d_in, self.merge);
        let [batch, count, d_in] = patches.features().dims();
        let block = self.merge * self.merge;
        let embeddings = patches
            .features()
            .clone()
            .reshape([batch, count / block, block, d_in])
            .mean_dim(2)
            .squeeze_dim(2);
        VisualTokens::continuous(embeddings)
    }

    fn cost(&self) -> Cost {
        Cost::continuous(0, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};

    #[test]
    fn a_block_becomes_the_mean_of_its_patches() {
        let features = Tensor::<3>::from_floats(
            [[[1.0, 0.0], [3.0, 0.0], [5.0, 4.0], [7.0, -4.0]]],
            &Device::flex(),
        );
        let grid = PatchGrid::new(features, 2, 2, 2).unwrap();
        let tokens = MeanPool::new(2, 2)
            .unwrap()
            .forward(&grid, &mut Pass::deterministic());
        let found: Vec<f32> = tokens.embeddings.into_data().try_to_vec().unwrap();
        assert_eq!(found, [4.0, 0.0]);
    }
}
