//! Images of text for reading probes: a deterministic renderer and labelled folders.
//!
//! The renderer controls one quantity exactly, the text density in characters per visual token
//! ([`Grid::for_density`]), and varies the rest: font family, weight and slant, size, position,
//! contrast, polarity, noise, blur and JPEG artefacts ([`Degradation`]). Some font families and,
//! for [`Content::Words`], some words occur in the test split only.
//!
//! Item `i` depends on `(seed, split, i)` and the configuration only, so items can be rendered in
//! any order and on any number of threads.
//!
//! Texts come from sources whose entropy is known ([`Content`]), or from a file ([`Corpus`]).
//!
//! A user's own images enter through [`FolderDataset`], which also reads back what
//! [`write_folder`] wrote.
//!
//! # Example
//! ```
//! use text_images::{Charset, Fonts, Grid, Layout, Renderer, RendererConfig, Split};
//!
//! # fn main() -> Result<(), text_images::Error> {
//! let fonts = Fonts::embedded();
//! let grid = Grid::for_density(2.0, 64, 32, 16)?;
//! let config = RendererConfig::new(Charset::Alnum36, Layout::Grid(grid), Split::Train, 7);
//! let item = Renderer::new(config, &fonts)?.render(0);
//! assert_eq!(item.text.len(), 16);
//! # Ok(())
//! # }
//! ```

mod alike_families;
mod charset;
mod contact_sheet;
mod content;
mod context_model;
mod corpus;
mod degradation;
mod distribution;
mod drawing;
pub mod encoding;
mod error;
mod face;
mod folder;
mod font_warning;
mod fonts;
mod layout;
mod markov;
pub mod names;
mod print;
mod print_text;
mod renderer;
mod source;
mod split;
pub mod spreadsheet;
mod stream;
mod typeface;
mod words;
mod zipf;

pub use charset::{Charset, UnsupportedCharacters};
pub use contact_sheet::{Tile, contact_sheet};
pub use content::{BitsPerChar, Content, MAX_MARKOV_ORDER};
pub use corpus::Corpus;
pub use degradation::{Appearance, Degradation};
pub use drawing::coverage;
pub use error::Error;
pub use folder::{
    FolderDataset, FolderRow, FolderWriter, LABELS_FILE, LeftOut, fit_to, write_folder,
};
pub use font_warning::FontWarning;
pub use fonts::{Fonts, HELD_OUT_FAMILIES};
pub use layout::{Grid, Layout, MIN_CELL_PX, Strip};
pub use renderer::{Item, Renderer, RendererConfig};
pub use split::Split;
pub use stream::{stable_hash, stream};
pub use typeface::{Lettering, Typeface, bounds_of, says_slanted};

/// Result with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;
