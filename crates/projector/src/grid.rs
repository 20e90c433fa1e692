//! Patch features with their place in the image.

use burn::tensor::Tensor;

/// Why patch features do not form a grid of blocks.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum GridError {
    /// The number of patches is not `rows * cols`.
    #[error(
        "{found} patches do not fill a grid of {rows} x {cols}: give features of shape [batch, {}, d_in]",
        rows * cols
    )]
    PatchCount {
        /// Patches along the height.
        rows: usize,
        /// Patches along the width.
        cols: usize,
        /// Patches found in the tensor.
        found: usize,
    },
    /// The grid does not divide into blocks.
    #[error(
        "a grid of {rows} x {cols} patches does not divide into {merge} x {merge} blocks: \
         resize or pad the image so that both sides are multiples of {merge} patches"
    )]
    Ragged {
        /// Patches along the height.
        rows: usize,
        /// Patches along the width.
        cols: usize,
        /// Side of a block in patches.
        merge: usize,
    },
    /// An axis has no extent.
    #[error("a patch grid needs at least one row, one column and a merge size of 1 or more")]
    Empty,
}

/// Patch features of a batch of equally sized images, in merge order.
///
/// Merge order lists the patches block by block (blocks row-major), and within a block row by
/// row: index = `((block_row * block_cols + block_col) * merge + dy) * merge + dx`. Both Qwen2.5-VL
/// and Ovis2.5 run their towers in this order, so that concatenating the patches of a block is a
/// reshape and the channels of a merged vector are `(dy, dx, channel)` with `dy` slowest.
#[derive(Clone, Debug)]
pub struct PatchGrid {
    features: Tensor<3>,
    levels: Vec<Tensor<3>>,
    rows: usize,
    cols: usize,
    merge: usize,
}

impl PatchGrid {
    /// Wraps features that are in merge order already.
    ///
    /// # Shapes
    /// - `features`: `[batch, rows * cols, d_in]`
    ///
    /// # Errors
    /// If the patch count is not `rows * cols`, or a side is not a multiple of `merge`.
    pub fn new(
        features: Tensor<3>,
        rows: usize,
        cols: usize,
        merge: usize,
    ) -> Result<Self, GridError> {
        check(&features, rows, cols, merge)?;
        Ok(Self {
            features,
            levels: Vec::new(),
            rows,
            cols,
            merge,
        })
    }

    /// The same grid with the features of earlier blocks of the tower beside those of the last, in the
    /// order of the blocks, for projectors that read several levels.
    ///
    /// # Shapes
    /// - `levels`: `[batch, rows * cols, d_in]` each, in merge order
    ///
    /// # Panics
    /// If a level has another shape than the features.
    #[must_use]
    pub fn with_levels(self, levels: Vec<Tensor<3>>) -> Self {
        for level in &levels {
            assert_eq!(
                level.dims(),
                self.features.dims(),
                "a level has another shape than the last block"
            );
        }
        Self { levels, ..self }
    }

    /// Features of earlier blocks, in the shape of [`features`](Self::features); none unless they were
    /// [given](Self::with_levels).
    #[must_use]
    pub fn levels(&self) -> &[Tensor<3>] {
        &self.levels
    }

    /// The same grid with features and levels replaced patch by patch.
    ///
    /// # Panics
    /// If `map` changes the shape of some and not of others, or the number of patches.
    #[must_use]
    pub fn map_all(&self, map: impl Fn(Tensor<3>) -> Tensor<3>) -> Self {
        let levels = self.levels.iter().map(|level| map(level.clone()));
        let levels = levels.collect();
        let bare = Self {
            levels: Vec::new(),
            ..self.clone()
        };
        bare.map_features(map).with_levels(levels)
    }

    /// Reorders features that are in raster order (row by row over the whole image), as towers
    /// with a fixed position table such as AIMv2 emit them.
    ///
    /// # Shapes
    /// - `features`: `[batch, rows * cols, d_in]`
    ///
    /// # Errors
    /// As [`PatchGrid::new`].
    pub fn from_raster(
        features: Tensor<3>,
        rows: usize,
        cols: usize,
        merge: usize,
    ) -> Result<Self, GridError> {
        check(&features, rows, cols, merge)?;
        let [batch, patches, d_in] = features.dims();
        let features = features
            .reshape([batch, rows / merge, merge, cols / merge, merge, d_in])
            .permute([0, 1, 3, 2, 4, 5])
            .reshape([batch, patches, d_in]);
        Ok(Self {
            features,
            levels: Vec::new(),
            rows,
            cols,
            merge,
        })
    }

    /// Features in merge order, `[batch, rows * cols, d_in]`.
    #[must_use]
    pub fn features(&self) -> &Tensor<3> {
        &self.features
    }

    /// One vector per block, its patches concatenated: `[batch, tokens, merge² * d_in]`.
    #[must_use]
    pub fn merged(&self) -> Tensor<3> {
        let [batch, patches, d_in] = self.features.dims();
        let block = self.merge * self.merge;
        self.features
            .clone()
            .reshape([batch, patches / block, block * d_in])
    }

