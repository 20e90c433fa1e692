//! The control task: labels that say nothing about the image, which a reader can only memorise.
//!
//! # Source
//! J. Hewitt, P. Liang, "Designing and interpreting probes with control tasks", 2019: what a probe
//! reads says something about a representation as far as it cannot memorise as much; selectivity is
//! the difference of both accuracies.

use std::collections::{BTreeMap, BTreeSet};

use probe_statistics::StatisticsError;
use probe_statistics::equivalence::equivalence_test;
use probe_statistics::t_test::mean_above_test;

use super::culprits::{self, Culprit, MOST_NAMED};
use super::{Check, Context};
use crate::evaluation::wording::{number, points};
use crate::finding::ClaimFinding;
use crate::measurements::{ArmFacts, Evaluation, Measurements, Role};
use crate::registration::{ArmSelector, Settings};
use crate::selection::{by_cell, pair};

pub(super) fn equality(
    measurements: &Measurements,
    settings: &Settings,
    margin: f64,
    selector: &ArmSelector,
) -> Result<Check, StatisticsError> {
    let measured = || {
        measurements
            .arms
            .iter()
            .filter(|facts| !facts.control_accuracy.is_empty())
    };
    let reference_of = |subject: &ArmFacts| {
        measured()
            .filter(|facts| facts.study == subject.study)
            .find(|facts| match selector {
                ArmSelector::Arm { arm } => facts.arm == *arm,
                ArmSelector::Kind { kind } => facts.kind == *kind,
                ArmSelector::Best { role } => facts.role == *role,
                ArmSelector::BestOf { arms } => arms.contains(&facts.arm),
                ArmSelector::WidthMatchedMlp {} => {
                    facts.role == Role::WidthMatchedMlp && facts.vocabulary == subject.vocabulary
                }
            })
    };
    let mut culprits = Vec::new();
    let (mut compared, mut largest) = (0, 0.0_f64);
    for subject in measured() {
        let Some(reference) = reference_of(subject).filter(|r| r.arm != subject.arm) else {
            continue;
        };
        let by_seed: BTreeMap<u64, f64> = reference.control_accuracy.iter().copied().collect();
        let differences: Vec<f64> = subject
            .control_accuracy
            .iter()
            .filter_map(|(seed, accuracy)| Some(accuracy - by_seed.get(seed)?))
            .collect();
        if differences.len() < 2 {
            continue;
        }
        compared += 1;
        let test = equivalence_test(&differences, margin)?;
        largest = largest.max(test.differences.mean.abs());
        if test.p > settings.alpha {
            culprits.push(Culprit::arm(subject));
        }
    }
    let words = if !culprits.is_empty() {
        format!(
            "Control-task accuracy is not shown to be equal within {:.1} points: {}.",
            100.0 * margin,
            culprits::names(&culprits)
        )
    } else if compared == 0 {
        "Control task: not measured under at least 2 common seeds.".to_owned()
    } else {
        format!(
            "Control-task accuracy is equal within {:.1} points in {compared} arms (largest \
             difference {:.2} points).",
            100.0 * margin,
            100.0 * largest
        )
    };
    Ok(Check {
        measured: compared > 0,
        culprits,
        words,
    })
}

