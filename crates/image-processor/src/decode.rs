//! Reads PNG, JPEG, WebP and BMP files as the reference processors do.
//!
//! The reference is transformers' `load_image`: `PIL.Image.open`, then `ImageOps.exif_transpose`,
//! then `convert("RGB")`. So the orientation in EXIF or XMP is applied, grey levels are repeated and
//! palettes looked up. What becomes of transparency is the caller's choice: see [`Transparency`].
//!
//! # Deviations
//! - 16-bit colours keep their high byte, as in Pillow. 16-bit grey does the same here; Pillow (11.3
//!   and 13.0) clips it to 255, which turns most of such an image white.
//! - JPEG is decoded by another library than Pillow's. In the test files, levels differ by at most 2
//!   where colour has full resolution (0.02 on average) and by at most 4 where it has not (0.4).
//!   CMYK is converted by the decoder, within 1 level of Pillow.
//! - A JPEG without its end marker is refused even if only the marker is missing. The decoder alone
//!   would fill what is missing with grey.
//! - A JPEG whose chroma is sampled finer than its luma is refused: the decoder (zune-jpeg 0.5.15)
//!   reads it as garbage, 36 to 129 levels off.

use std::fs::File;
use std::io::{Cursor, Read};
use std::path::Path;

use image::codecs::{bmp::BmpDecoder, jpeg::JpegDecoder, png::PngDecoder, webp::WebPDecoder};
use image::{DynamicImage, GrayImage, ImageDecoder, ImageFormat, Limits, Rgb, RgbImage};

use crate::markers::{JpegMarkers, png_metadata};
use crate::orientation::orientation;
use crate::{Error, MAX_PIXELS, MAX_SIDE_PX, Result, Size};

/// More than any image of [`MAX_PIXELS`] needs, and an end to what has none, such as `/dev/zero`.
const MAX_FILE_BYTES: u64 = 1 << 31;

/// How the file begins that stands for a large one in a clone without Git LFS.
const LFS_POINTER: &[u8] = b"version https://git-lfs.github.com/spec/";

/// What becomes of the pixels of an image with transparency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transparency {
    /// The colour stored under a transparent pixel shows, as after `convert("RGB")`: the official
    /// code of Ovis2 and Ovis2.5.
    Dropped,
    /// The image lies on white paper: transformers' `convert_to_rgb` and Qwen's own tools.
    OverWhite,
}

/// Decodes the PNG, JPEG, WebP or BMP file at `path`; its content decides about the format, not its name.
///
/// # Errors
/// If the file cannot be read, is empty, is of another format or damaged, or holds an image larger
/// than [`MAX_PIXELS`] or [`MAX_SIDE_PX`], which is found out before anything is decoded.
pub fn decode_file(path: impl AsRef<Path>, transparency: Transparency) -> Result<RgbImage> {
    let path = path.as_ref();
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    let image = upright(&bytes, &path.display().to_string())?;
    Ok(into_rgb(image, transparency))
}

/// As [`decode_file`], from the bytes of a file.
///
/// # Errors
/// As [`decode_file`].
pub fn decode_bytes(bytes: &[u8], transparency: Transparency) -> Result<RgbImage> {
    Ok(into_rgb(decode_upright(bytes)?, transparency))
}

/// A grey image with its level in all three channels.
pub fn rgb_from_grey(image: &GrayImage) -> RgbImage {
    RgbImage::from_fn(image.width(), image.height(), |x, y| {
        Rgb([image.get_pixel(x, y).0[0]; 3])
    })
}

/// Decodes the bytes of a file into an upright image of its own colour type: for readers that want
/// levels of grey or the alpha channel.
///
/// # Errors
/// As [`decode_file`].
pub fn decode_upright(bytes: &[u8]) -> Result<DynamicImage> {
    upright(bytes, &format!("image of {} bytes", bytes.len()))
}

