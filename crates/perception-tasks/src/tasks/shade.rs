//! The shade of a patch between background and ink, as a coarse control.
//!
//! Contrast and polarity change from image to image, and models standardise their input, so a
//! frame of full ink shows what black is.

use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::shape::Shape;

const SIDE_PX: [f32; 2] = [18.0, 24.0];
const FRAME_PX: f32 = 2.0;
/// Most that the ink strays from its class.
const STRAY: f32 = 0.06;
const STEP: f32 = 0.25;

pub(crate) const TASK: Description = Description {
    question: "Which shade has the patch inside the frame?",
    group: Group::Coarse,
    classes: &["quarter", "half", "three quarters", "full"],
    partner: Partner::Any,
    axis: None,
    in_grey: None,
    lettering: None,
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let centre = scene.centre();
    let side = scene.between(SIDE_PX[0], SIDE_PX[1]);
    let stray = scene.between(-STRAY, STRAY);
    let ink = (STEP * (scene.class + 1) as f32 + stray).min(1.0);
    scene.fill(&Shape::rectangle(centre, side, side));
    let inner = side - 2.0 * FRAME_PX;
    scene.paint(&Shape::rectangle(centre, inner, inner), [ink; 3]);
    scene.note("ink_share", ink);
    scene.note("side", side);
}
