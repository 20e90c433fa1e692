//! What the fine-grained section comes to: accuracy, thresholds, confusions, and the comparison with
//! reading.

mod accuracy;
mod answer;
mod answers;
mod confusions;
mod interaction;
mod thresholds;

pub(super) use answer::answer;
pub(super) use interaction::COARSE;
pub(super) use thresholds::{TaskThresholds, task_thresholds};

use super::run::PartResult;
use super::tables::StudyTable;
use anyhow::Result;
use claims::{Evaluator, Measurements};

/// Every table of the section that the results allow.
///
/// # Errors
/// If the statistics refuse the data.
pub(super) fn tables(
    results: &[PartResult],
    thresholds: &[TaskThresholds],
    measurements: &Measurements,
    evaluator: &Evaluator<'_>,
) -> Result<Vec<StudyTable>> {
    let mut tables = Vec::new();
    tables.extend(thresholds::table(thresholds));
    tables.extend(accuracy::accuracy(results)?);
    tables.extend(confusions::confusions(results));
    if !tables.is_empty() {
        tables.extend(interaction::interaction(measurements, evaluator)?);
    }
    Ok(tables)
}
