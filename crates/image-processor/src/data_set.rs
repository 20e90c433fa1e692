//! Limits of the images of data sets, which come from strangers.

use crate::size_of;

/// Longest side that is decoded, in px: above any scan of a page at 600 dpi.
pub const MAX_SIDE_PX: u32 = 16_384;
/// Largest area that is decoded, in px: well below what exhausts memory.
pub const MAX_PIXELS: u64 = 100_000_000;

/// Width and height in px that the header states, if they are above these limits. Nothing is decoded;
/// of a file without a size, decoding says what is wrong.
#[must_use]
pub fn too_large(bytes: &[u8]) -> Option<[u32; 2]> {
    size_of(bytes).filter(|&[width, height]| {
        width.max(height) > MAX_SIDE_PX || u64::from(width) * u64::from(height) > MAX_PIXELS
    })
}
