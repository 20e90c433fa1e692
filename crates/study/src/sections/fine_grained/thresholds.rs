//! Psychometric thresholds of the fine-grained tasks, as claims estimate them.

use super::StudyResults;
use super::task_answers::TaskAnswers;
use crate::section::Section;
use crate::table::StudyTable;
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use claims::registration::{ArmSelector, Facets, Rule, Sides, ThresholdRatio};
use perception_tasks::{Axis, TaskKind};
use probe_statistics::bootstrap::Interval;
use probe_statistics::psychometric::ThresholdEstimate;
use run_results::{arm_of, matched_mlp, wording};

/// Share of right answers at a threshold.
const PROPORTION: f64 = 0.75;
/// Largest share of slips that a fit may allow.
const LARGEST_LAPSE: f64 = 0.05;
/// Decimals of thresholds.
const MOST_DECIMALS: usize = 6;

/// The thresholds of all arms in a task with levels.
pub(super) struct TaskThresholds {
    pub kind: TaskKind,
    axis: Axis,
    arms: Vec<ArmThreshold>,
}

/// The threshold of an arm, and its ratios to those of other arms.
struct ArmThreshold {
    arm: ArmSpec,
    threshold: Option<ThresholdEstimate>,
    over_mlp: Option<Ratio>,
    over_merger: Option<Ratio>,
}

/// The threshold of an arm over that of another one.
#[derive(Clone, Copy)]
pub(super) struct Ratio {
    value: f64,
    interval: Option<Interval>,
}

/// Thresholds of every arm and task with levels, and their ratios to those of the MLP of the same
/// width and of PatchMerger. Numbers are those of claims about thresholds: one evaluator makes both.
///
/// # Errors
/// If the answers cannot be fitted.
pub(super) fn task_thresholds(study: &StudyResults<'_>) -> Result<Vec<TaskThresholds>> {
    let mut tasks = Vec::new();
    for task in TaskAnswers::all(study.runs)? {
        let Some((kind, axis)) = task.kind.and_then(|kind| Some((kind, kind.difficulty()?))) else {
            continue;
        };
        let data = Facets {
            study: Section::FineGrained.name().to_owned(),
            conditions: Some(vec![kind.to_string()]),
            charset: None,
            densities: None,
            steps: None,
            evaluation: claims::Evaluation::default(),
        };
        let config = &task.result.part.config;
        let ratio = |arm: ArmSpec, reference: Option<ArmSpec>| -> Result<Option<Ratio>> {
            let Some(reference) = reference.filter(|reference| *reference != arm) else {
                return Ok(None);
            };
            let named = |arm: ArmSpec| ArmSelector::Arm {
                arm: arm.to_string(),
            };
            let found = study.evaluator.part(&Rule::ThresholdRatio(ThresholdRatio {
                data: data.clone(),
                subject: named(arm),
                reference: named(reference),
                proportion: PROPORTION,
                largest_lapse: LARGEST_LAPSE,
                sides: Sides::Two,
            }))?;
            Ok(found.effect.map(|value| Ratio {
                value,
                interval: found
                    .low
                    .zip(found.high)
                    .map(|(low, high)| Interval { low, high }),
            }))
        };
        let mut arms = Vec::new();
        for &(arm, _) in &task.arms {
            let name = arm.to_string();
            arms.push(ArmThreshold {
                arm,
                threshold: study
                    .evaluator
                    .threshold(&data, &name, PROPORTION, LARGEST_LAPSE)?,
                over_mlp: ratio(arm, matched_mlp(config, arm))?,
                over_merger: ratio(arm, arm_of(config, ArmKind::PatchMerger))?,
            });
        }
        tasks.push(TaskThresholds { kind, axis, arms });
    }
    Ok(tasks)
}

/// Thresholds as a table.
pub(super) fn table(tasks: &[TaskThresholds]) -> Option<StudyTable> {
    let ratio = |found: Option<Ratio>| found.map_or_else(String::new, worded);
    let rows: Vec<Vec<String>> = tasks
        .iter()
        .flat_map(|task| {
            task.arms.iter().map(move |found| {
                vec![
                    task.kind.to_string(),
                    format!("`{}`", found.arm),
                    task.threshold(found.threshold.as_ref()),
                    task.axis.unit.to_owned(),
                    misfit(found.threshold.as_ref()),
                    ratio(found.over_mlp),
                    ratio(found.over_merger),
                ]
            })
        })
        .collect();
    let names = [
        "task",
        "arm",
        "threshold",
        "unit",
        "misfit",
        "over that of the MLP",
        "over that of PatchMerger",
    ];
    (!rows.is_empty()).then(|| StudyTable {
        name: "thresholds",
        title: "From how small a difference on is the answer right three times in four?",
        note: "Logistic functions of the logarithm of the difference, with the guess rate of the \
               task and at most 5% slips; 95% intervals over seeds and clusters of like images, of \
               ratios by a paired bootstrap of their logarithm, as of claims. `>`: not reached at the \
               easiest level; `<`: still reached at the hardest; such thresholds have no ratio. A \
               ratio above 1: the arm needs more than the other one. Misfit: deviance of the function over its \
               degrees of freedom, 1 where answers scatter about it as by chance alone, and somewhat more where \
               seeds differ.",
        header: names.map(str::to_owned).into(),
        rows,
    })
}

impl TaskThresholds {
    /// The ratio of an arm's threshold to that of the MLP of its width; none where one of them has no
    /// threshold within the levels.
    pub(super) fn over_mlp(&self, arm: ArmSpec) -> Option<Ratio> {
        self.arms.iter().find(|found| found.arm == arm)?.over_mlp
    }

    /// The threshold with its interval, or on which side of the levels it lies.
    fn threshold(&self, found: Option<&ThresholdEstimate>) -> String {
        let Some(found) = found else {
            return "–".to_owned();
        };
        match found.threshold {
            Some(value) if !found.extrapolated => {
                format!("{}{}", significant(value), bracket(found.interval))
            }
            Some(value) if value < self.axis.hard => format!("< {}", significant(self.axis.hard)),
            Some(_) | None => format!("> {}", significant(self.axis.easy)),
        }
    }
}

/// Deviance over degrees of freedom.
fn misfit(found: Option<&ThresholdEstimate>) -> String {
    match found.map(|found| found.fit) {
        Some(fit) if fit.degrees_of_freedom > 0 => {
            wording::fixed(fit.deviance / fit.degrees_of_freedom as f64, 1)
        }
        Some(_) | None => "–".to_owned(),
    }
}

/// `1.23 [1.10, 1.40]`.
pub(super) fn worded(found: Ratio) -> String {
    format!("{}{}", significant(found.value), bracket(found.interval))
}

fn bracket(interval: Option<Interval>) -> String {
    wording::significant_interval(interval, MOST_DECIMALS)
}

fn significant(value: f64) -> String {
    wording::significant(value, MOST_DECIMALS)
}
