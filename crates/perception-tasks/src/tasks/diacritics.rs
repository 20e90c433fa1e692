//! One letter with one of six accents.

use super::confusable::{self, Setting};
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::{Axis, Scale};

const GLYPHS: [&str; 6] = ["á", "à", "â", "ä", "ã", "å"];

pub(crate) const TASK: Description = Description {
    question: "Which accent does the letter bear?",
    group: Group::Glyphs,
    classes: &GLYPHS,
    partner: Partner::Any,
    axis: Some(Axis {
        name: "distance from the double",
        unit: "px²",
        easy: 16.0,
        hard: 0.7,
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
