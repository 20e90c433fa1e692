//! Ovis2: an image becomes square tiles, the whole image first, and a sequence of indicators and
//! tiles.

mod config;
mod grid;
mod processor;
mod tokens;

pub use config::{TileConfig, TilingRule};
pub use grid::Grid;
pub use processor::{TileProcessor, Tiles};
pub use tokens::{INDICATOR_ROWS, TileItem, TileToken, tile_tokens};
