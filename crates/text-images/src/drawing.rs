//! Puts glyphs on a canvas of ink coverage.

use ab_glyph::{GlyphId, OutlinedGlyph, PxScale, PxScaleFactor, point};
use ab_glyph_rasterizer::Rasterizer;
use rand::{Rng, RngExt};

use crate::face::{CharsetFace, Glyph};
use crate::{Degradation, Grid};

/// Share of the cell that the common extent fills: smallest and largest.
const FILL: [f32; 2] = [0.88, 1.0];

/// Horizontal over vertical scale never falls below this: narrow cells make the text smaller
/// rather than thinner than any condensed font.
const MOST_CONDENSED: f32 = 0.5;

/// Least free px between the ink of neighbouring cells, so that letters do not fuse.
const GAP_PX: f32 = 0.7;

/// Free px around the text of a strip.
const MARGIN_PX: f32 = 1.0;

/// Height of the text of a strip over the height of the image: smallest and largest.
const STRIP_HEIGHT: [f32; 2] = [0.4, 0.9];

/// Horizontal over vertical scale of a strip: smallest and largest.
const STRIP_WIDTH: [f32; 2] = [0.85, 1.1];

/// Extra space between the characters of a strip over the text height: smallest and largest.
const STRIP_TRACKING: [f32; 2] = [0.0, 0.08];

/// Ink coverage of every pixel, 0 to 1, row by row.
pub(crate) struct Canvas {
    width_px: u32,
    height_px: u32,
    coverage: Vec<f32>,
    /// Coverage that fell outside: zero unless the layout is wrong.
    clipped: f32,
}

impl Canvas {
    pub(crate) fn new(width_px: u32, height_px: u32) -> Self {
        Self {
            width_px,
            height_px,
            coverage: vec![0.0; width_px as usize * height_px as usize],
            clipped: 0.0,
        }
    }

    pub(crate) fn width_px(&self) -> u32 {
        self.width_px
    }

    pub(crate) fn height_px(&self) -> u32 {
        self.height_px
    }

    pub(crate) fn into_coverage(self) -> Vec<f32> {
        self.coverage
    }

    /// Draws a glyph with its origin on the baseline at (x, y) px.
    fn draw(&mut self, glyph: &Glyph, x: f32, y: f32, horizontal: f32, vertical: f32) {
        let positioned = GlyphId(0).with_scale_and_position(PxScale::from(1.0), point(x, y));
        let scale = PxScaleFactor {
            horizontal,
            vertical,
        };
        let outlined = OutlinedGlyph::new(positioned, glyph.outline.clone(), scale);
        let origin = outlined.px_bounds().min;
        let (left, top) = (origin.x as i64, origin.y as i64);
        outlined.draw(|dx, dy, covered| {
            let (x, y) = (left + i64::from(dx), top + i64::from(dy));
            let inside_x = (0..i64::from(self.width_px)).contains(&x);
            if inside_x && (0..i64::from(self.height_px)).contains(&y) {
                let pixel = &mut self.coverage[y as usize * self.width_px as usize + x as usize];
                *pixel = (*pixel + covered).min(1.0);
            } else {
                self.clipped += covered;
            }
        });
    }
}

/// Share of every pixel's area that closed outlines of straight lines cover, row by row; of overlapping
/// ones the sum, at most 1. Sums of areas that should cancel leave about a millionth.
pub fn coverage(
    lines: impl IntoIterator<Item = [[f32; 2]; 2]>,
    width_px: u32,
    height_px: u32,
) -> Vec<f32> {
    let (width, height) = (width_px as f32, height_px as f32);
    let mut rasterizer = Rasterizer::new(width_px as usize, height_px as usize);
    for line in lines {
        // The rasteriser carries what lies outside into neighbouring rows.
        let [from, to] = line
            .map(|[x, y]| ab_glyph_rasterizer::point(x.clamp(0.0, width), y.clamp(0.0, height)));
        rasterizer.draw_line(from, to);
    }
    let mut coverage = vec![0.0; width_px as usize * height_px as usize];
    rasterizer.for_each_pixel(|pixel, covered| coverage[pixel] = covered.min(1.0));
    coverage
}

