//! How small a detail is.

use perception_tasks::{Task, TaskConfig, TaskKind};
use text_images::{Degradation, Fonts, Split};

use crate::{Ink, attribute, close, each};

#[test]
fn vernier_offset_is_the_distance_of_the_bars() {
    each(TaskKind::Vernier, |item, offset, ink| {
        let split = attribute(item, "break_y");
        let sign = if item.label == 1 { 1.0 } else { -1.0 };
        // Centroids of pixels: an edge counts as if it lay in the middle of its pixel.
        let [_, upper, ..] = ink.moments(|_, y| y < split - 2.0);
        let [_, lower, ..] = ink.moments(|_, y| y > split + 2.0);
        close(lower - upper, sign * offset, 0.1);
        // Edges: the ink on either side of a pixel boundary inside the bar.
        let middle = |name: &str, y: f64| {
            let boundary = attribute(item, name).round();
            let side = |left: bool| -> f64 {
                let row = ink.pixels().filter(|(_, at, _)| *at == y.floor() + 0.5);
                row.filter(|(x, ..)| (*x < boundary) == left)
                    .map(|(.., c)| c)
                    .sum()
            };
            boundary + (side(false) - side(true)) / 2.0
        };
        let measured = middle("lower_x", split + 5.0) - middle("upper_x", split - 5.0);
        close(measured, sign * offset, 0.01);
    });
}

#[test]
fn vernier_bars_of_every_offset_stand_in_the_same_places() {
    let mut config = TaskConfig::new(TaskKind::Vernier, Split::Test, 23);
    config.degradation = Degradation::none();
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for offset in [2.0, 0.5, 0.01] {
        let mut places = Vec::new();
        for index in 0..400 {
            let item = task.item_at(index, offset).unwrap();
            places.extend(["upper_x", "lower_x"].map(|bar| attribute(&item, bar)));
        }
        let [left, right] =
            [f64::min, f64::max].map(|of| places.iter().copied().reduce(of).unwrap());
        close(right - left, 12.0, 0.2);
    }
}

#[test]
fn landolt_gap_is_the_missing_ink_over_the_stroke() {
    for kind in [TaskKind::LandoltGap, TaskKind::LandoltSize] {
        each(kind, |item, gap, ink| {
            let (radius, stroke) = (attribute(item, "diameter") / 2.0, attribute(item, "stroke"));
            let inner = radius - stroke;
            let ring = std::f64::consts::PI * (radius.powi(2) - inner.powi(2));
            // The slit has parallel sides: its length, averaged over its width.
            let steps = 1000;
            let length: f64 = (0..steps)
                .map(|step| {
                    let y = gap * ((f64::from(step) + 0.5) / f64::from(steps) - 0.5);
                    (radius * radius - y * y).sqrt() - (inner * inner - y * y).max(0.0).sqrt()
                })
                .sum::<f64>()
                / f64::from(steps);
            close((ring - ink.total()) / length, gap, 0.1);
        });
    }
}

#[test]
fn landolt_gap_lies_in_the_labelled_direction() {
    each(TaskKind::LandoltGap, |item, gap, ink| {
        // The ink that is missing pulls the centroid to the other side.
        let [amount, x, y, ..] = ink.moments(|_, _| true);
        let (dx, dy) = (
            attribute(item, "centre_x") - x,
            attribute(item, "centre_y") - y,
        );
        let angle = dy.atan2(dx).to_degrees();
        let label = 45.0 * item.label as f64;
        let off = (angle - label + 540.0).rem_euclid(360.0) - 180.0;
        assert!(
            off.abs() < if gap > 0.5 { 3.0 } else { 12.0 },
            "{angle} {label} {amount}"
        );
    });
}

#[test]
fn landolt_size_is_five_gaps() {
    each(TaskKind::LandoltSize, |item, gap, ink| {
        close(attribute(item, "diameter"), 5.0 * gap, 1e-5);
        let [_, _, _, xx, _, yy] = ink.moments(|_, _| true);
        // A ring from 0.6 to 1 radii without its gap: about 0.66 of the radius, root mean square
        // in the plane 0.82.
        let radius = ((xx + yy) / 0.68).sqrt();
        close(radius, 2.5 * gap, 0.05 * 2.5 * gap + 0.25);
    });
}

#[test]
fn contrast_is_the_range_of_levels() {
    each(TaskKind::Contrast, |_, contrast, ink| {
        let most = ink.ink.iter().copied().fold(f64::MIN, f64::max);
        let least = ink.ink.iter().copied().fold(f64::MAX, f64::min);
        close(most - least, contrast, 1.01 / 255.0);
    });
}

#[test]
fn stroke_widths_differ_by_the_asked_amount() {
    each(TaskKind::StrokeWidth, |item, difference, ink| {
        let length = attribute(item, "length");
        let [left, ..] = ink.moments(|x, _| x < 32.0);
        let [right, ..] = ink.moments(|x, _| x > 32.0);
        let sign = if item.label == 0 { 1.0 } else { -1.0 };
        close((left - right) / length, sign * difference, 0.02);
    });
}

#[test]
fn bars_lean_by_the_asked_angle() {
    each(TaskKind::BarOrientation, |item, angle, ink| {
        let [_, cx, cy, xx, xy, yy] = ink.moments(|_, _| true);
        let sign = if item.label == 1 { 1.0 } else { -1.0 };
        let moments = 0.5 * (-2.0 * xy).atan2(yy - xx).to_degrees();
        close(moments, sign * angle, 0.3 + 0.03 * angle);
        if angle > 3.0 {
            return;
        }
        // The left edge of every row: the ink left of a pixel boundary inside the bar.
        let boundary = cx.round();
        let edges: Vec<(f64, f64)> = (0..32)
            .map(|row| row as f64 + 0.5)
            .filter(|y| (y - cy).abs() < 6.0)
            .map(|y| {
                let row = ink.pixels().filter(|(x, at, _)| *at == y && *x < boundary);
                (y - cy, boundary - row.map(|(.., c)| c).sum::<f64>())
            })
            .collect();
        let mean =
            |f: &dyn Fn(&(f64, f64)) -> f64| edges.iter().map(f).sum::<f64>() / edges.len() as f64;
        let (my, mx) = (mean(&|edge| edge.0), mean(&|edge| edge.1));
        let slope = mean(&|(y, x)| (y - my) * (x - mx)) / mean(&|(y, _)| (y - my).powi(2));
        close((-slope).atan().to_degrees(), sign * angle, 0.03);
    });
}

#[test]
fn characters_have_the_asked_height() {
    let mut config = TaskConfig::new(TaskKind::CharacterHeight, Split::Test, 21);
    config.degradation = Degradation::none();
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for index in 0..task.balanced_items() {
        let item = task.item(index);
        let (ink, height) = (Ink::of(&item), item.difficulty.unwrap());
        let half = Ink::of(&task.item_at(index, (height / 2.0).max(2.5)).unwrap());
        let ratio = height / (height / 2.0).max(2.5);
        close((ink.total() / half.total()).sqrt(), ratio, 0.03 * ratio);
        // Letters that reach from the line to the height of an H and not beyond.
        if !["H", "I", "E", "T", "F"].contains(&task.kind().classes()[item.label]) {
            continue;
        }
        let most = ink.ink.iter().copied().fold(0.0, f64::max);
        let row = |y: usize| (0..ink.width).map(|x| ink.at(x, y)).fold(0.0, f64::max);
        let rows = (0..32).filter(|y| row(*y) > 0.25 * most).count();
        close(rows as f64, height, 1.6);
    }
}
