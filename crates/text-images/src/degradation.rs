//! How far an image departs from clean black on white.

use image::codecs::jpeg::{JpegDecoder, JpegEncoder};
use image::{DynamicImage, GrayImage, ImageBuffer, Luma};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;
use serde::{Deserialize, Serialize};

use crate::drawing::Canvas;
use crate::{Error, Result};

/// Contrast is drawn from this many equally wide bands of its range, each equally often.
pub(crate) const CONTRAST_BANDS: u8 = 4;

/// Strength of what makes an image harder to read. The default is mild.
///
/// Order of application: position jitter, contrast and polarity, blur, noise, JPEG. Levels and
/// noise are fractions of the full grey range. A file may set some fields only; the rest keep
/// their defaults.
///
/// | field | default | range |
/// |---|---|---|
/// | `jitter_px` | 0.7 | 0 to 4 |
/// | `contrast` | 0.5 to 1 | within 0.01 to 1 |
/// | `inverted_share` | 0.5 | 0 to 1 |
/// | `noise_sd` | 0.03 | 0 to 1 |
/// | `blur_share`, `blur_sigma_px` | 0.15, 0.3 to 0.6 | 0 to 1, within 0.1 to 10 |
/// | `jpeg_share`, `jpeg_quality` | 0.15, 40 to 95 | 0 to 1, within 1 to 100 |
/// | `photographed` | false | |
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Degradation {
    /// Largest shift of a grid character in x and of a grid line in y, in px. A shift never takes
    /// ink out of its cell.
    pub jitter_px: f32,
    /// Smallest and largest difference between ink and background, as fractions of the range.
    pub contrast: [f32; 2],
    /// Share of images with light text on a dark background.
    pub inverted_share: f32,
    /// Standard deviation of Gaussian noise, as a fraction of the range.
    pub noise_sd: f32,
    /// Share of blurred images.
    pub blur_share: f32,
    /// Smallest and largest standard deviation of the Gaussian blur, in px.
    pub blur_sigma_px: [f32; 2],
    /// Share of images that went through JPEG.
    pub jpeg_share: f32,
    /// Smallest and largest JPEG quality.
    pub jpeg_quality: [u8; 2],
    /// Whether lines are set, photographed and cut out as print is: letters of 14 to 64 px, slanted and
    /// stretched, turned by up to 5 degrees, seen from the side, with ink that spreads, uneven light and
    /// paper, ruled lines and neighbours. The blur is then that of a line 32 px high, and the noise varies.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub photographed: bool,
}

impl Default for Degradation {
    fn default() -> Self {
        Self {
            jitter_px: 0.7,
            contrast: [0.5, 1.0],
            inverted_share: 0.5,
            noise_sd: 0.03,
            blur_share: 0.15,
            blur_sigma_px: [0.3, 0.6],
            jpeg_share: 0.15,
            jpeg_quality: [40, 95],
            photographed: false,
        }
    }
}

impl Degradation {
    /// Print as scans and photographs show it.
    pub fn photographed() -> Self {
        Self {
            contrast: [0.25, 1.0],
            inverted_share: 0.25,
            noise_sd: 0.02,
            blur_share: 0.45,
            blur_sigma_px: [0.3, 1.5],
            jpeg_share: 0.5,
            jpeg_quality: [30, 95],
            photographed: true,
            ..Self::default()
        }
    }

    /// Black on white, centred, without noise, blur or JPEG. Fonts and sizes still vary.
    pub fn none() -> Self {
        Self {
            jitter_px: 0.0,
            contrast: [1.0, 1.0],
            inverted_share: 0.0,
            noise_sd: 0.0,
            blur_share: 0.0,
            jpeg_share: 0.0,
            ..Self::default()
        }
    }

    /// Checks every field against the table above.
    ///
    /// # Errors
    /// [`Error::Degradation`] naming the first field out of range.
    pub fn check(&self) -> Result<()> {
        let inside = |value: f32, low: f32, high: f32| (low..=high).contains(&value);
        let ordered = |range: [f32; 2], low: f32, high: f32| {
            inside(range[0], low, high) && inside(range[1], range[0], high)
        };
        let shares = [
            ("inverted_share", self.inverted_share),
            ("blur_share", self.blur_share),
            ("jpeg_share", self.jpeg_share),
            ("noise_sd", self.noise_sd),
        ];
        for (field, value) in shares {
            if !inside(value, 0.0, 1.0) {
                return Err(out_of_range(field, &value, "between 0 and 1"));
            }
        }
        if !inside(self.jitter_px, 0.0, 4.0) {
            return Err(out_of_range(
                "jitter_px",
                &self.jitter_px,
                "between 0 and 4",
            ));
        }
        if !ordered(self.contrast, 0.01, 1.0) {
            let expected = "[low, high] with 0.01 <= low <= high <= 1";
            return Err(out_of_range("contrast", &self.contrast, expected));
        }
        if !ordered(self.blur_sigma_px, 0.1, 10.0) {
            let expected = "[low, high] with 0.1 <= low <= high <= 10";
            return Err(out_of_range("blur_sigma_px", &self.blur_sigma_px, expected));
        }
        let [low, high] = self.jpeg_quality;
        if low == 0 || low > high || high > 100 {
            let expected = "[low, high] with 1 <= low <= high <= 100";
            return Err(out_of_range("jpeg_quality", &self.jpeg_quality, expected));
        }
        Ok(())
    }

