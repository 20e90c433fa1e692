//! A reading, character by character, with its errors marked.

use plotters::style::RGBColor;

use crate::scene::{Anchor, Label, Point, Scene};
use crate::style::{Family, MUTED, STRIPE};

const BOX_HEIGHT: f64 = 42.0;
const MAX_EM: f64 = 27.0;
/// Ground of a character that was read wrong.
const WRONG_GROUND: RGBColor = RGBColor(0xfb, 0xdc, 0xc4);

/// One character place of a reading.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// A character whose truth is not known, or is not asked for.
    Plain(char),
    /// A character that was read as it is.
    Right(char),
    /// A character that was not.
    Wrong {
        /// What stands there; nothing if a character was read where there is none.
        target: Option<char>,
        /// What was read; nothing if the character was passed over.
        read: Option<char>,
    },
}

impl Mark {
    /// Whether it is an error.
    #[must_use]
    pub fn is_wrong(self) -> bool {
        matches!(self, Self::Wrong { .. })
    }

    /// `target, read, status` for a table.
    pub(crate) fn fields(self) -> [String; 3] {
        let (target, read, status) = match self {
            Self::Plain(c) => (None, Some(c), "unchecked"),
            Self::Right(c) => (Some(c), Some(c), "right"),
            Self::Wrong { target, read } => (target, read, "wrong"),
        };
        [code_point(target), code_point(read), status.to_owned()]
    }
}

/// A character as `U+0041`; empty for none.
pub(crate) fn code_point(character: Option<char>) -> String {
    character.map_or_else(String::new, |c| format!("U+{:04X}", u32::from(c)))
}

/// Draws the lines of a reading over `width` pixels; returns the y below.
///
/// Places are spread evenly, so that they stand below those of the image. A wrong character stands
/// on a ground of its own, what it should be small beside it.
pub(crate) fn draw(scene: &mut Scene, lines: &[Vec<Mark>], (left, top): Point, width: f64) -> f64 {
    let longest = lines.iter().map(Vec::len).max().unwrap_or(0);
    let place = width / longest.max(1) as f64;
    let em = MAX_EM.min(place * 0.5);
    for (row, line) in lines.iter().enumerate() {
        let middle = top + (row as f64 + 0.5) * BOX_HEIGHT;
        let (upper, lower) = (
            middle - BOX_HEIGHT / 2.0 + 1.0,
            middle + BOX_HEIGHT / 2.0 - 1.0,
        );
        for (col, mark) in line.iter().enumerate() {
            let start = left + col as f64 * place;
            let centre = start + place / 2.0;
            let ground = if mark.is_wrong() {
                WRONG_GROUND
            } else {
                STRIPE
            };
            scene.rectangle((start, upper), (start + place - 1.0, lower), ground);
            let label = |c: char, x: f64| {
                let label = Label::new(c, (x, middle)).sized(em);
                label.anchored(Anchor::Middle)
            };
            match *mark {
                Mark::Plain(c) | Mark::Right(c) => scene.text(label(c, centre)),
                Mark::Wrong { target, read } => {
                    let read = label(read.unwrap_or('–'), centre - 0.18 * place);
                    scene.text(read.bold().coloured(Family::VetHard.colour()));
                    if let Some(target) = target {
                        let target = label(target, centre + 0.27 * place);
                        scene.text(target.sized(em * 0.62).coloured(MUTED));
                    }
                }
            }
        }
    }
    top + lines.len() as f64 * BOX_HEIGHT
}
