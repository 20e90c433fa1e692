//! Tables of the study's page, and cells that several of them have.

use super::part::PartResult;
use arms::ArmSpec;
use probe::EvaluationMode;
use probe_statistics::bootstrap::Measure;
use run_results::wording;

/// A table of a section.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StudyTable {
    /// File name without extension.
    pub name: &'static str,
    /// What it shows.
    pub title: &'static str,
    /// How to read it.
    pub note: &'static str,
    /// Heads of the columns; the first one is text.
    pub header: Vec<String>,
    /// Cells, as people read them.
    pub rows: Vec<Vec<String>>,
}

pub(crate) fn header(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// `12.3% [11.0, 13.9]`, or nothing where it was not measured.
pub(crate) fn cer(result: &PartResult, arm: ArmSpec, group: usize, mode: EvaluationMode) -> String {
    let row = result
        .summary
        .row(arm, group, mode, Measure::CharacterErrorRate);
    row.map_or_else(String::new, |row| wording::value(row.value))
}

/// Codes in use and their entropy.
pub(crate) fn codes(result: &PartResult, arm: ArmSpec, group: usize) -> [String; 2] {
    let usage = result.summary.cer(arm, group).and_then(|row| row.usage);
    match usage {
        Some(usage) if arm.kind.is_hard() => [
            format!(
                "{} of {}",
                wording::count(usage.codes_used.round() as usize),
                wording::count(usage.words)
            ),
            wording::bits(result.used_bits(arm, group).unwrap_or(0.0)),
        ],
        _ => [String::new(), String::new()],
    }
}
