//! Brings an image of any size into the strip that a model reads.

use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};

/// Fits an image into `width_px` × `height_px` without distorting it.
///
/// The image is scaled until it touches the width or the height, enlarged if it is smaller, with
/// the antialiased Catmull-Rom filter; set at the left and in the middle of the height, as text
/// lines begin at the left; and padded with the median of its border pixels, the likely
/// background. An image of the right size is returned unchanged.
///
/// # Panics
/// If a side is zero.
pub fn fit_to(image: &GrayImage, width_px: u32, height_px: u32) -> GrayImage {
    assert!(width_px > 0 && height_px > 0, "a strip has non-zero sides");
    if image.dimensions() == (width_px, height_px) || image.is_empty() {
        return image.clone();
    }
    let scale_x = f64::from(width_px) / f64::from(image.width());
    let scale_y = f64::from(height_px) / f64::from(image.height());
    let scale = scale_x.min(scale_y);
    let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
    let fitted_width = scaled(image.width(), width_px);
    let fitted_height = scaled(image.height(), height_px);
    let fitted = imageops::resize(image, fitted_width, fitted_height, FilterType::CatmullRom);

    let mut strip = GrayImage::from_pixel(width_px, height_px, Luma([border_median(image)]));
    let top = i64::from((height_px - fitted_height) / 2);
    imageops::replace(&mut strip, &fitted, 0, top);
    strip
}

/// Median grey level of the outermost pixels.
fn border_median(image: &GrayImage) -> u8 {
    let (right, bottom) = (image.width() - 1, image.height() - 1);
    let mut border: Vec<u8> = image
        .enumerate_pixels()
        .filter(|(x, y, _)| *x == 0 || *y == 0 || *x == right || *y == bottom)
        .map(|(_, _, pixel)| pixel.0[0])
        .collect();
    let middle = border.len() / 2;
    *border.select_nth_unstable(middle).1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_image_of_the_right_size_is_unchanged() {
        let image = GrayImage::from_fn(64, 32, |x, y| Luma([(x * 3 + y) as u8]));
        assert_eq!(fit_to(&image, 64, 32), image);
    }

    #[test]
    fn padding_has_the_colour_of_the_background() {
        let mut image = GrayImage::from_pixel(20, 20, Luma([230]));
        image.put_pixel(10, 10, Luma([0]));
        let strip = fit_to(&image, 64, 32);
        assert!((32..64).all(|x| (0..32).all(|y| strip.get_pixel(x, y).0 == [230])));
    }

    #[test]
    fn a_long_line_is_centred_in_height_and_fills_the_width() {
        let image = GrayImage::from_fn(400, 20, |x, _| Luma([if x < 200 { 0 } else { 255 }]));
        let strip = fit_to(&image, 128, 32);
        assert_eq!(strip.get_pixel(2, 16).0, [0]);
        assert_eq!(strip.get_pixel(125, 16).0, [255]);
        assert_ne!(strip.get_pixel(2, 16), strip.get_pixel(125, 2));
        let ink_rows = (0..32).filter(|y| strip.get_pixel(2, *y).0[0] < 64).count();
        assert_eq!(
            ink_rows,
            if strip.get_pixel(2, 2).0[0] < 64 {
                32
            } else {
                6
            }
        );
    }

    proptest! {
        #[test]
        fn any_image_fits_and_a_plain_one_stays_plain(
            width in 1_u32..300,
            height in 1_u32..300,
            level in any::<u8>(),
        ) {
            let image = GrayImage::from_pixel(width, height, Luma([level]));
            let strip = fit_to(&image, 64, 32);
            prop_assert_eq!(strip.dimensions(), (64, 32));
            prop_assert!(strip.iter().all(|value| value.abs_diff(level) <= 1));
        }
    }
}
