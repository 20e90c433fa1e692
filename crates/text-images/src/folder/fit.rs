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
    if image.is_empty() {
        return image.clone();
    }
    Fit::new(image.dimensions(), (width_px, height_px)).apply(image)
}

/// How an image comes into a strip, see [`fit_to`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fit {
    image: (u32, u32),
    strip: (u32, u32),
    /// Size of the image in the strip.
    fitted: (u32, u32),
}

impl Fit {
    /// Of an image and a strip with non-zero sides.
    pub(crate) fn new(image: (u32, u32), strip: (u32, u32)) -> Self {
        let scale_x = f64::from(strip.0) / f64::from(image.0);
        let scale_y = f64::from(strip.1) / f64::from(image.1);
        let scale = scale_x.min(scale_y);
        let scaled =
            |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
        let fitted = (scaled(image.0, strip.0), scaled(image.1, strip.1));
        Self {
            image,
            strip,
            fitted,
        }
    }

    fn top(self) -> u32 {
        (self.strip.1 - self.fitted.1) / 2
    }

    /// Where a point of the image lies in the strip, in px.
    pub(crate) fn place(self, [x, y]: [f32; 2]) -> [f32; 2] {
        [
            x * self.fitted.0 as f32 / self.image.0 as f32,
            y * self.fitted.1 as f32 / self.image.1 as f32 + self.top() as f32,
        ]
    }

    /// The strip.
    pub(crate) fn apply(self, image: &GrayImage) -> GrayImage {
        if self.image == self.strip {
            return image.clone();
        }
        let (width, height) = self.fitted;
        let fitted = imageops::resize(image, width, height, FilterType::CatmullRom);
        let mut strip =
            GrayImage::from_pixel(self.strip.0, self.strip.1, Luma([border_median(image)]));
        imageops::replace(&mut strip, &fitted, 0, self.top().into());
        strip
    }
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

    #[test]
    fn a_point_of_the_image_is_found_in_the_strip() {
        let mut image = GrayImage::from_pixel(40, 80, Luma([255]));
        for (x, y) in [(20, 60), (21, 60), (20, 61), (21, 61)] {
            image.put_pixel(x, y, Luma([0]));
        }
        for strip in [(64, 32), (16, 64), (40, 80)] {
            let fit = Fit::new(image.dimensions(), strip);
            let [x, y] = fit.place([21.0, 61.0]);
            let fitted = fit.apply(&image);
            let darkest = fitted
                .enumerate_pixels()
                .min_by_key(|(_, _, pixel)| pixel.0[0]);
            let (found_x, found_y, _) = darkest.unwrap();
            let away = [x - found_x as f32 - 0.5, y - found_y as f32 - 0.5];
            assert!(
                away.iter().all(|away| away.abs() <= 1.0),
                "{strip:?} {away:?}"
            );
        }
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
