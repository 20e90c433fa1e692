//! One glyph of a set that fonts make nearly alike, on its own.

use super::confusable::{self, Setting};
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::{Axis, Scale};

/// Runs of doubles; their sizes are [`GROUPS`].
pub(super) const GLYPHS: [&str; 15] = [
    "0", "O", "1", "l", "I", "5", "S", "8", "B", "rn", "m", "cl", "d", "vv", "w",
];
pub(super) const GROUPS: [usize; 7] = [2, 3, 2, 2, 2, 2, 2];

pub(crate) const TASK: Description = Description {
    question: "Which glyph is it?",
    group: Group::Glyphs,
    classes: &GLYPHS,
    partner: Partner::Within(&GROUPS),
    axis: Some(Axis {
        name: "distance from the double",
        unit: "px²",
        easy: 24.0,
        hard: 1.0,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&GLYPHS, false)),
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let setting = Setting {
        height_px: [2.0, 22.0],
        context: ["", ""],
    };
    confusable::draw(scene, &GLYPHS, &setting);
}
