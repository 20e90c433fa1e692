//! The figures of a run: plain structs of numbers that draw themselves.
//!
//! Every figure is a struct whose fields are the numbers to show, and has one method,
//! `draw(&self, stem)`, which writes three files: `<stem>.svg`, `<stem>.png` (1600 px wide) and
//! `<stem>.csv` with exactly the plotted numbers. Nothing is estimated here: means and intervals
//! come from the caller, and so does the caption that says how they were made.
//!
//! | Figure | Question it answers |
//! |---|---|
//! | [`CerByArm`] | which arm reads best, and by how much? |
//! | [`CerByDensity`] | where does each arm stop reading as the text gets denser? |
//! | [`HardeningCurve`] | how many table rows must be mixed before reading works? |
//! | [`ErrorCurves`] | how does the error depend on bits, words or training images? |
//! | [`TokensOverTraining`] | does the vocabulary collapse while training? |
//! | [`LearningCurves`] | has every arm finished learning? |
//! | [`TokenMaps`] | what is each token of an image, and what is read from it? |
//! | [`ReadByOne`] | which images does one arm read and another not? |
//! | [`Reconstructions`] | what comes back from the tokens of an image? |
//! | [`WordAtlas`] | what do the words of a visual vocabulary stand for? |
//!
//! Units: character error rates go in as fractions (0.05) and are drawn in percent; densities are
//! characters per visual token; entropies are bits.
//!
//! # How it is drawn
//! A figure lays itself out as a scene of lines, areas, discs, bitmaps and texts in units of one
//! pixel of a 1600 px wide page; `render` hands the scene to `plotters`, once for its SVG
//! backend and once for a bitmap backend with an embedded font. Because texts are
//! measured before they are placed, tests can assert that none overlaps another or leaves the page.

mod axis;
mod cer_by_arm;
mod cer_by_density;
mod colour_map;
mod error;
mod error_curves;
mod figure;
mod font;
mod frame;
mod hardening_curve;
mod learning_curves;
mod legend;
mod marker;
mod numbers;
mod raster;
mod read_by_one;
mod reading_marks;
mod reconstructions;
mod render;
mod scene;
mod series;
mod style;
mod token_maps;
mod tokens_over_training;
mod word_atlas;

#[cfg(test)]
mod layout_tests;
// The made-up figures of the gallery name this crate from outside, and so must its own tests.
#[cfg(test)]
extern crate self as figures;

pub use cer_by_arm::{CerByArm, CerCell, DensityPanel, LiveCodes};
pub use cer_by_density::{Bound, Capacity, CerByDensity, DensityLine, DensityPoint};
pub use error::FigureError;
pub use error_curves::{BoundCurve, Curve, CurvePanel, CurvePoint, ErrorCurves};
pub use hardening_curve::{HardeningCurve, HardeningLine, HardeningPanel, HardeningPoint};
pub use learning_curves::{LearningCurve, LearningCurves, LearningPoint};
pub use numbers::{Arm, CerScale, Estimate, Reference};
pub use read_by_one::{ImageReading, OneSided, ReadByOne};
pub use reading_marks::Mark;
pub use reconstructions::{ReconstructionRow, Reconstructions};
pub use style::Family;
pub use token_maps::{Quantity, TokenCell, TokenImage, TokenMap, TokenMaps};
pub use tokens_over_training::{TokenPoint, TokenTrace, TokensOverTraining};
pub use word_atlas::{AtlasPatch, AtlasWord, WordAtlas};
