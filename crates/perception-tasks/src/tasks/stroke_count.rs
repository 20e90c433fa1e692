//! How many parallel strokes there are, at a given distance from each other.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const WIDTH_PX: [f32; 2] = [1.2, 2.4];
const LENGTH_PX: [f32; 2] = [12.0, 24.0];
/// Free px at the left and right end.
const MARGIN_PX: f32 = 2.0;
const FEWEST: usize = 2;
const MOST: usize = 7;

pub(crate) const TASK: Description = Description {
    question: "How many strokes are there?",
    group: Group::Relations,
    classes: &["2", "3", "4", "5", "6", "7"],
    partner: Partner::Neighbour,
    axis: Some(Axis {
        name: "gap between neighbours",
        unit: "px",
        easy: 5.0,
        hard: 0.2,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

/// The row starts anywhere that leaves room for the most strokes, so that neither end tells.
fn draw(scene: &mut Scene<'_>) {
    let [_, y] = scene.centre();
    let width = scene.between(WIDTH_PX[0], WIDTH_PX[1]);
    let length = scene.between(LENGTH_PX[0], LENGTH_PX[1]);
    let pitch = width + scene.difficulty;
    let longest = pitch * (MOST - 1) as f32 + width;
    let start = scene.between(MARGIN_PX, scene.width() - MARGIN_PX - longest) + width / 2.0;
    for stroke in 0..FEWEST + scene.class {
        let x = start + pitch * stroke as f32;
        scene.fill(&Shape::rectangle([x, y], width, length));
    }
    scene.note("width", width);
    scene.note("gap", scene.difficulty);
}
