//! Outlines in pixels, with edges anywhere between the pixels.

use std::f32::consts::{PI, TAU};

use text_images::{Lettering, bounds_of};

/// A point (x, y) in px: x right, y down, the corner of the first pixel at (0, 0).
pub(crate) type Point = [f32; 2];

/// Straight pieces of a full circle. At a radius of 16 px the area is short by 0.03%.
const CIRCLE_PIECES: usize = 144;

/// A filled outline: directed lines that together close.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub(crate) lines: Vec<[Point; 2]>,
}

impl Shape {
    pub(crate) fn polygon(points: &[Point]) -> Self {
        let next = points.iter().cycle().skip(1);
        Self {
            lines: points.iter().zip(next).map(|(a, b)| [*a, *b]).collect(),
        }
    }

    pub(crate) fn disc(centre: Point, radius: f32) -> Self {
        Self::regular(centre, radius, CIRCLE_PIECES, 0.0)
    }

    /// A disc with a hole.
    pub(crate) fn ring(centre: Point, outer: f32, inner: f32) -> Self {
        let mut ring = Self::disc(centre, outer);
        let hole = Self::disc(centre, inner);
        // The other way round, so that the hole counts against the disc.
        ring.lines.extend(hole.lines.iter().map(|[a, b]| [*b, *a]));
        ring
    }

    /// A ring whose gap of parallel sides faces `angle` radians, clockwise from the right. One
    /// outline, because two shapes that share a pixel would not add up to the right coverage.
    pub(crate) fn open_ring(centre: Point, [outer, inner]: [f32; 2], gap: f32, angle: f32) -> Self {
        let arc = |radius: f32| {
            let half = (gap / 2.0 / radius).asin();
            let step = (TAU - 2.0 * half) / CIRCLE_PIECES as f32;
            (0..=CIRCLE_PIECES)
                .map(move |k| towards(centre, angle + half + step * k as f32, radius))
        };
        let mut points: Vec<Point> = arc(inner).collect();
        points.reverse();
        points.extend(arc(outer));
        Self::polygon(&points)
    }

    /// A regular polygon whose first corner lies at `angle` radians, clockwise from the right.
    pub(crate) fn regular(centre: Point, radius: f32, corners: usize, angle: f32) -> Self {
        let corner = |k: usize| towards(centre, angle + TAU * k as f32 / corners as f32, radius);
        Self::polygon(&(0..corners).map(corner).collect::<Vec<Point>>())
    }

    /// A star with one tip up.
    pub(crate) fn star(centre: Point, outer: f32, inner: f32, tips: usize) -> Self {
        let corner = |k: usize| {
            let radius = if k.is_multiple_of(2) { outer } else { inner };
            towards(centre, -PI / 2.0 + PI * k as f32 / tips as f32, radius)
        };
        Self::polygon(&(0..2 * tips).map(corner).collect::<Vec<Point>>())
    }

    /// A straight stroke with flat ends.
    pub(crate) fn stroke(from: Point, to: Point, width: f32) -> Self {
        let (dx, dy) = (to[0] - from[0], to[1] - from[1]);
        let length = dx.hypot(dy).max(f32::MIN_POSITIVE);
        let (nx, ny) = (-dy / length * width / 2.0, dx / length * width / 2.0);
        Self::polygon(&[
            [from[0] + nx, from[1] + ny],
            [from[0] - nx, from[1] - ny],
            [to[0] - nx, to[1] - ny],
            [to[0] + nx, to[1] + ny],
        ])
    }

    pub(crate) fn rectangle(centre: Point, width: f32, height: f32) -> Self {
        let [x, y] = centre;
        Self::stroke([x, y - height / 2.0], [x, y + height / 2.0], width)
    }

    /// A word whose capital H is `height` px high, its pen starting at `origin` on the baseline.
    pub(crate) fn word(lettering: &Lettering, height: f32, origin: Point) -> Self {
        let place = |[x, y]: Point| [origin[0] + height * x, origin[1] + height * y];
        Self {
            lines: lettering.lines.iter().map(|line| line.map(place)).collect(),
        }
    }

    /// Every point moved by a function.
    pub(crate) fn map(&self, place: impl Fn(Point) -> Point) -> Self {
        Self {
            lines: self.lines.iter().map(|line| line.map(&place)).collect(),
        }
    }

    /// Turned clockwise about a point.
    pub(crate) fn turned(&self, about: Point, radians: f32) -> Self {
        let (sin, cos) = radians.sin_cos();
        self.map(|[x, y]| {
            let (dx, dy) = (x - about[0], y - about[1]);
            [
                about[0] + dx * cos - dy * sin,
                about[1] + dx * sin + dy * cos,
            ]
        })
    }

    /// Smallest x, smallest y, largest x, largest y.
    pub(crate) fn bounds(&self) -> [f32; 4] {
        bounds_of(&self.lines)
    }

    /// Enclosed area in px² (holes subtracted).
    pub(crate) fn area(&self) -> f32 {
        let twice = |[a, b]: &[Point; 2]| a[0] * b[1] - b[0] * a[1];
        self.lines.iter().map(twice).sum::<f32>().abs() / 2.0
    }
}

/// The point at a distance from another, at an angle in radians clockwise from the right.
pub(crate) fn towards(from: Point, angle: f32, distance: f32) -> Point {
    [
        from[0] + distance * angle.cos(),
        from[1] + distance * angle.sin(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn areas_are_those_of_geometry() {
        let centre = [16.0, 16.0];
        let close = |shape: Shape, area: f32| (shape.area() / area - 1.0).abs() < 1e-3;
        assert!(close(Shape::disc(centre, 10.0), PI * 100.0));
        assert!(close(Shape::ring(centre, 10.0, 8.0), PI * 36.0));
        // The gap is as wide as the hole: its area by numerical integration.
        let half = Shape::open_ring(centre, [10.0, 8.0], 15.999, 0.4);
        assert!(close(half, PI * 36.0 - 40.19), "an open ring");
        assert!(close(Shape::rectangle(centre, 3.0, 5.0), 15.0));
        assert!(close(Shape::stroke([1.0, 1.0], [4.0, 5.0], 2.0), 10.0));
        assert!(close(
            Shape::rectangle(centre, 3.0, 5.0).turned(centre, 0.3),
            15.0
        ));
    }

    #[test]
    fn a_star_points_up() {
        let [left, top, right, bottom] = Shape::star([0.0, 0.0], 10.0, 4.0, 5).bounds();
        assert!((top + 10.0).abs() < 1e-4 && bottom < 9.0 && (left + right).abs() < 1e-4);
    }
}
