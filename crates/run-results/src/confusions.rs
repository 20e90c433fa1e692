//! `confusions.csv`: which characters or classes are taken for which, pooled over seeds.

use super::csv_file::{self, number};
use super::scored::{ScoredRun, density};
use anyhow::Result;
use arms::ArmSpec;
use probe::EvaluationMode;
use probe_data::Answer;
use probe_statistics::text_metrics::{CONFUSABLE_GROUPS, Confusion};
use rayon::prelude::*;
use std::path::Path;

/// Substitutions listed per arm and group.
const TOP_PAIRS: usize = 20;

/// The substitutions of an arm in a test group, without noise.
pub(super) struct GroupConfusion {
    pub arm: ArmSpec,
    pub group: usize,
    pub confusion: AnswerConfusion,
}

/// What was taken for what.
#[derive(Default)]
pub(super) struct AnswerConfusion {
    /// Characters of texts.
    pub characters: Confusion,
    /// Classes by number.
    pub classes: Confusion<u16>,
}

impl AnswerConfusion {
    fn observe(&mut self, target: &Answer, given: &Answer) {
        match (target, given) {
            (Answer::Text(target), Answer::Text(text)) => self.characters.observe(target, text),
            (Answer::Class(target), Answer::Class(class)) => {
                self.classes.observe_class(*target, *class);
            }
            // Counted as wrong in the scores; it is no confusion of one with another.
            (Answer::Text(_), Answer::Class(_)) | (Answer::Class(_), Answer::Text(_)) => {}
        }
    }
}

/// Counts every arm and group.
pub(super) fn count(scored: &ScoredRun<'_>) -> Vec<GroupConfusion> {
    let groups = 0..scored.run.test_sets.len();
    let arms = scored.config.arms.iter();
    let jobs: Vec<_> = arms
        .flat_map(|&arm| groups.clone().map(move |group| (arm, group)))
        .collect();
    let counted = jobs.into_par_iter().map(|(arm, group)| {
        let mut confusion = AnswerConfusion::default();
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
    let names = &scored.run.class_names;
    csv_file::write(path, &header, |rows| {
        for counted in confusions {
            let set = &scored.run.test_sets[counted.group];
            let (arm, density) = (counted.arm.to_string(), number(density(set)));
            let AnswerConfusion {
                characters,
                classes,
            } = &counted.confusion;
            let shown = |class| Answer::Class(class).shown(names).into_owned();
            let mut listed = pairs_of(characters, |character| character.to_string());
            listed.extend(pairs_of(classes, shown));
            listed.extend(look_alikes(characters));
            for row in listed {
                let start = [&*arm, &*density, &*set.condition];
                rows.add(start.into_iter().chain(row.iter().map(String::as_str)))?;
            }
        }
        Ok(())
    })
}

/// Kind, reference, read, count, occurrences, rate.
type Row = [String; 6];

fn row(kind: &str, reference: String, read: String, count: u64, occurrences: u64) -> Row {
    let rate = number(count as f64 / occurrences as f64);
    let counts = [count.to_string(), occurrences.to_string()];
    let [count, occurrences] = counts;
    [kind.to_owned(), reference, read, count, occurrences, rate]
}

fn pairs_of<T: Copy + Ord>(confusion: &Confusion<T>, shown: impl Fn(T) -> String) -> Vec<Row> {
    let pairs = confusion.top_confusions(TOP_PAIRS).into_iter();
    pairs
        .map(|pair| {
            let (reference, read) = (shown(pair.target), shown(pair.predicted));
            let occurrences = confusion.occurrences(pair.target);
            row("pair", reference, read, pair.count, occurrences)
        })
        .collect()
}

fn look_alikes(confusion: &Confusion) -> Vec<Row> {
    let mut rows = Vec::new();
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
