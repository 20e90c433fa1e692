//! Whether text is slanted, as a coarse control. Upright faces are sheared, so that nothing but
//! the slant differs.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

/// Letters whose words fit the canvas in the widest face, and of which most have upright stems.
pub(super) const LETTERS: [&str; 14] = [
    "B", "D", "E", "F", "H", "I", "J", "K", "L", "N", "P", "R", "T", "U",
];
const LENGTH: usize = 3;
const HEIGHT_PX: [f32; 2] = [11.0, 15.0];

pub(crate) const TASK: Description = Description {
    question: "Is the text slanted?",
    group: Group::Coarse,
    classes: &["upright", "slanted"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "slant",
        unit: "deg",
        easy: 20.0,
        hard: 0.5,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&LETTERS, true)),
    draw,
};

/// Three random letters.
pub(super) fn word(scene: &mut Scene<'_>) -> String {
    (0..LENGTH)
        .map(|_| LETTERS[scene.pick(LETTERS.len())])
        .collect()
}

/// Sheared about its middle.
fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let word = word(scene);
    let face = scene.typeface();
    let height = scene.between(HEIGHT_PX[0], HEIGHT_PX[1]);
    let lettering = face
        .lettering(&word)
        .expect("the typefaces of a task can draw its letters");
    let [left, _, right, _] = lettering.bounds();
    let origin = [x - height * (left + right) / 2.0, y + height / 2.0];
    let angle = if scene.class == 1 {
        scene.difficulty
    } else {
        0.0
    };
    let slope = angle.to_radians().tan();
    let shape = Shape::word(&lettering, height, origin);
    scene.fill(&shape.map(|[px, py]| [px + slope * (y - py), py]));
    scene.note("slant_deg", angle);
    scene.note("height", height);
}
