//! Which font family three letters are set in, as a coarse control.
//!
//! Families cannot be held out here, so the test split uses those of training, with other
//! letters. Every family is represented by its upright face with the shortest name, the regular
//! one. Hack is left out: most of its capitals are those of DejaVu Sans Mono.

use super::text_slant::{LETTERS, word};
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const FAMILIES: [&str; 5] = [
    "DejaVu Sans",
    "DejaVu Sans Mono",
    "DejaVu Serif",
    "NewComputerModern",
    "Ubuntu",
];

pub(crate) const TASK: Description = Description {
    question: "Which font family is the text set in?",
    group: Group::Coarse,
    classes: &FAMILIES,
    partner: Partner::Any,
    axis: Some(Axis {
        name: "height of a capital H",
        unit: "px",
        easy: 16.0,
        hard: 3.0,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&LETTERS, true)),
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let word = word(scene);
    let families = scene.families();
    let face = families
        .iter()
        .filter(|faces| faces[0].family() == FAMILIES[scene.class])
        .flatten()
        .min_by_key(|face| (face.name().len(), face.name()))
        .expect("a task of font families was checked to have them");
    let height = scene.difficulty;
    let lettering = face
        .lettering(&word)
        .expect("the typefaces of a task can draw its letters");
    let [left, _, right, _] = lettering.bounds();
    let origin = [x - height * (left + right) / 2.0, y + height / 2.0];
    scene.fill(&Shape::word(&lettering, height, origin));
}
