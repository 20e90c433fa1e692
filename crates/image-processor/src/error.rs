//! What can go wrong, and what to do about it.

use std::path::PathBuf;

use crate::{MAX_PIXELS, MAX_SIDE_PX, Size};

/// Any failure of this crate. Every message names the thing, what was expected and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum Error {
    #[error("{}: cannot read the file", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{origin}: is empty (0 bytes); expected a PNG, JPEG, WebP or BMP image")]
    EmptyFile { origin: String },

    #[error(
        "{origin}: is larger than {limit_bytes} bytes; expected one PNG, JPEG, WebP or BMP image"
    )]
    FileTooLarge { origin: String, limit_bytes: u64 },

    #[error("{origin}: is no image that is known here; convert it to PNG or JPEG")]
    UnknownFormat { origin: String },

    #[error(
        "{origin}: is a Git LFS pointer, not the image itself; run `git lfs pull` in its folder"
    )]
    LfsPointer { origin: String },

    #[error("{origin}: is a {found} image; convert it to PNG or JPEG")]
    UnsupportedFormat { origin: String, found: String },

    #[error("{origin}: cannot be decoded as {format}; the file is damaged or of a rare kind")]
    Decode {
        origin: String,
        format: &'static str,
        #[source]
        source: image::ImageError,
    },

    #[error("{origin}: cannot be decoded; the file is damaged or of a rare kind ({panic})")]
    Panicked { origin: String, panic: String },

    #[error(
        "{origin}: the first frame of this animated WebP has another size than the picture in it; the \
         file is damaged"
    )]
    WebpFrame { origin: String },

    #[error("{origin}: the file ends before the end of its {format} data; copy it again")]
    Truncated {
        origin: String,
        format: &'static str,
    },

    #[error(
        "{origin}: this JPEG stores colour at a finer resolution than brightness, which cannot be \
         decoded here; convert it to PNG, or save it as an ordinary JPEG"
    )]
    ChromaSampling { origin: String },

    #[error(
        "{what}: {size} px is too large; \
         the limit is {MAX_PIXELS} pixels and {MAX_SIDE_PX} px a side; scale it down first"
    )]
    TooLarge { what: String, size: Size },

    #[error("an image of {size} px has no pixels; both sides must be 1 px or more")]
    NoPixels { size: Size },

    #[error(
        "an image of {size} px is more than {limit} times as long as wide, which this family \
         of models refuses; crop it"
    )]
    AspectRatio { size: Size, limit: u32 },

    #[error(
        "an image of {size} px would be resized to {target} px, which leaves nothing of it; crop it"
    )]
    TooThin { size: Size, target: Size },

    #[error(
        "an image of {size} px is no whole number of {factor} x {factor} px blocks, and resizing \
         is turned off; make both sides a multiple of {factor} or turn resizing on"
    )]
    NotWholeBlocks { size: Size, factor: u32 },

    #[error("a clip of no frames; give one frame or more")]
    NoFrames,

    #[error(
        "frame {index} has {found} px but the first has {expected} px, and resizing is turned off; \
         give frames of one size or turn resizing on"
    )]
    FrameSize {
        index: usize,
        found: Size,
        expected: Size,
    },

    #[error("setting `{key}` is {found}; expected {expected}")]
    Setting {
        key: String,
        found: String,
        expected: &'static str,
    },

    #[error(
        "settings `{first}` ({first_value}) and `{second}` ({second_value}) say the same thing \
             but differ; remove one"
    )]
    Conflict {
        first: &'static str,
        first_value: String,
        second: &'static str,
        second_value: String,
    },

    #[error("{}: is no JSON", path.display())]
    Json {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },

    #[error("{}: not the settings of an image processor", path.display())]
    SettingsFile {
        path: PathBuf,
        #[source]
        source: Box<Error>,
    },
}

impl Error {
    pub(crate) fn setting(
        key: &str,
        found: impl std::fmt::Display,
        expected: &'static str,
    ) -> Self {
        Self::Setting {
            key: key.to_owned(),
            found: found.to_string(),
            expected,
        }
    }
}