#[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
fn upright(bytes: &[u8], origin: &str) -> Result<DynamicImage> {
    let origin = || origin.to_owned();
    if bytes.is_empty() {
        return Err(Error::EmptyFile { origin: origin() });
    }
    if bytes.len() as u64 > MAX_FILE_BYTES {
        return Err(Error::FileTooLarge {
            origin: origin(),
            limit_bytes: MAX_FILE_BYTES,
        });
    }
    let format = image::guess_format(bytes).map_err(|_| match bytes.starts_with(LFS_POINTER) {
        true => Error::LfsPointer { origin: origin() },
        false => Error::UnknownFormat { origin: origin() },
    })?;
    let cursor = Cursor::new(bytes);
    let (name, decoder): (_, image::ImageResult<Box<dyn ImageDecoder>>) = match format {
        ImageFormat::Png => {
            let decoder = PngDecoder::with_limits(cursor, limits());
            ("PNG", decoder.map(|decoder| Box::new(decoder) as _))
        }
        ImageFormat::Jpeg => {
            let decoder = JpegDecoder::new(cursor);
            ("JPEG", decoder.map(|decoder| Box::new(decoder) as _))
        }
        ImageFormat::WebP => {
            let decoder = WebPDecoder::new(cursor);
            ("WebP", decoder.map(|decoder| Box::new(decoder) as _))
        }
        ImageFormat::Bmp => {
            let decoder = BmpDecoder::new(cursor);
            ("BMP", decoder.map(|decoder| Box::new(decoder) as _))
        }
        other => {
            return Err(Error::UnsupportedFormat {
                origin: origin(),
                found: format!("{other:?}"),
            });
        }
    };
    let failed = |source| Error::Decode {
        origin: origin(),
        format: name,
        source,
    };
    let mut decoder = decoder.map_err(failed)?;
    let (width, height) = decoder.dimensions();
    let size = Size::new(width, height);
    if size.pixels() > MAX_PIXELS || width.max(height) > MAX_SIDE_PX {
        return Err(Error::TooLarge {
            what: origin(),
            size,
        });
    }
    let (exif, xmp) = match format {
        ImageFormat::Jpeg => {
            let markers = JpegMarkers::read(bytes);
            if !markers.ends {
                return Err(Error::Truncated {
                    origin: origin(),
                    format: name,
                });
            }
            if markers.has_coarse_luma() {
                return Err(Error::ChromaSampling { origin: origin() });
            }
            (markers.exif, markers.xmp)
        }
        ImageFormat::Png => png_metadata(bytes),
        // Metadata that cannot be read asks for nothing, as in Pillow.
        _ => (
            decoder.exif_metadata().ok().flatten().unwrap_or_default(),
            decoder.xmp_metadata().ok().flatten().unwrap_or_default(),
        ),
    };
    let mut image = DynamicImage::from_decoder(decoder).map_err(failed)?;
    image.apply_orientation(orientation(&exif, &xmp));
    Ok(image)
}

/// The size is checked separately; this bounds what a damaged file can make the decoder allocate.
fn limits() -> Limits {
    let mut limits = Limits::no_limits();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    limits
}

fn into_rgb(image: DynamicImage, transparency: Transparency) -> RgbImage {
    let wide = matches!(
        image,
        DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_)
    );
    let over_white = transparency == Transparency::OverWhite && image.color().has_alpha();
    match (wide, over_white) {
        (false, false) => image.into_rgb8(),
        (false, true) => {
            let image = image.into_rgba8();
            RgbImage::from_fn(image.width(), image.height(), |x, y| {
                on_white(image.get_pixel(x, y).0)
            })
        }
        (true, _) => {
            let image = image.into_rgba16();
            RgbImage::from_fn(image.width(), image.height(), |x, y| {
                let [r, g, b, alpha] = image.get_pixel(x, y).0.map(|level| (level >> 8) as u8);
                if over_white {
                    on_white([r, g, b, alpha])
                } else {
                    Rgb([r, g, b])
                }
            })
        }
    }
}

/// A pixel over white, in the integers of Pillow's `alpha_composite`.
fn on_white([r, g, b, alpha]: [u8; 4]) -> Rgb<u8> {
    let alpha = u32::from(alpha);
    Rgb([r, g, b].map(|level| {
        let sum = alpha * u32::from(level) + (255 - alpha) * 255;
        ((sum + 127) / 255) as u8
    }))
}
