//! Softmax words read at other temperatures.

use super::super::run::PartResult;
use super::super::section::Section;
use super::{continuous_references, of_section, scale};
use arms::ArmSpec;
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate};
use run_results::plots::family;
use run_results::wording;

/// Softmax words at other temperatures than the one they were trained at.
pub(super) fn temperature(results: &[PartResult]) -> Option<ErrorCurves> {
    let result = of_section(results, Section::Ocr).next()?;
    let groups = result.summary.groups_of("random");
    let panels: Vec<CurvePanel> = groups
        .iter()
        .filter_map(|&group| {
            let soft = result
                .part
                .config
                .arms
                .iter()
                .filter(|arm| arm.kind.hardens());
            let curves: Vec<Curve> = soft
                .filter_map(|&arm| temperature_curve(result, arm, group))
                .collect();
            let density = result.summary.groups[group].density;
            (!curves.is_empty()).then(|| CurvePanel {
                title: wording::density(density),
                curves,
                references: continuous_references(result, group)
                    .into_iter()
                    .take(1)
                    .collect(),
                bounds: Vec::new(),
            })
        })
        .collect();
    (!panels.is_empty()).then(|| ErrorCurves {
        title: "How hard can soft words be read?".to_owned(),
        subtitle: format!(
            "{} test images, {} seeds; whiskers: smallest to largest seed; not retrained",
            result.part.config.hardening_images,
            result.part.config.seeds.len()
        ),
        x_title: "temperature of the softmax (trained at 1)".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}

fn temperature_curve(result: &PartResult, arm: ArmSpec, group: usize) -> Option<Curve> {
    let mut by_temperature: Vec<(f64, Vec<f64>)> = Vec::new();
    let cells = result.outcome.cells.iter();
    for point in cells
        .filter(|cell| cell.spec.arm == arm)
        .flat_map(|cell| &cell.temperatures)
        .filter(|point| point.group == group)
    {
        match by_temperature
            .iter_mut()
            .find(|(temperature, _)| *temperature == point.temperature)
        {
            Some((_, errors)) => errors.push(point.cer),
            None => by_temperature.push((point.temperature, vec![point.cer])),
        }
    }
    let points: Vec<CurvePoint> = by_temperature
        .into_iter()
        .map(|(x, errors)| {
            let mean = errors.iter().sum::<f64>() / errors.len() as f64;
            let [low, high] = [f64::min, f64::max].map(|pick| {
                let ends = errors.iter().copied();
                ends.reduce(pick).unwrap_or(mean)
            });
            CurvePoint {
                x,
                error: Estimate::new(mean, low, high),
            }
        })
        .collect();
    (!points.is_empty()).then(|| Curve {
        arm: Arm::new(arm.to_string(), family(arm.kind)),
        points,
    })
}
