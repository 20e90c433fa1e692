//! Pictures from standardised patches, and the baselines that make them without tokens.

use crate::outcome::Subject;
use image::GrayImage;
use image::imageops::{self, FilterType};
use vision_backbone::PatchLayout;

/// Side of the shrunk picture of [`Subject::Resized`]: as many pixels as its tokens have numbers.
fn shrunk(side: usize, pixels: usize, numbers: usize) -> u32 {
    let share = (numbers as f64 / pixels as f64).sqrt().min(1.0);
    ((side as f64 * share).round() as u32).max(1)
}

/// Row-major values of an image whose patches lie in merge order.
///
/// # Panics
/// If `patches` does not have the size of `layout`.
#[must_use]
pub fn raster(patches: &[f32], layout: PatchLayout) -> Vec<f32> {
    let (side, width) = (layout.patch, layout.cols * layout.patch);
    assert_eq!(
        patches.len(),
        layout.patches() * side * side,
        "patches of another layout"
    );
    let mut values = vec![0.0; patches.len()];
    let cut = patches.chunks_exact(side * side).zip(layout.positions());
    for (patch, (row, col)) in cut {
        for (y, line) in patch.chunks_exact(side).enumerate() {
            let start = (row * side + y) * width + col * side;
            values[start..start + side].copy_from_slice(line);
        }
    }
    values
}

/// Grey levels of standardised, row-major values, with mean and contrast of the original.
///
/// Towers and tokens never see mean and contrast of an image, so both are given back to all
/// reconstructions alike.
///
/// # Panics
/// If both have different sizes.
#[must_use]
pub fn grey_levels(standardised: &[f32], original: &[u8]) -> Vec<u8> {
    assert_eq!(standardised.len(), original.len(), "pictures of two sizes");
    let n = original.len() as f64;
    let mean = original.iter().map(|&p| f64::from(p)).sum::<f64>() / n;
    let variance = original
        .iter()
        .map(|&p| (f64::from(p) - mean).powi(2))
        .sum::<f64>()
        / n;
    // As `patchify` has it.
    let contrast = variance.sqrt().max(1.0);
    let level = |&x: &f32| (f64::from(x) * contrast + mean).round().clamp(0.0, 255.0) as u8;
    standardised.iter().map(level).collect()
}

/// What a baseline makes of a picture, `numbers` being what its tokens have; none for an arm.
#[must_use]
pub fn baseline(
    subject: Subject,
    original: &[u8],
    layout: PatchLayout,
    numbers: usize,
) -> Option<Vec<u8>> {
    let (width, height) = (layout.cols * layout.patch, layout.rows * layout.patch);
    match subject {
        Subject::Arm(_) => None,
        Subject::Original => Some(original.to_vec()),
        Subject::MeanColour => Some(grey_levels(&vec![0.0; original.len()], original)),
        Subject::Resized => {
            let picture = GrayImage::from_raw(width as u32, height as u32, original.to_vec())?;
            let [w, h] = [width, height].map(|side| shrunk(side, original.len(), numbers));
            let small = imageops::resize(&picture, w, h, FilterType::Triangle);
            let (width, height) = picture.dimensions();
            let again = imageops::resize(&small, width, height, FilterType::CatmullRom);
            Some(again.into_raw())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use vision_backbone::patchify;

    fn layout() -> PatchLayout {
        PatchLayout::of_image(64, 32, 8, 2).unwrap()
    }

    fn picture() -> Vec<u8> {
        (0..64 * 32_usize)
            .map(|i| (90 + (i * 31 + i / 64 * 17) % 120) as u8)
            .collect()
    }

    #[test]
    fn patches_go_back_to_the_picture_that_they_were_cut_from() {
        let original = picture();
        let mut patches = Vec::new();
        patchify(&original, layout(), &mut patches);
        assert_eq!(
            grey_levels(&raster(&patches, layout()), &original),
            original
        );
    }

    #[test]
    fn a_blank_picture_comes_back_blank() {
        assert_eq!(grey_levels(&[0.0; 6], &[77; 6]), [77; 6]);
    }

    #[test]
    fn baselines_keep_as_many_numbers_as_they_say() {
        let original = picture();
        let all = |numbers| baseline(Subject::Resized, &original, layout(), numbers).unwrap();
        assert_eq!(
            all(64 * 32),
            original,
            "as many numbers as pixels lose nothing"
        );
        let error = |found: &[u8]| crate::measures::mean_squared_error(found, &original);
        let errors = [1024, 128, 8].map(|numbers| error(&all(numbers)));
        assert!(errors.is_sorted() && errors[0] > 0.0, "{errors:?}");
        let mean = baseline(Subject::MeanColour, &original, layout(), 1).unwrap();
        assert!(mean.iter().all(|p| *p == mean[0]));
        assert_eq!([shrunk(64, 2048, 1024), shrunk(32, 2048, 1024)], [45, 23]);
    }
}
