//! What an image file says about itself before anything is decoded.

use std::io::Cursor;

use image::{ImageReader, Limits};

use crate::MAX_PIXELS;
use crate::guard::guarded;

/// Width and height in px that the header of an image file states, as stored, before its orientation
/// is applied. `None` if there is no header of a known format: decoding the file says what is wrong.
#[must_use]
pub fn size_of(bytes: &[u8]) -> Option<[u32; 2]> {
    guarded(|| stated(bytes)).ok().flatten()
}

fn stated(bytes: &[u8]) -> Option<[u32; 2]> {
    let format = image::guess_format(bytes).ok()?;
    let mut reader = ImageReader::with_format(Cursor::new(bytes), format);
    let mut limits = Limits::default();
    limits.max_alloc = Some(MAX_PIXELS * 8);
    reader.limits(limits);
    reader.into_dimensions().ok().map(<[u32; 2]>::from)
}
