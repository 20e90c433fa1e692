//! The hue of a disc, as a coarse control. All hues have one luminance; [`super::shade`] asks the
//! same of lightness.

use super::hues;
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;
use crate::{Axis, Scale, TaskKind};

const DIAMETER_PX: [f32; 2] = [12.0, 20.0];
/// Degrees between classes, and most that a hue strays from its class.
const STEP_DEG: f32 = 60.0;
const STRAY_DEG: f32 = 15.0;

pub(crate) const TASK: Description = Description {
    question: "Which hue has the disc?",
    group: Group::Coarse,
    classes: &["red", "yellow", "green", "cyan", "blue", "magenta"],
    partner: Partner::Any,
    axis: Some(Axis {
        name: "chroma",
        unit: "of the range",
        easy: hues::MOST_CHROMA as f64,
        hard: 0.005,
        scale: Scale::Log,
    }),
    in_grey: Some(TaskKind::Shade),
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let centre = scene.centre();
    let radius = scene.between(DIAMETER_PX[0], DIAMETER_PX[1]) / 2.0;
    let hue = STEP_DEG * scene.class as f32 + scene.between(-STRAY_DEG, STRAY_DEG);
    let paint = hues::paint(hue, scene.difficulty);
    scene.paint(&Shape::disc(centre, radius), paint);
    scene.note("hue_deg", hue);
    scene.note("diameter", 2.0 * radius);
}