    /// Turns ink coverage into a grey image, and returns the contrast that was drawn.
    pub(crate) fn apply(&self, canvas: Canvas, rng: &mut impl Rng) -> (GrayImage, f32) {
        let (width, height) = (canvas.width_px(), canvas.height_px());
        let appearance = self.draw(rng);
        let image = appearance.develop(width, height, canvas.into_coverage(), rng);
        (image, appearance.contrast())
    }

    /// Draws the levels, the blur and the JPEG quality of one image. Call [`Degradation::check`]
    /// first.
    ///
    /// # Panics
    /// If a share is not between 0 and 1, or a range is empty.
    pub fn draw(&self, rng: &mut impl Rng) -> Appearance {
        let (background, ink) = self.draw_levels(rng);
        Appearance {
            background,
            ink,
            blur_sigma_px: draw_if(self.blur_share, self.blur_sigma_px, rng),
            jpeg_quality: rng
                .random_bool(f64::from(self.jpeg_share))
                .then(|| rng.random_range(self.jpeg_quality[0]..=self.jpeg_quality[1])),
            noise_sd: self.noise_sd,
        }
    }

    /// Levels of background and ink in 0 to 1.
    fn draw_levels(&self, rng: &mut impl Rng) -> (f32, f32) {
        let [low, high] = self.contrast;
        let band_width = (high - low) / f32::from(CONTRAST_BANDS);
        let band = rng.random_range(0..CONTRAST_BANDS);
        let contrast = low + band_width * (f32::from(band) + rng.random::<f32>());
        let darker = rng.random::<f32>() * (1.0 - contrast).max(0.0);
        let lighter = (darker + contrast).min(1.0);
        if rng.random_bool(f64::from(self.inverted_share)) {
            (darker, lighter)
        } else {
            (lighter, darker)
        }
    }
}

/// What a [`Degradation`] came to for one image: how coverage becomes grey.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Appearance {
    /// Level where nothing is drawn, 0 to 1.
    pub background: f32,
    /// Level under full ink, 0 to 1.
    pub ink: f32,
    /// Standard deviation of the Gaussian blur in px, if any.
    pub blur_sigma_px: Option<f32>,
    /// Quality of the JPEG it goes through, if any.
    pub jpeg_quality: Option<u8>,
    /// Standard deviation of Gaussian noise, as a fraction of the range.
    pub noise_sd: f32,
}

impl Appearance {
    /// Difference between ink and background, as a fraction of the grey range.
    pub fn contrast(&self) -> f32 {
        (self.ink - self.background).abs()
    }

    /// Whether the ink is lighter than the background.
    pub fn is_inverted(&self) -> bool {
        self.ink > self.background
    }

    /// An 8-bit grey image from coverage in 0 to 1, row by row; the generator makes the noise.
    ///
    /// # Panics
    /// If there is not one coverage value for every pixel.
    pub fn develop(
        &self,
        width_px: u32,
        height_px: u32,
        mut coverage: Vec<f32>,
        rng: &mut impl Rng,
    ) -> GrayImage {
        if let Some(sigma) = self.blur_sigma_px {
            coverage = blurred(coverage, (width_px, height_px), sigma);
        }
        let pixels = coverage
            .into_iter()
            .map(|covered| {
                let mut level = self.background + (self.ink - self.background) * covered;
                if self.noise_sd > 0.0 {
                    level += self.noise_sd * rng.sample::<f32, _>(StandardNormal);
                }
                (level * 255.0).round().clamp(0.0, 255.0) as u8
            })
            .collect();
        let image = GrayImage::from_raw(width_px, height_px, pixels)
            .expect("coverage has one value for every pixel");
        match self.jpeg_quality {
            Some(quality) => through_jpeg(&image, quality),
            None => image,
        }
    }
}

