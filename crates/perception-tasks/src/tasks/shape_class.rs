//! Which shape it is, as a coarse control. All shapes of one difficulty have the same area.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

/// Most that a shape is turned, either way.
const TURN_DEG: f32 = 8.0;

pub(crate) const TASK: Description = Description {
    question: "Which shape is it?",
    group: Group::Coarse,
    classes: &["disc", "square", "triangle", "star", "cross", "ring"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "root of the area",
        unit: "px",
        easy: 14.0,
        hard: 1.5,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let turn = scene.between(-TURN_DEG, TURN_DEG).to_radians();
    let shape = of_class(scene.class);
    let scale = scene.difficulty / shape.area().sqrt();
    let [left, top, right, bottom] = shape.bounds();
    let middle = [(left + right) / 2.0, (top + bottom) / 2.0];
    let placed = shape
        .turned(middle, turn)
        .map(|[px, py]| [x + scale * (px - middle[0]), y + scale * (py - middle[1])]);
    scene.fill(&placed);
    scene.note("turn_deg", turn.to_degrees());
}

/// A shape of any size about the origin.
fn of_class(class: usize) -> Shape {
    let origin = [0.0, 0.0];
    match class {
        0 => Shape::disc(origin, 1.0),
        1 => Shape::rectangle(origin, 1.0, 1.0),
        2 => Shape::regular(origin, 1.0, 3, -90.0_f32.to_radians()),
        3 => Shape::star(origin, 1.0, 0.42, 5),
        4 => Shape::polygon(&[
            [-1.0, -3.0],
            [1.0, -3.0],
            [1.0, -1.0],
            [3.0, -1.0],
            [3.0, 1.0],
            [1.0, 1.0],
            [1.0, 3.0],
            [-1.0, 3.0],
            [-1.0, 1.0],
            [-3.0, 1.0],
            [-3.0, -1.0],
            [-1.0, -1.0],
        ]),
        _ => Shape::ring(origin, 1.0, 0.6),
    }
}
