//! `tuning.csv`: every learning rate tried, and which one was chosen on validation images.

use super::csv_file::{self, number, optional};
use super::scored::ScoredRun;
use anyhow::Result;
use std::path::Path;

/// Writes `tuning.csv`. A rate at which the cell failed has no validation CER.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let header = [
        "arm",
        "learning_rate",
        "validation_cer",
        "chosen",
        "on_edge",
    ];
    csv_file::write(path, &header, |rows| {
        for tuning in &scored.run.tuning {
            for (rate, cer) in &tuning.candidates {
                let chosen = tuning.chosen == Some(*rate);
                rows.add([
                    tuning.arm.to_string(),
                    number(*rate),
                    optional(*cer),
                    chosen.to_string(),
                    (chosen && tuning.on_edge).to_string(),
                ])?;
            }
        }
        Ok(())
    })
}
