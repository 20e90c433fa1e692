//! Question 1 of the project: what do visual tokens still know of the pixels?
//!
//! One small pixel [`decoder`] is trained behind every projector, on text, fine-grained tasks and
//! photographs: behind projectors that were trained to read and then frozen, and behind projectors that
//! are trained to reconstruct. [`measures`] says how far its pictures are from the originals, [`run`]
//! trains and tests all cells, [`results`] writes tables, figures and the page.

pub mod config;
pub mod decoder;
pub mod how_many_words;
pub mod images;
pub mod measures;
pub mod outcome;
pub mod photographs;
mod preset;
pub mod reconstruction;
pub mod results;
pub mod run;
pub mod testing;
pub mod training;

pub use config::{Objective, RepresentationConfig};
pub use images::{ImageKind, Images};
pub use outcome::{CellOutcome, Part, Subject};
pub use preset::Preset;
pub use run::{Outcome, Run};
