//! `words_right.csv`: words of data sets on disk that every arm reads right, with differences.

use super::comparison::Comparison;
use super::csv_file::{self, number, optional};
use super::data_sets::{DataSet, Readability};
use anyhow::Result;
use std::path::Path;

/// Writes one row per data set and arm, as fractions; or removes an outdated file if there is no data set.
pub(super) fn write(path: &Path, sets: &[DataSet]) -> Result<()> {
    if sets.is_empty() {
        return run_support::atomic::remove_stale(path);
    }
    let start = "set images conclusive arm seeds words_right low_95 high_95 cer";
    let mut header: Vec<String> = start.split_whitespace().map(str::to_owned).collect();
    for reference in ["identity", "merger"] {
        let fields = ["difference", "low_95", "high_95", "p", "seeds"];
        header.extend(fields.map(|field| format!("{reference}_{field}")));
    }
    let header: Vec<&str> = header.iter().map(String::as_str).collect();
    csv_file::write(path, &header, |rows| {
        for set in sets {
            for words in &set.arms {
                let interval = words.right.and_then(|right| right.interval);
                let mut row = vec![
                    set.name.clone(),
                    set.images.to_string(),
                    conclusive(set.readability).to_owned(),
                    words.arm.to_string(),
                    words.seeds.to_string(),
                    optional(words.right.map(|right| right.mean)),
                    optional(interval.map(|interval| interval.low)),
                    optional(interval.map(|interval| interval.high)),
                    optional(words.cer.map(|cer| cer.mean)),
                ];
                for comparison in [words.against_identity, words.against_merger] {
                    row.extend(fields(comparison));
                }
                rows.add(row)?;
            }
        }
        Ok(())
    })
}

/// Whether anything can be concluded about arms from a data set.
fn conclusive(readability: Readability) -> &'static str {
    match readability {
        Readability::Read(_) => "yes",
        Readability::Beyond(_) => "no",
        Readability::NotAsked | Readability::NotMeasured => "unknown",
    }
}

fn fields(comparison: Option<Comparison>) -> [String; 5] {
    match comparison {
        Some(found) => [
            number(found.difference),
            optional(found.interval.map(|interval| interval.low)),
            optional(found.interval.map(|interval| interval.high)),
            number(found.p),
            found.seeds.to_string(),
        ],
        None => [const { String::new() }; 5],
    }
}
