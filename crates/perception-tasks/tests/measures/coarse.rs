//! What the coarse controls show, and hues.

use perception_tasks::{Task, TaskConfig, TaskKind};
use text_images::{Degradation, Fonts, Split};

use crate::{Ink, attribute, close, each, each_pair};

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
