//! Reading one capital letter of decreasing height.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const LETTERS: [&str; 26] = [
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S",
    "T", "U", "V", "W", "X", "Y", "Z",
];

pub(crate) const TASK: Description = Description {
    question: "Which letter is it?",
    group: Group::Acuity,
    classes: &LETTERS,
    partner: Partner::Any,
    axis: Some(Axis {
        name: "height of a capital H",
        unit: "px",
        easy: 18.0,
        hard: 2.5,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&LETTERS, false)),
    draw,
};

/// The ink is centred across, and the height of the H along, so that a Q keeps its tail.
fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let face = scene.typeface();
    let height = scene.difficulty;
    let lettering = face
        .lettering(LETTERS[scene.class])
        .expect("the typefaces of a task can draw its letters");
    let [left, _, right, _] = lettering.bounds();
    let origin = [x - height * (left + right) / 2.0, y + height / 2.0];
    scene.fill(&Shape::word(&lettering, height, origin));
}
