//! The outlines of one font face, and the metrics that fit them into a cell.

use std::sync::Arc;

use ab_glyph::{Font, GlyphId, Outline, OutlineCurve, Point};

use crate::Charset;
use crate::stream::stable_hash;

/// One in this many characters of a charset may stick out of the common extent or be wider than
/// the common width; it is squeezed on its own, so that a `Q` does not shrink the whole alphabet.
const ONE_OUTLIER_IN: usize = 16;

/// A squeezed character keeps at least this share of its height.
const LEAST_SQUEEZED: f32 = 0.6;

/// Characters that a face keeps: printable ASCII, and the letters of Latin-1. No charset has the
/// latter; [`Typeface`](crate::Typeface) draws them.
const FIRST: char = '!';
const PRINTABLE: usize = 94;
const FIRST_LATIN: char = '\u{c0}';
const LATIN: usize = 64;

/// A face as loaded: one outline for each character above that it really has.
#[derive(Debug)]
pub(crate) struct Face {
    pub(crate) name: String,
    pub(crate) family: String,
    pub(crate) held_out: bool,
    /// Font units per em.
    em: f32,
    glyphs: Vec<Option<Glyph>>,
}

/// Outline and advance in font units, y upwards from the baseline.
#[derive(Clone, Debug)]
pub(crate) struct Glyph {
    pub(crate) outline: Outline,
    pub(crate) advance: f32,
}

impl Glyph {
    pub(crate) fn left(&self) -> f32 {
        self.outline.bounds.min.x
    }

    pub(crate) fn right(&self) -> f32 {
        self.outline.bounds.max.x
    }

    pub(crate) fn width(&self) -> f32 {
        self.right() - self.left()
    }

    /// Height of the highest ink above the baseline. `ab_glyph` keeps the image convention for
    /// bounds, whose `min` is the upper left corner, although y grows upwards here.
    pub(crate) fn top(&self) -> f32 {
        self.outline.bounds.min.y
    }

    /// Height of the lowest ink, negative below the baseline.
    pub(crate) fn bottom(&self) -> f32 {
        self.outline.bounds.max.y
    }
}

/// What most characters of a charset need in a face, in font units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LineMetrics {
    pub(crate) ascent: f32,
    pub(crate) descent: f32,
    pub(crate) width: f32,
}

impl LineMetrics {
    pub(crate) fn height(self) -> f32 {
        self.ascent + self.descent
    }

    /// Where the lowest and the highest ink of a glyph go so that it stays inside the extent.
    /// Glyphs inside keep their place; others lose what sticks out, but never more than the share
    /// that keeps them legible, and move inwards instead.
    pub(crate) fn squeeze(self, glyph: &Glyph) -> (f32, f32) {
        let mut highest = glyph.top().clamp(-self.descent, self.ascent);
        let mut lowest = glyph.bottom().clamp(-self.descent, self.ascent);
        let height = (glyph.top() - glyph.bottom()).min(self.height());
        let legible = LEAST_SQUEEZED * height;
        if highest - lowest < legible {
            if glyph.bottom() < -self.descent {
                highest = lowest + legible;
            } else {
                lowest = highest - legible;
            }
        }
        (lowest, highest)
    }
}

/// A face that can draw every character of a charset.
#[derive(Clone, Debug)]
pub(crate) struct CharsetFace {
    pub(crate) face: Arc<Face>,
    pub(crate) common: LineMetrics,
    /// LineMetrics of all characters, without exceptions.
    pub(crate) full: LineMetrics,
}

impl CharsetFace {
    /// # Panics
    /// If the face lacks the character: faces are selected by [`Face::defects`] before.
    pub(crate) fn glyph(&self, character: char) -> &Glyph {
        self.face
            .glyph(character)
            .expect("the face was checked to have every character of the charset")
    }
}

impl Face {
    pub(crate) fn load(font: &impl Font, name: String, family: String) -> Self {
        let notdef = font.outline(GlyphId(0));
        let printable = (0..PRINTABLE as u8).map(|offset| (FIRST as u8 + offset) as char);
        let latin = (0..LATIN as u8).map(|offset| (FIRST_LATIN as u8 + offset) as char);
        let glyphs = printable
            .chain(latin)
            .map(|character| {
                let id = font.glyph_id(character);
                let outline = font.outline(id).filter(|_| id.0 != 0)?;
                let is_box = notdef.as_ref().is_some_and(|n| same_shape(n, &outline));
                let glyph = Glyph {
                    outline,
                    advance: font.h_advance_unscaled(id),
                };
                let inked = glyph.width() > 0.0 && glyph.top() > glyph.bottom();
                (inked && !is_box).then_some(glyph)
            })
            .collect();
        Self {
            name,
            family,
            held_out: false,
            em: font.units_per_em().unwrap_or(1.0),
            glyphs,
        }
    }

