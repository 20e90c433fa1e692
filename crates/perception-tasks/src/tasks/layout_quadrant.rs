//! In which quarter of the page a short text stands, as a coarse control.

use super::text_slant::{LETTERS, word};
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

/// Most that the text strays from the middle of its quarter, in px.
const STRAY_PX: f32 = 2.0;

pub(crate) const TASK: Description = Description {
    question: "In which quarter is the text?",
    group: Group::Coarse,
    classes: &["upper left", "upper right", "lower left", "lower right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "height of a capital H",
        unit: "px",
        easy: 8.0,
        hard: 0.5,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&LETTERS, false)),
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let word = word(scene);
    let face = scene.typeface();
    let (column, row) = (scene.class % 2, scene.class / 2);
    let quarter = |n: usize, side: f32| (0.25 + 0.5 * n as f32) * side;
    let x = quarter(column, scene.width()) + scene.between(-STRAY_PX, STRAY_PX);
    let y = quarter(row, scene.height()) + scene.between(-STRAY_PX, STRAY_PX);
    let height = scene.difficulty;
    let lettering = face
        .lettering(&word)
        .expect("the typefaces of a task can draw its letters");
    let [left, _, right, _] = lettering.bounds();
    let origin = [x - height * (left + right) / 2.0, y + height / 2.0];
    scene.fill(&Shape::word(&lettering, height, origin));
    scene.note("x", x);
    scene.note("y", y);
}
