//! Draws a word as print on paper, a screen or a sign comes into a picture, and cuts it out.
//!
//! The word is drawn at a size of its own, slanted, stretched, turned and seen from the side; paper, ink,
//! light and neighbours vary; then it goes the way of a user's image: cut out as a box, fitted into the
//! strip without distortion. So what is trained on is made as what is read.

mod paper;

use ab_glyph::{OutlineCurve, Point};
use image::GrayImage;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::Degradation;
use crate::drawing::{between, coverage};
use crate::face::{CharsetFace, point_at};
use crate::folder::Fit;
use crate::typeface::bounds_of_points;

use paper::Paper;

/// Straight pieces that a curve of a glyph is cut into.
const PIECES: u16 = 4;

/// Height of a line, from the highest to the lowest character of the charset, in px of the picture that
/// the word is cut from: smallest and largest.
const LINE_PX: [f32; 2] = [14.0, 64.0];

/// Width over height of the letters, relative to their face: smallest and largest.
const STRETCH: [f32; 2] = [0.78, 1.28];

/// Largest turn in degrees.
const TURN_DEGREES: f32 = 5.0;

/// Largest change of size from one end of a word to the other, half of it, as a share.
const PERSPECTIVE: f32 = 0.12;

/// Width of a space over the height of a line.
const SPACE: f32 = 0.22;

/// A picture of one word.
pub(crate) struct Printed {
    /// As it is fitted into the strip.
    pub(crate) image: GrayImage,
    /// Centre (x, y) in px of the strip of every character that is no space.
    pub(crate) slots: Vec<[f32; 2]>,
    /// Difference between ink and paper, as a fraction of the grey range.
    pub(crate) contrast: f32,
}

/// What is drawn.
pub(crate) struct Print<'a> {
    /// The word, or several parted by spaces.
    pub(crate) text: &'a [char],
    /// Another text, which stands beside it in some pictures.
    pub(crate) neighbour: &'a [char],
    /// The face of both.
    pub(crate) face: &'a CharsetFace,
}

impl Print<'_> {
    /// Draws, cuts out and fits into `strip` (width and height in px). `look` decides the geometry, `rng`
    /// the paper, the ink and the camera.
    pub(crate) fn draw(
        &self,
        strip: (u32, u32),
        degradation: &Degradation,
        look: &mut impl Rng,
        rng: &mut impl Rng,
    ) -> Printed {
        let setting = Setting::draw(self.face, look);
        let word = setting.set(self.text, self.face, [0.0, 0.0]);
        let view = View::draw(&word, look);
        let frame = Frame::draw(&word, &view, setting.line_px, look);
        let mut ink = frame.ink(&word, &view);
        for place in neighbours(&word, setting.line_px, look) {
            let beside = setting.set(self.neighbour, self.face, place);
            for (covered, more) in ink.iter_mut().zip(frame.ink(&beside, &view)) {
                *covered = covered.max(more);
            }
        }
        let appearance = degradation.draw(rng);
        let paper = Paper {
            width: frame.width,
            height: frame.height,
            line_px: setting.line_px,
        };
        let picture = paper.develop(ink, &appearance, rng);
        let fit = Fit::new(picture.dimensions(), strip);
        let centres = word.centres.iter().map(|&centre| view.of(centre));
        Printed {
            slots: centres
                .map(|[x, y]| fit.place([x - frame.left, y - frame.top]))
                .collect(),
            image: fit.apply(&picture),
            contrast: appearance.contrast(),
        }
    }
}

/// Size and shape of the letters.
struct Setting {
    line_px: f32,
    /// Px per font unit.
    scale: f32,
    stretch: f32,
    /// Px to the right per px upwards.
    slant: f32,
    /// Further px between characters.
    tracking: f32,
}

impl Setting {
    fn draw(face: &CharsetFace, rng: &mut impl Rng) -> Self {
        let line_px = log_between(LINE_PX, rng);
        let tracking = if rng.random_bool(0.75) {
            between([-0.01, 0.03], rng)
        } else {
            between([0.0, 0.16], rng)
        };
        Self {
            line_px,
            scale: line_px / face.full.height(),
            stretch: log_between(STRETCH, rng),
            slant: if rng.random_bool(0.25) {
                between([-0.1, 0.25], rng)
            } else {
                0.0
            },
            tracking: tracking * line_px,
        }
    }