    /// How many characters of a charset both faces draw with the same outline, and how many both
    /// have. The size of the em and the place between the side bearings do not count.
    pub(crate) fn shared_outlines(&self, other: &Self, charset: Charset) -> (usize, usize) {
        let both = charset
            .chars()
            .iter()
            .filter_map(|&character| Some((self.glyph(character)?, other.glyph(character)?)));
        let (mut same, mut all) = (0, 0);
        for (own, others) in both {
            all += 1;
            same += usize::from(same_in_em(own, self.em, others, other.em));
        }
        (same, all)
    }

    /// Whether the faces have the same characters and draw all of them alike.
    pub(crate) fn same_outlines(&self, other: &Self) -> bool {
        let mut pairs = self.glyphs.iter().zip(&other.glyphs);
        let same = |(own, other): (&Option<Glyph>, &Option<Glyph>)| match (own, other) {
            (None, None) => true,
            (Some(own), Some(other)) => same_shape(&own.outline, &other.outline),
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.em == other.em && pairs.all(same)
    }

    /// A number for the order of faces with one name, which depends on their outlines only.
    pub(crate) fn outline_hash(&self) -> u64 {
        let outlines = self.glyphs.iter().flatten().map(|glyph| &glyph.outline);
        let curves = outlines.flat_map(|outline| outline.curves.iter().map(points));
        stable_hash(&format!("{:?}", curves.collect::<Vec<_>>()))
    }

    pub(crate) fn glyph(&self, character: char) -> Option<&Glyph> {
        let after =
            |first: char| (u32::from(character).checked_sub(first.into())).map(|n| n as usize);
        let place = match after(FIRST_LATIN) {
            Some(offset) => PRINTABLE + offset,
            None => after(FIRST).filter(|offset| *offset < PRINTABLE)?,
        };
        self.glyphs.get(place)?.as_ref()
    }

    /// Why the face cannot draw the charset: characters without a glyph, and pairs of characters
    /// with the same glyph. Both empty means that it can.
    pub(crate) fn defects(&self, charset: Charset) -> Defects {
        let chars = charset.chars();
        let missing: Vec<char> = chars
            .iter()
            .copied()
            .filter(|character| self.glyph(*character).is_none())
            .collect();
        let mut identical = Vec::new();
        for (class, &first) in chars.iter().enumerate() {
            for &second in &chars[class + 1..] {
                if let (Some(a), Some(b)) = (self.glyph(first), self.glyph(second))
                    && same_shape(&a.outline, &b.outline)
                {
                    identical.push((first, second));
                }
            }
        }
        Defects { missing, identical }
    }

    pub(crate) fn for_charset(self: &Arc<Self>, charset: Charset) -> CharsetFace {
        let glyphs: Vec<&Glyph> = charset
            .chars()
            .iter()
            .filter_map(|character| self.glyph(*character))
            .collect();
        let extent = |outliers: usize| LineMetrics {
            ascent: nth_largest(glyphs.iter().map(|glyph| glyph.top()), outliers),
            descent: nth_largest(glyphs.iter().map(|glyph| -glyph.bottom()), outliers).max(0.0),
            width: nth_largest(glyphs.iter().map(|glyph| glyph.width()), outliers),
        };
        CharsetFace {
            face: Arc::clone(self),
            common: extent(charset.size() / ONE_OUTLIER_IN),
            full: extent(0),
        }
    }
}

/// See [`Face::defects`].
#[derive(Debug)]
pub(crate) struct Defects {
    pub(crate) missing: Vec<char>,
    pub(crate) identical: Vec<(char, char)>,
}

/// The value that `skip` others exceed.
fn nth_largest(values: impl Iterator<Item = f32>, skip: usize) -> f32 {
    let mut values: Vec<f32> = values.collect();
    values.sort_by(|a, b| b.total_cmp(a));
    values.get(skip).copied().unwrap_or_default()
}

fn same_shape(a: &Outline, b: &Outline) -> bool {
    a.bounds == b.bounds
        && a.curves.len() == b.curves.len()
        && a.curves
            .iter()
            .zip(&b.curves)
            .all(|(a, b)| points(a) == points(b))
}

/// Largest distance, in em, of points that count as the same: the rounding of a font with 1,000 units
/// an em.
const SAME_POINT_EM: f32 = 1e-3;

/// [`same_shape`] at another size of the em and other side bearings.
fn same_in_em(a: &Glyph, em_a: f32, b: &Glyph, em_b: f32) -> bool {
    let place =
        |glyph: &Glyph, em: f32, point: Point| [(point.x - glyph.left()) / em, point.y / em];
    let near = |p: Point, q: Point| {
        let (p, q) = (place(a, em_a, p), place(b, em_b, q));
        (0..2).all(|axis| (p[axis] - q[axis]).abs() <= SAME_POINT_EM)
    };
    a.outline.curves.len() == b.outline.curves.len()
        && a.outline
            .curves
            .iter()
            .zip(&b.outline.curves)
            .all(|(a, b)| {
                let pairs = points(a).into_iter().zip(points(b));
                pairs.into_iter().all(|pair| match pair {
                    (Some(p), Some(q)) => near(p, q),
                    (None, None) => true,
                    (Some(_), None) | (None, Some(_)) => false,
                })
            })
}

/// Bézier curve at parameter `t`, exactly its end points at 0 and 1.
pub(crate) fn point_at(curve: &OutlineCurve, t: f32) -> Point {
    let mix =
        |a: Point, b: Point| ab_glyph::point(a.x * (1.0 - t) + b.x * t, a.y * (1.0 - t) + b.y * t);
    match *curve {
        OutlineCurve::Line(a, b) => mix(a, b),
        OutlineCurve::Quad(a, b, c) => mix(mix(a, b), mix(b, c)),
        OutlineCurve::Cubic(a, b, c, d) => {
            let (ab, bc, cd) = (mix(a, b), mix(b, c), mix(c, d));
            mix(mix(ab, bc), mix(bc, cd))
        }
    }
}

fn points(curve: &OutlineCurve) -> [Option<Point>; 4] {
    match *curve {
        OutlineCurve::Line(a, b) => [Some(a), Some(b), None, None],
        OutlineCurve::Quad(a, b, c) => [Some(a), Some(b), Some(c), None],
        OutlineCurve::Cubic(a, b, c, d) => [Some(a), Some(b), Some(c), Some(d)],
    }
}

#[cfg(test)]
mod tests {
    use ab_glyph::FontRef;

