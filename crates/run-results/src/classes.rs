//! `classes.csv`: the numbers and names of the classes that a run asks for.

use super::csv_file;
use super::scored::ScoredRun;
use anyhow::Result;
use std::path::Path;

/// Writes `classes.csv`, in the order of their numbers in cells; no file for text.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let names = &scored.run.class_names;
    if names.is_empty() {
        return Ok(());
    }
    csv_file::write(path, &["number", "class"], |rows| {
        for (number, name) in names.iter().enumerate() {
            rows.add([&*number.to_string(), name])?;
        }
        Ok(())
    })
}
