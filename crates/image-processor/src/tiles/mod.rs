//! An image becomes square tiles: Ovis2, the whole image first, and a sequence of indicators and
//! tiles; InternVL, the whole image last.

mod config;
mod grid;
mod processor;
mod tokens;

pub use config::{MAX_TILES, TileConfig, TilingRule};
pub use grid::Grid;
pub use processor::{TileProcessor, Tiles};
pub use tokens::{INDICATOR_ROWS, TileItem, TileToken, tile_tokens};
