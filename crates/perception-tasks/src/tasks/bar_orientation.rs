//! Which way a bar leans from the upright.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const WIDTH_PX: [f32; 2] = [2.0, 4.0];
const LENGTH_PX: [f32; 2] = [20.0, 25.0];

pub(crate) const TASK: Description = Description {
    question: "Does the bar lean to the left or to the right?",
    group: Group::Acuity,
    classes: &["left", "right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "angle from the upright",
        unit: "deg",
        easy: 30.0,
        hard: 0.04,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let centre = scene.centre();
    let width = scene.between(WIDTH_PX[0], WIDTH_PX[1]);
    let length = scene.between(LENGTH_PX[0], LENGTH_PX[1]);
    let sign = if scene.class == 0 { -1.0 } else { 1.0 };
    let angle = sign * scene.difficulty.to_radians();
    scene.fill(&Shape::rectangle(centre, width, length).turned(centre, angle));
    scene.note("angle_deg", sign * scene.difficulty);
    scene.note("length", length);
}
