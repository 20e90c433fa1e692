//! Small images and the folders they lie in.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "every test file uses a part; a test that cannot go on should stop"
)]

use std::fs;
use std::io::Cursor;
use std::path::Path;

use image::{ImageFormat, Rgb, RgbImage};
use scene_text::{DatasetWriter, Format, Result, TextDataset};

/// An image that differs from those of other numbers in size and colour.
pub fn picture(number: usize) -> RgbImage {
    RgbImage::from_fn(20 + number as u32, 12, |x, y| {
        Rgb([number as u8, (x * 5) as u8, (y * 9) as u8])
    })
}

/// The same as a file.
pub fn encoded(number: usize, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture(number).write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// PNG files, and JPEG ones among them.
pub fn image(number: usize) -> Vec<u8> {
    let format = if number % 3 == 2 {
        ImageFormat::Jpeg
    } else {
        ImageFormat::Png
    };
    encoded(number, format)
}

/// Labels that each format must bring through.
pub const LABELS: [&str; 8] = [
    "plain",
    "It's, \"so\"",
    "=HYPERLINK(1)",
    "'=1",
    "<script>alert(1)</script>",
    "naïve—日本",
    "-",
    "\u{202e}evil \u{0}\u{7}bell",
];

/// Writes [`LABELS`] with their images.
pub fn write(format: Format, folder: &Path) {
    let mut writer = DatasetWriter::create(format, folder).unwrap();
    for (number, label) in LABELS.iter().enumerate() {
        writer.push(label, &image(number)).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), LABELS.len());
}

/// The only data set at a path.
pub fn open(format: Format, path: &Path) -> Box<dyn TextDataset> {
    let mut sets = format.open(path).unwrap();
    assert_eq!(sets.len(), 1);
    sets.remove(0)
}

/// Labels, with `None` for those that cannot be read.
pub fn labels(dataset: &dyn TextDataset) -> Vec<Option<String>> {
    (0..dataset.len())
        .map(|index| dataset.label(index).ok())
        .collect()
}

/// The error of a call that must fail.
pub fn error<T>(result: Result<T>) -> scene_text::Error {
    match result {
        Ok(_) => panic!("should have been refused"),
        Err(error) => error,
    }
}

/// Writes a file, with the folders above it.
pub fn put(path: impl AsRef<Path>, bytes: impl AsRef<[u8]>) {
    fs::create_dir_all(path.as_ref().parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}

/// A PNG file whose header speaks of `side` × `side` px and which holds next to nothing.
pub fn png_bomb(side: u32) -> Vec<u8> {
    let mut png = encoded(0, ImageFormat::Png);
    png.truncate(33);
    png[16..20].copy_from_slice(&side.to_be_bytes());
    png[20..24].copy_from_slice(&side.to_be_bytes());
    let sum = crc(&png[12..29]);
    png[29..33].copy_from_slice(&sum.to_be_bytes());
    png.extend_from_slice(&[0, 0, 0, 0]);
    png.extend_from_slice(b"IDAT");
    png.extend_from_slice(&crc(b"IDAT").to_be_bytes());
    png
}

/// CRC-32 of a PNG chunk, bit by bit.
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            (crc >> 1) ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
