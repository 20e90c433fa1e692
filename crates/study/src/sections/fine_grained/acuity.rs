//! Errors in fine-grained tasks against their difficulty.

use crate::part::PartResult;
use figures::{Arm, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Family, Reference};
use run_results::plots::family;

/// The curves of one task.
pub(super) fn acuity(result: &PartResult) -> Option<ErrorCurves> {
    let kind = result.part.config.data.source.perception()?;
    let axis = kind.difficulty()?;
    let mut levels: Vec<(usize, f64)> = result
        .outcome
        .test_sets
        .iter()
        .enumerate()
        .filter_map(|(group, set)| Some((group, set.difficulty?)))
        .collect();
    levels.sort_by(|a, b| a.1.total_cmp(&b.1));
    let images = result.outcome.test_sets.first()?.targets.len();
    let curves: Vec<Curve> = result
        .part
        .config
        .arms
        .iter()
        .map(|&arm| Curve {
            arm: Arm::new(arm.to_string(), family(arm.kind)),
            points: levels
                .iter()
                .map(|&(group, x)| CurvePoint {
                    x,
                    error: result.error(arm, group),
                })
                .collect(),
        })
        .collect();
    (!levels.is_empty()).then(|| ErrorCurves {
        title: format!("{kind}: {}", kind.question()),
        subtitle: format!(
            "{images} test images a level, {} seeds, {} steps; whiskers: 95% BCa bootstrap \
             interval over {}",
            result.part.config.seeds.len(),
            result.part.config.training.steps,
            levels
                .first()
                .map_or("seeds", |&(group, _)| result.summary.groups[group]
                    .resampled())
        ),
        x_title: format!("{} ({})", axis.name, axis.unit),
        y_title: "wrong answers (%)".to_owned(),
        scale: CerScale::Linear,
        panels: vec![CurvePanel {
            title: format!("{} answers", kind.classes().len()),
            curves,
            references: vec![
                Reference {
                    label: "guessing".to_owned(),
                    family: Family::Blind,
                    cer: 1.0 - kind.chance(),
                },
                Reference {
                    label: "three in four right".to_owned(),
                    family: Family::Ceiling,
                    cer: 0.25,
                },
            ],
            bounds: Vec::new(),
        }],
    })
}
