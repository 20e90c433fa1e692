//! One punctuation mark, between two letters that show the line.

use super::confusable::{self, Setting};
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::{Axis, Scale};

const MARKS: [&str; 8] = [".", ",", ":", ";", "'", "`", "-", "~"];
const LETTERING: [&str; 9] = [".", ",", ":", ";", "'", "`", "-", "~", "x"];

pub(crate) const TASK: Description = Description {
    question: "Which mark stands between the letters?",
    group: Group::Glyphs,
    classes: &MARKS,
    partner: Partner::Within(&[2, 2, 2, 2]),
    axis: Some(Axis {
        name: "distance from the double",
        unit: "px²",
        easy: 8.0,
        hard: 0.2,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&LETTERING, false)),
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let setting = Setting {
        height_px: [2.0, 20.0],
        context: ["x", "x"],
    };
    confusable::draw(scene, &MARKS, &setting);
}
