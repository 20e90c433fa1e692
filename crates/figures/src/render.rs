//! From a scene to SVG text and PNG bytes, through plotters.

use std::io::Cursor;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use image::codecs::png::{CompressionType, FilterType, PngEncoder};
use image::{Rgb, RgbImage};
use plotters::coord::Shift;
use plotters::element::DashedPathElement;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};

use crate::FigureError;
use crate::font::{FAMILY, PLOTTERS_SIZE_PER_EM, Weight};
use crate::raster::{self, OVERSAMPLING, Raster};
use crate::scene::{Anchor, Item, Label, Point, Scene};
use crate::style::PAGE_WIDTH;

/// plotters has whole-number coordinates; the SVG counts in quarters of a pixel to stay exact.
const SVG_UNITS_PER_PIXEL: u32 = 4;

/// The page as an SVG document that is 1600 px wide by default and scales freely.
pub(crate) fn svg(scene: &Scene) -> Result<String, FigureError> {
    let (width, height) = page_size(scene, 1);
    let (wide, high) = page_size(scene, SVG_UNITS_PER_PIXEL);
    let mut document = String::new();
    // plotters writes whole documents and no bitmaps: the items between two bitmaps are drawn into
    // a document of their own, of which the inside is taken.
    for (index, part) in parts(&scene.items).into_iter().enumerate() {
        match part {
            Part::Bitmap { from, to, pixels } => document += &image_element(from, to, pixels)?,
            Part::Items(items) => {
                let mut part = String::new();
                let area = SVGBackend::with_string(&mut part, (wide, high)).into_drawing_area();
                if index == 0 {
                    area.fill(&WHITE).map_err(|error| refused("SVG", &error))?;
                }
                paint(items, &area, SVG_UNITS_PER_PIXEL).map_err(|error| refused("SVG", &error))?;
                drop(area);
                document += part
                    .split_once(">\n")
                    .and_then(|(_, rest)| rest.trim_end().strip_suffix("</svg>"))
                    .ok_or(FigureError::Draw {
                        format: "SVG",
                        message: "the backend wrote no document".to_owned(),
                    })?;
            }
        }
    }
    Ok(format!(
        "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {wide} {high}\" \
         xmlns=\"http://www.w3.org/2000/svg\">\n{document}</svg>\n"
    ))
}

/// The page as a PNG file, 1600 px wide.
pub(crate) fn png(scene: &Scene) -> Result<Vec<u8>, FigureError> {
    let (width, height) = page_size(scene, OVERSAMPLING);
    let mut page = RgbImage::from_pixel(width, height, Rgb([255; 3]));
    for part in parts(&scene.items) {
        match part {
            Part::Bitmap { from, to, pixels } => {
                let place = |(x, y): Point| (whole(x, OVERSAMPLING), whole(y, OVERSAMPLING));
                raster::stretch(&mut page, place(from), place(to), pixels);
            }
            Part::Items(items) => {
                let area = Raster::new(&mut page).into_drawing_area();
                paint(items, &area, OVERSAMPLING).map_err(|error| refused("PNG", &error))?;
            }
        }
    }
    png_bytes(&raster::average_down(&page))
}

fn png_bytes(pixels: &RgbImage) -> Result<Vec<u8>, FigureError> {
    let mut bytes = Cursor::new(Vec::new());
    let encoder =
        PngEncoder::new_with_quality(&mut bytes, CompressionType::Default, FilterType::Adaptive);
    pixels.write_with_encoder(encoder)?;
    Ok(bytes.into_inner())
}

/// What is drawn at a time: a bitmap, or everything up to the next one.
enum Part<'a> {
    Items(&'a [Item]),
    Bitmap {
        from: Point,
        to: Point,
        pixels: &'a RgbImage,
    },
}

/// A scene cut at its bitmaps. The first part holds items, though there may be none in it.
fn parts(items: &[Item]) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut start = 0;
    for (index, item) in items.iter().enumerate() {
        if let Item::Picture { from, to, pixels } = item {
            if start < index || index == 0 {
                parts.push(Part::Items(&items[start..index]));
            }
            parts.push(Part::Bitmap {
                from: *from,
                to: *to,
                pixels,
            });
            start = index + 1;
        }
    }
    if start < items.len() || items.is_empty() {
        parts.push(Part::Items(&items[start..]));
    }
    parts
}

/// A bitmap as an element that holds its own data.
fn image_element(from: Point, to: Point, pixels: &RgbImage) -> Result<String, FigureError> {
    let units = |length: f64| whole(length, SVG_UNITS_PER_PIXEL);
    let (x, y) = (units(from.0), units(from.1));
    let (width, height) = (units(to.0) - x, units(to.1) - y);
    let data = STANDARD.encode(png_bytes(pixels)?);
    Ok(format!(
        "<image x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" \
         preserveAspectRatio=\"none\" image-rendering=\"pixelated\" \
         href=\"data:image/png;base64,{data}\"/>\n"
    ))
}

/// A length in units of which a pixel has `scale`, rounded.
fn whole(length: f64, scale: u32) -> i32 {
    (length * f64::from(scale)).round() as i32
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
    items: &[Item],
    area: &DrawingArea<DB, Shift>,
    scale: u32,
) -> Result<(), DrawingAreaErrorKind<DB::ErrorType>> {
    let whole = |length: f64| whole(length, scale);
    let place = |&(x, y): &Point| (whole(x), whole(y));
    for item in items {
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
            // Drawn outside of plotters.
            Item::Picture { .. } => {}
            Item::Text(label) => {
                let style = text_style(label, f64::from(scale));
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
