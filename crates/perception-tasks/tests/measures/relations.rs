//! Counts, comparisons and places.

use perception_tasks::TaskKind;

use crate::{Ink, attribute, close, each, each_pair};

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
