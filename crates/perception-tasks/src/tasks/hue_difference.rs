//! Which of two patches of equal luminance is redder. In grey both are alike.

use super::hues;
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale, TaskKind};

const SIDE_PX: [f32; 2] = [9.0, 14.0];
const SEPARATION_PX: f32 = 26.0;
/// Mean of the two hues: between yellow and green.
const MEAN_HUE_DEG: [f32; 2] = [80.0, 100.0];
const CHROMA: f32 = 0.35;

pub(crate) const TASK: Description = Description {
    question: "Which of the two patches is redder?",
    group: Group::Relations,
    classes: &["left", "right"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "difference of hues",
        unit: "deg",
        easy: 90.0,
        hard: 0.4,
        scale: Scale::Log,
    }),
    in_grey: Some(TaskKind::ShadeDifference),
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let [x, y] = scene.centre();
    let side_px = scene.between(SIDE_PX[0], SIDE_PX[1]);
    let mean = scene.between(MEAN_HUE_DEG[0], MEAN_HUE_DEG[1]);
    let half = scene.difficulty / 2.0;
    // Smaller angles are nearer to red.
    let [left, right] = if scene.class == 0 {
        [mean - half, mean + half]
    } else {
        [mean + half, mean - half]
    };
    for (side, hue) in [(-0.5, left), (0.5, right)] {
        let at = [x + side * SEPARATION_PX, y];
        let paint = hues::paint(hue, CHROMA);
        scene.paint(&Shape::rectangle(at, side_px, side_px), paint);
    }
    scene.note("left_hue_deg", left);
    scene.note("right_hue_deg", right);
}
