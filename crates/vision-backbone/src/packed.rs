//! Patches of several images and clips in one batch, whatever their sizes.

use burn::tensor::Tensor;
use projector::{GridError, PatchGrid};

/// Size of one image or clip in patches; a row of `grid_thw` in the references.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GridThw {
    /// Frames, counted in temporal patches; 1 for a still image.
    pub frames: usize,
    /// Patches along the height.
    pub rows: usize,
    /// Patches along the width.
    pub cols: usize,
}

impl GridThw {
    /// A still image.
    #[must_use]
    pub fn still(rows: usize, cols: usize) -> Self {
        Self {
            frames: 1,
            rows,
            cols,
        }
    }

    /// Patches of all frames.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.frames * self.rows * self.cols
    }

    /// Number of patches, or `None` if it overflows.
    #[must_use]
    pub fn checked_patches(&self) -> Option<usize> {
        self.frames.checked_mul(self.rows)?.checked_mul(self.cols)
    }

    /// `(row, column)` of every patch in merge order, frame after frame.
    ///
    /// # Panics
    /// If a side is not a multiple of `merge`.
    #[must_use]
    pub fn positions(&self, merge: usize) -> Vec<(usize, usize)> {
        assert!(
            self.rows.is_multiple_of(merge) && self.cols.is_multiple_of(merge),
            "{self} patches do not divide into blocks of {merge} x {merge}"
        );
        let block = merge * merge;
        let blocks_across = self.cols / merge;
        let of_frame = (0..self.rows * self.cols).map(|index| {
            let (block, within) = (index / block, index % block);
            (
                block / blocks_across * merge + within / merge,
                block % blocks_across * merge + within % merge,
            )
        });
        std::iter::repeat_n(of_frame, self.frames)
            .flatten()
            .collect()
    }
}

impl std::fmt::Display for GridThw {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} x {} x {}", self.frames, self.rows, self.cols)
    }
}

/// Patch vectors of a batch of images and clips, one after the other.
///
/// Within an image, frames follow one another, and the patches of a frame are in merge order (see
/// [`PatchGrid`]) of blocks of [`merge`](Self::merge) patches; with `merge` 1 that is raster order.
#[derive(Clone, Debug)]
pub struct PackedPatches {
    features: Tensor<2>,
    grids: Vec<GridThw>,
    merge: usize,
}

impl PackedPatches {
    /// Wraps vectors that are in order already.
    ///
    /// # Shapes
    /// - `features`: `[patches of all grids, d]`
    ///
    /// # Errors
    /// If a grid is empty or does not divide into blocks, or the number of patches is another.
    pub fn new(
        features: Tensor<2>,
        grids: Vec<GridThw>,
        merge: usize,
    ) -> Result<Self, PackedError> {
        if merge == 0 || grids.is_empty() {
            return Err(PackedError::Empty);
        }
        let mut expected = 0_usize;
        for (index, grid) in grids.iter().enumerate() {
            let patches = grid.checked_patches().filter(|&patches| patches > 0);
            let (Some(patches), true, true) = (
                patches,
                grid.rows.is_multiple_of(merge),
                grid.cols.is_multiple_of(merge),
            ) else {
                return Err(PackedError::Grid {
                    index,
                    grid: *grid,
                    merge,
                });
            };
            expected = expected.saturating_add(patches);
        }
        let [found, _] = features.dims();
        if found != expected {
            return Err(PackedError::PatchCount { found, expected });
        }
        Ok(Self {
            features,
            grids,
            merge,
        })
    }

    /// A batch of equally sized still images.
    #[must_use]
    pub fn from_grid(images: &PatchGrid) -> Self {
        let [batch, patches, d] = images.features().dims();
        Self {
            features: images.features().clone().reshape([batch * patches, d]),
            grids: vec![GridThw::still(images.rows(), images.cols()); batch],
            merge: images.merge(),
        }
    }

