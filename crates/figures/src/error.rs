//! What can go wrong while drawing a figure.

use std::io;
use std::path::PathBuf;

/// Why a figure could not be drawn. Failed cells are not errors: they are drawn as `failed`.
#[derive(Debug, thiserror::Error)]
pub enum FigureError {
    /// There is nothing to plot.
    #[error("{figure} has no {what}: pass at least one")]
    Empty {
        /// Name of the figure's type.
        figure: &'static str,
        /// What is missing.
        what: &'static str,
    },

    /// A panel does not hold one cell per arm.
    #[error(
        "{figure}: the panel at {density} characters per token has {found} cells for {expected} \
         arms: pass one cell per arm, in the order of the arms (`CerCell::failed()` for none)"
    )]
    CellCount {
        /// Name of the figure's type.
        figure: &'static str,
        /// The panel's density in characters per visual token.
        density: f64,
        /// Number of arms.
        expected: usize,
        /// Number of cells in the panel.
        found: usize,
    },

    /// A map does not hold one token per cell of its grid.
    #[error("{figure}: a map has {found} tokens for a grid of {expected}: pass one per cell")]
    TokenCount {
        /// Name of the figure's type.
        figure: &'static str,
        /// Cells of the grid.
        expected: usize,
        /// Number of tokens in the map.
        found: usize,
    },

    /// A number that fixes a position on an axis is not usable as one.
    #[error("{figure}: {name} is {value}, but must be {expected}")]
    Position {
        /// Name of the figure's type.
        figure: &'static str,
        /// Name of the quantity.
        name: &'static str,
        /// The value passed.
        value: f64,
        /// What it has to be.
        expected: &'static str,
    },

    /// A plotting backend refused to draw.
    #[error("cannot draw the figure as {format}: {message}")]
    Draw {
        /// `SVG` or `PNG`.
        format: &'static str,
        /// The backend's own words.
        message: String,
    },

    /// The bitmap could not be encoded.
    #[error("cannot encode the figure as PNG")]
    Encode(#[from] image::ImageError),

    /// The table of plotted numbers could not be built.
    #[error("cannot build the table of plotted numbers")]
    Table(#[from] csv::Error),

    /// An output file could not be written.
    #[error(
        "cannot write {}: check that its folder exists, can be written and is not full",
        path.display()
    )]
    Write {
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
}
