//! A page of lines, areas, discs, pictures and texts, placed but not yet drawn.
//!
//! Coordinates are pixels of the 1600 px wide page, y pointing down. Layout code writes into a
//! scene; `render` turns it into files, and tests read the boxes of its texts.

use image::RgbImage;
use image::imageops::{self, FilterType};
use plotters::style::RGBColor;

use crate::font::Weight;
use crate::style::{Dash, INK, TEXT_EM};

/// x to the right, y down, in pixels.
pub(crate) type Point = (f64, f64);

/// Which part of a text sits at its point; vertically a text is always centred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Anchor {
    Start,
    Middle,
    End,
}

/// One line of text.
#[derive(Clone, Debug)]
pub(crate) struct Label {
    pub text: String,
    pub at: Point,
    pub anchor: Anchor,
    pub em: f64,
    pub weight: Weight,
    pub colour: RGBColor,
    /// Turned to read from bottom to top.
    pub upwards: bool,
}

impl Label {
    /// Regular text of normal size that starts at `at`.
    pub(crate) fn new(text: impl Into<String>, at: Point) -> Self {
        Self {
            text: text.into(),
            at,
            anchor: Anchor::Start,
            em: TEXT_EM,
            weight: Weight::Regular,
            colour: INK,
            upwards: false,
        }
    }

    pub(crate) fn anchored(self, anchor: Anchor) -> Self {
        Self { anchor, ..self }
    }

    pub(crate) fn sized(self, em: f64) -> Self {
        Self { em, ..self }
    }

    pub(crate) fn bold(self) -> Self {
        Self {
            weight: Weight::Bold,
            ..self
        }
    }

    pub(crate) fn coloured(self, colour: RGBColor) -> Self {
        Self { colour, ..self }
    }

    pub(crate) fn upwards(self) -> Self {
        Self {
            upwards: true,
            ..self
        }
    }
}

/// Something to draw.
#[derive(Clone, Debug)]
pub(crate) enum Item {
    Line {
        points: Vec<Point>,
        width: f64,
        colour: RGBColor,
        dash: Dash,
    },
    Area {
        corners: Vec<Point>,
        colour: RGBColor,
        opacity: f64,
    },
    Disc {
        center: Point,
        radius: f64,
        colour: RGBColor,
    },
    /// A bitmap stretched over a rectangle, its pixels kept as squares.
    Picture {
        from: Point,
        to: Point,
        pixels: RgbImage,
    },
    Text(Label),
}

/// The items of a page in drawing order.
#[derive(Debug, Default)]
pub(crate) struct Scene {
    pub items: Vec<Item>,
    /// Height of the page in pixels.
    pub height: f64,
}

impl Scene {
    pub(crate) fn line(&mut self, points: &[Point], width: f64, colour: RGBColor, dash: Dash) {
        if points.len() > 1 && points.iter().all(is_finite) {
            self.items.push(Item::Line {
                points: points.to_vec(),
                width,
                colour,
                dash,
            });
        }
    }

    pub(crate) fn area(&mut self, corners: &[Point], colour: RGBColor, opacity: f64) {
        if corners.len() > 2 && corners.iter().all(is_finite) {
            self.items.push(Item::Area {
                corners: corners.to_vec(),
                colour,
                opacity,
            });
        }
    }

    pub(crate) fn rectangle(&mut self, from: Point, to: Point, colour: RGBColor) {
        let corners = [from, (to.0, from.1), to, (from.0, to.1)];
        self.area(&corners, colour, 1.0);
    }

    pub(crate) fn disc(&mut self, center: Point, radius: f64, colour: RGBColor) {
        if is_finite(&center) {
            self.items.push(Item::Disc {
                center,
                radius,
                colour,
            });
        }
    }

    /// Adds a bitmap between two corners. One with more pixels than the page has there is scaled
    /// down first, so that files stay small.
    pub(crate) fn picture(&mut self, from: Point, to: Point, pixels: &RgbImage) {
        let side = |from: f64, to: f64| (to - from).round().max(1.0) as u32;
        if !is_finite(&from) || !is_finite(&to) || pixels.is_empty() {
            return;
        }
        let (width, height) = (side(from.0, to.0), side(from.1, to.1));
        let pixels = if pixels.width() > width || pixels.height() > height {
            let (width, height) = (width.min(pixels.width()), height.min(pixels.height()));
            imageops::resize(pixels, width, height, FilterType::CatmullRom)
        } else {
            pixels.clone()
        };
        self.items.push(Item::Picture { from, to, pixels });
    }

    /// Adds a text; control characters and others that XML forbids become spaces.
    pub(crate) fn text(&mut self, mut label: Label) {
        let forbidden = |c: char| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}');
        label.text = label.text.replace(forbidden, " ");
        if is_finite(&label.at) && !label.text.trim().is_empty() {
            self.items.push(Item::Text(label));
        }
    }
}

fn is_finite(point: &Point) -> bool {
    point.0.is_finite() && point.1.is_finite()
}