/// Draws one character in each cell of the grid. No ink leaves its cell.
///
/// One face and one size for the image: the vertical scale fits the common extent of the charset
/// into the cell, and lines have a common baseline, so that `o` and `O` keep their sizes. The
/// horizontal scale is condensed until characters of common width fit; wider, higher and deeper
/// ones are squeezed on their own.
pub(crate) fn draw_grid(
    canvas: &mut Canvas,
    grid: Grid,
    text: &[char],
    face: &CharsetFace,
    degradation: &Degradation,
    rng: &mut impl Rng,
) {
    let (cell_width, cell_height) = grid.cell_px(canvas.width_px, canvas.height_px);
    let (inner_width, inner_height) = (cell_width - GAP_PX, cell_height - GAP_PX);
    let fill = between(FILL, rng);
    let (room_width, room_height) = (inner_width * fill, inner_height * fill);

    let mut vertical = room_height / face.common.height();
    let horizontal = vertical.min(room_width / face.common.width);
    if horizontal < MOST_CONDENSED * vertical {
        vertical = horizontal / MOST_CONDENSED;
    }

    for (line, characters) in text.chunks(grid.columns).enumerate() {
        let free = inner_height - vertical * face.common.height();
        let top =
            line as f32 * cell_height + GAP_PX / 2.0 + jittered(free, degradation.jitter_px, rng);
        for (column, character) in characters.iter().enumerate() {
            let glyph = face.glyph(*character);
            let scale_x = horizontal.min(room_width / glyph.width());
            let (lowest, highest) = face.common.squeeze(glyph);
            let scale_y = vertical * (highest - lowest) / (glyph.top() - glyph.bottom());
            let baseline = top + vertical * (face.common.ascent - highest) + scale_y * glyph.top();

            let free = inner_width - scale_x * glyph.width();
            let left = column as f32 * cell_width
                + GAP_PX / 2.0
                + jittered(free, degradation.jitter_px, rng);
            let origin = left - scale_x * glyph.left();
            canvas.draw(glyph, origin, baseline, scale_x, scale_y);
        }
    }
}

/// Draws one proportional line at a random size and place, shrunk where it would be clipped, and
/// returns the centre (x, y) of every character in px: x of its ink, y of the line.
pub(crate) fn draw_strip(
    canvas: &mut Canvas,
    text: &[char],
    face: &CharsetFace,
    rng: &mut impl Rng,
) -> Vec<[f32; 2]> {
    let extent = face.full;
    let room_width = canvas.width_px as f32 - 2.0 * MARGIN_PX;
    let room_height = canvas.height_px as f32 - 2.0 * MARGIN_PX;

    let height = (canvas.height_px as f32 * between(STRIP_HEIGHT, rng)).min(room_height);
    let mut vertical = height / extent.height();
    let mut horizontal = vertical * between(STRIP_WIDTH, rng);
    let tracking = extent.height() * between(STRIP_TRACKING, rng);

    // Pen positions, and the ink's left and right end, in font units.
    let mut pen = 0.0;
    let (mut ink_left, mut ink_right) = (f32::INFINITY, f32::NEG_INFINITY);
    let mut pens = Vec::with_capacity(text.len());
    for character in text {
        let glyph = face.glyph(*character);
        pens.push(pen);
        ink_left = ink_left.min(pen + glyph.left());
        ink_right = ink_right.max(pen + glyph.right());
        pen += glyph.advance + tracking;
    }
    let shrink = (room_width / (horizontal * (ink_right - ink_left))).min(1.0);
    vertical *= shrink;
    horizontal *= shrink;

    let free_x = room_width - horizontal * (ink_right - ink_left);
    let free_y = room_height - vertical * extent.height();
    let left = MARGIN_PX + free_x * rng.random::<f32>();
    let top = MARGIN_PX + free_y * rng.random::<f32>();
    let baseline = top + vertical * extent.ascent;
    let middle = top + vertical * extent.height() / 2.0;

    let mut centres = Vec::with_capacity(text.len());
    for (character, pen) in text.iter().zip(pens) {
        let glyph = face.glyph(*character);
        let origin = left + horizontal * (pen - ink_left);
        canvas.draw(glyph, origin, baseline, horizontal, vertical);
        let ink_middle = (glyph.left() + glyph.right()) / 2.0;
        centres.push([origin + horizontal * ink_middle, middle]);
    }
    centres
}