    /// Outlines of a text whose pen starts at `place`, in px with y downwards.
    fn set(&self, text: &[char], face: &CharsetFace, [x, y]: [f32; 2]) -> Word {
        let mut word = Word {
            lines: Vec::new(),
            centres: Vec::with_capacity(text.len()),
            left: f32::INFINITY,
            right: f32::NEG_INFINITY,
            ascent: self.scale * face.full.ascent,
            descent: self.scale * face.full.descent,
        };
        let across = self.scale * self.stretch;
        let mut pen = x;
        for &character in text {
            if character == ' ' {
                pen += across * SPACE * face.full.height();
                continue;
            }
            let glyph = face.glyph(character);
            let at = |p: Point| {
                let up = self.scale * p.y;
                [pen + across * p.x + self.slant * up, y - up]
            };
            for curve in &glyph.outline.curves {
                let pieces = match curve {
                    OutlineCurve::Line(..) => 1,
                    OutlineCurve::Quad(..) | OutlineCurve::Cubic(..) => PIECES,
                };
                let points = (0..=pieces).map(|piece| f32::from(piece) / f32::from(pieces));
                let points: Vec<[f32; 2]> = points.map(|t| at(point_at(curve, t))).collect();
                word.lines
                    .extend(points.windows(2).map(|ends| [ends[0], ends[1]]));
            }
            let middle = ab_glyph::point(
                f32::midpoint(glyph.left(), glyph.right()),
                f32::midpoint(face.full.ascent, -face.full.descent),
            );
            word.centres.push(at(middle));
            word.left = word.left.min(pen + across * glyph.left());
            word.right = word.right.max(pen + across * glyph.right());
            pen += across * glyph.advance + self.tracking;
        }
        word
    }
}

/// Outlines of a text, its baseline at y = 0 before it is moved.
struct Word {
    lines: Vec<[[f32; 2]; 2]>,
    centres: Vec<[f32; 2]>,
    left: f32,
    right: f32,
    ascent: f32,
    descent: f32,
}

/// From where the word is seen: a turn around its middle, and a side that is nearer.
struct View {
    middle: [f32; 2],
    turn: (f32, f32),
    nearer: [f32; 2],
}

impl View {
    fn draw(word: &Word, rng: &mut impl Rng) -> Self {
        let degrees = match rng.random_range(0..10) {
            0 => 0.0,
            1..7 => (1.2 * rng.sample::<f32, _>(StandardNormal)).clamp(-TURN_DEGREES, TURN_DEGREES),
            _ => between([-TURN_DEGREES, TURN_DEGREES], rng),
        };
        let half_width = ((word.right - word.left) / 2.0).max(1.0);
        let nearer = if rng.random_bool(0.35) {
            let share = || [-PERSPECTIVE, PERSPECTIVE];
            let (x, y) = (between(share(), rng), between(share(), rng));
            [x / half_width, y / half_width]
        } else {
            [0.0, 0.0]
        };
        Self {
            middle: [
                f32::midpoint(word.left, word.right),
                (word.descent - word.ascent) / 2.0,
            ],
            turn: degrees.to_radians().sin_cos(),
            nearer,
        }
    }

    /// Where a point of the paper is seen.
    fn of(&self, [x, y]: [f32; 2]) -> [f32; 2] {
        let (x, y) = (x - self.middle[0], y - self.middle[1]);
        let depth = (1.0 + self.nearer[0] * x + self.nearer[1] * y).max(0.25);
        let (x, y) = (x / depth, y / depth);
        let (sin, cos) = self.turn;
        [cos * x - sin * y, sin * x + cos * y]
    }
}

/// The box that is cut out, in px of the picture.
struct Frame {
    left: f32,
    top: f32,
    width: u32,
    height: u32,
}

impl Frame {
    /// Around the ink or around the line, with margins of which each has a width of its own.
    fn draw(word: &Word, view: &View, line_px: f32, rng: &mut impl Rng) -> Self {
        let ink = word.lines.iter().flatten().copied();
        let line = [word.left, word.right]
            .into_iter()
            .flat_map(|x| [[x, -word.ascent], [x, word.descent]]);
        let whole_line = rng.random_bool(0.4);
        let seen = ink
            .chain(line.filter(|_| whole_line))
            .map(|point| view.of(point));
        let [mut left, mut top, mut right, mut bottom] = bounds_of_points(seen);
        let range = match rng.random_range(0..20) {
            0..14 => [0.01, 0.16],
            14..18 => [0.1, 0.45],
            _ => [-0.03, 0.03],
        };
        let mut margin = || line_px * between(range, rng);
        left -= margin();
        top -= margin();
        right += margin();
        bottom += margin();
        Self {
            left,
            top,
            width: (right - left).ceil().max(4.0) as u32,
            height: (bottom - top).ceil().max(4.0) as u32,
        }
    }

