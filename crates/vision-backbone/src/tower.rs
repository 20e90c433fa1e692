//! The interface of all towers.

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::packed::{GridThw, PackedError, PackedPatches};

/// Patch features at the two places from which projectors read them.
///
/// Ovis2 and Ovis2.5 feed the state before the tower's final norm to the visual head; other
/// implementations of the same models feed the state after it (see the README's table of
/// discrepancies). Both are returned so that the choice is the caller's.
#[derive(Clone, Debug)]
pub struct TowerOutput {
    /// State after the last block, before any final norm.
    pub pre_norm: PackedPatches,
    /// State after the final norm; `None` for towers without one.
    pub post_norm: Option<PackedPatches>,
    /// States after inner blocks that a projector reads as well, in the order of the blocks
    /// (DeepStack); empty for towers of one level.
    pub inner: Vec<PackedPatches>,
}

impl TowerOutput {
    /// Of a tower with one level.
    #[must_use]
    pub fn one_level(pre_norm: PackedPatches, post_norm: Option<PackedPatches>) -> Self {
        Self {
            pre_norm,
            post_norm,
            inner: Vec::new(),
        }
    }
}

/// A network that maps the pixels of patches to features of patches.
pub trait VisionTower: Module {
    /// Side of a patch in pixels.
    fn patch_size(&self) -> usize;

    /// Side of the block of patches that the features come out in: what the projector behind the
    /// tower merges into one token.
    fn merge_size(&self) -> usize;

    /// Side of the block of patches in whose order pixels go in: 1 for towers that read an image
    /// in raster order.
    fn merge_size_in(&self) -> usize {
        self.merge_size()
    }

    /// Numbers per patch: pixels of all channels (and frames).
    fn d_patch(&self) -> usize;

    /// Width of a patch feature.
    fn d_model(&self) -> usize;

    /// Encodes images and clips of any sizes; none sees another, and no frame another frame.
    ///
    /// # Shapes
    /// - `pixels`: `[patches, d_patch]` in the order of [`merge_size_in`](Self::merge_size_in)
    /// - outputs: `[patches, d_model]` in the order of [`merge_size`](Self::merge_size)
    ///
    /// # Errors
    /// If the pixels have another order or width, or an image has a size that the tower cannot read.
    fn forward(&self, pixels: &PackedPatches) -> Result<TowerOutput, TowerError>;

    /// Refuses pixels of another width or order.
    ///
    /// # Errors
    /// Says what the tower takes.
    fn check(&self, pixels: &PackedPatches) -> Result<(), TowerError> {
        let [_, found] = pixels.features().dims();
        if found != self.d_patch() {
            return Err(TowerError::PatchWidth {
                found,
                expected: self.d_patch(),
            });
        }
        if pixels.merge() != self.merge_size_in() {
            return Err(TowerError::PatchOrder {
                found: pixels.merge(),
                expected: self.merge_size_in(),
            });
        }
        Ok(())
    }
}

/// Why a tower cannot be built, or cannot encode something.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum TowerError {
    /// A configuration that describes no tower.
    #[error("{tower}: {problem}")]
    Config {
        /// The family.
        tower: &'static str,
        /// What is wrong, and what would be right.
        problem: String,
    },
    /// Patches of another width.
    #[error(
        "patches have {found} numbers each, but this tower reads {expected}: use its own image processor"
    )]
    PatchWidth {
        /// Numbers per patch.
        found: usize,
        /// Numbers that the tower reads.
        expected: usize,
    },
    /// Patches in another order.
    #[error(
        "patches lie in blocks of {found} x {found}, but this tower reads blocks of \
         {expected} x {expected}: use its own image processor"
    )]
    PatchOrder {
        /// Side of a block.
        found: usize,
        /// What the tower reads.
        expected: usize,
    },
    /// An image of a size without positions.
    #[error(
        "image {index} has {found} patches (frames x rows x columns), but this tower has positions \
         for {rows} x {cols} only: resize or tile it"
    )]
    ImageSize {
        /// Number of the image.
        index: usize,
        /// Its size.
        found: GridThw,
        /// Rows that the tower knows.
        rows: usize,
        /// Columns that the tower knows.
        cols: usize,
    },
    /// Patches that form no batch.
    #[error(transparent)]
    Packed(#[from] PackedError),
}

/// Row numbers as a tensor.
pub(crate) fn indices(rows: &[usize], device: &Device) -> Tensor<1, Int> {
    let rows: Vec<i64> = rows.iter().map(|&row| row as i64).collect();
    let count = rows.len();
    Tensor::from_data(TensorData::new(rows, [count]), device)
}

/// Wider than any tower; below it, products of two widths do not overflow.
pub(crate) const WIDEST: usize = 1 << 20;
/// Longer than the side of any patch or block.
pub(crate) const LONGEST_SIDE: usize = 1 << 12;

/// Refuses sizes of 0 and sizes beyond `limit`.
pub(crate) fn check_sizes(
    tower: &'static str,
    limit: usize,
    sizes: &[(&'static str, usize)],
) -> Result<(), TowerError> {
    let impossible = |(_, size): &&(&str, usize)| !(1..=limit).contains(size);
    match sizes.iter().find(impossible) {
        None => Ok(()),
        Some((name, size)) => Err(TowerError::Config {
            tower,
            problem: format!("`{name}` is {size}; expected 1 to {limit}"),
        }),
    }
}

/// Refuses a configuration unless the condition holds.
pub(crate) fn require(
    tower: &'static str,
    holds: bool,
    problem: impl FnOnce() -> String,
) -> Result<(), TowerError> {
    if holds {
        return Ok(());
    }
    Err(TowerError::Config {
        tower,
        problem: problem(),
    })
}
