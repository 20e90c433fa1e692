//! `by_steps.csv`: the validation error of every arm after a quarter, half and all of its steps.
//!
//! One training, looked at on its way: the learning rate falls to zero at the end of all steps, so a
//! training of a quarter of the steps would usually end lower than this one stands after them.

use super::csv_file::{self, number, optional};
use super::scored::ScoredRun;
use anyhow::Result;
use arms::ArmSpec;
use probe::{CellOutcome, Evaluation};
use std::path::Path;

/// Shares of the steps: `(share, how it is called)`.
pub(super) const SHARES: [(f64, &str); 3] = [
    (0.25, "a quarter"),
    (0.5, "half"),
    (1.0, "all of the steps"),
];

/// An arm at a share of its steps.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct AtShare {
    /// The evaluation nearest to that share of the steps.
    pub step: usize,
    /// Mean of the validation errors over seeds.
    pub error: f64,
    /// Seeds that finished.
    pub seeds: usize,
}

impl ScoredRun<'_> {
    /// An arm after a share of its steps; none if no seed finished.
    pub(super) fn at_share(&self, arm: ArmSpec, share: f64) -> Option<AtShare> {
        let finished = self.cells_of(arm).filter(|cell| cell.failure().is_none());
        let found: Vec<&Evaluation> = finished
            .filter_map(|cell| nearest(cell.outcome, share))
            .collect();
        let errors: f64 = found.iter().map(|point| point.validation_cer).sum();
        Some(AtShare {
            step: found.first()?.step,
            error: errors / found.len() as f64,
            seeds: found.len(),
        })
    }

    /// Characters per token of the test groups, each density once; validation images have all of them.
    pub(super) fn densities(&self) -> Vec<f64> {
        let mut densities: Vec<f64> = Vec::new();
        for density in self.run.test_sets.iter().filter_map(|set| set.density) {
            if !densities.contains(&density) {
                densities.push(density);
            }
        }
        densities
    }
}

/// The evaluation nearest to a share of the steps, the earlier of two as near; not the one before the first
/// step, if there is another.
fn nearest(cell: &CellOutcome, share: f64) -> Option<&Evaluation> {
    let last = cell.history.last()?.step as f64;
    let distance = |point: &Evaluation| (point.step as f64 - share * last).abs();
    let points = cell.history.iter();
    let trained = points.filter(|point| point.step > 0 || last == 0.0);
    trained.min_by(|a, b| distance(a).total_cmp(&distance(b)))
}

/// Writes `by_steps.csv`.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let header = ["arm", "density", "share", "step", "validation_cer", "seeds"];
    let densities: Vec<String> = scored.densities().into_iter().map(number).collect();
    let densities = densities.join(" ");
    csv_file::write(path, &header, |rows| {
        for &arm in &scored.config.arms {
            for (share, _) in SHARES {
                let found = scored.at_share(arm, share);
                rows.add([
                    arm.to_string(),
                    densities.clone(),
                    number(share),
                    found.map_or_else(String::new, |found| found.step.to_string()),
                    optional(found.map(|found| found.error)),
                    found.map_or(0, |found| found.seeds).to_string(),
                ])?;
            }
        }
        Ok(())
    })
}
