//! Markers and whiskers.

use std::f64::consts::PI;

use plotters::style::RGBColor;

use crate::scene::{Point, Scene};
use crate::style::{Dash, MARKER_RADIUS, PAPER, Pen, Shape, THIN_WIDTH};

/// Draws a marker with a thin white rim that sets it off from the lines below it.
pub(crate) fn draw(scene: &mut Scene, pen: &Pen, center: Point) {
    shape(scene, pen.shape, center, MARKER_RADIUS + 1.5, PAPER);
    shape(scene, pen.shape, center, MARKER_RADIUS, pen.colour);
    if pen.hollow {
        shape(scene, pen.shape, center, MARKER_RADIUS - 3.0, PAPER);
    }
}

fn shape(scene: &mut Scene, shape: Shape, center: Point, radius: f64, colour: RGBColor) {
    // Radii are scaled so that all shapes look about equally heavy.
    let corners = match shape {
        Shape::Circle => return scene.disc(center, radius, colour),
        Shape::Square => polygon(center, 4, radius * 1.25, 1.0, 0.125),
        Shape::Diamond => polygon(center, 4, radius * 1.25, 1.0, 0.0),
        Shape::TriangleUp => polygon(center, 3, radius * 1.35, 1.0, 0.0),
        Shape::TriangleDown => polygon(center, 3, radius * 1.35, 1.0, 0.5),
        Shape::Hexagon => polygon(center, 6, radius * 1.1, 1.0, 0.0),
        Shape::Star => polygon(center, 10, radius * 1.4, 0.45, 0.0),
        Shape::Cross => cross(center, radius),
    };
    scene.area(&corners, colour, 1.0);
}

/// Corners of a regular polygon; `inner` scales every second corner, `turn` is in full turns.
fn polygon(center: Point, corners: usize, radius: f64, inner: f64, turn: f64) -> Vec<Point> {
    (0..corners)
        .map(|corner| {
            let angle = 2.0 * PI * (corner as f64 / corners as f64 + turn);
            let radius = if corner % 2 == 1 {
                radius * inner
            } else {
                radius
            };
            (
                center.0 + radius * angle.sin(),
                center.1 - radius * angle.cos(),
            )
        })
        .collect()
}

/// An x made of two bars.
fn cross(center: Point, radius: f64) -> Vec<Point> {
    let (arm, half) = (radius * 0.95, radius * 0.42);
    let outline = [
        (0.0, -half),
        (arm - half, -arm),
        (arm, half - arm),
        (half, 0.0),
        (arm, arm - half),
        (arm - half, arm),
        (0.0, half),
        (half - arm, arm),
        (-arm, arm - half),
        (-half, 0.0),
        (-arm, half - arm),
        (half - arm, -arm),
    ];
    outline
        .iter()
        .map(|(x, y)| (center.0 + x, center.1 + y))
        .collect()
}

/// A whisker from one end of an interval to the other, with caps across.
pub(crate) fn whisker(scene: &mut Scene, from: Point, to: Point, colour: RGBColor) {
    let cap = 6.0;
    let across = if (from.0 - to.0).abs() > (from.1 - to.1).abs() {
        (0.0, cap)
    } else {
        (cap, 0.0)
    };
    scene.line(&[from, to], THIN_WIDTH, colour, Dash::Solid);
    for (x, y) in [from, to] {
        let ends = [(x - across.0, y - across.1), (x + across.0, y + across.1)];
        scene.line(&ends, THIN_WIDTH, colour, Dash::Solid);
    }
}