    /// The same as batches of equally sized still images, neighbours of one size together; frames
    /// become images.
    #[must_use]
    pub fn runs_of_equal_size(&self) -> Vec<PatchGrid> {
        let [_, d] = self.features.dims();
        let mut start = 0;
        self.grids
            .chunk_by(|a, b| (a.rows, a.cols) == (b.rows, b.cols))
            .map(|run| {
                let (rows, cols) = (run[0].rows, run[0].cols);
                let images: usize = run.iter().map(|grid| grid.frames).sum();
                let end = start + images * rows * cols;
                let features = self.features.clone().slice_dim(0, start..end);
                start = end;
                let features = features.reshape([images, rows * cols, d]);
                match PatchGrid::new(features, rows, cols, self.merge) {
                    Ok(grid) => grid,
                    // `new` has checked every grid.
                    Err(error) => unreachable!("{error}"),
                }
            })
            .collect()
    }

    /// The same as one batch of equally sized still images; `None` if sizes differ.
    #[must_use]
    pub fn to_grid(&self) -> Option<PatchGrid> {
        let mut runs = self.runs_of_equal_size();
        if runs.len() == 1 { runs.pop() } else { None }
    }

    /// All blocks of all images side by side, as projectors take them: they look at one block at a
    /// time, so its place does not matter.
    ///
    /// # Errors
    /// Never for patches that [`PackedPatches::new`] has accepted.
    pub fn row_of_blocks(&self) -> Result<PatchGrid, GridError> {
        let [patches, _] = self.features.dims();
        let cols = patches / self.merge;
        PatchGrid::new(
            self.features.clone().unsqueeze(),
            self.merge,
            cols,
            self.merge,
        )
    }

    /// The vectors, `[patches, d]`.
    #[must_use]
    pub fn features(&self) -> &Tensor<2> {
        &self.features
    }

    /// Sizes of the images and clips.
    #[must_use]
    pub fn grids(&self) -> &[GridThw] {
        &self.grids
    }

    /// Side of a block in patches.
    #[must_use]
    pub fn merge(&self) -> usize {
        self.merge
    }

    /// Patches of every frame, frame after frame: what full attention may not cross.
    #[must_use]
    pub fn frames(&self) -> Vec<usize> {
        self.grids
            .iter()
            .flat_map(|grid| std::iter::repeat_n(grid.rows * grid.cols, grid.frames))
            .collect()
    }

    /// `(row, column)` of every patch within its image, in order.
    #[must_use]
    pub fn positions(&self) -> Vec<(usize, usize)> {
        self.grids
            .iter()
            .flat_map(|grid| grid.positions(self.merge))
            .collect()
    }

    /// The same patches with other vectors.
    ///
    /// # Panics
    /// If `features` has another number of rows.
    #[must_use]
    pub fn with_features(&self, features: Tensor<2>) -> Self {
        assert_eq!(
            features.dims()[0],
            self.features.dims()[0],
            "a map of patches must keep their number"
        );
        Self {
            features,
            grids: self.grids.clone(),
            merge: self.merge,
        }
    }

    /// The same patches in the merge order of larger blocks, padded with zeros at the bottom and the
    /// right where a side is not a multiple of `merge` (as Ovis2 pads).
    ///
    /// # Panics
    /// If these are not in raster order (`merge` 1), or `merge` is 0.
    #[must_use]
    pub fn merged_by(&self, merge: usize) -> Self {
        assert_eq!(
            self.merge, 1,
            "only patches in raster order can be regrouped"
        );
        let [_, d] = self.features.dims();
        let mut start = 0;
        let mut parts = Vec::with_capacity(self.grids.len());
        let mut grids = Vec::with_capacity(self.grids.len());
        for grid in &self.grids {
            let (rows, cols) = (
                grid.rows.next_multiple_of(merge),
                grid.cols.next_multiple_of(merge),
            );
            let mut image = self
                .features
                .clone()
                .slice_dim(0, start..start + grid.patches())
                .reshape([grid.frames, grid.rows, grid.cols, d]);
            start += grid.patches();
            let device = image.device();
            if cols > grid.cols {
                let zeros = Tensor::zeros([grid.frames, grid.rows, cols - grid.cols, d], &device);
                image = Tensor::cat(vec![image, zeros], 2);
            }
            if rows > grid.rows {
                let zeros = Tensor::zeros([grid.frames, rows - grid.rows, cols, d], &device);
                image = Tensor::cat(vec![image, zeros], 1);
            }
            parts.push(
                image
                    .reshape([grid.frames, rows / merge, merge, cols / merge, merge, d])
                    .permute([0, 1, 3, 2, 4, 5])
                    .reshape([grid.frames * rows * cols, d]),
            );
            grids.push(GridThw {
                rows,
                cols,
                ..*grid
            });
        }
        Self {
            features: Tensor::cat(parts, 0),
            grids,
            merge,
        }
    }
}

