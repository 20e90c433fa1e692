//! No text overlaps another or leaves the page, in any figure of the gallery.

use crate::figure::Figure;
use crate::font;
use crate::scene::{Anchor, Item, Label, Scene};
use crate::style::PAGE_WIDTH;

#[path = "../examples/gallery/made_up.rs"]
mod made_up;
#[path = "../examples/gallery/made_up_readings.rs"]
mod made_up_readings;
#[path = "../examples/gallery/made_up_tokens.rs"]
mod made_up_tokens;

/// Left, top, right, bottom in pixels.
type Bounds = (f64, f64, f64, f64);

fn bounds(label: &Label) -> Bounds {
    let width = font::width(&label.text, label.em, label.weight);
    let before = match label.anchor {
        Anchor::Start => 0.0,
        Anchor::Middle => width / 2.0,
        Anchor::End => width,
    };
    let (x, y) = label.at;
    let half = label.em / 2.0;
    if label.upwards {
        (x - half, y + before - width, x + half, y + before)
    } else {
        (x - before, y - half, x - before + width, y + half)
    }
}

fn overlap(a: Bounds, b: Bounds) -> bool {
    a.0 < b.2 && b.0 < a.2 && a.1 < b.3 && b.1 < a.3
}

fn scenes() -> Vec<(&'static str, Scene)> {
    fn of<F: Figure>(figures: Vec<(&'static str, F)>) -> Vec<(&'static str, Scene)> {
        let scenes = figures.into_iter().map(|(name, figure)| {
            figure.check().unwrap();
            (name, figure.scene())
        });
        scenes.collect()
    }
    let mut scenes = of(made_up::cer_by_arm());
    scenes.extend(of(made_up::cer_by_density()));
    scenes.extend(of(made_up::hardening_curves()));
    scenes.extend(of(made_up::tokens_over_training()));
    scenes.extend(of(made_up::learning_curves()));
    scenes.extend(of(made_up::error_curves()));
    scenes.extend(of(made_up_readings::read_by_one()));
    scenes.extend(of(made_up_tokens::token_maps()));
    scenes.extend(of(made_up_tokens::word_atlases()));
    scenes
}

fn texts(scene: &Scene) -> Vec<&Label> {
    let texts = scene.items.iter().filter_map(|item| match item {
        Item::Text(label) => Some(label),
        Item::Line { .. } | Item::Area { .. } | Item::Disc { .. } | Item::Picture { .. } => None,
    });
    texts.collect()
}

#[test]
fn no_two_texts_overlap() {
    for (name, scene) in scenes() {
        let labels = texts(&scene);
        assert!(labels.len() > 3, "{name}");
        for (index, label) in labels.iter().enumerate() {
            for other in &labels[..index] {
                assert!(
                    !overlap(bounds(label), bounds(other)),
                    "{name}: `{}` overlaps `{}`",
                    label.text,
                    other.text
                );
            }
        }
    }
}

#[test]
fn every_text_lies_on_the_page() {
    for (name, scene) in scenes() {
        for label in texts(&scene) {
            let (left, top, right, bottom) = bounds(label);
            let inside = left >= 0.0 && top >= 0.0 && right <= PAGE_WIDTH && bottom <= scene.height;
            assert!(inside, "{name}: `{}` is cut", label.text);
        }
    }
}

#[test]
fn every_mark_lies_on_the_page() {
    for (name, scene) in scenes() {
        for item in &scene.items {
            let points = match item {
                Item::Line { points, .. } => points.clone(),
                Item::Area { corners, .. } => corners.clone(),
                Item::Disc { center, .. } => vec![*center],
                Item::Picture { from, to, .. } => vec![*from, *to],
                Item::Text(_) => continue,
            };
            for (x, y) in points {
                let inside = (0.0..=PAGE_WIDTH).contains(&x) && (0.0..=scene.height).contains(&y);
                assert!(inside, "{name}: ({x}, {y})");
            }
        }
    }
}