fn out_of_range(field: &'static str, value: &dyn std::fmt::Debug, expected: &'static str) -> Error {
    Error::Degradation {
        field,
        value: format!("{value:?}"),
        expected,
    }
}

fn draw_if(share: f32, [low, high]: [f32; 2], rng: &mut impl Rng) -> Option<f32> {
    rng.random_bool(f64::from(share))
        .then(|| low + (high - low) * rng.random::<f32>())
}

/// A plane of values, row by row, behind a Gaussian blur.
///
/// # Panics
/// If there is not one value for every pixel.
pub(crate) fn blurred(
    plane: Vec<f32>,
    (width_px, height_px): (u32, u32),
    sigma_px: f32,
) -> Vec<f32> {
    let plane: ImageBuffer<Luma<f32>, Vec<f32>> =
        ImageBuffer::from_raw(width_px, height_px, plane).expect("one value for every pixel");
    image::imageops::blur(&plane, sigma_px).into_raw()
}

/// An image after it was kept as JPEG.
pub(crate) fn through_jpeg(image: &GrayImage, quality: u8) -> GrayImage {
    let mut bytes = Vec::new();
    image
        .write_with_encoder(JpegEncoder::new_with_quality(&mut bytes, quality))
        .expect("encoding into memory fails only for sides over 65,535 px, refused earlier");
    let decoder = JpegDecoder::new(std::io::Cursor::new(bytes));
    decoder
        .and_then(DynamicImage::from_decoder)
        .expect("a JPEG that was just encoded can be decoded")
        .into_luma8()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;

    #[test]
    fn every_field_is_checked_and_named() {
        let bad = [
            (
                "jitter_px",
                Degradation {
                    jitter_px: -1.0,
                    ..Degradation::default()
                },
            ),
            (
                "contrast",
                Degradation {
                    contrast: [0.9, 0.2],
                    ..Degradation::default()
                },
            ),
            (
                "inverted_share",
                Degradation {
                    inverted_share: 2.0,
                    ..Degradation::default()
                },
            ),
            (
                "noise_sd",
                Degradation {
                    noise_sd: f32::NAN,
                    ..Degradation::default()
                },
            ),
            (
                "blur_share",
                Degradation {
                    blur_share: -0.1,
                    ..Degradation::default()
                },
            ),
            (
                "blur_sigma_px",
                Degradation {
                    blur_sigma_px: [0.0, 1.0],
                    ..Degradation::default()
                },
            ),
            (
                "jpeg_share",
                Degradation {
                    jpeg_share: 1.1,
                    ..Degradation::default()
                },
            ),
            (
                "jpeg_quality",
                Degradation {
                    jpeg_quality: [0, 50],
                    ..Degradation::default()
                },
            ),
        ];
        for (field, degradation) in bad {
            let message = degradation.check().unwrap_err().to_string();
            assert!(message.contains(field), "{message}");
        }
        Degradation::default().check().unwrap();
        Degradation::none().check().unwrap();
    }

    #[test]
    fn a_file_may_set_some_fields_only_but_no_unknown_ones() {
        let read: Degradation = serde_json::from_str(r#"{"noise_sd": 0.2}"#).unwrap();
        assert_eq!(read.noise_sd, 0.2);
        assert_eq!(read.jpeg_quality, [40, 95]);
        assert!(serde_json::from_str::<Degradation>(r#"{"noise": 0.2}"#).is_err());
    }

    #[test]
    fn without_degradation_ink_is_black_and_background_white() {
        let canvas = Canvas::new(8, 4);
        let (image, contrast) = Degradation::none().apply(canvas, &mut stream(1, "levels", 0));
        assert!(image.pixels().all(|pixel| pixel.0 == [255]));
        assert_eq!(contrast, 1.0);
    }

    #[test]
    fn noise_has_the_standard_deviation_asked_for() {
        let degradation = Degradation {
            noise_sd: 0.05,
            contrast: [0.4, 0.4],
            ..Degradation::none()
        };
        let sds: Vec<f64> = (0..40)
            .map(|index| {
                let canvas = Canvas::new(64, 64);
                let (image, _) = degradation.apply(canvas, &mut stream(1, "noise", index));
                let values: Vec<f64> = image.iter().map(|v| f64::from(*v) / 255.0).collect();
                let mean = values.iter().sum::<f64>() / values.len() as f64;
                let squares: f64 = values.iter().map(|v| (v - mean).powi(2)).sum();
                (squares / values.len() as f64).sqrt()
            })
            .collect();
        // A background close to white or black clips the noise; most are not.
        let mut sorted = sds.clone();
        sorted.sort_by(f64::total_cmp);
        assert!((sorted[30] - 0.05).abs() < 0.003, "{sorted:?}");
    }
}
