//! Cutting images into patches in merge order.

/// How an image divides into patches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PatchLayout {
    /// Patches along the height.
    pub rows: usize,
    /// Patches along the width.
    pub cols: usize,
    /// Side of a patch in pixels.
    pub patch: usize,
    /// Side of a merged block in patches.
    pub merge: usize,
}

impl PatchLayout {
    /// The layout of an image, or `None` unless both sides are whole numbers of merged blocks.
    #[must_use]
    pub fn of_image(width: usize, height: usize, patch: usize, merge: usize) -> Option<Self> {
        let block = patch.checked_mul(merge)?;
        let divides = |side: usize| side > 0 && block > 0 && side.is_multiple_of(block);
        (divides(width) && divides(height)).then(|| Self {
            rows: height / patch,
            cols: width / patch,
            patch,
            merge,
        })
    }

    /// Number of patches.
    #[must_use]
    pub fn patches(&self) -> usize {
        self.rows * self.cols
    }

    /// Number of merged tokens.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.patches() / (self.merge * self.merge)
    }

    /// `(row, column)` of every patch in merge order.
    #[must_use]
    pub fn positions(&self) -> Vec<(usize, usize)> {
        let (m, block_cols) = (self.merge, self.cols / self.merge);
        (0..self.patches())
            .map(|index| {
                let (block, within) = (index / (m * m), index % (m * m));
                (
                    block / block_cols * m + within / m,
                    block % block_cols * m + within % m,
                )
            })
            .collect()
    }

    /// Centre `(x, y)` of every patch in pixels, in merge order.
    #[must_use]
    pub fn patch_centres_px(&self) -> Vec<[f32; 2]> {
        let side = self.patch as f32;
        self.positions()
            .into_iter()
            .map(|(row, col)| [(col as f32 + 0.5) * side, (row as f32 + 0.5) * side])
            .collect()
    }

    /// Centre `(x, y)` of every merged token in pixels, row-major.
    #[must_use]
    pub fn token_centres_px(&self) -> Vec<[f32; 2]> {
        self.grid_centres_px([self.rows / self.merge, self.cols / self.merge])
    }

    /// Centre `(x, y)` in pixels of every cell of a grid of `[rows, columns]` over the image, row-major.
    #[must_use]
    pub fn grid_centres_px(&self, [rows, columns]: [usize; 2]) -> Vec<[f32; 2]> {
        let width = (self.cols * self.patch) as f32 / columns as f32;
        let height = (self.rows * self.patch) as f32 / rows as f32;
        (0..rows * columns)
            .map(|cell| {
                [
                    ((cell % columns) as f32 + 0.5) * width,
                    ((cell / columns) as f32 + 0.5) * height,
                ]
            })
            .collect()
    }
}

/// Cuts a grey image into patches, standardised per image.
///
/// Every image is shifted to mean 0 and scaled to variance 1 first: without it, small towers stay
/// at chance for hundreds of steps when contrasts vary. A blank image becomes all zeros.
///
/// # Shapes
/// - `pixels`: `height * width` values, row-major
/// - appended to `out`: `patches * patch²` values, patches in merge order, pixels row-major
///
/// # Panics
/// If `pixels` does not have `layout`'s size.
pub fn patchify(pixels: &[u8], layout: PatchLayout, out: &mut Vec<f32>) {
    let width = layout.cols * layout.patch;
    assert_eq!(
        pixels.len(),
        width * layout.rows * layout.patch,
        "the image does not have the size of its patch layout"
    );
    let n = pixels.len() as f64;
    let sum: u64 = pixels.iter().map(|&p| u64::from(p)).sum();
    let squares: u64 = pixels.iter().map(|&p| u64::from(p) * u64::from(p)).sum();
    let mean = sum as f64 / n;
    let variance = (squares as f64 / n - mean * mean).max(0.0);
    // One grey level: a blank image must not have its noise floor blown up.
    let scale = 1.0 / variance.sqrt().max(1.0);
    out.reserve(pixels.len());
    for (row, col) in layout.positions() {
        for y in 0..layout.patch {
            let start = (row * layout.patch + y) * width + col * layout.patch;
            out.extend(
                pixels[start..start + layout.patch]
                    .iter()
                    .map(|&p| ((f64::from(p) - mean) * scale) as f32),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_list_blocks_row_major_and_patches_within_them() {
        let layout = PatchLayout::of_image(32, 16, 4, 2).unwrap();
        assert_eq!((layout.rows, layout.cols), (4, 8));
        let positions = layout.positions();
        assert_eq!(positions[..4], [(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert_eq!(positions[4], (0, 2));
        assert_eq!(positions[16], (2, 0));
        assert_eq!(layout.token_centres_px()[1], [12.0, 4.0]);
        assert_eq!(layout.patch_centres_px()[2], [2.0, 6.0]);
    }

    #[test]
    fn images_that_do_not_divide_have_no_layout() {
        assert_eq!(PatchLayout::of_image(30, 16, 4, 2), None);
        assert_eq!(PatchLayout::of_image(0, 16, 4, 2), None);
        assert_eq!(PatchLayout::of_image(8, 8, 0, 2), None);
    }

    #[test]
    fn patches_hold_the_pixels_of_their_place_standardised() {
        let layout = PatchLayout::of_image(8, 8, 4, 2).unwrap();
        let pixels: Vec<u8> = (0..64).collect();
        let mut out = Vec::new();
        patchify(&pixels, layout, &mut out);
        let std = ((64.0_f32 * 64.0 - 1.0) / 12.0).sqrt();
        // Second patch: columns 4..8 of the first rows.
        assert!((out[16] - (4.0 - 31.5) / std).abs() < 1e-5);
        assert!((out[20] - (12.0 - 31.5) / std).abs() < 1e-5);
        let mean = out.iter().sum::<f32>() / 64.0;
        assert!(mean.abs() < 1e-5);
    }

    #[test]
    fn a_blank_image_becomes_zeros() {
        let layout = PatchLayout::of_image(8, 8, 4, 2).unwrap();
        let mut out = Vec::new();
        patchify(&[200; 64], layout, &mut out);
        assert!(out.iter().all(|v| *v == 0.0));
    }
}
