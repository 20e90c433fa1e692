//! Errors against the size of the characters.

use super::super::run::PartResult;
use super::super::section::Section;
use super::{character_side, estimate, of_section, scale, sizes};
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves};
use run_results::plots::family;

pub(super) fn redundancy(results: &[PartResult]) -> Option<ErrorCurves> {
    let result = of_section(results, Section::Redundancy).next()?;
    let config = &result.part.config;
    let curve = |&arm| {
        let groups = result.summary.groups.iter().enumerate();
        let mut points: Vec<CurvePoint> = groups
            .map(|(group, summary)| CurvePoint {
                x: character_side(summary.density),
                error: estimate(result, arm, group),
            })
            .collect();
        points.sort_by(|a, b| a.x.total_cmp(&b.x));
        Curve {
            arm: Arm::new(arm.to_string(), family(arm.kind)),
            points,
        }
    };
    let panels = vec![CurvePanel {
        title: format!("{} characters", config.data.charset.size()),
        curves: config.arms.iter().map(curve).collect(),
        references: Vec::new(),
        bounds: Vec::new(),
    }];
    Some(ErrorCurves {
        title: "Do larger characters make up for hard words?".to_owned(),
        subtitle: sizes(result),
        x_title: "side of a character (px; a token has 16)".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}
