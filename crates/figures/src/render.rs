//! From a scene to SVG text and PNG bytes, through plotters.

use std::io::Cursor;

use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::FigureError;
use crate::font::{FAMILY, Weight};
use crate::raster::{self, OVERSAMPLING, Raster};
use crate::scene::{Anchor, Item, Label, Point, Scene};
use crate::style::PAGE_WIDTH;

/// plotters calls 1.24 em the size of a font; its SVG backend divides by it.
pub(crate) const PLOTTERS_SIZE_PER_EM: f64 = 1.24;
/// plotters has whole-number coordinates; the SVG counts in quarters of a pixel to stay exact.
const SVG_UNITS_PER_PIXEL: u32 = 4;

/// The page as an SVG document that is 1600 px wide by default and scales freely.
pub(crate) fn svg(scene: &Scene) -> Result<String, FigureError> {
    let (width, height) = page_size(scene, 1);
    let (wide, high) = page_size(scene, SVG_UNITS_PER_PIXEL);
    let mut document = String::new();
    let area = SVGBackend::with_string(&mut document, (wide, high)).into_drawing_area();
    area.fill(&WHITE).map_err(|error| refused("SVG", &error))?;
    paint(scene, &area, SVG_UNITS_PER_PIXEL).map_err(|error| refused("SVG", &error))?;
    drop(area);
    let drawn = format!("width=\"{wide}\" height=\"{high}\"");
    let shown = format!("width=\"{width}\" height=\"{height}\"");
    Ok(document.replacen(&drawn, &shown, 1))
}

/// The page as a PNG file, 1600 px wide.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>, FigureError> {
    let (width, height) = page_size(scene, OVERSAMPLING);
    let mut page = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    let area = Raster::new(&mut page).into_drawing_area();
    paint(scene, &area, OVERSAMPLING).map_err(|error| refused("PNG", &error))?;
    drop(area);
    let mut bytes = Cursor::new(Vec::new());
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    raster::average_down(&page).write_with_encoder(encoder)?;
    Ok(bytes.into_inner())
}

fn page_size(scene: &Scene, scale: u32) -> (u32, u32) {
    (
        PAGE_WIDTH as u32 * scale,
        scene.height.ceil().max(1.0) as u32 * scale,
    )
}

fn refused(format: &'static str, error: &dyn std::error::Error) -> FigureError {
    FigureError::Draw {
        format,
        message: error.to_string(),
    }
}

fn paint<DB: DrawingBackend>(
    scene: &Scene,
    area: &DrawingArea<DB, Shift>,
    scale: u32,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let scale = f64::from(scale);
    let whole = |length: f64| (length * scale).round() as i32;
    let place = |&(x, y): &Point| (whole(x), whole(y));
    for item in &scene.items {
        match item {
            Item::Line {
                points,
                width,
                colour,
                dash,
            } => {
                let points: Vec<_> = points.iter().map(place).collect();
                let style = colour.stroke_width(whole(*width).max(1) as u32);
                match dash.pattern() {
                    None => area.draw(&PathElement::new(points, style))?,
                    Some((stroke, gap)) => area.draw(&DashedPathElement::new(
                        points,
                        whole(stroke),
                        whole(gap),
                        style,
                    ))?,
                }
            }
            Item::Area {
                corners,
                colour,
                opacity,
            } => {
                let corners: Vec<_> = corners.iter().map(place).collect();
                area.draw(&Polygon::new(corners, colour.mix(*opacity)))?;
            }
            Item::Disc {
                center,
                radius,
                colour,
            } => area.draw(&Circle::new(place(center), whole(*radius), colour.filled()))?,
            Item::Text(label) => {
                let style = text_style(label, scale);
                area.draw(&Text::new(label.text.as_str(), place(&label.at), style))?;
            }
        }
    }
    area.present()
}

fn text_style(label: &Label, scale: f64) -> TextStyle<'_> {
    let style = match label.weight {
        Weight::Regular => FontStyle::Normal,
        Weight::Bold => FontStyle::Bold,
    };
    let transform = match label.upwards {
        true => FontTransform::Rotate270,
        false => FontTransform::None,
    };
    let horizontal = match label.anchor {
        Anchor::Start => HPos::Left,
        Anchor::Middle => HPos::Center,
        Anchor::End => HPos::Right,
    };
    let size = label.em * PLOTTERS_SIZE_PER_EM * scale;
    let font = FontDesc::new(FontFamily::Name(FAMILY), size, style).transform(transform);
    TextStyle::from(font)
        .color(&label.colour)
        .pos(Pos::new(horizontal, VPos::Center))
}
