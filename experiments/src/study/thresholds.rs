//! Psychometric thresholds of the fine-grained tasks.

use super::figures::of_section;
use super::run::PartResult;
use super::section::Section;
use super::tables::StudyTable;
use crate::arm::{ArmKind, ArmSpec};
use crate::results::{item_series, wording};
use anyhow::Result;
use perception_tasks::TaskKind;
use probe_statistics::bootstrap::{Interval, ResampledUnit};
use probe_statistics::psychometric::{
    PsychometricModel, SeedTrials, ThresholdPlan, Trial, threshold_estimate, threshold_ratio,
};

/// Share of right answers at a threshold.
const PROPORTION: f64 = 0.75;
/// Largest share of slips that a fit may allow.
const LARGEST_LAPSE: f64 = 0.05;
/// Functions are fitted anew in every draw.
const MOST_DRAWS: usize = 500;
const LEVEL: f64 = 0.95;

/// Thresholds of every arm and task, and their ratios to the MLP of the same width.
///
/// # Errors
/// If the answers cannot be fitted.
pub(super) fn thresholds(results: &[PartResult]) -> Result<Option<StudyTable>> {
    let mut rows = Vec::new();
    for result in of_section(results, Section::FineGrained) {
        let Some(kind) = result.part.config.data.perception else {
            continue;
        };
        let arms = answers(result)?;
        let matched = arms.iter().find(|(arm, _)| arm.kind == ArmKind::GeluMlp);
        for (arm, seeds) in &arms {
            let mut row = vec![kind.to_string(), format!("`{arm}`"), accuracy(seeds)];
            row.extend(threshold(result, kind, seeds));
            row.push(match matched {
                Some((other, reference)) if other != arm => ratio(result, kind, seeds, reference),
                _ => String::new(),
            });
            rows.push(row);
        }
    }
    let names = [
        "task",
        "arm",
        "right answers, all levels",
        "threshold",
        "unit",
        "threshold / that of the MLP",
    ];
    Ok((!rows.is_empty()).then(|| StudyTable {
        section: Section::FineGrained,
        name: "thresholds",
        title: "From how small a difference on is the answer right three times in four?",
        note: "Logistic functions of the logarithm of the difference, with the guess rate of the \
               task and at most 5% slips; 95% intervals over seeds and images. Beyond the levels \
               tested, a threshold is marked with ~; – where three in four are never reached. A \
               ratio above 1: the arm needs more than the MLP of the same width.",
        header: names.map(str::to_owned).into(),
        rows,
    }))
}

/// Answers of every arm, by seed.
fn answers(result: &PartResult) -> Result<Vec<(ArmSpec, Vec<SeedTrials>)>> {
    let mut arms: Vec<(ArmSpec, Vec<SeedTrials>)> = Vec::new();
    for series in item_series(&result.part.config, &result.outcome)? {
        let Some(level) = result.outcome.test_sets[series.group].difficulty else {
            continue;
        };
        if !arms.iter().any(|(arm, _)| *arm == series.arm) {
            arms.push((series.arm, Vec::new()));
        }
        let Some((_, seeds)) = arms.iter_mut().find(|(arm, _)| *arm == series.arm) else {
            continue;
        };
        for run in series.seeds {
            let trials = run.items.iter().map(|item| Trial {
                level,
                cluster: item.cluster,
                correct: item.edits == 0,
            });
            match seeds.iter_mut().find(|seed| seed.seed == run.seed) {
                Some(seed) => seed.trials.extend(trials),
                None => seeds.push(SeedTrials {
                    seed: run.seed,
                    trials: trials.collect(),
                }),
            }
        }
    }
    Ok(arms)
}

fn plan(result: &PartResult, kind: TaskKind) -> ThresholdPlan {
    ThresholdPlan {
        model: PsychometricModel {
            guess: kind.chance(),
            largest_lapse: LARGEST_LAPSE,
        },
        proportion: PROPORTION,
        unit: ResampledUnit::Item,
        draws: result.part.config.bootstrap_draws.min(MOST_DRAWS),
        level: LEVEL,
        seed: result.part.config.data.seed,
    }
}

fn accuracy(seeds: &[SeedTrials]) -> String {
    let trials = || seeds.iter().flat_map(|seed| &seed.trials);
    let right = trials().filter(|trial| trial.correct).count();
    wording::percent(right as f64 / trials().count().max(1) as f64)
}

/// The threshold with its interval, and the unit.
fn threshold(result: &PartResult, kind: TaskKind, seeds: &[SeedTrials]) -> [String; 2] {
    let unit = kind.difficulty().map_or("", |axis| axis.unit).to_owned();
    let found = threshold_estimate(seeds, &plan(result, kind)).ok();
    let text = found.and_then(|found| {
        let mark = if found.extrapolated { "~" } else { "" };
        let value = format!("{mark}{}", significant(found.threshold?));
        Some(format!("{value}{}", bracket(found.interval)))
    });
    [text.unwrap_or_else(|| "–".to_owned()), unit]
}

fn ratio(
    result: &PartResult,
    kind: TaskKind,
    arm: &[SeedTrials],
    reference: &[SeedTrials],
) -> String {
    let found = threshold_ratio(arm, reference, &plan(result, kind));
    found.map_or_else(
        |_| "–".to_owned(),
        |found| {
            let mark = if found.extrapolated { "~" } else { "" };
            format!(
                "{mark}{}{}",
                significant(found.ratio),
                bracket(found.interval)
            )
        },
    )
}

fn bracket(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |Interval { low, high }| {
        format!(" [{}, {}]", significant(low), significant(high))
    })
}

/// Three significant digits.
fn significant(value: f64) -> String {
    if value == 0.0 || !value.is_finite() {
        return value.to_string();
    }
    let decimals = (2.0 - value.abs().log10().floor()).clamp(0.0, 6.0) as usize;
    format!("{value:.decimals$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_three_digits() {
        assert_eq!(significant(0.012_345), "0.0123");
        assert_eq!(significant(1.234), "1.23");
        assert_eq!(significant(1234.4), "1234");
    }
}
