//! What happens while cells train.

use super::hardening::range;
use super::{Reason, figure_arm, mean};
use crate::scored::{ScoredCell, ScoredRun};
use crate::wording;
use arms::ArmSpec;
use figures::{
    Arm, Estimate, LearningCurve, LearningCurves, LearningPoint, TokenPoint, TokenTrace,
    TokensOverTraining,
};
use probe::Evaluation;
use std::collections::BTreeMap;

pub(super) fn tokens_over_training(scored: &ScoredRun<'_>) -> Result<TokensOverTraining, Reason> {
    let with_words = scored
        .config
        .arms
        .iter()
        .filter(|arm| scored.has_words(**arm));
    let mut vocabularies = Vec::new();
    let mut traces = Vec::new();
    for &arm in with_words {
        let curve = Curve::of(scored, arm);
        let point = |(step, evaluations): (&usize, &Vec<&Evaluation>)| {
            let usages: Vec<_> = evaluations
                .iter()
                .filter_map(|c| c.usage.as_ref())
                .collect();
            let entropies: Vec<f64> = usages.iter().map(|u| u.token_entropy_bits).collect();
            let codes: Vec<f64> = usages.iter().map(|u| u.codes_used as f64).collect();
            Some(TokenPoint {
                step: *step as u64,
                entropy_bits: mean(&entropies)?,
                codes_used: mean(&codes).filter(|_| arm.kind.is_hard()),
            })
        };
        let mut points: Vec<TokenPoint> = curve.evaluations.iter().filter_map(point).collect();
        points.extend(curve.nothing_to_draw(&points).map(|step| TokenPoint {
            step,
            entropy_bits: f64::NAN,
            codes_used: arm.kind.is_hard().then_some(f64::NAN),
        }));
        if !points.is_empty() {
            vocabularies.extend(arm.words().map(|words| words as u64));
            traces.push(TokenTrace {
                arm: curve.arm(scored, arm),
                points,
            });
        }
    }
    if traces.is_empty() {
        return Err("no arm has a vocabulary whose use was recorded");
    }
    let counts = |trace: &TokenTrace| trace.points.iter().any(|point| point.codes_used.is_some());
    let title = match traces.iter().any(counts) {
        true => "Token entropy and codes used while training",
        false => "Token entropy while training",
    };
    let mixtures = match traces.iter().all(counts) {
        true => "",
        false => "; tokens that mix words use no single codes",
    };
    Ok(TokensOverTraining {
        title: title.to_owned(),
        subtitle: format!(
            "{}; K counts visual words, without indicator rows{mixtures}",
            caption(scored)
        ),
        traces,
        vocabularies,
    })
}

pub(super) fn learning_curves(scored: &ScoredRun<'_>) -> Result<LearningCurves, Reason> {
    let mut curves = Vec::new();
    for &arm in &scored.config.arms {
        let curve = Curve::of(scored, arm);
        let point = |(step, evaluations): (&usize, &Vec<&Evaluation>)| {
            let cers: Vec<f64> = evaluations.iter().map(|c| c.validation_cer).collect();
            let (low, high) = range(&cers);
            Some(LearningPoint {
                step: *step as u64,
                cer: Estimate::new(mean(&cers)?, low, high),
            })
        };
        let mut points: Vec<LearningPoint> = curve.evaluations.iter().filter_map(point).collect();
        points.extend(curve.nothing_to_draw(&points).map(|step| LearningPoint {
            step,
            cer: Estimate::failed(),
        }));
        if !points.is_empty() {
            curves.push(LearningCurve {
                arm: curve.arm(scored, arm),
                points,
            });
        }
    }
    if curves.is_empty() {
        return Err("no training curve was recorded");
    }
    Ok(LearningCurves {
        title: "Learning curves".to_owned(),
        subtitle: format!("{}; bands: smallest to largest seed", caption(scored)),
        curves,
    })
}

fn caption(scored: &ScoredRun<'_>) -> String {
    format!(
        "at most {} validation images per density and kind of text; lines: mean over {} at the \
         chosen learning rate",
        scored.config.training.evaluation_images,
        wording::counted(scored.config.seeds.len(), "seed")
    )
}

/// An arm's evaluations by step, over its finished seeds; if none finished, over what there is,
/// and the step at which the first seed broke down.
struct Curve<'a> {
    evaluations: BTreeMap<usize, Vec<&'a Evaluation>>,
    broke_at: Option<usize>,
}

impl<'a> Curve<'a> {
    fn of(scored: &'a ScoredRun<'_>, arm: ArmSpec) -> Self {
        let finished: Vec<&ScoredCell<'_>> = scored
            .cells_of(arm)
            .filter(|cell| cell.failure().is_none())
            .collect();
        let mut broke_at = None;
        let cells = if finished.is_empty() {
            let failures = scored.cells_of(arm).filter_map(ScoredCell::failure);
            broke_at = failures.map(|(step, _)| step).min();
            scored.cells_of(arm).collect()
        } else {
            finished
        };
        let mut evaluations: BTreeMap<usize, Vec<&Evaluation>> = BTreeMap::new();
        for point in cells.iter().flat_map(|cell| &cell.outcome.history) {
            // Behind the first failure a mean would be over ever fewer seeds.
            if broke_at.is_none_or(|step| point.step < step) {
                evaluations.entry(point.step).or_default().push(point);
            }
        }
        Self {
            evaluations,
            broke_at,
        }
    }

    /// The arm, with the step from which on there is no curve.
    fn arm(&self, scored: &ScoredRun<'_>, arm: ArmSpec) -> Arm {
        let mut named = figure_arm(scored, arm);
        if let Some(step) = self.broke_at {
            named
                .label
                .push_str(&format!(" (every seed failed, first at step {step})"));
        }
        named
    }

    /// The step of the failure if it left no point, so that the legend still shows the arm.
    fn nothing_to_draw<T>(&self, points: &[T]) -> Option<u64> {
        let step = self.broke_at.filter(|_| points.is_empty())?;
        Some(step as u64)
    }
}
