//! `classes.csv`: the characters that stand for the classes of a task or of photographs.

use super::csv_file;
use super::scored::ScoredRun;
use anyhow::Result;
use probe_data::class_char;
use std::path::Path;

/// Writes `classes.csv`, in label order; no file for text, whose characters stand for themselves.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let names = &scored.run.class_names;
    if names.is_empty() {
        return Ok(());
    }
    csv_file::write(path, &["character", "class"], |rows| {
        for (class, name) in names.iter().enumerate() {
            let character = class_char(scored.config.data.charset, class);
            rows.add([
                character.map_or_else(String::new, String::from),
                name.clone(),
            ])?;
        }
        Ok(())
    })
}
