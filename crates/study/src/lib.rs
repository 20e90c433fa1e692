//! The whole study: sections of runs that share their cells, claims and one report.

mod answer;
mod config;
pub mod design;
mod figures;
mod fine_grained;
mod measurements;
mod noise;
pub mod plan;
mod report;
mod run;
mod scale;
mod section;
mod tables;
pub mod verdicts;

pub use answer::Answer;
pub use config::StudyConfig;
pub use design::FineGrained;
pub use figures::StudyFigure;
pub use measurements::measurements;
pub use noise::{MatchedNoise, matched_noise};
pub use report::{Written, write};
pub use run::{PartResult, redo_parts, run_parts};
pub use scale::{Scale, StudyPreset};
pub use section::{Part, Section};
pub use tables::StudyTable;
