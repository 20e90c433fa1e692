//! The glyphs of [`super::confusable_glyphs`] in the middle of a word.
//!
//! Words are split after their second letter. None has a glyph of the task or makes one at the
//! seams, and a quarter of them is kept for the test split. The slot is as wide as the wider glyph
//! of the pair, so that the letters around stay where they are.

use super::confusable::{self, Setting};
use super::confusable_glyphs::{GLYPHS, GROUPS};
use crate::kind::{Description, Group, Partner};
use crate::scene::Scene;
use crate::{Axis, Scale};

/// First and second half of words; every fourth is for the test split only.
const WORDS: [[&str; 2]; 32] = [
    ["ta", "ke"],
    ["ga", "te"],
    ["pa", "ge"],
    ["ca", "pe"],
    ["fa", "ce"],
    ["ha", "te"],
    ["ra", "re"],
    ["ye", "ar"],
    ["ne", "ar"],
    ["ge", "ar"],
    ["pe", "ar"],
    ["te", "ar"],
    ["he", "at"],
    ["ne", "at"],
    ["fe", "at"],
    ["pa", "ce"],
    ["ra", "ge"],
    ["ke", "pt"],
    ["te", "xt"],
    ["ne", "xt"],
    ["ta", "pe"],
    ["fa", "ct"],
    ["pa", "ct"],
    ["ca", "fe"],
    ["tu", "ft"],
    ["ye", "ah"],
    ["ha", "re"],
    ["ra", "te"],
    ["ca", "ge"],
    ["gu", "ru"],
    ["fa", "te"],
    ["he", "ar"],
];
const TEST_ONE_IN: usize = 4;

/// What a typeface must have: the glyphs and the letters of the words.
const LETTERING: [&str; 17] = [
    "0", "O", "1", "l", "I", "5", "S", "8", "B", "rn", "m", "cl", "d", "vv", "w", "aceefghk",
    "nprtuxy",
];

pub(crate) const TASK: Description = Description {
    question: "Which glyph stands in the middle of the word?",
    group: Group::Glyphs,
    classes: &GLYPHS,
    partner: Partner::Within(&GROUPS),
    axis: Some(Axis {
        name: "distance from the double",
        unit: "px²",
        easy: 16.0,
        hard: 1.0,
        scale: Scale::Log,
    }),
    in_grey: None,
    lettering: Some((&LETTERING, false)),
    draw,
};

fn draw(scene: &mut Scene<'_>) {
    let quarter = scene.pick(WORDS.len() / TEST_ONE_IN) * TEST_ONE_IN;
    let within = scene.pick(TEST_ONE_IN - 1);
    let word = quarter
        + if scene.in_test {
            TEST_ONE_IN - 1
        } else {
            within
        };
    let setting = Setting {
        height_px: [2.0, 13.0],
        context: WORDS[word],
    };
    confusable::draw(scene, &GLYPHS, &setting);
    scene.note("word_index", word as f32);
}
