//! Which of two discs is larger.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

/// Mean diameter of the discs.
const DIAMETER_PX: [f32; 2] = [9.0, 14.0];
const SEPARATION_PX: f32 = 26.0;

pub(crate) const TASK: Description = Description {
    question: "Which of the two discs is larger?",
    group: Group::Relations,
    classes: &["left", "right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "difference of diameters",
        unit: "px",
        easy: 6.0,
        hard: 0.01,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let mean = scene.between(DIAMETER_PX[0], DIAMETER_PX[1]);
    let half = scene.difficulty / 2.0;
    let [left, right] = if scene.class == 0 {
        [mean + half, mean - half]
    } else {
        [mean - half, mean + half]
    };
    for (side, diameter) in [(-0.5, left), (0.5, right)] {
        scene.fill(&Shape::disc([x + side * SEPARATION_PX, y], diameter / 2.0));
    }
    scene.note("left_diameter", left);
    scene.note("right_diameter", right);
}
