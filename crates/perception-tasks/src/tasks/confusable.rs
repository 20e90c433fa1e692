//! Glyphs drawn at the size at which they differ from their double by a given amount of ink.
//!
//! Distance: sum over pixels of the absolute difference in ink between the two renderings at the
//! same place, in px². It grows with the size of the glyphs, so the wanted distance decides the
//! size. Some faces make a pair more alike than others do (`l` and `I` in a sans serif differ
//! by a hair), so several faces are tried; the item notes the distance that was reached.

use text_images::{Lettering, Typeface};

use crate::ink::coverage;
use crate::scene::Scene;
use crate::shape::{Point, Shape};

/// Faces tried for a pair before the nearest distance counts.
const TRIES: usize = 12;

/// Sizes tried for a face.
const STEPS: usize = 10;

/// A reached distance this close to the wanted one, as a ratio, ends the search.
const CLOSE: f32 = 1.005;

/// Free px that stay around the drawing, jitter aside.
const MARGIN_PX: f32 = 2.0;

/// How glyphs of a pair are set.
pub(super) struct Setting {
    /// Smallest and largest height of a capital H, in px.
    pub(super) height_px: [f32; 2],
    /// Letters to the left and to the right, or empty.
    pub(super) context: [&'static str; 2],
}

/// A pair of glyphs in one face, with the same surroundings for both.
struct Pair {
    glyphs: [Lettering; 2],
    context: [Lettering; 2],
    centre: Point,
    canvas_px: [u32; 2],
}

impl Pair {
    fn new(
        face: &Typeface,
        pair: [&str; 2],
        context: [&str; 2],
        centre: Point,
        canvas_px: [u32; 2],
    ) -> Self {
        let set = |word: &str| {
            face.lettering(word)
                .expect("the typefaces of a task can draw its characters")
        };
        Self {
            glyphs: pair.map(set),
            context: context.map(set),
            centre,
            canvas_px,
        }
    }

    /// Free space left and right of a glyph, in heights of the H.
    const SIDE: f32 = 0.14;

    /// Width of the widest glyph of the pair, in heights of the H.
    fn slot(&self) -> f32 {
        let width = |glyph: &Lettering| {
            let [left, _, right, _] = glyph.bounds();
            right - left
        };
        width(&self.glyphs[0]).max(width(&self.glyphs[1]))
    }

    /// Smallest and largest coordinate of everything, in heights of the H, from the centre of the
    /// slot on the middle between baseline and top of the H.
    fn extent(&self) -> [f32; 4] {
        let half = self.slot() / 2.0;
        let [mut left, mut top, mut right, mut bottom] = [-half, 0.0_f32, half, 0.0_f32];
        for (side, word) in [(-1.0, &self.context[0]), (1.0, &self.context[1])] {
            if !word.lines.is_empty() {
                let [l, _, r, _] = word.bounds();
                let reach = half + Self::SIDE + (r - l);
                left = left.min(side * reach);
                right = right.max(side * reach);
            }
        }
        for word in self.glyphs.iter().chain(&self.context) {
            if !word.lines.is_empty() {
                let [_, t, _, b] = word.bounds();
                top = top.min(t + 0.5);
                bottom = bottom.max(b + 0.5);
            }
        }
        [left, top, right, bottom]
    }

    /// Largest height at which everything fits the canvas.
    fn room(&self) -> f32 {
        let [left, top, right, bottom] = self.extent();
        let [x, y] = self.centre;
        let [width, height] = self.canvas_px.map(|side| side as f32);
        let ratio = |free: f32, need: f32| (free - MARGIN_PX) / need.max(1e-3);
        ratio(x, -left)
            .min(ratio(y, -top))
            .min(ratio(width - x, right))
            .min(ratio(height - y, bottom))
    }

