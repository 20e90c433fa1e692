//! Tells terminal, event log and TensorBoard how a run goes.

use super::event::Event;
use super::log::EventLog;
use super::{EVENTS, TENSORBOARD, Watch, write_curves};
use crate::progress::Progress;
use anyhow::Result;
use probe::{CellOutcome, CellSpec, Observer, RunOutcome, Status};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

/// A run that is watched.
pub struct Watched<'a> {
    progress: &'a Progress,
    log: EventLog,
    /// Where curves go, if they are wanted.
    curves: Option<PathBuf>,
    /// Whether somebody was told that they cannot be written.
    told: AtomicBool,
    started: Instant,
    /// Whether the first seed is through, where every seed has images of its own.
    later_seed: AtomicBool,
    /// Whether a cell was trained, rather than read back.
    trained: AtomicBool,
}

impl<'a> Watched<'a> {
    /// Begins to watch `run`, whose cells are in the results folder `top`.
    #[must_use]
    pub fn begin(
        progress: &'a Progress,
        watch: &Watch,
        top: &Path,
        run: &str,
        lanes: usize,
        arms: usize,
    ) -> Self {
        let events = watch.events.clone();
        let log = EventLog::open(&events.unwrap_or_else(|| top.join(EVENTS)), run);
        log.write(Event::Started {
            pid: std::process::id(),
            lanes,
            arms,
        });
        // TensorBoard names curves by their folders.
        let root = top.join(TENSORBOARD);
        let is_alone = top.file_name().is_some_and(|name| name == run);
        let root = if is_alone { root } else { root.join(run) };
        Self {
            progress,
            log,
            curves: watch.tensorboard.then_some(root),
            told: AtomicBool::new(false),
            started: Instant::now(),
            later_seed: AtomicBool::new(false),
            trained: AtomicBool::new(false),
        }
    }

    /// Says whether what follows are cells of another seed than the first: none of them tunes anything.
    pub fn is_later_seed(&self, later: bool) {
        self.later_seed.store(later, Ordering::Relaxed);
    }

    /// Whether a cell was trained since the watch began; without one, nothing was made.
    #[must_use]
    pub fn has_trained(&self) -> bool {
        self.trained.load(Ordering::Relaxed)
    }

    /// The run is over.
    pub fn end(&self, outcome: &Result<RunOutcome>) {
        match outcome {
            Ok(outcome) => {
                // Those that were trained before anybody asked for curves.
                outcome.cells.iter().for_each(|cell| self.draw(cell, false));
                self.log.write(Event::Finished {
                    seconds: self.started.elapsed().as_secs_f64(),
                });
            }
            Err(error) => self.log.write(Event::Stopped {
                reason: format!("{error:#}"),
            }),
        }
    }

    /// Writes the curves of a cell, unless there are any and they are not to be written `again`.
    fn draw(&self, cell: &CellOutcome, again: bool) {
        let Some(root) = &self.curves else { return };
        if let Err(error) = write_curves(root, cell, again)
            && !self.told.swap(true, Ordering::Relaxed)
        {
            eprintln!("note: {error:#}; the run goes on without some curves");
        }
    }
}

impl Observer for Watched<'_> {
    fn stage(&self, name: &str, total: usize, done: usize) {
        let name = match name {
            "tuning" if self.later_seed.load(Ordering::Relaxed) => "seeds",
            name => name,
        };
        self.progress.stage(name, total, done);
        self.log.write(Event::Stage {
            stage: name.to_owned(),
            cells: total,
            done,
        });
    }

    fn note(&self, text: &str) {
        self.progress.note(text);
    }

    fn cell_started(&self, lane: usize, spec: &CellSpec, steps: usize) {
        self.trained.store(true, Ordering::Relaxed);
        self.progress.cell_started(lane, spec, steps);
        self.log.write(Event::CellStarted {
            lane,
            cell: spec.clone(),
            steps,
        });
    }

    fn cell_step(&self, lane: usize, step: usize) {
        self.progress.cell_step(lane, step);
    }

    fn cell_finished(&self, lane: usize, outcome: &CellOutcome) {
        self.progress.cell_finished(lane, outcome);
        self.draw(outcome, true);
        let cell = outcome.spec.clone();
        self.log.write(match &outcome.status {
            Status::Finished => Event::CellFinished {
                lane,
                cell,
                validation_cer: outcome.validation_cer,
                seconds: outcome.seconds,
            },
            Status::Failed { step, reason } => Event::CellFailed {
                lane,
                cell,
                step: *step,
                reason: reason.clone(),
            },
        });
    }
}
