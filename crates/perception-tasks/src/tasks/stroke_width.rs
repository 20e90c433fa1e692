//! Which of two strokes is thicker.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

/// Mean width of the two strokes.
const WIDTH_PX: [f32; 2] = [3.0, 4.5];
const LENGTH_PX: [f32; 2] = [16.0, 24.0];
const SEPARATION_PX: f32 = 16.0;

pub(crate) const TASK: Description = Description {
    question: "Which of the two strokes is thicker?",
    group: Group::Acuity,
    classes: &["left", "right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "difference of widths",
        unit: "px",
        easy: 4.0,
        hard: 0.01,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let mean = scene.between(WIDTH_PX[0], WIDTH_PX[1]);
    let length = scene.between(LENGTH_PX[0], LENGTH_PX[1]);
    let half = scene.difficulty / 2.0;
    let [left, right] = if scene.class == 0 {
        [mean + half, mean - half]
    } else {
        [mean - half, mean + half]
    };
    for (side, width) in [(-0.5, left), (0.5, right)] {
        let at = [x + side * SEPARATION_PX, y];
        scene.fill(&Shape::rectangle(at, width, length));
    }
    scene.note("left_width", left);
    scene.note("right_width", right);
    scene.note("length", length);
}
