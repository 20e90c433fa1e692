//! `confusions.csv`: which characters are read as which, pooled over seeds.

use super::csv_file::{self, number};
use super::scored::{ScoredRun, density};
use anyhow::Result;
use arms::ArmSpec;
use probe::EvaluationMode;
use probe_statistics::text_metrics::{CONFUSABLE_GROUPS, Confusion};
use rayon::prelude::*;
use std::path::Path;

/// Substitutions listed per arm and group.
const TOP_PAIRS: usize = 20;

/// The substitutions of an arm in a test group, without noise.
pub(super) struct GroupConfusion {
    pub arm: ArmSpec,
    pub group: usize,
    pub confusion: Confusion,
}

/// Counts every arm and group.
pub(super) fn count(scored: &ScoredRun<'_>) -> Vec<GroupConfusion> {
    let groups = 0..scored.run.test_sets.len();
    let arms = scored.config.arms.iter();
    let jobs: Vec<_> = arms
        .flat_map(|&arm| groups.clone().map(move |group| (arm, group)))
        .collect();
    let counted = jobs.into_par_iter().map(|(arm, group)| {
        let mut confusion = Confusion::default();
        for (_, test) in scored.tests_of(arm, group, EvaluationMode::Deterministic) {
            for (target, prediction) in test.set.targets.iter().zip(&test.result.predictions) {
                confusion.observe(target, prediction);
            }
        }
        GroupConfusion {
            arm,
            group,
            confusion,
        }
    });
    counted.collect()
}

/// Writes `confusions.csv`.
///
/// Rows of kind `pair` are the most frequent substitutions; `rate` is their share of the
/// occurrences of the reference character. Rows of kind `look-alikes` are named groups: the share
/// of their occurrences that was read as another member. Groups the charset cannot hold are left
/// out.
pub(super) fn write(
    path: &Path,
    scored: &ScoredRun<'_>,
    confusions: &[GroupConfusion],
) -> Result<()> {
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
    csv_file::write(path, &header, |rows| {
        for counted in confusions {
            let set = &scored.run.test_sets[counted.group];
            let (arm, density) = (counted.arm.to_string(), number(density(set)));
            for row in rows_of(&counted.confusion) {
                let start = [&*arm, &*density, &*set.condition];
                rows.add(start.into_iter().chain(row.iter().map(String::as_str)))?;
            }
        }
        Ok(())
    })
}

/// Kind, reference, read, count, occurrences, rate.
fn rows_of(confusion: &Confusion) -> Vec<[String; 6]> {
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
