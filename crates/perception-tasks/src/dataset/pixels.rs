//! From a file to the pixels of a canvas.

use std::path::Path;

use image::imageops::{self, FilterType};
use image::{Rgb, RgbImage};
use image_processor::{Transparency, data_set, decode_bytes};

use super::Problem;

/// What part of a photograph to show.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Crop {
    /// All of it.
    Whole,
    /// The bounding box, where there is one, with a margin on every side.
    Box {
        /// Share of the box's longer side.
        margin: f32,
    },
}

/// Where an object is, in px from the upper left corner. It may reach beyond the image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BoundingBox {
    /// Left edge.
    pub left_px: f32,
    /// Upper edge.
    pub top_px: f32,
    /// Width.
    pub width_px: f32,
    /// Height.
    pub height_px: f32,
}

impl BoundingBox {
    /// The part of the image inside the box, at least one pixel.
    pub(super) fn cut(&self, image: &RgbImage, margin: f32) -> RgbImage {
        let extra = margin.max(0.0) * self.width_px.max(self.height_px);
        let span = |from: f32, length: f32, side: u32| {
            let last = side.saturating_sub(1);
            let start = ((from - extra).round().max(0.0) as u32).min(last);
            let end = (from + length + extra).round().max(0.0) as u32;
            (start, end.clamp(start + 1, side) - start)
        };
        let (x, width) = span(self.left_px, self.width_px, image.width());
        let (y, height) = span(self.top_px, self.height_px, image.height());
        imageops::crop_imm(image, x, y, width, height).to_image()
    }
}

/// Decodes a file, its size checked before, and cuts `banner_px` rows from the bottom of it.
pub(super) fn decode(path: &Path, banner_px: u32) -> Result<RgbImage, Problem> {
    if !path.is_file() {
        return Err(Problem::MissingImage(path.to_owned()));
    }
    let corrupt = |why: String| Problem::Corrupt(path.to_owned(), why);
    let bytes = std::fs::read(path).map_err(|error| corrupt(error.to_string()))?;
    if let Some(size) = data_set::too_large(&bytes) {
        return Err(Problem::TooLarge(path.to_owned(), size));
    }
    let image = decode_bytes(&bytes, Transparency::OverWhite).map_err(|error| {
        let cause = std::error::Error::source(&error).map(ToString::to_string);
        corrupt(cause.unwrap_or_else(|| error.to_string()))
    })?;
    if image.height() <= banner_px {
        return Ok(image);
    }
    let (width, height) = (image.width(), image.height() - banner_px);
    Ok(imageops::crop_imm(&image, 0, 0, width, height).to_image())
}

/// Scaled until it touches the canvas, in the middle of it, padded with the image's mean colour.
pub(super) fn fit(image: &RgbImage, width_px: u32, height_px: u32) -> RgbImage {
    assert!(width_px > 0 && height_px > 0, "a canvas has non-zero sides");
    let scale_x = f64::from(width_px) / f64::from(image.width().max(1));
    let scale_y = f64::from(height_px) / f64::from(image.height().max(1));
    let scale = scale_x.min(scale_y);
    let scaled = |side: u32, most: u32| ((f64::from(side) * scale).round() as u32).clamp(1, most);
    let width = scaled(image.width(), width_px);
    let height = scaled(image.height(), height_px);
    let resized = imageops::resize(image, width, height, FilterType::CatmullRom);
    let mut canvas = RgbImage::from_pixel(width_px, height_px, mean(&resized));
    let left = i64::from((width_px - width) / 2);
    let top = i64::from((height_px - height) / 2);
    imageops::replace(&mut canvas, &resized, left, top);
    canvas
}

fn mean(image: &RgbImage) -> Rgb<u8> {
    let mut sums = [0_u64; 3];
    for pixel in image.pixels() {
        for (sum, value) in sums.iter_mut().zip(pixel.0) {
            *sum += u64::from(value);
        }
    }
    let pixels = image.pixels().len().max(1) as u64;
    Rgb(sums.map(|sum| ((sum + pixels / 2) / pixels) as u8))
}
