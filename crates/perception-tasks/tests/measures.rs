//! The difficulty that an item claims can be measured in its pixels.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use perception_tasks::{Item, Task, TaskConfig, TaskKind};
use text_images::{Degradation, Fonts, Split};

/// Ink in 0 to 1 of a clean image, row by row.
struct Ink {
    width: usize,
    ink: Vec<f64>,
}

impl Ink {
    fn of(item: &Item) -> Self {
        let image = item.image.to_luma8();
        let ink = image
            .pixels()
            .map(|pixel| 1.0 - f64::from(pixel.0[0]) / 255.0);
        Self {
            width: image.width() as usize,
            ink: ink.collect(),
        }
    }

    /// x and y of the middle of every inked pixel, and its ink.
    fn pixels(&self) -> impl Iterator<Item = (f64, f64, f64)> {
        let inked = self.ink.iter().enumerate().filter(|(_, ink)| **ink > 0.0);
        inked.map(|(at, ink)| {
            (
                (at % self.width) as f64 + 0.5,
                (at / self.width) as f64 + 0.5,
                *ink,
            )
        })
    }

    fn total(&self) -> f64 {
        self.ink.iter().sum()
    }

    /// Moments of the part that `keep` accepts: amount, mean x, mean y, and the covariances of
    /// xx, xy, yy.
    fn moments(&self, keep: impl Fn(f64, f64) -> bool) -> [f64; 6] {
        let part: Vec<_> = self.pixels().filter(|(x, y, _)| keep(*x, *y)).collect();
        let sum = |f: &dyn Fn(f64, f64) -> f64| -> f64 {
            part.iter().map(|(x, y, ink)| ink * f(*x, *y)).sum()
        };
        let amount = sum(&|_, _| 1.0);
        let (mx, my) = (sum(&|x, _| x) / amount, sum(&|_, y| y) / amount);
        let second = |f: &dyn Fn(f64, f64) -> f64| sum(&|x, y| f(x - mx, y - my)) / amount;
        [
            amount,
            mx,
            my,
            second(&|x, _| x * x),
            second(&|x, y| x * y),
            second(&|_, y| y * y),
        ]
    }

    fn at(&self, x: usize, y: usize) -> f64 {
        self.ink[y * self.width + x]
    }
}

fn attribute(item: &Item, name: &str) -> f64 {
    let found = item.attributes.iter().find(|(known, _)| *known == name);
    found.unwrap_or_else(|| panic!("no {name}")).1
}

/// Calls `check` for clean test items on all levels, two pairs each.
fn each(kind: TaskKind, check: impl Fn(&Item, f64, &Ink)) {
    let mut config = TaskConfig::new(kind, Split::Test, 21);
    config.degradation = Degradation {
        jitter_px: 1.0,
        ..Degradation::none()
    };
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for index in 0..4 * task.levels().len() as u64 {
        let item = task.item(index);
        check(&item, item.difficulty.unwrap(), &Ink::of(&item));
    }
}

/// Calls `check` for both items of clean pairs.
fn each_pair(kind: TaskKind, check: impl Fn([&Item; 2], f64, [&Ink; 2])) {
    let mut config = TaskConfig::new(kind, Split::Test, 22);
    config.degradation = Degradation {
        jitter_px: 1.0,
        ..Degradation::none()
    };
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for pair in 0..4 * task.levels().len() as u64 {
        let [mut a, mut b] = [task.item(2 * pair), task.item(2 * pair + 1)];
        if a.label > b.label {
            std::mem::swap(&mut a, &mut b);
        }
        check(
            [&a, &b],
            a.difficulty.unwrap(),
            [&Ink::of(&a), &Ink::of(&b)],
        );
    }
}

#[track_caller]
fn close(measured: f64, asked: f64, tolerance: f64) {
    assert!(
        (measured - asked).abs() <= tolerance,
        "measured {measured}, asked {asked}"
    );
}

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