/// A number drawn evenly from a range.
pub(crate) fn between([low, high]: [f32; 2], rng: &mut impl Rng) -> f32 {
    low + (high - low) * rng.random::<f32>()
}

/// Where something starts that leaves `free` px of its cell: the middle, give or take the jitter,
/// but inside the cell.
fn jittered(free: f32, jitter_px: f32, rng: &mut impl Rng) -> f32 {
    let shift = jitter_px * (2.0 * rng.random::<f32>() - 1.0);
    (free / 2.0 + shift).clamp(0.0, free.max(0.0))
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::stream::stream;
    use crate::{Charset, Fonts};

    fn faces(charset: Charset) -> Vec<CharsetFace> {
        let fonts = Fonts::embedded();
        let [seen, held_out] =
            [false, true].map(|held_out| fonts.select(charset, held_out).unwrap());
        seen.into_iter().chain(held_out).flatten().collect()
    }

    fn cell(face: &CharsetFace, character: char, size: (u32, u32), index: u64) -> Canvas {
        let mut canvas = Canvas::new(size.0, size.1);
        let grid = Grid {
            columns: 1,
            lines: 1,
        };
        let degradation = Degradation::default();
        let mut rng = stream(1, "cell", index);
        draw_grid(
            &mut canvas,
            grid,
            &[character],
            face,
            &degradation,
            &mut rng,
        );
        canvas
    }

    #[test]
    fn every_character_of_every_face_inks_its_cell_and_nothing_else() {
        for face in faces(Charset::Printable94) {
            for (index, &character) in Charset::Printable94.chars().iter().enumerate() {
                for size in [(16, 32), (8, 16), (8, 8), (4, 8), (5, 16)] {
                    let canvas = cell(&face, character, size, index as u64);
                    let place = format!("{} {character} {size:?}", face.face.name);
                    assert_eq!(canvas.clipped, 0.0, "{place}");
                    let ink: f32 = canvas.coverage.iter().sum();
                    // A full stop in the smallest cells is less than half a pixel of ink.
                    let least = if size.0 < 8 { 0.1 } else { 0.3 };
                    assert!(ink > least, "{place}: {ink}");
                }
            }
        }
    }

    #[test]
    fn no_two_characters_of_a_face_look_the_same_in_eight_px() {
        for face in faces(Charset::Alnum36) {
            let looks: HashSet<Vec<u8>> = Charset::Alnum36
                .chars()
                .iter()
                .map(|&character| {
                    let canvas = cell(&face, character, (8, 8), 0);
                    canvas.coverage.iter().map(|c| (c * 16.0) as u8).collect()
                })
                .collect();
            assert_eq!(looks.len(), 36, "{}", face.face.name);
        }
    }

    #[test]
    fn upper_and_lower_case_keep_their_sizes_in_a_grid() {
        let inked_rows = |canvas: &Canvas| {
            let rows = canvas.coverage.chunks(canvas.width_px as usize);
            rows.filter(|row| row.iter().any(|c| *c > 0.3)).count()
        };
        for face in faces(Charset::Alnum62) {
            for (lower, upper) in [('o', 'O'), ('c', 'C'), ('x', 'X')] {
                let [small, large] = [lower, upper].map(|c| cell(&face, c, (16, 16), 0));
                assert!(
                    inked_rows(&small) + 2 <= inked_rows(&large),
                    "{} {upper}",
                    face.face.name
                );
            }
        }
    }

    #[test]
    fn strips_are_never_clipped_even_with_the_widest_text() {
        for face in faces(Charset::Printable94) {
            for (index, text) in ["@@@@@@@@@", "W|gj_", "...,,", "MWMWMWMW%"]
                .iter()
                .enumerate()
            {
                let mut canvas = Canvas::new(128, 32);
                let text: Vec<char> = text.chars().collect();
                let mut rng = stream(2, "strip", index as u64);
                let centres = draw_strip(&mut canvas, &text, &face, &mut rng);
                assert_eq!(canvas.clipped, 0.0, "{} {text:?}", face.face.name);
                assert!(canvas.coverage.iter().sum::<f32>() > 1.0);
                assert!(centres.windows(2).all(|pair| pair[0][0] < pair[1][0]));
            }
        }
    }
}
