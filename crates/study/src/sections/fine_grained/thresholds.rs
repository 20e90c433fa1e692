//! Psychometric thresholds of the fine-grained tasks.

use super::answers::Asked;
use crate::part::PartResult;
use crate::table::StudyTable;
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use perception_tasks::{Axis, TaskKind};
use probe_statistics::bootstrap::{Interval, ResampledUnit};
use probe_statistics::psychometric::{
    PsychometricModel, SeedTrials, ThresholdPlan, ThresholdRatio, Trial, threshold_estimate,
    threshold_ratio,
};
use run_results::{ItemSeries, wording};

/// Share of right answers at a threshold.
const PROPORTION: f64 = 0.75;
/// Largest share of slips that a fit may allow.
const LARGEST_LAPSE: f64 = 0.05;
/// Functions are fitted anew in every draw.
const MOST_DRAWS: usize = 500;
const LEVEL: f64 = 0.95;
/// Decimals of thresholds.
const MOST_DECIMALS: usize = 6;

/// Thresholds of every arm and task, and their ratios to those of the MLP of the same width and of
/// PatchMerger.
///
/// # Errors
/// If the answers cannot be fitted.
pub(super) fn thresholds(results: &[PartResult]) -> Result<Option<StudyTable>> {
    let mut rows = Vec::new();
    for asked in Asked::all(results)? {
        let Some(measured) = Measured::of(&asked) else {
            continue;
        };
        for (arm, seeds) in &measured.arms {
            let mut row = vec![measured.kind.to_string(), format!("`{arm}`")];
            row.push(measured.threshold(seeds));
            row.push(measured.axis.unit.to_owned());
            for kind in [ArmKind::GeluMlp, ArmKind::PatchMerger] {
                row.push(
                    measured
                        .ratio(*arm, kind)
                        .map_or_else(String::new, |found| worded(&found)),
                );
            }
            rows.push(row);
        }
    }
    let names = [
        "task",
        "arm",
        "threshold",
        "unit",
        "over that of the MLP",
        "over that of PatchMerger",
    ];
    Ok((!rows.is_empty()).then(|| StudyTable {
        name: "thresholds",
        title: "From how small a difference on is the answer right three times in four?",
        note: "Logistic functions of the logarithm of the difference, with the guess rate of the \
               task and at most 5% slips; 95% intervals over seeds and images, of ratios by a paired \
               bootstrap of their logarithm. `>`: not reached at the easiest level; `<`: still reached \
               at the hardest; such thresholds have no ratio. A ratio above 1: the arm needs more \
               than the other one.",
        header: names.map(str::to_owned).into(),
        rows,
    }))
}

/// A task with levels, and the answers to it in the form that functions are fitted to.
pub(super) struct Measured<'a> {
    result: &'a PartResult,
    pub kind: TaskKind,
    pub axis: Axis,
    pub arms: Vec<(ArmSpec, Vec<SeedTrials>)>,
}

impl<'a> Measured<'a> {
    /// None for photographs and tasks without levels.
    pub fn of(asked: &Asked<'a>) -> Option<Self> {
        let kind = asked.kind?;
        let arms = asked.arms.iter();
        Some(Self {
            result: asked.result,
            kind,
            axis: kind.difficulty()?,
            arms: arms
                .map(|(arm, series)| (*arm, trials(asked.result, series)))
                .collect(),
        })
    }

    /// The ratio of an arm's threshold to that of the first arm of another kind; none for that arm
    /// itself, without such an arm, and where one has no threshold within the levels.
    pub fn ratio(&self, arm: ArmSpec, reference: ArmKind) -> Option<ThresholdRatio> {
        let find = |wanted: &dyn Fn(ArmSpec) -> bool| {
            let found = self.arms.iter().find(|(arm, _)| wanted(*arm));
            found.map(|(arm, seeds)| (*arm, seeds))
        };
        let (other, reference) = find(&|arm| arm.kind == reference)?;
        let (_, seeds) = find(&|known| known == arm && known != other)?;
        let found = threshold_ratio(seeds, reference, &self.plan()).ok()?;
        (!found.extrapolated).then_some(found)
    }

    /// The threshold with its interval, or on which side of the levels it lies.
    fn threshold(&self, seeds: &[SeedTrials]) -> String {
        let Ok(found) = threshold_estimate(seeds, &self.plan()) else {
            return "–".to_owned();
        };
        match found.threshold {
            Some(value) if !found.extrapolated => {
                format!("{}{}", significant(value), bracket(found.interval))
            }
            Some(value) if value < self.axis.hard => format!("< {}", significant(self.axis.hard)),
            _ => format!("> {}", significant(self.axis.easy)),
        }
    }

    fn plan(&self) -> ThresholdPlan {
        ThresholdPlan {
            model: PsychometricModel {
                guess: self.kind.chance(),
                largest_lapse: LARGEST_LAPSE,
            },
            proportion: PROPORTION,
            unit: ResampledUnit::Item,
            draws: self.result.part.config.bootstrap_draws.min(MOST_DRAWS),
            level: LEVEL,
            seed: self.result.part.config.data.seed,
        }
    }
}

/// Answers by seed, each with the level of its image.
fn trials(result: &PartResult, series: &[ItemSeries]) -> Vec<SeedTrials> {
    let mut seeds: Vec<SeedTrials> = Vec::new();
    for one in series {
        let Some(level) = result.outcome.test_sets[one.group].difficulty else {
            continue;
        };
        for run in &one.seeds {
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
    seeds
}

/// `1.23 [1.10, 1.40]`.
pub(super) fn worded(found: &ThresholdRatio) -> String {
    format!("{}{}", significant(found.ratio), bracket(found.interval))
}

fn bracket(interval: Option<Interval>) -> String {
    interval.map_or_else(String::new, |ends| {
        format!(" {}", wording::significant_interval(ends, MOST_DECIMALS))
    })
}

fn significant(value: f64) -> String {
    wording::significant(value, MOST_DECIMALS)
}
