//! Right answers against chance, pairs of which both are right, and d′.

use super::task_answers::{TaskAnswers, pairs, pooled};
use crate::part::PartResult;
use crate::series::majority;
use crate::table::StudyTable;
use anyhow::Result;
use arms::ArmSpec;
use probe::EvaluationMode;
use probe_data::Answer;
use probe_statistics::bootstrap::{Measure, SeedItems};
use probe_statistics::discriminability::{Answers, many_alternative_d_prime, yes_no_d_prime};
use run_results::{Estimator, wording};

/// One row per task or data set and arm.
pub(super) fn accuracy(results: &[PartResult]) -> Result<Option<StudyTable>> {
    let mut rows = Vec::new();
    for task in TaskAnswers::all(results)? {
        for (arm, series) in &task.arms {
            let all = pooled(series);
            let easiest = series.first().map(|level| level.seeds.as_slice());
            let mut row = vec![task.name(), format!("`{arm}`")];
            row.push(rate(&task, &all)?);
            row.push(wording::percent(chance(&task)));
            row.push(match task.kind {
                Some(_) => easiest.map_or_else(String::new, share),
                None => String::new(),
            });
            row.extend(match task.kind {
                Some(kind) => [
                    rate(&task, &pairs(&all))?,
                    wording::percent(kind.pair_chance()),
                ],
                None => Default::default(),
            });
            let d_prime = d_prime(&task, *arm, &all);
            row.push(d_prime.map_or_else(String::new, |d| wording::fixed(d, 2)));
            rows.push(row);
        }
    }
    let names = [
        "task",
        "arm",
        "right answers",
        "chance",
        "at the easiest level",
        "both of a pair right",
        "chance of both",
        "d′",
    ];
    Ok((!rows.is_empty()).then(|| StudyTable {
        name: "accuracy",
        title: "Right answers, pairs and d′",
        note: "Over all levels; 95% BCa intervals over seeds and clusters of like images. A pair are two images that \
               differ in the answer alone, down to the noise: both must be right. d′ from all answers: \
               hits and false alarms for two answers, an unbiased choice among several for more; 0 is \
               chance.",
        header: names.map(str::to_owned).into(),
        rows,
    }))
}

/// The share of right answers as the summaries of runs estimate it.
fn rate(task: &TaskAnswers<'_>, seeds: &[SeedItems]) -> Result<String> {
    if seeds.iter().any(|seed| seed.items.len() < 2) {
        return Ok(share(seeds));
    }
    let estimator = Estimator::of_items(&task.result.part.config, Measure::WordAccuracy, seeds);
    Ok(wording::value(estimator.value(seeds)?))
}

fn share(seeds: &[SeedItems]) -> String {
    let items = || seeds.iter().flat_map(|seed| &seed.items);
    let right = items().filter(|item| item.edits == 0).count();
    wording::percent(right as f64 / items().count().max(1) as f64)
}

/// Of tasks one over the number of classes; of photographs the share of the most frequent class.
fn chance(task: &TaskAnswers<'_>) -> f64 {
    match task.kind {
        Some(kind) => kind.chance(),
        None => {
            let sets = task.result.outcome.test_sets.iter();
            majority(sets.flat_map(|set| &set.targets))
        }
    }
}

fn d_prime(task: &TaskAnswers<'_>, arm: ArmSpec, seeds: &[SeedItems]) -> Option<f64> {
    if task.classes() != 2 {
        let items = || seeds.iter().flat_map(|seed| &seed.items);
        let correct = Answers {
            count: items().filter(|item| item.edits == 0).count() as u64,
            trials: items().count() as u64,
        };
        return many_alternative_d_prime(correct, task.classes()).ok();
    }
    // "Yes" is the second class.
    let yes = Answer::Class(1);
    let mut answers = [Answers {
        count: 0,
        trials: 0,
    }; 2];
    let outcome = &task.result.outcome;
    for cell in outcome.cells.iter().filter(|cell| cell.spec.arm == arm) {
        let tests = cell.tests.iter();
        for test in tests.filter(|test| test.mode == EvaluationMode::Deterministic) {
            let targets = outcome.test_sets.get(test.group)?.targets.iter();
            for (target, prediction) in targets.zip(&test.predictions) {
                let kind = &mut answers[usize::from(*target != yes)];
                kind.trials += 1;
                kind.count += u64::from(*prediction == yes);
            }
        }
    }
    let [hits, false_alarms] = answers;
    yes_no_d_prime(hits, false_alarms).ok()
}
