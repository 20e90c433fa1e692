//! `confusions.csv`: which characters are read as which, pooled over seeds.

use super::csv_file::{self, number};
use super::scored::{ScoredRun, ScoredTest, density};
use crate::probe::EvaluationMode;
use anyhow::Result;
use probe_statistics::text_metrics::{CONFUSABLE_GROUPS, Confusion};
use rayon::prelude::*;
use std::path::Path;

/// Substitutions listed per arm and group.
const TOP_PAIRS: usize = 20;

/// Writes `confusions.csv` from readings without noise.
///
/// Rows of kind `pair` are the most frequent substitutions; `rate` is their share of the
/// occurrences of the reference character. Rows of kind `look-alikes` are named groups: the share
/// of their occurrences that was read as another member. Groups the charset cannot hold are left
/// out.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let header = [
        "arm",
        "density",
        "condition",
        "kind",
        "reference",
        "read",
        "count",
        "occurrences",
        "rate",
    ];
    let groups = 0..scored.run.test_sets.len();
    let jobs: Vec<_> = scored
        .config
        .arms
        .iter()
        .flat_map(|&arm| groups.clone().map(move |group| (arm, group)))
        .collect();
    let tables: Vec<_> = jobs
        .into_par_iter()
        .map(|(arm, group)| {
            let tests = scored.tests_of(arm, group, EvaluationMode::Deterministic);
            (arm, group, rows_of(tests.map(|(_, test)| test)))
        })
        .collect();
    csv_file::write(path, &header, |rows| {
        for (arm, group, table) in tables {
            let set = &scored.run.test_sets[group];
            let (arm, density) = (arm.to_string(), number(density(set)));
            for row in table {
                let start = [&*arm, &*density, &*set.condition];
                rows.add(start.into_iter().chain(row.iter().map(String::as_str)))?;
            }
        }
        Ok(())
    })
}

/// Kind, reference, read, count, occurrences, rate.
fn rows_of<'a>(tests: impl Iterator<Item = &'a ScoredTest<'a>>) -> Vec<[String; 6]> {
    let mut confusion = Confusion::default();
    for test in tests {
        for (target, prediction) in test.set.targets.iter().zip(&test.result.predictions) {
            confusion.observe(target, prediction);
        }
    }
    let row = |kind: &str, reference: String, read: String, count: u64, occurrences: u64| {
        let rate = number(count as f64 / occurrences as f64);
        let counts = [count.to_string(), occurrences.to_string()];
        let [count, occurrences] = counts;
        [kind.to_owned(), reference, read, count, occurrences, rate]
    };
    let mut rows = Vec::new();
    for pair in confusion.top_confusions(TOP_PAIRS) {
        let (reference, read) = (pair.target.to_string(), pair.predicted.to_string());
        let occurrences = confusion.occurrences(pair.target);
        rows.push(row("pair", reference, read, pair.count, occurrences));
    }
    for group in CONFUSABLE_GROUPS {
        let members = || group.chars.iter().copied();
        let occurring = members().filter(|&c| confusion.occurrences(c) > 0).count();
        if occurring < 2 {
            continue;
        }
        let occurrences = members().map(|c| confusion.occurrences(c)).sum();
        let others = members().flat_map(|from| members().map(move |to| (from, to)));
        let confused = others
            .filter(|(from, to)| from != to)
            .map(|(from, to)| confusion.count(from, to))
            .sum();
        let name = group.name.to_owned();
        rows.push(row(
            "look-alikes",
            name,
            String::new(),
            confused,
            occurrences,
        ));
    }
    rows
}