#[test]
fn glyphs_of_a_pair_are_as_far_apart_as_claimed() {
    for kind in [
        TaskKind::ConfusableGlyphs,
        TaskKind::ConfusableWords,
        TaskKind::Diacritics,
        TaskKind::Punctuation,
    ] {
        each_pair(kind, |[item, _], distance, [a, b]| {
            let measured: f64 = a.ink.iter().zip(&b.ink).map(|(a, b)| (a - b).abs()).sum();
            close(measured, distance, 0.03 * distance + 0.1);
            let wanted = attribute(item, "wanted_px2");
            assert!(
                (distance / wanted).ln().abs() < 0.25,
                "{kind}: {distance} for {wanted}"
            );
        });
    }
}

#[test]
fn the_letters_around_a_confusable_glyph_stay() {
    for kind in [TaskKind::ConfusableWords, TaskKind::Punctuation] {
        each_pair(kind, |[item, _], _, [a, b]| {
            let (left, right) = (attribute(item, "slot_left"), attribute(item, "slot_right"));
            for (at, (of_a, of_b)) in a.ink.iter().zip(&b.ink).enumerate() {
                let x = (at % a.width) as f64;
                assert!(
                    of_a == of_b || (left - 1.0..right).contains(&x),
                    "{kind} {x}"
                );
            }
            let outside = a
                .pixels()
                .filter(|(x, ..)| !(left - 1.0..right + 1.0).contains(x));
            assert!(outside.count() > 4, "there are letters around");
        });
    }
}

/// Number of connected parts with more ink than the threshold.
fn parts(ink: &Ink, threshold: f64) -> usize {
    let height = ink.ink.len() / ink.width;
    let mut open: Vec<bool> = ink.ink.iter().map(|ink| *ink > threshold).collect();
    let mut parts = 0;
    for start in 0..open.len() {
        if !open[start] {
            continue;
        }
        parts += 1;
        let mut stack = vec![start];
        while let Some(at) = stack.pop() {
            if !std::mem::take(&mut open[at]) {
                continue;
            }
            let (x, y) = (at % ink.width, at / ink.width);
            for (nx, ny) in [
                (x + 1, y),
                (x.wrapping_sub(1), y),
                (x, y + 1),
                (x, y.wrapping_sub(1)),
            ] {
                if nx < ink.width && ny < height {
                    stack.push(ny * ink.width + nx);
                }
            }
        }
    }
    parts
}

#[test]
fn dots_and_strokes_can_be_counted_until_they_touch() {
    for (kind, fewest) in [(TaskKind::DotCount, 1), (TaskKind::StrokeCount, 2)] {
        each(kind, |item, gap, ink| {
            if gap > 1.5 {
                assert_eq!(parts(ink, 0.4), item.label + fewest, "{kind} {gap}");
            }
        });
    }
}

#[test]
fn a_pair_of_counts_differs_by_one_dot_or_stroke() {
    for kind in [TaskKind::DotCount, TaskKind::StrokeCount] {
        each_pair(kind, |items, _, [fewer, more]| {
            assert_eq!(items[0].label + 1, items[1].label);
            let gone = fewer
                .ink
                .iter()
                .zip(&more.ink)
                .filter(|(f, m)| *f > *m)
                .count();
            assert_eq!(gone, 0, "{kind}: nothing else moves");
        });
    }
}

#[test]
fn dots_are_as_far_apart_as_asked() {
    each_pair(TaskKind::DotCount, |items, gap, [fewer, more]| {
        // The dot that is added, and the one of two dots that was there.
        if items[0].label != 0 {
            return;
        }
        let added = Ink {
            width: 64,
            ink: more
                .ink
                .iter()
                .zip(&fewer.ink)
                .map(|(m, f)| m - f)
                .collect(),
        };
        let [_, x, y, ..] = added.moments(|_, _| true);
        let [_, ox, oy, ..] = fewer.moments(|_, _| true);
        let distance = (x - ox).hypot(y - oy) - attribute(items[0], "diameter");
        close(distance, gap, 0.05);
    });
}

