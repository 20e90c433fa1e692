//! Vision towers: images in, patch features in merge order out.
//!
//! [`VisionTower`] is the interface; [`SmallVit`] is the embedded default, small enough to be
//! pre-trained on a laptop. [`patches`] cuts images into patches, [`positions`] holds the 2-D
//! rotary angles, [`block`] the transformer block, and [`weights`] reads and writes parameters as
//! safetensors with their configuration in the metadata.

pub mod block;
pub mod patches;
pub mod positions;
pub mod vit;
pub mod weights;

pub use block::Block;
pub use patches::{PatchLayout, patchify};
pub use positions::RotaryAngles;
pub use vit::{ConfigError, Positions, SmallVit, SmallVitConfig};

use burn::module::Module;
use projector::PatchGrid;

/// Patch features at the two places from which projectors read them.
///
/// Ovis2 and Ovis2.5 feed the state before the tower's final norm to the visual head; other
/// implementations of the same models feed the state after it (see the README's table of
/// discrepancies). Both are returned so that the choice is the caller's.
#[derive(Clone, Debug)]
pub struct TowerOutput {
    /// State after the last block, before the final norm.
    pub pre_norm: PatchGrid,
    /// State after the final norm.
    pub post_norm: PatchGrid,
}

/// A network that maps the pixels of patches to features of patches.
pub trait VisionTower: Module {
    /// Side of a patch in pixels.
    fn patch_size(&self) -> usize;

    /// Side of the block of patches that a projector merges into one token.
    fn merge_size(&self) -> usize;

    /// Width of a patch feature.
    fn d_model(&self) -> usize;

    /// Encodes a batch of equally sized images.
    ///
    /// # Shapes
    /// - `pixels`: features are pixels, `[batch, rows * cols, channels * patch²]`, merge order
    /// - output grids: `[batch, rows * cols, d_model]`, merge order
    ///
    /// # Panics
    /// If the pixel vectors do not have the tower's patch length.
    fn forward(&self, pixels: &PatchGrid) -> TowerOutput;
}
