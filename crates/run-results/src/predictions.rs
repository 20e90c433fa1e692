//! `predictions.csv`: every image as every cell read it, so that paired tests can be redone.

use super::csv_file::{self, number};
use super::scored::{ScoredRun, density};
use anyhow::Result;
use probe::TestSet;
use std::path::Path;

/// Writes `predictions.csv`. Failed cells read nothing and have no rows.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let header = [
        "arm",
        "seed",
        "density",
        "condition",
        "mode",
        "item",
        "font",
        "held_out",
        "target",
        "prediction",
        "edits",
    ];
    let names = &scored.run.class_names;
    csv_file::write(path, &header, |rows| {
        for cell in &scored.cells {
            let arm = cell.outcome.spec.arm.to_string();
            let seed = cell.outcome.spec.seed.to_string();
            for test in &cell.tests {
                let (set, density) = (test.set, number(density(test.set)));
                let texts = set.targets.iter().zip(&test.result.predictions);
                for (item, (texts, reading)) in texts.zip(&test.readings).enumerate() {
                    let held_out = if set.held_out[item] { "true" } else { "false" };
                    rows.add([
                        &*arm,
                        &*seed,
                        &*density,
                        &*set.condition,
                        test.result.mode.name(),
                        &*item.to_string(),
                        &*font(set, item),
                        held_out,
                        &*texts.0.shown(names),
                        &*texts.1.shown(names),
                        &*reading.edits.to_string(),
                    ])?;
                }
            }
        }
        Ok(())
    })
}

/// Name of an item's font or source, or its number where it has no name.
fn font(set: &TestSet, item: usize) -> String {
    let cluster = set.clusters[item];
    match set.cluster_names.get(cluster as usize) {
        Some(name) => name.clone(),
        None => cluster.to_string(),
    }
}
