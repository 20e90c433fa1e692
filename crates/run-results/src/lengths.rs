//! `steps.csv`: the error of every arm after each length of training, where steps were doubled.

use super::comparison::{Estimator, Value, seed_items};
use super::csv_file::{self, number, optional};
use super::scored::ScoredRun;
use super::summary::Summary;
use anyhow::Result;
use arms::ArmSpec;
use probe::{EvaluationMode, RunOutcome};
use probe_statistics::bootstrap::Measure;
use std::path::Path;

/// One length of training.
#[derive(Clone, Debug, PartialEq)]
pub struct LengthSummary {
    /// Optimiser steps.
    pub steps: usize,
    /// Character error rates: arm, test group, value; none if no seed finished.
    pub errors: Vec<(ArmSpec, usize, Option<Value>)>,
}

impl LengthSummary {
    /// The error of an arm on a group.
    #[must_use]
    pub fn error(&self, arm: ArmSpec, group: usize) -> Option<Value> {
        let mut errors = self.errors.iter();
        errors.find(|error| (error.0, error.1) == (arm, group))?.2
    }
}

/// All lengths of training, shortest first; empty where steps were not doubled. `summary` is that of the
/// longest.
///
/// # Errors
/// If the statistics refuse the data.
pub(super) fn lengths(scored: &ScoredRun<'_>, summary: &Summary) -> Result<Vec<LengthSummary>> {
    let mut lengths = Vec::new();
    for length in &scored.run.shorter {
        let run = RunOutcome {
            test_sets: scored.run.test_sets.clone(),
            test_images: Vec::new(),
            class_names: Vec::new(),
            image_notes: Vec::new(),
            tuning: Vec::new(),
            cells: length.cells.clone(),
            shorter: Vec::new(),
            moving: Vec::new(),
        };
        let scored = ScoredRun::new(scored.config, &run)?;
        let errors = arms_and_groups(&scored).map(|(arm, group)| {
            let unit = summary.groups[group].unit;
            let estimator = Estimator::new(scored.config, Measure::CharacterErrorRate, unit);
            let items = seed_items(&scored, arm, group, EvaluationMode::Deterministic);
            Ok((arm, group, estimator.value(&items)?))
        });
        lengths.push(LengthSummary {
            steps: length.steps,
            errors: errors.collect::<Result<_>>()?,
        });
    }
    if !lengths.is_empty() {
        let errors = arms_and_groups(scored).map(|(arm, group)| {
            let row = summary.cer(arm, group);
            (arm, group, row.and_then(|row| row.value))
        });
        lengths.push(LengthSummary {
            steps: scored.config.training.steps,
            errors: errors.collect(),
        });
    }
    Ok(lengths)
}

fn arms_and_groups(scored: &ScoredRun<'_>) -> impl Iterator<Item = (ArmSpec, usize)> {
    let groups = scored.run.test_sets.len();
    let arms = scored.config.arms.iter();
    arms.flat_map(move |&arm| (0..groups).map(move |group| (arm, group)))
}

/// Writes `steps.csv`; nothing where steps were not doubled.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>, summary: &Summary) -> Result<()> {
    if summary.lengths.is_empty() {
        return Ok(());
    }
    let header = [
        "arm",
        "condition",
        "density",
        "steps",
        "cer",
        "low",
        "high",
        "moves",
    ];
    csv_file::write(path, &header, |rows| {
        for (arm, group) in arms_and_groups(scored) {
            for length in &summary.lengths {
                let error = length.error(arm, group);
                let interval = error.and_then(|error| error.interval);
                rows.add([
                    arm.to_string(),
                    summary.groups[group].condition.clone(),
                    number(summary.groups[group].density),
                    length.steps.to_string(),
                    optional(error.map(|error| error.mean)),
                    optional(interval.map(|interval| interval.low)),
                    optional(interval.map(|interval| interval.high)),
                    scored.run.moving.contains(&arm).to_string(),
                ])?;
            }
        }
        Ok(())
    })
}
