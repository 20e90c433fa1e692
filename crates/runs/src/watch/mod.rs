//! Watching a run: what happens is written down as it does, and what was written says how far it is.
//!
//! | file of a results folder | for whom |
//! |---|---|
//! | `events.jsonl` | one JSON object per line and event; `experiments status` reads it |
//! | `tensorboard/` | training curves, with `--tensorboard` |
//!
//! Neither decides anything: a run goes on if they cannot be written, and cells are found without.

mod event;
mod log;
mod observer;
mod state;
mod tensorboard;

pub use event::{Event, Line};
pub use log::{EventLog, Events, read_events};
pub use observer::Watched;
pub use state::{Phase, RunState, Running, fold, seconds_left};
pub use tensorboard::write_curves;

use std::path::PathBuf;

/// Name of the event log in a results folder.
pub const EVENTS: &str = "events.jsonl";
/// Name of the folder of training curves.
pub const TENSORBOARD: &str = "tensorboard";

/// How runs are watched.
#[derive(Clone, Debug, Default)]
pub struct Watch {
    /// The event log, where it is not that of the results folder: tasks of a cluster have one each.
    pub events: Option<PathBuf>,
    /// Whether training curves are written for TensorBoard.
    pub tensorboard: bool,
}
