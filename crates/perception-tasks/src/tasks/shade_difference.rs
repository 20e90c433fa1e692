//! Which of two patches is fainter: the grey counterpart of [`super::hue_difference`].

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale};

const SIDE_PX: [f32; 2] = [9.0, 14.0];
const SEPARATION_PX: f32 = 26.0;
/// Mean ink of the patches; with the largest difference, ink stays between 0 and 1.
const MEAN_INK: [f32; 2] = [0.45, 0.55];

pub(crate) const TASK: Description = Description {
    question: "Which of the two patches is fainter?",
    group: Group::Relations,
    classes: &["left", "right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "difference",
        unit: "of full ink",
        easy: 0.8,
        hard: 0.002,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let side_px = scene.between(SIDE_PX[0], SIDE_PX[1]);
    let mean = scene.between(MEAN_INK[0], MEAN_INK[1]);
    let half = scene.difficulty / 2.0;
    let [left, right] = if scene.class == 0 {
        [mean - half, mean + half]
    } else {
        [mean + half, mean - half]
    };
    for (side, ink) in [(-0.5, left), (0.5, right)] {
        let at = [x + side * SEPARATION_PX, y];
        scene.paint(&Shape::rectangle(at, side_px, side_px), [ink; 3]);
    }
    scene.note("left_ink_share", left);
    scene.note("right_ink_share", right);
}