#[test]
fn textures_differ_by_the_asked_ink() {
    each(TaskKind::SameDifferent, |item, share, ink| {
        let difference = |x: usize, y: usize| (ink.at(x, y) - ink.at(x + 28, y)).abs();
        let most = (0..32)
            .flat_map(|y| (0..36).map(move |x| (x, y)))
            .map(|(x, y)| difference(x, y))
            .fold(0.0, f64::max);
        close(most, if item.label == 0 { 0.0 } else { share }, 0.01);
        let [left, ..] = ink.moments(|x, _| x < 32.0);
        let [right, ..] = ink.moments(|x, _| x > 32.0);
        close(left, right, 1.0);
        // Half of the cells of 16 px each: no seams.
        close(left, 8.0 * 16.0, 0.5);
    });
}

#[test]
fn lines_cross_as_often_as_the_label_says() {
    each(TaskKind::LineIntersection, |item, distance, ink| {
        // Runs of ink down every column.
        let runs = |x: usize| {
            let mut runs: Vec<Vec<(f64, f64)>> = Vec::new();
            let mut inside = false;
            for y in 0..32 {
                let covered = ink.at(x, y);
                if covered > 0.12 {
                    if !inside {
                        runs.push(Vec::new());
                    }
                    runs.last_mut().unwrap().push((y as f64 + 0.5, covered));
                }
                inside = covered > 0.12;
            }
            let centre = |run: Vec<(f64, f64)>| {
                let total: f64 = run.iter().map(|(_, c)| c).sum();
                run.iter().map(|(y, c)| y * c).sum::<f64>() / total
            };
            runs.into_iter().map(centre).collect::<Vec<f64>>()
        };
        if distance < 5.0 {
            return;
        }
        let mut crossings = 0;
        let mut apart = true;
        for x in 10..54 {
            let now = runs(x).len() == 2;
            crossings += usize::from(apart && !now);
            apart = now;
        }
        assert_eq!(crossings, item.label, "{distance}");
        let knot = runs(32);
        let measured = knot[1] - knot[0];
        assert!(
            (distance - 1.5..1.4 * distance + 1.0).contains(&measured),
            "{measured} {distance}"
        );
    });
}

#[test]
fn circles_are_apart_or_overlap_by_the_asked_distance() {
    each_pair(TaskKind::TouchingCircles, |items, distance, inks| {
        assert_eq!([items[0].label, items[1].label], [0, 1]);
        // Variance along the line of centres: that of two rings, and of their separation.
        let angle = attribute(items[0], "angle_deg").to_radians();
        let (r1, r2) = (
            attribute(items[0], "left_radius"),
            attribute(items[0], "right_radius"),
        );
        let [apart, overlapping] = inks.map(|ink| {
            let [_, _, _, xx, xy, yy] = ink.moments(|_, _| true);
            xx * angle.cos().powi(2)
                + 2.0 * xy * angle.sin() * angle.cos()
                + yy * angle.sin().powi(2)
        });
        let (m1, m2) = (r1 - 0.6, r2 - 0.6);
        let share = m1 * m2 / (m1 + m2).powi(2);
        let measured = (apart - overlapping) / share / (4.0 * (r1 + r2));
        close(measured, distance, 0.12 * distance + 0.08);
    });
}

#[test]
fn dots_have_the_asked_diameter_and_lie_in_their_cell() {
    each(TaskKind::ObjectPosition, |item, diameter, ink| {
        let [amount, x, y, ..] = ink.moments(|_, _| true);
        close(2.0 * (amount / std::f64::consts::PI).sqrt(), diameter, 0.02);
        let cell = (y / 16.0) as usize * 4 + (x / 16.0) as usize;
        assert_eq!(cell, item.label);
    });
}