    /// The patches in raster order, for layers that look beyond a block.
    ///
    /// # Shapes
    /// - output: `[batch, rows, cols, d_in]`
    #[must_use]
    pub fn raster(&self) -> Tensor<4> {
        let [batch, _, d_in] = self.features.dims();
        let (rows, cols, merge) = (self.rows, self.cols, self.merge);
        self.features
            .clone()
            .reshape([batch, rows / merge, cols / merge, merge, merge, d_in])
            .swap_dims(2, 3)
            .reshape([batch, rows, cols, d_in])
    }

    /// The same grid with features replaced patch by patch, for layers that act before merging. Levels
    /// stay as they are.
    ///
    /// # Panics
    /// If `map` changes the number of patches.
    #[must_use]
    pub fn map_features(&self, map: impl FnOnce(Tensor<3>) -> Tensor<3>) -> Self {
        let features = map(self.features.clone());
        assert_eq!(
            features.dims()[..2],
            self.features.dims()[..2],
            "a per-patch map must keep batch and patches"
        );
        Self {
            features,
            ..self.clone()
        }
    }

    /// Refuses a grid that `projector` was not built for.
    ///
    /// # Panics
    /// If the feature width is not `d_in` or the block side is not `merge`.
    pub fn assert_fits(&self, projector: &str, d_in: usize, merge: usize) {
        assert_eq!(
            (self.d_in(), self.merge),
            (d_in, merge),
            "{projector} was built for another (d_in, merge) than the patches have"
        );
    }

    /// Patches along the height.
    #[must_use]
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Patches along the width.
    #[must_use]
    pub fn cols(&self) -> usize {
        self.cols
    }

    /// Side of a block in patches.
    #[must_use]
    pub fn merge(&self) -> usize {
        self.merge
    }

    /// Width of one patch feature.
    #[must_use]
    pub fn d_in(&self) -> usize {
        self.features.dims()[2]
    }

    /// Visual tokens per image: one per block.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.rows * self.cols / (self.merge * self.merge)
    }
}

fn check(features: &Tensor<3>, rows: usize, cols: usize, merge: usize) -> Result<(), GridError> {
    if rows == 0 || cols == 0 || merge == 0 {
        return Err(GridError::Empty);
    }
    if !rows.is_multiple_of(merge) || !cols.is_multiple_of(merge) {
        return Err(GridError::Ragged { rows, cols, merge });
    }
    let found = features.dims()[1];
    if found != rows * cols {
        return Err(GridError::PatchCount { rows, cols, found });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn raster(rows: usize, cols: usize) -> Tensor<3> {
        let values: Vec<f32> = (0..rows * cols).map(|i| i as f32).collect();
        Tensor::from_data(
            TensorData::new(values, [1, rows * cols, 1]),
            &Device::flex(),
        )
    }

    #[test]
    fn raster_patches_are_grouped_into_blocks_with_dy_slowest() {
        let grid = PatchGrid::from_raster(raster(4, 4), 4, 4, 2).unwrap();
        let merged: Vec<f32> = grid.merged().into_data().try_to_vec().unwrap();
        assert_eq!(
            merged,
            [
                0., 1., 4., 5., 2., 3., 6., 7., 8., 9., 12., 13., 10., 11., 14., 15.
            ]
        );
        assert_eq!(grid.tokens(), 4);
    }

    #[test]
    fn raster_order_comes_back() {
        for merge in [1, 2, 3] {
            let grid = PatchGrid::from_raster(raster(6, 12), 6, 12, merge).unwrap();
            let back = grid.raster();
            assert_eq!(back.dims(), [1, 6, 12, 1]);
            let back: Vec<f32> = back.into_data().try_to_vec().unwrap();
            assert!(back.into_iter().eq((0..72).map(|i| i as f32)), "{merge}");
        }
    }

    #[test]
    fn merge_order_input_is_only_reshaped() {
        let grid = PatchGrid::new(raster(2, 4), 2, 4, 2).unwrap();
        let merged: Vec<f32> = grid.merged().into_data().try_to_vec().unwrap();
        assert_eq!(merged, [0., 1., 2., 3., 4., 5., 6., 7.]);
    }

    #[test]
    fn grids_that_do_not_divide_are_refused() {
        assert_eq!(
            PatchGrid::new(raster(3, 4), 3, 4, 2).unwrap_err(),
            GridError::Ragged {
                rows: 3,
                cols: 4,
                merge: 2
            }
        );
        assert_eq!(
            PatchGrid::new(raster(2, 4), 4, 4, 2).unwrap_err(),
            GridError::PatchCount {
                rows: 4,
                cols: 4,
                found: 8
            }
        );
        assert_eq!(
            PatchGrid::new(raster(2, 2), 2, 2, 0).unwrap_err(),
            GridError::Empty
        );
    }
}