/// Why vectors do not form packed patches.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackedError {
    /// Nothing to encode.
    #[error("no image to encode: give at least one, and a merge size of 1 or more")]
    Empty,
    /// A grid without patches, or one that does not divide into blocks.
    #[error(
        "image {index}: a grid of {grid} patches (frames x rows x columns) does not divide into \
         blocks of {merge} x {merge}: resize it so that both sides are multiples of {merge} patches"
    )]
    Grid {
        /// Number of the image.
        index: usize,
        /// Its size.
        grid: GridThw,
        /// Side of a block in patches.
        merge: usize,
    },
    /// Another number of patches.
    #[error("{found} patch vectors for images of {expected} patches together")]
    PatchCount {
        /// Rows of the features.
        found: usize,
        /// Patches of the grids.
        expected: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn counted(patches: usize) -> Tensor<2> {
        Tensor::<1, burn::tensor::Int>::arange(0..patches as i64, &Device::flex())
            .float()
            .reshape([patches, 1])
    }

    fn values(x: &Tensor<2>) -> Vec<f32> {
        x.clone().into_data().try_to_vec().unwrap()
    }

    #[test]
    fn positions_start_again_with_every_frame_and_image() {
        let clip = GridThw {
            frames: 2,
            rows: 2,
            cols: 4,
        };
        let grids = vec![clip, GridThw::still(2, 2)];
        let packed = PackedPatches::new(counted(20), grids, 2).unwrap();
        let positions = packed.positions();
        assert_eq!(
            positions[..6],
            [(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (0, 3)]
        );
        assert_eq!(positions[..8], positions[8..16]);
        assert_eq!(positions[16..], [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(packed.frames(), [8, 8, 4]);
    }

    #[test]
    fn raster_order_becomes_merge_order() {
        let packed = PackedPatches::new(counted(16), vec![GridThw::still(4, 4)], 1).unwrap();
        let merged = packed.merged_by(2);
        let expected = [
            0., 1., 4., 5., 2., 3., 6., 7., 8., 9., 12., 13., 10., 11., 14., 15.,
        ];
        assert_eq!(values(merged.features()), expected);
        assert_eq!(merged.row_of_blocks().unwrap().merged().dims(), [1, 4, 4]);
    }

    #[test]
    fn ragged_grids_are_padded_at_the_bottom_and_the_right() {
        let packed = PackedPatches::new(counted(9), vec![GridThw::still(3, 3)], 1).unwrap();
        let merged = packed.merged_by(2);
        assert_eq!(merged.grids(), [GridThw::still(4, 4)]);
        let expected = [
            0., 1., 3., 4., 2., 0., 5., 0., 6., 7., 0., 0., 8., 0., 0., 0.,
        ];
        assert_eq!(values(merged.features()), expected);
    }

    #[test]
    fn wrong_sizes_are_named() {
        let error = |patches, grids, merge| {
            PackedPatches::new(counted(patches), grids, merge)
                .unwrap_err()
                .to_string()
        };
        assert!(error(6, vec![GridThw::still(2, 3)], 2).contains("1 x 2 x 3"));
        assert!(error(6, vec![GridThw::still(2, 2)], 2).contains("6 patch vectors"));
        assert!(error(6, vec![], 2).contains("at least one"));
        let endless = GridThw {
            frames: usize::MAX,
            rows: 2,
            cols: 2,
        };
        assert!(error(6, vec![endless], 2).contains("image 0"));
    }
}
