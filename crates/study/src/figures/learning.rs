//! Errors against training images.

use super::super::run::PartResult;
use super::super::section::Section;
use super::{estimate, of_section, scale, sizes};
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves};
use run_results::plots::family;
use run_results::wording;

pub(super) fn learning(results: &[PartResult]) -> Option<ErrorCurves> {
    let parts: Vec<&PartResult> = of_section(results, Section::Codelength).collect();
    let first = parts.first()?;
    let curves: Vec<Curve> = first
        .part
        .config
        .arms
        .iter()
        .map(|&arm| Curve {
            arm: Arm::new(arm.to_string(), family(arm.kind)),
            points: parts
                .iter()
                .map(|result| CurvePoint {
                    x: result.part.config.data.images.train as f64,
                    error: estimate(result, arm, 0),
                })
                .collect(),
        })
        .collect();
    let panels = vec![CurvePanel {
        title: wording::density(first.summary.groups[0].density),
        curves,
        references: Vec::new(),
        bounds: Vec::new(),
    }];
    Some(ErrorCurves {
        title: "How many labelled images does it take to learn to read?".to_owned(),
        subtitle: sizes(first),
        x_title: "training images".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}
