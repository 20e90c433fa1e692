//! Larger characters: does redundancy make up for what hard words lose?

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{MAIN_BITS, arms, base, vocabulary};
use crate::figure::{StudyFigure, scale, sizes};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::series;
use anyhow::Result;
use claims::Measurements;
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves};
use probe::ProbeConfig;
use probe::reader::TOKEN_PX;
use run_results::plots::family;
use text_images::Charset;

const REDUNDANCY: &str = "Larger characters to the right: fewer of them share a token. Where the \
    curves of hard words and of the MLP come together, redundancy makes up for the vocabulary.";

pub(super) const DEFINITION: Definition = Definition {
    findings,
    measure,
    ..Definition::new(
        "redundancy",
        "Do larger characters make up for hard words?",
        runs,
    )
};

/// The main comparison's hard words, soft words and MLP on characters of 128, 256 and 512 px², so
/// that their sides are as 1 : 1.4 : 2.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(MAIN_BITS.min(scale.largest_vocabulary.ilog2()));
    let densities = [0.5, 1.0, 2.0];
    let mut config = base(scale, Charset::Printable94, &densities, scale.seeds);
    config.arms = arms(&[
        "patch-merger".to_owned(),
        format!("gelu-mlp@{k}"),
        format!("vet-softmax@{k}"),
        format!("vet-st-argmax@{k}+usage"),
    ]);
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        figures: StudyFigure::of("redundancy", REDUNDANCY, figure(study))
            .into_iter()
            .collect(),
        ..Findings::default()
    })
}

/// The run, with the size of the characters, which is what varies.
fn measure(result: &PartResult, measurements: &mut Measurements) -> Result<()> {
    let known = measurements.series.len();
    series::add(result, Section::Redundancy.name(), measurements)?;
    for series in &mut measurements.series[known..] {
        series.pixels_per_character = series.density.map(character_side);
    }
    Ok(())
}

/// Side in px of the square that a character has, at so many characters per token of the small tower.
fn character_side(density: f64) -> f64 {
    f64::from(TOKEN_PX) / density.sqrt()
}

fn figure(study: &StudyResults<'_>) -> Option<ErrorCurves> {
    let result = study.of(Section::Redundancy).next()?;
    let config = &result.part.config;
    let curve = |&arm| {
        let groups = result.summary.groups.iter().enumerate();
        let mut points: Vec<CurvePoint> = groups
            .map(|(group, summary)| CurvePoint {
                x: character_side(summary.density),
                error: result.error(arm, group),
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
