//! One picture of many images with their labels, to be looked at.

use ab_glyph::{Font, FontRef, PxScale, ScaleFont, point};
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};

use crate::{FolderRow, Item};

/// Height of a caption line and size of its font, in px.
const LINE_PX: u32 = 15;
const FONT_PX: f32 = 13.0;

/// Space around every tile, in px.
const MARGIN_PX: u32 = 8;

const PAPER: Luma<u8> = Luma([215]);

/// An image with the lines of text to print beneath it.
#[derive(Clone, Debug)]
pub struct Tile {
    /// The image, before enlargement.
    pub image: GrayImage,
    /// Caption lines; what is wider than the enlarged image is wrapped.
    pub caption: Vec<String>,
}

impl From<&Item> for Tile {
    /// Captions the label, the lines of a grid apart, and the font, marked if held out.
    fn from(item: &Item) -> Self {
        let mut caption = vec![
            separated(&item.text, item.grid.map(|grid| grid.columns)),
            item.font.clone(),
        ];
        if item.held_out {
            caption.push("held-out font".to_owned());
        }
        Self {
            image: item.image.clone(),
            caption,
        }
    }
}

impl Tile {
    /// A tile for an image of a folder: captions the label and the file.
    pub fn from_folder(row: &FolderRow, image: GrayImage) -> Self {
        Self {
            image,
            caption: vec![
                separated(&row.text, row.grid.map(|grid| grid.columns)),
                row.file.display().to_string(),
            ],
        }
    }
}

/// Draws the tiles in rows of `columns`, each enlarged `scale` times without smoothing, so that
/// single pixels can be seen. Both numbers count as 1 if they are 0.
///
/// Rows are as high as their highest tile and columns as wide as the widest of all.
pub fn contact_sheet(tiles: &[Tile], columns: usize, scale: u32) -> GrayImage {
    let (columns, scale) = (columns.max(1), scale.max(1));
    let font = FontRef::try_from_slice(epaint_default_fonts::HACK_REGULAR)
        .expect("the embedded caption font is a valid font");
    let widest = tiles.iter().map(|tile| tile.image.width()).max();
    let tile_width = widest.unwrap_or_default() * scale;
    let character_width = font
        .as_scaled(FONT_PX)
        .h_advance(font.glyph_id('0'))
        .max(1.0);
    let characters = ((tile_width as f32 / character_width) as usize).max(1);

    let captions: Vec<Vec<String>> = tiles
        .iter()
        .map(|tile| wrapped(&tile.caption, characters))
        .collect();
    let row_heights: Vec<u32> = tiles
        .chunks(columns)
        .zip(captions.chunks(columns))
        .map(|(tiles, captions)| {
            let image = tiles.iter().map(|tile| tile.image.height()).max();
            let lines = captions.iter().map(Vec::len).max().unwrap_or_default();
            image.unwrap_or_default() * scale + lines as u32 * LINE_PX + MARGIN_PX
        })
        .collect();
    let width = MARGIN_PX + columns.min(tiles.len()) as u32 * (tile_width + MARGIN_PX);
    let height = MARGIN_PX + row_heights.iter().sum::<u32>();
    let mut sheet = GrayImage::from_pixel(width, height, PAPER);

    let mut top = MARGIN_PX;
    for (row, row_height) in row_heights.iter().enumerate() {
        let first = row * columns;
        let in_row = first..(first + columns).min(tiles.len());
        for (column, index) in in_row.enumerate() {
            let left = MARGIN_PX + column as u32 * (tile_width + MARGIN_PX);
            let image = &tiles[index].image;
            let enlarged = imageops::resize(
                image,
                image.width() * scale,
                image.height() * scale,
                FilterType::Nearest,
            );
            imageops::replace(&mut sheet, &enlarged, i64::from(left), i64::from(top));
            let mut baseline = top + enlarged.height() + LINE_PX - 3;
            for line in &captions[index] {
                print(&mut sheet, &font, line, left, baseline);
                baseline += LINE_PX;
            }
        }
        top += row_height;
    }
    sheet
}

fn separated(text: &str, columns: Option<usize>) -> String {
    let characters: Vec<char> = text.chars().collect();
    let lines: Vec<String> = characters
        .chunks(columns.unwrap_or(characters.len()).max(1))
        .map(|line| line.iter().collect())
        .collect();
    lines.join(" ")
}

fn wrapped(lines: &[String], characters: usize) -> Vec<String> {
    let mut wrapped = Vec::new();
    for line in lines {
        let line: Vec<char> = line.chars().collect();
        wrapped.extend(line.chunks(characters).map(|part| part.iter().collect()));
    }
    wrapped
}

fn print(sheet: &mut GrayImage, font: &FontRef, line: &str, left: u32, baseline: u32) {
    let scaled = font.as_scaled(FONT_PX);
    let mut x = left as f32;
    for character in line.chars() {
        let id = font.glyph_id(character);
        let glyph = id.with_scale_and_position(PxScale::from(FONT_PX), point(x, baseline as f32));
        x += scaled.h_advance(id);
        let Some(outlined) = font.outline_glyph(glyph) else {
            continue;
        };
        let origin = outlined.px_bounds().min;
        outlined.draw(|dx, dy, covered| {
            let (x, y) = (origin.x as u32 + dx, origin.y as u32 + dy);
            if let Some(pixel) = sheet.get_pixel_mut_checked(x, y) {
                pixel.0[0] = (f32::from(pixel.0[0]) * (1.0 - covered.min(1.0))) as u8;
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tile(width: u32, height: u32) -> Tile {
        Tile {
            image: GrayImage::from_pixel(width, height, Luma([40])),
            caption: vec!["LABEL".to_owned(), "font".to_owned()],
        }
    }

    #[test]
    fn tiles_are_enlarged_and_captioned() {
        let sheet = contact_sheet(&[tile(64, 32), tile(64, 32), tile(64, 32)], 2, 4);
        assert_eq!(sheet.width(), 8 + 2 * (256 + 8));
        assert_eq!(sheet.height(), 8 + 2 * (128 + 2 * 15 + 8));
        assert_eq!(sheet.get_pixel(8 + 255, 8 + 127).0, [40]);
        assert_eq!(sheet.get_pixel(8 + 256, 8 + 127), &PAPER);
        let caption = imageops::crop_imm(&sheet, 8, 8 + 128, 256, 30).to_image();
        assert!(caption.pixels().any(|pixel| pixel.0[0] < 60));
        let empty_place = imageops::crop_imm(&sheet, 8 + 264, 174, 256, 158).to_image();
        assert!(empty_place.pixels().all(|pixel| *pixel == PAPER));
    }

    #[test]
    fn long_captions_wrap() {
        let short = contact_sheet(&[tile(64, 32)], 1, 1);
        let mut long = tile(64, 32);
        long.caption[0] = "A".repeat(40);
        assert!(contact_sheet(&[long], 1, 1).height() >= short.height() + 3 * LINE_PX);
    }

    #[test]
    fn nothing_to_show_is_an_empty_sheet() {
        assert_eq!(contact_sheet(&[], 0, 0).dimensions(), (8, 8));
    }
}
