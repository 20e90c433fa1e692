//! Single words of a face as outlines, for pictures that are more than text.

use std::sync::Arc;

use ab_glyph::{OutlineCurve, Point};

use crate::face::{Face, point_at};

/// Straight pieces that a curve of a glyph is cut into.
const PIECES: u16 = 8;

/// One face of [`Fonts::typefaces`](crate::Fonts::typefaces). Cheap to clone.
#[derive(Clone, Debug)]
pub struct Typeface {
    face: Arc<Face>,
    /// Font units per height of the capital H.
    cap_height: f32,
}

/// A word as closed outlines. The unit is the height of the capital H, the origin the pen's start
/// on the baseline, x points right and y down.
#[derive(Clone, Debug, PartialEq)]
pub struct Lettering {
    /// Directed straight lines; together they close. Filled by the non-zero rule.
    pub lines: Vec<[[f32; 2]; 2]>,
    /// Where the next character would start.
    pub advance: f32,
}

/// Smallest x, smallest y, largest x and largest y of an outline; infinities if it is empty.
#[must_use]
pub fn bounds_of(lines: &[[[f32; 2]; 2]]) -> [f32; 4] {
    bounds_of_points(lines.iter().flatten().copied())
}

/// The same of points.
pub(crate) fn bounds_of_points(points: impl Iterator<Item = [f32; 2]>) -> [f32; 4] {
    let empty = [
        f32::INFINITY,
        f32::INFINITY,
        f32::NEG_INFINITY,
        f32::NEG_INFINITY,
    ];
    points.fold(empty, |[l, t, r, b], [x, y]| {
        [l.min(x), t.min(y), r.max(x), b.max(y)]
    })
}

impl Lettering {
    /// Smallest x, smallest y, largest x and largest y of the ink.
    pub fn bounds(&self) -> [f32; 4] {
        bounds_of(&self.lines)
    }
}

/// Whether the PostScript name of a face says that its letters are slanted, also in Adobe's short forms
/// (`SourceSans3-BoldIt`).
#[must_use]
pub fn says_slanted(face: &str) -> bool {
    let style = face.rsplit_once('-').map_or("", |(_, style)| style);
    let style = style.split(' ').next().unwrap_or(style);
    ["Italic", "Oblique", "Slanted"]
        .iter()
        .any(|word| face.contains(word))
        || ["It", "Ital", "Obl"].iter().any(|end| style.ends_with(end))
}

impl Typeface {
    pub(crate) fn new(face: Arc<Face>) -> Self {
        let cap_height = face.glyph('H').map_or(1.0, |glyph| glyph.top().max(1.0));
        Self { face, cap_height }
    }

    /// PostScript name.
    pub fn name(&self) -> &str {
        &self.face.name
    }

    /// Font family.
    pub fn family(&self) -> &str {
        &self.face.family
    }

    /// Whether the family is kept out of training.
    pub fn held_out(&self) -> bool {
        self.face.held_out
    }

    /// Whether the name says that the letters are slanted.
    pub fn is_slanted(&self) -> bool {
        says_slanted(&self.face.name)
    }

    /// The outlines of a word, without kerning. `None` if the face lacks one of its characters;
    /// it may have printable ASCII and the letters of Latin-1 only, and no space.
    pub fn lettering(&self, word: &str) -> Option<Lettering> {
        let mut lines = Vec::new();
        let mut pen = 0.0;
        for character in word.chars() {
            let glyph = self.face.glyph(character)?;
            let place = |point: Point| {
                [
                    (pen + point.x) / self.cap_height,
                    -point.y / self.cap_height,
                ]
            };
            for curve in &glyph.outline.curves {
                let mut from = point_at(curve, 0.0);
                let pieces = if matches!(curve, OutlineCurve::Line(..)) {
                    1
                } else {
                    PIECES
                };
                for piece in 1..=pieces {
                    let to = point_at(curve, f32::from(piece) / f32::from(pieces));
                    lines.push([place(from), place(to)]);
                    from = to;
                }
            }
            pen += glyph.advance;
        }
        Some(Lettering {
            lines,
            advance: pen / self.cap_height,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Fonts;

    fn all() -> Vec<Typeface> {
        let fonts = Fonts::embedded();
        let families = [false, true].map(|held_out| fonts.typefaces(held_out).unwrap());
        families.into_iter().flatten().flatten().collect()
    }

    #[test]
    fn a_capital_h_is_one_high_and_stands_on_the_baseline() {
        for face in all() {
            let [_, top, _, bottom] = face.lettering("H").unwrap().bounds();
            assert!(
                (top + 1.0).abs() < 1e-5 && bottom.abs() < 0.02,
                "{}",
                face.name()
            );
        }
    }

    #[test]
    fn outlines_close() {
        for face in all() {
            for word in ["Q8", "rn", "é"] {
                let lettering = face.lettering(word).unwrap();
                let [mut x, mut y] = [0.0, 0.0];
                for [from, to] in &lettering.lines {
                    x += to[0] - from[0];
                    y += to[1] - from[1];
                }
                assert!(x.abs() < 1e-3 && y.abs() < 1e-3, "{} {word}", face.name());
            }
        }
    }

    #[test]
    fn words_advance_by_their_letters_and_accents_stand_above() {
        for face in all() {
            let [r, n, both] = ["r", "n", "rn"].map(|word| face.lettering(word).unwrap());
            assert!((both.advance - r.advance - n.advance).abs() < 1e-5);
            let [plain, acute] = ["e", "é"].map(|word| face.lettering(word).unwrap().bounds());
            assert!(acute[1] < plain[1] - 0.1, "{}", face.name());
        }
    }

    #[test]
    fn characters_that_no_face_keeps_have_no_outline() {
        for word in ["a b", "\u{7f}", "\u{a0}", "\u{100}", "漢"] {
            assert_eq!(all()[0].lettering(word), None, "{word:?}");
        }
    }

    #[test]
    fn one_family_has_upright_and_slanted_faces() {
        let slanted = |face: &&Typeface| face.family() == "DejaVu Serif" && face.is_slanted();
        assert_eq!(all().iter().filter(slanted).count(), 4);
    }
}