    /// One of the glyphs, the middle of its ink in the middle of the slot, on the baseline.
    fn glyph(&self, which: usize, height: f32) -> Shape {
        let glyph = &self.glyphs[which];
        let [left, _, right, _] = glyph.bounds();
        let x = self.centre[0] - height * (left + right) / 2.0;
        Shape::word(glyph, height, [x, self.baseline(height)])
    }

    fn baseline(&self, height: f32) -> f32 {
        self.centre[1] + height / 2.0
    }

    fn distance(&self, height: f32) -> f32 {
        let [width_px, height_px] = self.canvas_px;
        let [first, second] =
            [0, 1].map(|which| coverage(&self.glyph(which, height), width_px, height_px));
        let pixels = first.iter().zip(&second);
        pixels.map(|(a, b)| (a - b).abs()).sum()
    }

    /// Height whose distance comes closest to the wanted one, and that distance.
    fn fit(&self, wanted: f32, [low, high]: [f32; 2]) -> (f32, f32) {
        let (mut low, mut high) = (low, high.min(self.room()).max(low));
        let mut height = high;
        let mut best = (height, self.distance(height));
        let mut reached = best.1;
        if reached <= wanted {
            return best;
        }
        for _ in 0..STEPS {
            if reached < wanted {
                low = height;
            } else {
                high = height;
            }
            // Areas grow as squares; steps that leave the bracket halve it.
            let guess = height * (wanted / reached.max(1e-6)).sqrt();
            height = if low < guess && guess < high {
                guess
            } else {
                (low + high) / 2.0
            };
            reached = self.distance(height);
            if ratio(reached, wanted) < ratio(best.1, wanted) {
                best = (height, reached);
            }
            if ratio(reached, wanted) <= CLOSE {
                break;
            }
        }
        best
    }
}

fn ratio(a: f32, b: f32) -> f32 {
    let (a, b) = (a.max(1e-6), b.max(1e-6));
    (a / b).max(b / a)
}

/// Draws the glyph of the scene's class beside which `names[other]` would stand at the distance
/// that the difficulty asks for.
pub(super) fn draw(scene: &mut Scene<'_>, names: &[&'static str], setting: &Setting) {
    let centre = scene.centre();
    let wanted = scene.difficulty;
    let canvas_px = [scene.ink.width_px(), scene.ink.height_px()];
    // The same order for both images of the pair.
    let [first, second] = [scene.class.min(scene.other), scene.class.max(scene.other)];
    let mut best: Option<(f32, f32, Pair, Typeface)> = None;
    for _ in 0..TRIES {
        let face = scene.typeface();
        let glyphs = [names[first], names[second]];
        let pair = Pair::new(&face, glyphs, setting.context, centre, canvas_px);
        let (height, reached) = pair.fit(wanted, setting.height_px);
        let nearer =
            |best: &(f32, f32, Pair, Typeface)| ratio(reached, wanted) < ratio(best.1, wanted);
        if best.as_ref().is_none_or(nearer) {
            best = Some((height, reached, pair, face));
        }
        if ratio(reached, wanted) <= CLOSE {
            break;
        }
    }
    let Some((height, reached, pair, face)) = best else {
        return;
    };
    scene.set_in(&face);
    scene.fill(&pair.glyph(usize::from(scene.class != first), height));
    let half = height * (pair.slot() / 2.0 + Pair::SIDE);
    for (side, word) in [(-1.0, &pair.context[0]), (1.0, &pair.context[1])] {
        if !word.lines.is_empty() {
            let [left, _, right, _] = word.bounds();
            let edge = centre[0] + side * half;
            let x = edge - height * if side < 0.0 { right } else { left };
            scene.fill(&Shape::word(word, height, [x, pair.baseline(height)]));
        }
    }
    scene.difficulty = reached;
    scene.note("wanted_px2", wanted);
    scene.note("height", height);
    scene.note("slot_left", centre[0] - height * pair.slot() / 2.0);
    scene.note("slot_right", centre[0] + height * pair.slot() / 2.0);
}