    /// Share of every pixel that a text covers, row by row.
    fn ink(&self, word: &Word, view: &View) -> Vec<f32> {
        let seen = word.lines.iter().map(|ends| {
            ends.map(|end| {
                let [x, y] = view.of(end);
                [x - self.left, y - self.top]
            })
        });
        coverage(seen, self.width, self.height)
    }
}

/// Where the pens of other words on the paper start: the line above or below, the word before or behind.
fn neighbours(word: &Word, line_px: f32, rng: &mut impl Rng) -> Vec<[f32; 2]> {
    if rng.random_bool(0.85) {
        return Vec::new();
    }
    let (gap, spacing) = (
        line_px * between([0.2, 0.5], rng),
        line_px * between([0.95, 1.3], rng),
    );
    let indent = line_px * between([-2.0, 1.0], rng);
    match rng.random_range(0..4) {
        0 => vec![[word.right + gap, 0.0]],
        1 => vec![[word.left + indent, spacing]],
        2 => vec![[word.left + indent, -spacing]],
        _ => vec![[word.left + indent, -spacing], [word.right + gap, 0.0]],
    }
}

fn log_between([low, high]: [f32; 2], rng: &mut impl Rng) -> f32 {
    low * (high / low).powf(rng.random::<f32>())
}

#[cfg(test)]
mod tests {
    use std::sync::LazyLock;

    use super::*;
    use crate::stream::stream;
    use crate::{Charset, Fonts};

    const STRIP: (u32, u32) = (208, 32);

    fn printed(text: &str, degradation: &Degradation, index: u64) -> Printed {
        static FACES: LazyLock<Vec<Vec<CharsetFace>>> = LazyLock::new(|| {
            let fonts = Fonts::for_print();
            fonts.select(Charset::Printable94, false).unwrap()
        });
        let text: Vec<char> = text.chars().collect();
        let faces = &*FACES;
        let print = Print {
            text: &text,
            neighbour: &['x'],
            face: &faces[index as usize % faces.len()][0],
        };
        let [mut look, mut rng] = ["look", "camera"].map(|name| stream(1, name, index));
        print.draw(STRIP, degradation, &mut look, &mut rng)
    }

    #[test]
    fn characters_stand_one_behind_the_other_where_their_ink_is() {
        let plain = Degradation {
            photographed: true,
            ..Degradation::none()
        };
        for index in 0..60 {
            let printed = printed("HHHHH", &plain, index);
            assert_eq!(printed.slots.len(), 5);
            let ends = printed.slots.windows(2);
            assert!(
                ends.into_iter().all(|pair| pair[1][0] > pair[0][0] + 3.0),
                "{index}"
            );
            for [x, y] in printed.slots {
                // The bar of an H lies in its middle.
                let near = |dx: i64, dy: i64| {
                    let at = [x as i64 + dx, y as i64 + dy];
                    let inside = at[0].clamp(0, 207) as u32;
                    printed.image.get_pixel(inside, at[1].clamp(0, 31) as u32).0[0]
                };
                let darkest = (-8..=8).flat_map(|dy| (-1..=1).map(move |dx| (dx, dy)));
                let darkest = darkest.map(|(dx, dy)| near(dx, dy)).min().unwrap();
                assert!(darkest < 200, "{index}: {darkest} at {x} {y}");
            }
        }
    }

    #[test]
    fn every_picture_shows_something_and_no_two_are_the_same() {
        let mut seen = std::collections::HashSet::new();
        for index in 0..200 {
            let printed = printed("fig.3", &Degradation::photographed(), index);
            assert_eq!(printed.image.dimensions(), STRIP);
            let (low, high) = printed
                .image
                .iter()
                .fold((255, 0), |(l, h), &v| (v.min(l), v.max(h)));
            assert!(high - low > 25, "{index}: {low} to {high}");
            assert!((0.25..=1.0).contains(&printed.contrast));
            assert!(seen.insert(printed.image.into_raw()));
        }
    }

    #[test]
    fn a_space_parts_words_and_has_no_place() {
        let plain = Degradation {
            photographed: true,
            ..Degradation::none()
        };
        let printed = printed("ab cd", &plain, 3);
        assert_eq!(printed.slots.len(), 4);
        let gap = |left: usize| printed.slots[left + 1][0] - printed.slots[left][0];
        assert!(gap(1) > 1.2 * gap(0), "{:?}", printed.slots);
    }
}
