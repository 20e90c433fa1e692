//! The embedded face (DejaVu Sans, free under the Bitstream Vera licence): measuring, breaking and
//! outlining text.
//!
//! SVG viewers may substitute another face. DejaVu is wider than the faces named as fallbacks, so
//! a text that fits here fits there.

use std::sync::OnceLock;

use ab_glyph::{Font, FontRef, GlyphId, ScaleFont, point};

/// CSS font list of the SVG.
pub(crate) const FAMILY: &str = "DejaVu Sans, Verdana, Helvetica, Arial, sans-serif";
/// Height of a lower-case x in em; texts are centred on half of it.
pub(crate) const X_HEIGHT_EM: f64 = 0.547;
/// plotters calls 1.24 em the size of a font; its SVG backend divides by it.
pub(crate) const PLOTTERS_SIZE_PER_EM: f64 = 1.24;

/// Weight of the face.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Weight {
    Regular,
    Bold,
}

fn face(weight: Weight) -> &'static FontRef<'static> {
    static REGULAR: OnceLock<FontRef<'static>> = OnceLock::new();
    static BOLD: OnceLock<FontRef<'static>> = OnceLock::new();
    let (cell, bytes): (_, fn() -> &'static [u8]) = match weight {
        Weight::Regular => (&REGULAR, dejavu::sans::regular),
        Weight::Bold => (&BOLD, dejavu::sans::bold),
    };
    cell.get_or_init(|| {
        FontRef::try_from_slice(bytes()).expect("the face linked into the binary is well formed")
    })
}

/// ab_glyph scales by the height from descender to ascender; everything here counts in em.
fn pixels_per_height(font: &FontRef<'_>, em: f64) -> f32 {
    let units_per_em = font.units_per_em().unwrap_or(2048.0);
    em as f32 * font.height_unscaled() / units_per_em
}

/// Walks over the glyphs of a line; `visit` gets each glyph and its pen position in pixels.
/// Returns the advance of the whole line in pixels.
fn walk(text: &str, em: f64, weight: Weight, mut visit: impl FnMut(GlyphId, f32)) -> f64 {
    let font = face(weight);
    let scaled = font.as_scaled(pixels_per_height(font, em));
    let mut pen = 0.0;
    let mut previous = None;
    for character in text.chars() {
        let glyph = font.glyph_id(character);
        if let Some(previous) = previous {
            pen += scaled.kern(previous, glyph);
        }
        visit(glyph, pen);
        pen += scaled.h_advance(glyph);
        previous = Some(glyph);
    }
    f64::from(pen)
}

/// Width of a line of text in pixels at a font size of `em` pixels.
pub(crate) fn width(text: &str, em: f64, weight: Weight) -> f64 {
    walk(text, em, weight, |_, _| {})
}

/// Coverage of a line of text whose baseline starts at (0, 0), as `(x, y, coverage in 0..=1)` with
/// y pointing down.
pub(crate) fn coverage(text: &str, em: f64, weight: Weight) -> Vec<(i32, i32, f32)> {
    let font = face(weight);
    let scale = pixels_per_height(font, em);
    let mut pixels = Vec::new();
    walk(text, em, weight, |glyph, pen| {
        let placed = glyph.with_scale_and_position(scale, point(pen, 0.0));
        if let Some(outline) = font.outline_glyph(placed) {
            let corner = outline.px_bounds().min;
            outline.draw(|x, y, covered| {
                pixels.push((
                    corner.x as i32 + x as i32,
                    corner.y as i32 + y as i32,
                    covered,
                ));
            });
        }
    });
    pixels
}

/// Breaks a text into lines no wider than `max_width` pixels.
///
/// Lines break after spaces and after the punctuation of arm names, and inside a word only where
/// one word alone is too wide. Nothing is dropped but the space at a break.
pub(crate) fn wrap(text: &str, em: f64, weight: Weight, max_width: f64) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for piece in pieces(text) {
        if width((line.clone() + &piece).trim_end(), em, weight) <= max_width {
            line += &piece;
            continue;
        }
        if !line.trim().is_empty() {
            lines.push(line.trim().to_owned());
        }
        line = String::new();
        for character in piece.chars() {
            line.push(character);
            if line.chars().count() > 1 && width(line.trim_end(), em, weight) > max_width {
                line.pop();
                lines.push(std::mem::take(&mut line));
                line.push(character);
            }
        }
    }
    if !line.trim().is_empty() || lines.is_empty() {
        lines.push(line.trim().to_owned());
    }
    lines
}

fn pieces(text: &str) -> Vec<String> {
    let mut pieces = vec![String::new()];
    for character in text.chars() {
        if let Some(piece) = pieces.last_mut() {
            piece.push(character);
        }
        if " +/_:,-".contains(character) {
            pieces.push(String::new());
        }
    }
    pieces.retain(|piece| !piece.is_empty());
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wrapped_lines_fit_and_keep_every_character() {
        let text = "vet:gumbel-annealed+usage (K=65536), a remark, averyveryverylongwordwithoutany";
        let lines = wrap(text, 20.0, Weight::Regular, 200.0);
        assert!(lines.len() > 3);
        for line in &lines {
            assert!(width(line, 20.0, Weight::Regular) <= 200.0, "{line}");
        }
        let without_spaces = |text: &str| text.replace(' ', "");
        assert_eq!(without_spaces(&lines.concat()), without_spaces(text));
    }

    #[test]
    fn the_face_has_every_character_that_the_figures_write() {
        let font = face(Weight::Regular);
        for character in "log₂–—×±λτ≤²…%".chars() {
            assert_ne!(font.glyph_id(character), GlyphId(0), "{character}");
        }
    }

    #[test]
    fn bold_text_is_wider_than_regular_text() {
        let regular = width("Character error rate", 20.0, Weight::Regular);
        let bold = width("Character error rate", 20.0, Weight::Bold);
        assert!(regular > 150.0 && bold > regular, "{regular} {bold}");
    }
}
