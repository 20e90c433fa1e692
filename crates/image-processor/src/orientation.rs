//! The orientation that a file's metadata asks for, as Pillow reads it.
//!
//! EXIF first, whatever the number's type; XMP only where EXIF has no such entry. A value that is
//! none of the eight orientations leaves the image as it is.
//!
//! # Source
//! Pillow 12.1: `Image.getexif`, `ImageOps.exif_transpose`, `TiffImagePlugin.ImageFileDirectory_v2`.

use image::metadata::Orientation;

/// Number of the entry, in EXIF.
const ORIENTATION: u16 = 0x0112;

/// Prefix of EXIF data in a JPEG; doubled by some writers.
const EXIF_PREFIX: &[u8] = b"Exif\0\0";

/// What the file asks for; both are the bare data of their segment or chunk.
pub(crate) fn orientation(exif: &[u8], xmp: &[u8]) -> Orientation {
    let value = from_exif(exif).or_else(|| from_xmp(xmp));
    let whole = value.filter(|value| (1.0..=8.0).contains(value) && value.fract() == 0.0);
    whole
        .and_then(|value| Orientation::from_exif(value as u8))
        .unwrap_or(Orientation::NoTransforms)
}

/// The entry's number, 0 where it cannot be read as one; `None` without the entry.
fn from_exif(mut data: &[u8]) -> Option<f64> {
    while let Some(rest) = data.strip_prefix(EXIF_PREFIX) {
        data = rest;
    }
    if data.is_empty() {
        return None;
    }
    let big = match data.get(..4) {
        Some(b"MM\0*" | b"MM*\0") => true,
        Some(b"II*\0" | b"II\0*") => false,
        // Pillow gives up here, on XMP too.
        _ => return Some(0.0),
    };
    let tiff = Tiff { data, big };
    let directory = usize::try_from(tiff.u32(4)?).ok()?;
    let entries = usize::from(tiff.u16(directory)?);
    // Of an entry that comes twice the last one counts, and a damaged one is passed over.
    (0..entries)
        .map_while(|index| {
            let entry = directory.checked_add(2 + 12 * index)?;
            data.get(entry..entry.checked_add(12)?)?;
            Some(entry)
        })
        .filter(|&entry| tiff.u16(entry) == Some(ORIENTATION))
        .filter_map(|entry| tiff.first_value(entry))
        .last()
}

/// The directory's bytes and their order.
#[derive(Clone, Copy)]
struct Tiff<'a> {
    data: &'a [u8],
    big: bool,
}

impl Tiff<'_> {
    fn array<const N: usize>(self, at: usize) -> Option<[u8; N]> {
        let mut bytes: [u8; N] = self.data.get(at..at.checked_add(N)?)?.try_into().ok()?;
        if self.big {
            bytes.reverse();
        }
        Some(bytes)
    }

    fn u16(self, at: usize) -> Option<u16> {
        self.array(at).map(u16::from_le_bytes)
    }

    fn u32(self, at: usize) -> Option<u32> {
        self.array(at).map(u32::from_le_bytes)
    }

    /// The first number of an entry, 0 for bytes and text; `None` if its type is not known or the
    /// data is not all there.
    fn first_value(self, entry: usize) -> Option<f64> {
        let kind = self.u16(entry + 2)?;
        let unit = match kind {
            1 | 2 | 6 | 7 => 1,
            3 | 8 => 2,
            4 | 9 | 11 | 13 => 4,
            5 | 10 | 12 | 16 => 8,
            _ => return None,
        };
        let count = usize::try_from(self.u32(entry + 4)?).ok()?;
        let bytes = unit * Some(count).filter(|&count| (1..1 << 24).contains(&count))?;
        let at = match bytes {
            ..=4 => entry + 8,
            _ => usize::try_from(self.u32(entry + 8)?).ok()?,
        };
        self.data.get(at..at.checked_add(bytes)?)?;
        let i32_at = |at| self.array(at).map(i32::from_le_bytes);
        Some(match kind {
            3 => self.u16(at)?.into(),
            4 | 13 => self.u32(at)?.into(),
            5 => f64::from(self.u32(at)?) / f64::from(self.u32(at + 4)?),
            6 => i8::from_le_bytes(self.array(at)?).into(),
            8 => i16::from_le_bytes(self.array(at)?).into(),
            9 => i32_at(at)?.into(),
            10 => f64::from(i32_at(at)?) / f64::from(i32_at(at + 4)?),
            11 => f32::from_le_bytes(self.array(at)?).into(),
            12 => f64::from_le_bytes(self.array(at)?),
            16 => u64::from_le_bytes(self.array(at)?) as f64,
            _ => 0.0,
        })
    }
}

/// The first digit behind `tiff:Orientation="` or `tiff:Orientation>`.
fn from_xmp(xmp: &[u8]) -> Option<f64> {
    const KEY: &[u8] = b"tiff:Orientation";
    let found = xmp.windows(KEY.len()).enumerate();
    found
        .filter(|(_, window)| *window == KEY)
        .find_map(|(at, _)| {
            let rest = &xmp[at + KEY.len()..];
            let rest = rest.strip_prefix(b"=\"").or(rest.strip_prefix(b">"))?;
            let digit = rest.first().filter(|digit| digit.is_ascii_digit())?;
            Some(f64::from(digit - b'0'))
        })
}
