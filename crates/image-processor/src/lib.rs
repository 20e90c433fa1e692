//! From image files to the exact inputs of the vision towers of Qwen's VL models, of Ovis and of
//! InternVL.
//!
//! | step | what it reproduces | open |
//! |---|---|---|
//! | decode | `PIL.Image.open`, `exif_transpose`, `convert("RGB")` | [`decode_file`], [`decode_bytes`], [`decode_upright`] |
//! | target size | `smart_resize` of Qwen and of Ovis2.5 | [`SmartResize`] |
//! | resize | Pillow's 8-bit resampling, bit for bit | [`resize`] |
//! | normalise | rescale, mean and standard deviation | [`Normalisation`] |
//! | pack | patch rows in merge order (Qwen, Ovis2.5, Ovis2.6) | [`PackedProcessor`] |
//! | tile | square tiles: covering grid and indicators (Ovis2), closest aspect ratio (InternVL) | [`TileProcessor`] |
//!
//! A configuration is a plain struct with a preset per released family; `check` turns it into a
//! processor, and the settings of a checkpoint come from its `preprocessor_config.json`.
//!
//! # Example
//! ```
//! use image_processor::{PackedConfig, rgb_from_grey};
//!
//! # fn main() -> Result<(), image_processor::Error> {
//! // `decode_file(path, Transparency::OverWhite)?` in real life.
//! let photo = image::RgbImage::new(70, 70);
//! let patches = PackedConfig::qwen2_5_vl().check()?.image(&photo)?;
//! assert_eq!(patches.grid_thw, [1, 4, 4]);
//! assert_eq!((patches.rows, patches.columns, patches.tokens), (16, 1176, 4));
//!
//! // A strip that was rendered at its final size goes in without resizing.
//! let strip = rgb_from_grey(&image::GrayImage::new(320, 32));
//! let patches = PackedConfig::ovis2_5_2b().without_resizing().check()?.image(&strip)?;
//! assert_eq!((patches.grid_thw, patches.tokens), ([1, 2, 20], 10));
//! # Ok(())
//! # }
//! ```

pub mod data_set;
mod decode;
mod error;
mod guard;
mod header;
mod json;
mod markers;
mod normalisation;
mod orientation;
mod packed;
mod resample;
mod sizing;
mod tiles;

pub use decode::{
    Transparency, decode_bytes, decode_file, decode_upright, into_rgb, rgb_from_grey, text_ground,
};
pub use error::Error;
pub use guard::is_decoding;
pub use header::size_of;
pub use normalisation::{
    Arithmetic, CLIP_MEAN, CLIP_STD, HALF, IMAGENET_MEAN, IMAGENET_STD, LevelTable, Normalisation,
    RESCALE_FACTOR,
};
pub use packed::{PackedConfig, PackedProcessor, PatchRows};
pub use resample::{Filter, PassOrder, Resampling, resize};
pub use sizing::{MAX_ASPECT_RATIO, Size, SizingRule, SmartResize};
pub use tiles::{
    Grid, INDICATOR_ROWS, MAX_TILES, TileConfig, TileItem, TileProcessor, TileToken, Tiles,
    TilingRule, tile_tokens,
};

/// Largest accepted number of pixels: of a file before it is decoded, of a resized image, and of
/// all frames of a clip together.
pub const MAX_PIXELS: u64 = 1 << 28;

/// Longest accepted side in px.
pub const MAX_SIDE_PX: u32 = 1 << 20;

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
