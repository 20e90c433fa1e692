//! Reads PNG, JPEG, WebP and BMP files as the reference processors do.
//!
//! The reference is transformers' `load_image`: `PIL.Image.open`, then `ImageOps.exif_transpose`,
//! then `convert("RGB")`. So the orientation in EXIF or XMP is applied, grey levels are repeated and
//! palettes looked up. What becomes of transparency is the caller's choice: see [`Transparency`]. A panic
//! of a decoder becomes an error.
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
use image::{
    DynamicImage, GrayAlphaImage, GrayImage, ImageDecoder, ImageFormat, Limits, Rgb, RgbImage,
};

use crate::guard::guarded;
use crate::markers::{JpegMarkers, png_metadata, webp_frame_fits};
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
    /// The image lies on white paper: transformers' `convert_to_rgb` and Qwen's own tools. Of an RGB file in
    /// which one colour is transparent (`tRNS` of a PNG) they show that colour, and so does
    /// [`decode_bytes`].
    OverWhite,
    /// The image lies on white, or on black if what is opaque of it is light: pictures of text.
    UnderInk,
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
    rgb(&bytes, &path.display().to_string(), transparency)
}

/// As [`decode_file`], from the bytes of a file.
///
/// # Errors
/// As [`decode_file`].
pub fn decode_bytes(bytes: &[u8], transparency: Transparency) -> Result<RgbImage> {
    rgb(bytes, &unnamed(bytes), transparency)
}

fn rgb(bytes: &[u8], origin: &str, transparency: Transparency) -> Result<RgbImage> {
    let image = upright(bytes, origin)?;
    // The type of a PNG's colours stands there; 2 is RGB, which Pillow opens as mode RGB with `tRNS` or without.
    let is_rgb = bytes.starts_with(b"\x89PNG") && bytes.get(25) == Some(&2);
    let is_kept = is_rgb && transparency == Transparency::OverWhite;
    let transparency = if is_kept {
        Transparency::Dropped
    } else {
        transparency
    };
    Ok(into_rgb(image, transparency))
}

fn unnamed(bytes: &[u8]) -> String {
    format!("image of {} bytes", bytes.len())
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
    upright(bytes, &unnamed(bytes))
}

fn upright(bytes: &[u8], origin: &str) -> Result<DynamicImage> {
    guarded(|| decoded(bytes, origin)).unwrap_or_else(|panic| {
        Err(Error::Panicked {
            origin: origin.to_owned(),
            panic,
        })
    })
}

#[allow(clippy::wildcard_enum_match_arm, reason = "another crate's enum")]
fn decoded(bytes: &[u8], origin: &str) -> Result<DynamicImage> {
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
        ImageFormat::WebP if !webp_frame_fits(bytes) => {
            return Err(Error::WebpFrame { origin: origin() });
        }
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

/// An image in RGB, with nothing left of its transparency.
#[must_use]
pub fn into_rgb(image: DynamicImage, transparency: Transparency) -> RgbImage {
    let wide = matches!(
        image,
        DynamicImage::ImageLuma16(_)
            | DynamicImage::ImageLumaA16(_)
            | DynamicImage::ImageRgb16(_)
            | DynamicImage::ImageRgba16(_)
    );
    let ground = match transparency {
        Transparency::OverWhite if image.color().has_alpha() => Some(255),
        Transparency::UnderInk if image.color().has_alpha() => {
            Some(text_ground(&image.to_luma_alpha8()))
        }
        Transparency::Dropped | Transparency::OverWhite | Transparency::UnderInk => None,
    };
    match (wide, ground) {
        (false, None) => image.into_rgb8(),
        (false, Some(ground)) => {
            let image = image.into_rgba8();
            RgbImage::from_fn(image.width(), image.height(), |x, y| {
                over(ground, image.get_pixel(x, y).0)
            })
        }
        (true, _) => {
            let image = image.into_rgba16();
            RgbImage::from_fn(image.width(), image.height(), |x, y| {
                let [r, g, b, alpha] = image.get_pixel(x, y).0.map(|level| (level >> 8) as u8);
                match ground {
                    Some(ground) => over(ground, [r, g, b, alpha]),
                    None => Rgb([r, g, b]),
                }
            })
        }
    }
}

/// Level of the ground for a picture of text: black if it is transparent and what is opaque of it is light,
/// white otherwise.
#[must_use]
pub fn text_ground(image: &GrayAlphaImage) -> u8 {
    let (mut light, mut opacity) = (0_u64, 0_u64);
    for pixel in image.pixels() {
        let [level, alpha] = pixel.0.map(u64::from);
        light += level * alpha;
        opacity += alpha;
    }
    let transparent = opacity < u64::from(u8::MAX) * image.pixels().len() as u64;
    if transparent && 2 * light > u64::from(u8::MAX) * opacity {
        0
    } else {
        255
    }
}

/// A pixel over a level of grey, in the integers of Pillow's `alpha_composite`.
fn over(ground: u8, [r, g, b, alpha]: [u8; 4]) -> Rgb<u8> {
    let (alpha, ground) = (u32::from(alpha), u32::from(ground));
    Rgb([r, g, b].map(|level| {
        let sum = alpha * u32::from(level) + (255 - alpha) * ground;
        ((sum + 127) / 255) as u8
    }))
}
