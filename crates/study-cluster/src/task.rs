//! What a task does: train the cells of some items.

use super::items::Items;
use super::place::Place;
use anyhow::{Context, Result};
use arms::ArmSpec;
use probe::{ProbeConfig, Replicates, Status};
use run_support::lock::Lock;
use run_support::stop::Stopped;
use runs::session::Session;
use std::ops::Range;
use std::path::Path;

/// What a task came to.
#[derive(Clone, Copy, Debug, Default)]
pub struct TaskResult {
    /// Cells at the chosen learning rates.
    pub cells: usize,
    /// Those of them that broke down.
    pub failed: usize,
}

/// Trains every cell of some items that the folder `cells` does not hold yet.
///
/// # Errors
/// If another process works on one of them, a run cannot be prepared, a cell cannot be stored, or
/// `session.stop` is raised; cells finished before are stored, those in training saved. The reason
/// is kept for `merge`, unless the task was asked to stop.
pub fn run_items(
    items: &Items,
    range: Range<usize>,
    place: &Place,
    cells: &Path,
    session: &Session<'_>,
) -> Result<TaskResult> {
    let mut locks: Vec<Lock> = Vec::new();
    for item in range.clone() {
        locks.push(place.claim(item, &items.name(item), session.stop)?);
        place.clear_failure(item)?;
    }
    let result = train(items, range.clone(), cells, session);
    if let Err(error) = &result
        && !error.is::<Stopped>()
    {
        let reason = format!("{error:#}");
        for item in range {
            // The reason itself is what the user has to see, also if the disk is full.
            let _ = place.set_failure(item, &reason);
        }
    }
    drop(locks);
    result
}

fn train(
    items: &Items,
    range: Range<usize>,
    cells: &Path,
    session: &Session<'_>,
) -> Result<TaskResult> {
    let mut result = TaskResult::default();
    for (run, arms) in by_run(items, range) {
        let (name, config) = &items.runs[run];
        let listed: Vec<String> = arms.iter().map(ToString::to_string).collect();
        eprintln!("{name}: {}", listed.join(", "));
        let config = ProbeConfig {
            arms,
            ..config.clone()
        };
        let in_run = || format!("run `{name}`");
        let mut replicates = Replicates::of(&config);
        while let Some(replicate) = replicates.next() {
            let prepared = session.prepare(&replicate).with_context(in_run)?;
            let outcome = session.train(name, &replicate, &prepared, cells);
            replicates.add(outcome.with_context(in_run)?);
        }
        let outcome = replicates.joined().with_context(in_run)?;
        result.cells += outcome.cells.len();
        let failed = |status: &Status| matches!(status, Status::Failed { .. });
        let failed = outcome.cells.iter().filter(|cell| failed(&cell.status));
        result.failed += failed.count();
    }
    Ok(result)
}

/// The arms of each run, so that images are rendered once for all of them.
fn by_run(items: &Items, range: Range<usize>) -> Vec<(usize, Vec<ArmSpec>)> {
    let mut runs: Vec<(usize, Vec<ArmSpec>)> = Vec::new();
    for item in &items.items[range] {
        for &run in &item.runs {
            match runs.iter_mut().find(|(known, _)| *known == run) {
                Some((_, arms)) => arms.push(item.arm),
                None => runs.push((run, vec![item.arm])),
            }
        }
    }
    runs
}
