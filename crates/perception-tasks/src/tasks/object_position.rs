//! In which cell of a 4 × 2 grid a small dot lies: on the canvas of the small tower, in which
//! visual token.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const COLUMNS: usize = 4;
const ROWS: usize = 2;
/// Most that the dot strays from the middle of its cell, as a share of the cell's side.
const STRAY: f32 = 0.25;

pub(crate) const TASK: Description = Description {
    question: "In which cell is the dot?",
    group: Group::Relations,
    classes: &[
        "row 1 column 1",
        "row 1 column 2",
        "row 1 column 3",
        "row 1 column 4",
        "row 2 column 1",
        "row 2 column 2",
        "row 2 column 3",
        "row 2 column 4",
    ],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "diameter",
        unit: "px",
        easy: 5.0,
        hard: 0.4,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let (row, column) = (scene.class / COLUMNS, scene.class % COLUMNS);
    let (width, height) = (scene.width() / COLUMNS as f32, scene.height() / ROWS as f32);
    let x = (column as f32 + 0.5 + scene.between(-STRAY, STRAY)) * width;
    let y = (row as f32 + 0.5 + scene.between(-STRAY, STRAY)) * height;
    scene.fill(&Shape::disc([x, y], scene.difficulty / 2.0));
    scene.note("x", x);
    scene.note("y", y);
}
