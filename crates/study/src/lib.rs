//! The whole study: sections of runs that share their cells, claims and one report.
//!
//! Everything about a section stands in its file in `sections`; what several sections make tables,
//! figures and sentences with is in `table`, `figure` and `answer`.

mod answer;
mod config;
mod design;
mod figure;
mod measurements;
mod noise;
mod page;
mod part;
pub mod plan;
mod report;
mod run;
mod scale;
mod section;
mod sections;
mod series;
mod table;
pub mod verdicts;

pub use answer::Answer;
pub use config::StudyConfig;
pub use measurements::measurements;
pub use noise::{MatchedNoise, matched_noise};
pub use part::{Part, PartResult};
pub use report::{Conclusions, write};
pub use run::{redo_parts, run_parts};
pub use scale::{Scale, StudyPreset};
pub use section::Section;
pub use sections::FineGrained;
