//! Right answers against chance, pairs of which both are right, and d′.

use super::answers::{Asked, pairs, pooled};
use crate::part::PartResult;
use crate::series::majority;
use crate::table::StudyTable;
use anyhow::Result;
use arms::ArmSpec;
use probe::EvaluationMode;
use probe_data::class_char;
use probe_statistics::bootstrap::{
    BootstrapPlan, Design, Measure, ResampledUnit, SeedItems, bootstrap_value,
};
use probe_statistics::discriminability::{Answers, many_alternative_d_prime, yes_no};
use run_results::wording;

const LEVEL: f64 = 0.95;

/// One row per task or data set and arm.
pub(super) fn accuracy(results: &[PartResult]) -> Result<Option<StudyTable>> {
    let mut rows = Vec::new();
    for asked in Asked::all(results)? {
        for (arm, series) in &asked.arms {
            let all = pooled(series);
            let easiest = series.first().map(|level| level.seeds.as_slice());
            let mut row = vec![asked.name(), format!("`{arm}`")];
            row.push(rate(&asked, &all)?);
            row.push(wording::percent(chance(&asked)));
            row.push(match asked.kind {
                Some(_) => easiest.map_or_else(String::new, share),
                None => String::new(),
            });
            row.extend(match asked.kind {
                Some(kind) => [
                    rate(&asked, &pairs(&all))?,
                    wording::percent(kind.pair_chance()),
                ],
                None => Default::default(),
            });
            let d_prime = d_prime(&asked, *arm, &all);
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
        note: "Over all levels; 95% BCa intervals over seeds and images. A pair are two images that \
               differ in the answer alone, down to the noise: both must be right. d′ from all answers: \
               hits and false alarms for two answers, an unbiased choice among several for more; 0 is \
               chance.",
        header: names.map(str::to_owned).into(),
        rows,
    }))
}

fn rate(asked: &Asked<'_>, seeds: &[SeedItems]) -> Result<String> {
    let config = &asked.result.part.config;
    let plan = BootstrapPlan {
        measure: Measure::WordAccuracy,
        unit: ResampledUnit::Item,
        design: Design::Crossed,
        draws: config.bootstrap_draws,
        level: LEVEL,
        seed: config.data.seed,
    };
    if seeds.iter().any(|seed| seed.items.len() < 2) {
        return Ok(share(seeds));
    }
    let found = bootstrap_value(seeds, &plan)?;
    let interval = wording::bracket(Some(found.bca), 1);
    Ok(format!("{}{interval}", wording::percent(found.value)))
}

fn share(seeds: &[SeedItems]) -> String {
    let items = || seeds.iter().flat_map(|seed| &seed.items);
    let right = items().filter(|item| item.edits == 0).count();
    wording::percent(right as f64 / items().count().max(1) as f64)
}

/// Of tasks one over the number of classes; of photographs the share of the most frequent class.
fn chance(asked: &Asked<'_>) -> f64 {
    match asked.kind {
        Some(kind) => kind.chance(),
        None => {
            let sets = asked.result.outcome.test_sets.iter();
            majority(sets.flat_map(|set| &set.targets))
        }
    }
}

fn d_prime(asked: &Asked<'_>, arm: ArmSpec, seeds: &[SeedItems]) -> Option<f64> {
    if asked.classes() != 2 {
        let items = || seeds.iter().flat_map(|seed| &seed.items);
        let correct = Answers {
            count: items().filter(|item| item.edits == 0).count() as u64,
            trials: items().count() as u64,
        };
        return many_alternative_d_prime(correct, asked.classes()).ok();
    }
    // "Yes" is the second class.
    let yes = class_char(asked.result.part.config.data.charset, 1)?;
    let mut answers = [Answers {
        count: 0,
        trials: 0,
    }; 2];
    let outcome = &asked.result.outcome;
    for cell in outcome.cells.iter().filter(|cell| cell.spec.arm == arm) {
        let tests = cell.tests.iter();
        for test in tests.filter(|test| test.mode == EvaluationMode::Deterministic) {
            let targets = outcome.test_sets.get(test.group)?.targets.iter();
            for (target, prediction) in targets.zip(&test.predictions) {
                let kind = &mut answers[usize::from(!target.contains(yes))];
                kind.trials += 1;
                kind.count += u64::from(prediction.contains(yes));
            }
        }
    }
    let [hits, false_alarms] = answers;
    yes_no(hits, false_alarms).ok().map(|found| found.d_prime)
}
