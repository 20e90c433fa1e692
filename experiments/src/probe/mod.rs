//! `ocr-probe`: the same reading probe behind every projector.

mod config;
mod data_maker;
mod evaluation;
mod half_done;
mod model;
mod outcome;
mod preparation;
mod presets;
mod reconstruction;
mod store;
mod study;
mod testing;
mod training;
mod tuning;
mod word_tally;

pub use config::{
    DataConfig, LayoutKind, ProbeConfig, ReaderKind, Regime, SplitSizes, TrainingConfig,
};
pub use evaluation::text_of;
pub use half_done::HalfDone;
pub use model::{CellModel, Place};
pub use outcome::{
    CellOutcome, CellSpec, Checkpoint, EvaluationMode, HardeningResult, ReconstructionRecord,
    RunOutcome, Status, TemperatureResult, TestResult, TestSet, Tuning, UsageRecord,
};
pub use preparation::{Prepared, PreparedGroup, StageTimes, load_backbone};
pub use presets::Preset;
pub use reconstruction::{TokenSample, match_noise, reconstruct};
pub use store::{CellStore, StoredCells};
pub use study::{Observer, run_study};
pub use training::{TrainedCell, test_cell, train_cell};
