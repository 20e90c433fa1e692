//! The whole study: sections of runs that share their cells, claims and one report.

mod config;
pub mod design;
mod figures;
mod run;
mod scale;
mod section;
mod tables;

pub use config::StudyConfig;
pub use figures::StudyFigure;
pub use run::{PartResult, run_parts};
pub use scale::{Scale, StudyPreset};
pub use section::{Part, Section};
pub use tables::StudyTable;