#[test]
fn discs_differ_by_the_asked_diameter() {
    each(TaskKind::SizeDifference, |item, difference, ink| {
        let diameter = |left: bool| {
            let [amount, ..] = ink.moments(|x, _| (x < 32.0) == left);
            2.0 * (amount / std::f64::consts::PI).sqrt()
        };
        let sign = if item.label == 0 { 1.0 } else { -1.0 };
        close(diameter(true) - diameter(false), sign * difference, 0.03);
    });
}

#[test]
fn patches_differ_by_the_asked_ink() {
    each(TaskKind::ShadeDifference, |item, difference, ink| {
        let sign = if item.label == 0 { -1.0 } else { 1.0 };
        close(
            ink.at(19, 16) - ink.at(45, 16),
            sign * difference,
            1.01 / 255.0,
        );
    });
}

#[test]
fn shades_are_those_of_their_class() {
    let mut config = TaskConfig::new(TaskKind::Shade, Split::Test, 2);
    config.degradation = Degradation::none();
    let task = Task::new(config, &Fonts::embedded()).unwrap();
    for index in 0..40 {
        let item = task.item(index);
        let shade = Ink::of(&item).at(32, 16);
        close(shade, attribute(&item, "ink_share"), 0.01);
        close(shade, 0.25 * (item.label + 1) as f64, 0.065);
    }
}

#[test]
fn hues_differ_but_not_in_grey() {
    for kind in [TaskKind::HueDifference, TaskKind::Colour] {
        each(kind, |item, difficulty, ink| {
            let image = item.image.to_rgb8();
            let colour = |x, y| image.get_pixel(x, y).0.map(f64::from);
            let far = |a: [f64; 3], b: [f64; 3]| {
                (0..3).map(|c| (a[c] - b[c]).powi(2)).sum::<f64>().sqrt() / 255.0
            };
            if kind == TaskKind::HueDifference {
                close(ink.at(19, 16), ink.at(45, 16), 2.01 / 255.0);
                let chord = 2.0 * 0.35 * (difficulty.to_radians() / 2.0).sin();
                close(far(colour(19, 16), colour(45, 16)), chord, 0.006);
                // The red channel says which one is redder.
                if difficulty > 2.0 {
                    let left_is_redder = colour(19, 16)[0] > colour(45, 16)[0];
                    assert_eq!(left_is_redder, item.label == 0, "{difficulty}");
                }
            } else {
                close(ink.at(32, 16), 0.5, 2.01 / 255.0);
                close(far(colour(32, 16), [127.5; 3]), difficulty, 0.006);
            }
        });
    }
}

#[test]
fn shapes_have_the_asked_area() {
    each(TaskKind::ShapeClass, |_, root, ink| {
        close(ink.total().sqrt(), root, 0.01 * root + 0.02);
    });
}

#[test]
fn text_of_a_family_and_place_has_the_asked_height() {
    for kind in [TaskKind::FontFamily, TaskKind::LayoutQuadrant] {
        each(kind, |item, height, ink| {
            let rows = (0..32).map(|y| (0..64).map(|x| ink.at(x, y)).fold(0.0, f64::max));
            let most = ink.ink.iter().copied().fold(0.0, f64::max);
            let measured: f64 = rows.map(|row: f64| row / most).sum();
            // A J may reach below the line.
            assert!(
                (0.8 * height - 0.6..1.5 * height + 1.6).contains(&measured),
                "{measured} {height}"
            );
            if kind == TaskKind::LayoutQuadrant {
                let [_, x, y, ..] = ink.moments(|_, _| true);
                assert_eq!((y / 16.0) as usize * 2 + (x / 32.0) as usize, item.label);
            }
        });
    }
}

#[test]
fn slanted_text_is_sheared_by_the_asked_angle() {
    each_pair(TaskKind::TextSlant, |_, slant, [upright, slanted]| {
        let [a, b] = [upright, slanted].map(|ink| ink.moments(|_, _| true));
        let slope = (a[4] - b[4]) / a[5];
        // Moments of pixels are those of the shape to about a tenth.
        close(slope.atan().to_degrees(), slant, 0.1 + 0.15 * slant);
    });
}
