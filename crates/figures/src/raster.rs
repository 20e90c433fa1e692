//! A bitmap backend for plotters with smooth edges and well-set text.
//!
//! plotters' own bitmap backend places glyphs on whole pixels and drops their side bearings, and
//! brings a second, older `image` crate. This one draws every primitive through plotters'
//! rasteriser onto a page that is [`OVERSAMPLING`] times larger, sets text from the face's own
//! metrics, and averages down.

use std::convert::Infallible;

use image::{Rgb, RgbImage};
use plotters_backend::text_anchor::HPos;
use plotters_backend::{
    BackendColor, BackendCoord, BackendStyle, BackendTextStyle, DrawingBackend, DrawingErrorKind,
    FontStyle, FontTransform, rasterizer,
};

use crate::font::{self, PLOTTERS_SIZE_PER_EM, Weight, X_HEIGHT_EM};

/// Drawn pixels per pixel of the result, along each axis.
pub(crate) const OVERSAMPLING: u32 = 3;

type Drawn = Result<(), DrawingErrorKind<Infallible>>;

/// A white page, [`OVERSAMPLING`] times the size of the result.
pub(crate) struct Raster<'a> {
    page: &'a mut RgbImage,
}

impl<'a> Raster<'a> {
    pub(crate) fn new(page: &'a mut RgbImage) -> Self {
        Self { page }
    }
}

/// Stretches a bitmap over the rectangle between two corners of the page, each pixel a block.
pub(crate) fn stretch(page: &mut RgbImage, from: BackendCoord, to: BackendCoord, over: &RgbImage) {
    let (left, right) = (from.0.max(0), to.0.min(page.width() as i32));
    let (top, bottom) = (from.1.max(0), to.1.min(page.height() as i32));
    let (wide, high) = (i64::from(to.0 - from.0), i64::from(to.1 - from.1));
    let source = |at: i32, from: i32, length: i64, pixels: u32| {
        let index = i64::from(at - from) * i64::from(pixels) / length.max(1);
        (index as u32).min(pixels.saturating_sub(1))
    };
    for y in top..bottom {
        for x in left..right {
            let place = (
                source(x, from.0, wide, over.width()),
                source(y, from.1, high, over.height()),
            );
            page.put_pixel(x as u32, y as u32, *over.get_pixel(place.0, place.1));
        }
    }
}

/// Averages blocks of [`OVERSAMPLING`]² pixels into one.
pub(crate) fn average_down(page: &RgbImage) -> RgbImage {
    let n = OVERSAMPLING;
    RgbImage::from_fn(page.width() / n, page.height() / n, |x, y| {
        let mut sum = [0u32; 3];
        for (dx, dy) in (0..n * n).map(|i| (i % n, i / n)) {
            for (sum, channel) in sum.iter_mut().zip(page.get_pixel(x * n + dx, y * n + dy).0) {
                *sum += u32::from(channel);
            }
        }
        Rgb(sum.map(|sum| ((sum + n * n / 2) / (n * n)) as u8))
    })
}

impl DrawingBackend for Raster<'_> {
    type ErrorType = Infallible;

    fn get_size(&self) -> (u32, u32) {
        self.page.dimensions()
    }

    fn ensure_prepared(&mut self) -> Drawn {
        Ok(())
    }

    fn present(&mut self) -> Drawn {
        Ok(())
    }

    fn draw_pixel(&mut self, (x, y): BackendCoord, colour: BackendColor) -> Drawn {
        let (Ok(x), Ok(y)) = (u32::try_from(x), u32::try_from(y)) else {
            return Ok(());
        };
        if let Some(pixel) = self.page.get_pixel_mut_checked(x, y) {
            let (red, green, blue) = colour.rgb;
            if colour.alpha >= 1.0 {
                *pixel = Rgb([red, green, blue]);
                return Ok(());
            }
            for (under, over) in pixel.0.iter_mut().zip([red, green, blue]) {
                let (below, above) = (f64::from(*under), f64::from(over));
                *under = (below + (above - below) * colour.alpha).round() as u8;
            }
        }
        Ok(())
    }

    // plotters outlines a wide path as one polygon, which fills wrongly where the path bends
    // sharply; separate segments with round joins do not.
    fn draw_path<S: BackendStyle, I: IntoIterator<Item = BackendCoord>>(
        &mut self,
        path: I,
        style: &S,
    ) -> Drawn {
        let points: Vec<_> = path.into_iter().collect();
        for pair in points.windows(2) {
            rasterizer::draw_line(self, pair[0], pair[1], style)?;
        }
        let interior = points.len().saturating_sub(1).max(1);
        for &joint in points.get(1..interior).unwrap_or_default() {
            let fill = style.color();
            rasterizer::draw_circle(self, joint, style.stroke_width() / 2, &fill, true)?;
        }
        Ok(())
    }

    fn draw_text<S: BackendTextStyle>(&mut self, text: &str, style: &S, at: BackendCoord) -> Drawn {
        let em = style.size() / PLOTTERS_SIZE_PER_EM;
        let weight = match style.style() {
            FontStyle::Bold => Weight::Bold,
            FontStyle::Normal | FontStyle::Oblique | FontStyle::Italic => Weight::Regular,
        };
        let width = font::width(text, em, weight);
        let left = match style.anchor().h_pos {
            HPos::Left => 0.0,
            HPos::Center => -width / 2.0,
            HPos::Right => -width,
        };
        // The SVG backend centres a text by moving its baseline half an x-height down.
        let (left, baseline) = (left.round() as i32, (em * X_HEIGHT_EM / 2.0).round() as i32);
        let colour = style.color();
        for (x, y, covered) in font::coverage(text, em, weight) {
            let (x, y) = match style.transform() {
                FontTransform::Rotate270 => (y + baseline, -(x + left)),
                // Nothing here stands otherwise.
                FontTransform::None | FontTransform::Rotate90 | FontTransform::Rotate180 => {
                    (x + left, y + baseline)
                }
            };
            let alpha = colour.alpha * f64::from(covered).clamp(0.0, 1.0);
            self.draw_pixel((at.0 + x, at.1 + y), BackendColor { alpha, ..colour })?;
        }
        Ok(())
    }
}
