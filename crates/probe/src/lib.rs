//! The same probe behind every projector: readers, training, tuning, evaluation and stored cells.
//!
//! A cell is one arm with one seed and learning rate. [`reader`] has the readers, [`optimize`] the
//! optimiser, [`pretrain`] makes the tower that probes stand on.

mod backbone;
mod cells;
mod config;
mod convergence;
mod data_config;
mod data_file;
mod data_maker;
mod evaluation;
mod half_done;
mod image_source;
mod memory;
mod model;
pub mod optimize;
mod outcome;
mod preparation;
mod prepared_group;
mod presets;
pub mod pretrain;
pub mod reader;
mod reconstruction;
mod remarks;
mod replication;
mod soundness;
mod start;
mod store;
mod testing;
mod text_notes;
mod text_words;
mod training;
mod tuning;
mod word_tally;

pub use backbone::load_backbone;
pub use cells::{Observer, guarded, run_cells};
pub use config::{ProbeConfig, ReaderKind, Regime, TrainingConfig};
pub use convergence::{Convergence, run_until_converged};
pub use data_config::{DataConfig, ImageSize, LayoutKind, SplitSizes, text_of};
pub use evaluation::{Examination, GroupReading};
pub use half_done::HalfDone;
pub use image_source::{ImageSource, Photographs};
pub use model::{CellModel, Place};
pub use outcome::{
    CellOutcome, CellSpec, CountedAnswers, Evaluation, EvaluationMode, HardeningResult,
    ReconstructionRecord, RunOutcome, Status, TemperatureResult, TestResult, TestSet,
    TrainingLength, Tuning, UsageRecord,
};
pub use preparation::{Prepared, StageTimes};
pub use prepared_group::PreparedGroup;
pub use presets::Preset;
pub use reconstruction::{TokenSample, match_noise, reconstruct};
pub use replication::{Replicates, Replication};
pub use start::with_start_sample;
pub use store::{CellStore, StoredCells};
pub use training::{TrainedCell, test_cell, train_cell, with_added_losses};
pub use word_tally::{WordTally, count_words};