/// The arm of a pair that reads better must not owe that to memorising more.
pub(super) fn advantage(context: Context<'_>, margin: f64) -> Result<Check, StatisticsError> {
    let pairs = compared_pairs(context.claims);
    let mut culprits = Vec::new();
    let mut failing = Vec::new();
    let (mut compared, mut largest, mut lowest) = (0, f64::NEG_INFINITY, f64::INFINITY);
    for (study, arms) in &pairs {
        let Some([better, worse]) = by_reading(context.measurements, study, arms) else {
            continue;
        };
        let of_worse: BTreeMap<u64, f64> = worse.control.iter().copied().collect();
        let common: Vec<[f64; 2]> = better
            .control
            .iter()
            .filter_map(|(seed, accuracy)| Some([*accuracy, *of_worse.get(seed)?]))
            .collect();
        if common.len() < 2 {
            continue;
        }
        compared += 1;
        let differences: Vec<f64> = common.iter().map(|[b, w]| b - w).collect();
        let test = mean_above_test(&differences, 0.0)?;
        largest = largest.max(test.mean);
        lowest = common.iter().flatten().copied().fold(lowest, f64::min);
        if test.mean > margin && test.p <= context.settings.alpha {
            let selectivity = |arm: &Reader<'_>, place: usize| {
                let control: f64 = common.iter().map(|accuracies| accuracies[place]).sum();
                number(1.0 - arm.error - control / common.len() as f64)
            };
            failing.push(format!(
                "{} reads {study} better than {} and memorises {} more, p {} (selectivity {} against \
                 {})",
                better.arm,
                worse.arm,
                points(test.mean).trim_start_matches('+'),
                number(test.p),
                selectivity(&better, 0),
                selectivity(&worse, 1),
            ));
            culprits.push(Culprit::Pair {
                study: study.clone(),
                arms: arms.clone(),
            });
        }
    }
    let limit = format!("{:.1} points", 100.0 * margin);
    let mut words = if !failing.is_empty() {
        let more = failing.len().saturating_sub(MOST_NAMED);
        failing.truncate(MOST_NAMED);
        let more = match more {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        format!(
            "Control task, with a margin of {limit}: {}{more}.",
            failing.join("; ")
        )
    } else if compared == 0 {
        "Control task: no two arms that are compared were measured under at least 2 common seeds."
            .to_owned()
    } else {
        format!(
            "No arm memorises over {limit} more than one that it reads better than, in {compared} pairs \
             that claims compare (largest advantage {}).{}",
            points(largest),
            // What is learnt by heart completely leaves no room for an advantage.
            match lowest >= 1.0 - margin {
                true => " All of them memorise nearly everything, so none could.",
                false => "",
            }
        )
    };
    let unmeasured = pairs.len() - compared;
    if compared > 0 && unmeasured > 0 {
        words.push_str(&format!(" Pairs not measured: {unmeasured}."));
    }
    Ok(Check {
        measured: compared > 0,
        culprits,
        words,
    })
}

/// Every two arms of one study that a part of a claim compares, as (study, arms).
fn compared_pairs(claims: &[&ClaimFinding]) -> BTreeSet<(String, [String; 2])> {
    let mut pairs = BTreeSet::new();
    for part in claims.iter().flat_map(|claim| &claim.parts) {
        for (index, (study, left)) in part.arms.iter().enumerate() {
            let others = part.arms[index + 1..].iter();
            for (_, right) in others.filter(|(other, arm)| other == study && arm != left) {
                let mut arms = [left.clone(), right.clone()];
                arms.sort();
                pairs.insert((study.clone(), arms));
            }
        }
    }
    pairs
}

/// An arm of a pair.
struct Reader<'a> {
    arm: &'a str,
    /// Character error over the data that both arms have.
    error: f64,
    /// Accuracy on the control task, by seed.
    control: &'a [(u64, f64)],
}

/// The arms of a pair, the one that reads better first; `None` if they share no data, or read equally
/// well: then neither has an advantage to explain.
fn by_reading<'a>(
    measurements: &'a Measurements,
    study: &str,
    arms: &'a [String; 2],
) -> Option<[Reader<'a>; 2]> {
    let columns = arms.each_ref().map(|arm| {
        let series = measurements.series.iter().filter(|series| {
            series.study == study && series.evaluation == Evaluation::Deterministic
        });
        (arm.clone(), by_cell(series, arm))
    });
    let paired = pair(&columns, None).ok()?;
    let reader = |place: usize| {
        let items = || paired.set.arms[place].iter().flat_map(|seed| &seed.items);
        let edits: f64 = items().map(|item| f64::from(item.edits)).sum();
        let chars: f64 = items().map(|item| f64::from(item.chars)).sum();
        let facts = measurements.facts(study, &arms[place])?;
        Some(Reader {
            arm: &arms[place],
            error: edits / chars,
            control: &facts.control_accuracy,
        })
    };
    let (left, right) = (reader(0)?, reader(1)?);
    if left.error < right.error {
        Some([left, right])
    } else if right.error < left.error {
        Some([right, left])
    } else {
        None
    }
}