    use super::*;

    fn sans() -> Arc<Face> {
        let font = FontRef::try_from_slice(notosans::REGULAR_TTF).unwrap();
        Arc::new(Face::load(&font, "NotoSans".into(), "Noto Sans".into()))
    }

    #[test]
    fn a_text_face_has_no_defects() {
        for charset in Charset::ALL {
            let defects = sans().defects(charset);
            assert!(defects.missing.is_empty() && defects.identical.is_empty());
        }
    }

    #[test]
    fn an_icon_face_lacks_the_alphabet() {
        let font = FontRef::try_from_slice(epaint_default_fonts::EGUI_ICONS).unwrap();
        let face = Face::load(&font, "icons".into(), "icons".into());
        assert!(face.defects(Charset::Alnum36).missing.len() > 30);
    }

    #[test]
    fn a_face_whose_lower_case_is_its_upper_case_is_found_out() {
        let mut face = Arc::into_inner(sans()).unwrap();
        let upper = face.glyph('A').cloned();
        face.glyphs['a' as usize - FIRST as usize] = upper;
        assert_eq!(face.defects(Charset::Alnum62).identical, [('A', 'a')]);
        assert!(face.defects(Charset::Alnum36).identical.is_empty());
    }

    #[test]
    fn the_common_extent_forgives_the_tail_of_q() {
        let face = sans().for_charset(Charset::Alnum36);
        let tail = -face.glyph('Q').bottom();
        assert!(tail > 0.0 && face.common.descent < tail / 2.0);
        assert_eq!(face.full.descent, -face.glyph('J').bottom().min(-tail));
        assert!(face.common.width < face.glyph('W').width());
    }

    #[test]
    fn squeezed_characters_stay_inside_the_extent_and_keep_most_of_their_height() {
        let face = sans();
        let extent = LineMetrics {
            ascent: 1000.0,
            descent: 200.0,
            width: 1200.0,
        };
        for character in Charset::Printable94.chars() {
            let glyph = face.glyph(*character).unwrap();
            let (lowest, highest) = extent.squeeze(glyph);
            assert!(lowest >= -200.0 && highest <= 1000.0, "{character}");
            let height = (glyph.top() - glyph.bottom()).min(1200.0);
            assert!(highest - lowest >= 0.599 * height, "{character}");
        }
        let inside = face.glyph('-').unwrap();
        assert_eq!(extent.squeeze(inside), (inside.bottom(), inside.top()));
    }

    #[test]
    fn descenders_of_lower_case_count_as_common() {
        let face = sans().for_charset(Charset::Alnum62);
        assert!(face.common.descent >= -face.glyph('p').bottom());
    }
}
