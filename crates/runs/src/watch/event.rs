//! What is written down while a run goes on.

use probe::CellSpec;
use serde::{Deserialize, Serialize};

/// A line of the event log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Line {
    /// When, in seconds since 1970, UTC.
    pub unix_s: f64,
    /// Name of the run.
    pub run: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// Something that happens to a run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A process begins with the run, or goes on with it.
    Started {
        /// Its number.
        pid: u32,
        /// Cells side by side.
        lanes: usize,
        /// Arms of the run that it works on: all of them, or those of a task of a cluster.
        arms: usize,
    },
    /// Some cells are about to be trained, or tested.
    Stage {
        /// `tuning` (again for every extension of the grid), `testing` or `seeds`.
        stage: String,
        /// Their number.
        cells: usize,
        /// Those of them that were finished before.
        done: usize,
    },
    /// A cell begins.
    CellStarted {
        /// Where.
        lane: usize,
        /// Which.
        #[serde(flatten)]
        cell: CellSpec,
        /// Optimiser steps that it takes.
        steps: usize,
    },
    /// A cell is trained, or tested.
    CellFinished {
        /// Where.
        lane: usize,
        /// Which.
        #[serde(flatten)]
        cell: CellSpec,
        /// Micro CER on validation images.
        validation_cer: Option<f64>,
        /// Wall time in seconds.
        seconds: f64,
    },
    /// A cell broke down.
    CellFailed {
        /// Where.
        lane: usize,
        /// Which.
        #[serde(flatten)]
        cell: CellSpec,
        /// Step at which it did.
        step: usize,
        /// What happened.
        reason: String,
    },
    /// All cells are there.
    Finished {
        /// Wall time of this process for the run, in seconds.
        seconds: f64,
    },
    /// The process gave up, or was asked to stop.
    Stopped {
        /// Why.
        reason: String,
    },
}
