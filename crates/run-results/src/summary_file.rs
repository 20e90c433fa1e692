//! `summary.csv`: the summary's rows, fractions throughout.

use super::csv_file::{self, number, optional};
use super::summary::{Summary, SummaryRow};
use anyhow::Result;
use probe_statistics::bootstrap::Measure;
use std::path::Path;

impl Summary {
    /// Writes `summary.csv`. Fields of arms that no seed finished, and of references the run
    /// lacks, are empty.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        let start = "arm vocabulary density condition mode metric mean sd low_95 high_95 seeds \
                     failed_seeds resampled";
        let mut header: Vec<String> = start.split_whitespace().map(str::to_owned).collect();
        for reference in ["merger", "matched"] {
            for field in [
                "arm",
                "difference",
                "low_95",
                "high_95",
                "p",
                "smallest_p",
                "seeds",
            ] {
                header.push(format!("{reference}_{field}"));
            }
        }
        let header: Vec<&str> = header.iter().map(String::as_str).collect();
        csv_file::write(path, &header, |rows| {
            for row in &self.rows {
                rows.add(self.fields(row))?;
            }
            Ok(())
        })
    }

    fn fields(&self, row: &SummaryRow) -> Vec<String> {
        let group = &self.groups[row.group];
        let failed = self.arms.iter().find(|arm| arm.arm == row.arm);
        let interval = row.value.and_then(|value| value.interval);
        let vocabulary = row.arm.vocabulary.map(|words| words.to_string());
        let mut fields = vec![
            row.arm.to_string(),
            vocabulary.unwrap_or_default(),
            number(group.density),
            group.condition.clone(),
            row.mode.name().to_owned(),
            measure_name(row.measure).to_owned(),
            optional(row.value.map(|value| value.mean)),
            optional(row.value.and_then(|value| value.sd)),
            optional(interval.map(|interval| interval.low)),
            optional(interval.map(|interval| interval.high)),
            row.seeds.to_string(),
            failed.map_or(0, |arm| arm.failures.len()).to_string(),
            group.resampled().to_owned(),
        ];
        for comparison in [&row.against_merger, &row.against_matched] {
            fields.extend(match comparison {
                Some(found) => [
                    found.reference.to_string(),
                    number(found.difference),
                    optional(found.interval.map(|interval| interval.low)),
                    optional(found.interval.map(|interval| interval.high)),
                    number(found.p),
                    number(found.smallest_p),
                    found.seeds.to_string(),
                ],
                None => [const { String::new() }; 7],
            });
        }
        fields
    }
}

fn measure_name(measure: Measure) -> &'static str {
    match measure {
        Measure::CharacterErrorRate => "cer",
        Measure::WordAccuracy => "word_accuracy",
    }
}
