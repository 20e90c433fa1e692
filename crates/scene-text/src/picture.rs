//! From an encoded image to the strip that a model reads.

use image::{GrayImage, Luma, RgbImage};
use image_processor::data_set::{MAX_PIXELS, MAX_SIDE_PX, too_large};
use image_processor::{Filter, Size, Transparency, decode_bytes, resize, rgb_from_grey};

use crate::{Error, Result};

/// Largest image file that is read.
pub const MAX_FILE_BYTES: u64 = 1 << 28;

/// Decodes a PNG, JPEG, WebP or BMP file. Size limits are checked on the header, before anything is decoded.
///
/// A transparent picture is put on white, or on black under light ink, as those of `labels.csv` are (PARSeq
/// and DTRB show the colours under transparent pixels); the EXIF orientation is applied, as by OpenCV's
/// `imread` (PARSeq and DTRB ignore it).
///
/// # Errors
/// If it is of another format, damaged, cut off, or too large. The message begins with `record`.
pub fn decode(bytes: &[u8], record: impl Fn() -> String) -> Result<RgbImage> {
    let failed = |source| Error::Decode {
        record: record(),
        source: Box::new(source),
    };
    if let Some([width_px, height_px]) = too_large(bytes) {
        return Err(Error::TooLarge {
            record: record(),
            width_px,
            height_px,
            max_side_px: MAX_SIDE_PX,
            max_pixels: MAX_PIXELS,
        });
    }
    decode_bytes(bytes, Transparency::UnderInk).map_err(failed)
}

/// The image in grey, by the luma of ITU-R 601 as in Pillow's `convert("L")`.
pub fn grey(image: &RgbImage) -> GrayImage {
    GrayImage::from_fn(image.width(), image.height(), |x, y| {
        let [red, green, blue] = image.get_pixel(x, y).0.map(u32::from);
        let luma = (19_595 * red + 38_470 * green + 7_471 * blue + 0x8000) >> 16;
        Luma([luma as u8])
    })
}

/// The image as a grey strip of `width_px` × `height_px`, stretched to it with Pillow's bicubic
/// filter: what PARSeq (32 × 128) and DTRB (32 × 100) feed to their models.
///
/// # Errors
/// If a side is zero.
pub fn strip(image: &RgbImage, width_px: u32, height_px: u32) -> Result<GrayImage> {
    let grey = rgb_from_grey(&grey(image));
    let target = Size::new(width_px, height_px);
    let strip = resize(&grey, target, Filter::Bicubic).map_err(|source| Error::Decode {
        record: format!("image of {} x {} px", image.width(), image.height()),
        source: Box::new(source),
    })?;
    Ok(GrayImage::from_fn(width_px, height_px, |x, y| {
        Luma([strip.get_pixel(x, y).0[0]])
    }))
}

/// Ending of the file's name that suits its content.
pub(crate) fn extension(bytes: &[u8]) -> Result<&'static str> {
    match image::guess_format(bytes) {
        Ok(image::ImageFormat::Png) => Ok("png"),
        Ok(image::ImageFormat::Jpeg) => Ok("jpg"),
        Ok(image::ImageFormat::WebP) => Ok("webp"),
        Ok(image::ImageFormat::Bmp) => Ok("bmp"),
        _ => Err(Error::NotAnImage),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{CsvDataset, TextDataset};
    use image::{ImageFormat, Rgb, Rgba, RgbaImage};
    use std::io::Cursor;

    #[test]
    fn ink_on_a_transparent_ground_stays_visible_in_every_format() {
        for (ink, ground) in [(0_u8, 255_u8), (255, 0)] {
            let mut picture = RgbaImage::from_pixel(4, 4, Rgba([ink, ink, ink, 0]));
            picture.put_pixel(1, 1, Rgba([ink, ink, ink, 255]));
            let mut png = Cursor::new(Vec::new());
            picture.write_to(&mut png, ImageFormat::Png).unwrap();
            let read = decode(png.get_ref(), || "a.png".to_owned()).unwrap();
            assert_eq!(read.get_pixel(1, 1).0, [ink; 3]);
            assert_eq!(read.get_pixel(3, 3).0, [ground; 3]);

            let folder = tempfile::tempdir().unwrap();
            picture.save(folder.path().join("a.png")).unwrap();
            std::fs::write(folder.path().join("labels.csv"), "file,text\na.png,a\n").unwrap();
            let dataset = CsvDataset::open(folder.path()).unwrap();
            assert_eq!(dataset.image(0).unwrap(), read);
        }
    }

    #[test]
    fn grey_is_pillows() {
        // Image.new("RGB", (1, 1), colour).convert("L") of Pillow 11.3 and 13.0.
        for (colour, level) in [
            ([255, 0, 0], 76),
            ([0, 255, 0], 150),
            ([0, 0, 255], 29),
            ([200, 100, 50], 124),
            ([255, 255, 255], 255),
        ] {
            let image = RgbImage::from_pixel(1, 1, Rgb(colour));
            assert_eq!(grey(&image).get_pixel(0, 0).0, [level], "{colour:?}");
        }
    }

    #[test]
    fn a_strip_is_stretched_over_both_sides() {
        let image = RgbImage::from_fn(10, 50, |x, _| Rgb([if x < 5 { 0 } else { 255 }; 3]));
        let strip = strip(&image, 128, 32).unwrap();
        assert_eq!(strip.dimensions(), (128, 32));
        assert_eq!(strip.get_pixel(3, 16).0, [0]);
        assert_eq!(strip.get_pixel(124, 1).0, [255]);
    }
}
