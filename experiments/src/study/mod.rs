//! The whole study: sections of runs that share their cells, claims and one report.

mod answer;
mod config;
pub mod design;
mod figures;
pub mod plan;
mod report;
mod run;
mod scale;
mod section;
mod tables;

pub use answer::Answer;
pub use config::StudyConfig;
pub use figures::StudyFigure;
pub use report::write;
pub use run::{PartResult, run_parts};
pub use scale::{Scale, StudyPreset};
pub use section::{Part, Section};
pub use tables::StudyTable;
