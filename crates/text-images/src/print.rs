//! Draws a word as print on paper, a screen or a sign comes into a picture, and cuts it out.
//!
//! The word is drawn at a size of its own, slanted, stretched, turned and seen from the side; paper, ink,
//! light and neighbours vary; then it goes the way of a user's image: cut out as a box, fitted into the
//! strip without distortion. So what is trained on is made as what is read.

use ab_glyph::{OutlineCurve, Point};
use ab_glyph_rasterizer::{Rasterizer, point};
use image::{GrayImage, ImageBuffer, Luma};
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use crate::Degradation;
use crate::degradation::{Appearance, through_jpeg};
use crate::face::{CharsetFace, point_at};
use crate::folder::Fit;

/// Straight pieces that a curve of a glyph is cut into.
const PIECES: u16 = 4;

/// Height of a line, from the highest to the lowest character of the charset, in px of the picture that
/// the word is cut from: smallest and largest.
const LINE_PX: [f32; 2] = [14.0, 64.0];

/// Height of a line for which [`Degradation`] states its blur.
const BLUR_LINE_PX: f32 = 32.0;

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
        let picture = frame.develop(ink, &appearance, setting.line_px, rng);
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
                pen += self.scale * self.stretch * SPACE * face.full.height();
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
        let [mut left, mut top, mut right, mut bottom] = seen.fold(
            [
                f32::INFINITY,
                f32::INFINITY,
                f32::NEG_INFINITY,
                f32::NEG_INFINITY,
            ],
            |[l, t, r, b], [x, y]| [l.min(x), t.min(y), r.max(x), b.max(y)],
        );
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
        let (width, height) = (self.width as usize, self.height as usize);
        let mut rasterizer = Rasterizer::new(width, height);
        // The rasteriser carries what lies outside into neighbouring rows.
        let inside = |at: [f32; 2]| {
            let [x, y] = view.of(at);
            point(
                (x - self.left).clamp(0.0, width as f32),
                (y - self.top).clamp(0.0, height as f32),
            )
        };
        for &[from, to] in &word.lines {
            rasterizer.draw_line(inside(from), inside(to));
        }
        let mut coverage = vec![0.0; width * height];
        rasterizer.for_each_pixel(|pixel, covered| coverage[pixel] = covered.min(1.0));
        coverage
    }

    /// The picture: ink that spreads or thins, paper, light, lines, blur, noise and JPEG.
    fn develop(
        &self,
        mut ink: Vec<f32>,
        look: &Appearance,
        line_px: f32,
        rng: &mut impl Rng,
    ) -> GrayImage {
        if rng.random_bool(0.25) {
            let threshold = if rng.random_bool(0.5) { 0.06 } else { 0.28 };
            let spread = self.blurred(ink, line_px * between([0.008, 0.03], rng));
            ink = spread
                .into_iter()
                .map(|covered| (2.0 * (covered - threshold)).clamp(0.0, 1.0))
                .collect();
        }
        if rng.random_bool(0.07) {
            self.rule(&mut ink, line_px, rng);
        }
        let (slope, stain) = (slope(rng), Stains::draw(line_px, rng));
        let mut picture: Vec<f32> = Vec::with_capacity(ink.len());
        for (index, covered) in ink.into_iter().enumerate() {
            let (x, y) = (index as u32 % self.width, index as u32 / self.width);
            let (right, down) = (
                x as f32 / self.width as f32 - 0.5,
                y as f32 / self.height as f32 - 0.5,
            );
            let light = 1.0 + slope[0] * right + slope[1] * down;
            let paper = look.background + stain.at(x as f32, y as f32);
            picture.push((paper + (look.ink - paper) * covered) * light);
        }
        if let Some(sigma) = look.blur_sigma_px {
            picture = self.blurred(picture, sigma * line_px / BLUR_LINE_PX);
        }
        let noise_sd = 2.0 * look.noise_sd * rng.random::<f32>();
        let pixels = picture.into_iter().map(|level| {
            let level = level + noise_sd * rng.sample::<f32, _>(StandardNormal);
            (level * 255.0).round().clamp(0.0, 255.0) as u8
        });
        let image = GrayImage::from_raw(self.width, self.height, pixels.collect())
            .expect("there is one value for every pixel");
        match look.jpeg_quality {
            Some(quality) => through_jpeg(&image, quality),
            None => image,
        }
    }

    fn blurred(&self, plane: Vec<f32>, sigma_px: f32) -> Vec<f32> {
        let plane: ImageBuffer<Luma<f32>, Vec<f32>> =
            ImageBuffer::from_raw(self.width, self.height, plane)
                .expect("there is one value for every pixel");
        image::imageops::blur(&plane, sigma_px.max(0.2)).into_raw()
    }

    /// A ruled line at one of the edges, as forms, tables and underlining have them.
    fn rule(&self, ink: &mut [f32], line_px: f32, rng: &mut impl Rng) {
        let thick = (line_px * between([0.02, 0.07], rng)).max(1.0) as u32;
        let strength = between([0.3, 1.0], rng);
        let edge = rng.random_range(0..4);
        let away = (line_px * between([0.0, 0.12], rng)) as u32;
        let (width, height) = (self.width, self.height);
        for (index, covered) in ink.iter_mut().enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let distance = match edge {
                0 => y,
                1 => height - 1 - y,
                2 => x,
                _ => width - 1 - x,
            };
            if (away..away + thick).contains(&distance) {
                *covered = covered.max(strength);
            }
        }
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

/// Change of the light from left to right and from top to bottom.
fn slope(rng: &mut impl Rng) -> [f32; 2] {
    if rng.random_bool(0.65) {
        return [0.0; 2];
    }
    [0, 1].map(|_| between([-0.35, 0.35], rng))
}

/// Paper that is not even: values at the crossings of a net, with straight lines between them.
struct Stains {
    cell_px: f32,
    levels: [[f32; Self::CROSSINGS]; Self::CROSSINGS],
}

impl Stains {
    const CROSSINGS: usize = 8;

    fn draw(line_px: f32, rng: &mut impl Rng) -> Self {
        let strength = if rng.random_bool(0.2) {
            between([0.02, 0.12], rng)
        } else {
            0.0
        };
        Self {
            cell_px: line_px * log_between([0.1, 1.5], rng),
            levels: [(); Self::CROSSINGS]
                .map(|()| [(); Self::CROSSINGS].map(|()| strength * between([-1.0, 1.0], rng))),
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x / self.cell_px, y / self.cell_px);
        let level = |right: usize, down: usize| {
            self.levels[(y as usize + down) % Self::CROSSINGS]
                [(x as usize + right) % Self::CROSSINGS]
        };
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let upper = mix(level(0, 0), level(1, 0), x.fract());
        let lower = mix(level(0, 1), level(1, 1), x.fract());
        mix(upper, lower, y.fract())
    }
}

fn between([low, high]: [f32; 2], rng: &mut impl Rng) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

fn log_between([low, high]: [f32; 2], rng: &mut impl Rng) -> f32 {
    low * (high / low).powf(rng.random::<f32>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;
    use crate::{Charset, Fonts};

    const STRIP: (u32, u32) = (208, 32);

    fn printed(text: &str, degradation: &Degradation, index: u64) -> Printed {
        let text: Vec<char> = text.chars().collect();
        let faces = Fonts::for_print()
            .select(Charset::Printable94, false)
            .unwrap();
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
