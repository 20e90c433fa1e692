//! Shorter trainings of the main comparison: does the loss of hard words shrink, and to what?

use super::{curves_of_arms, headline, load, run, table};
use crate::figure::{StudyFigure, scale as scale_of_panels};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use crate::series;
use anyhow::Result;
use claims::Measurements;
use figures::{CurvePanel, ErrorCurves};
use probe::ProbeConfig;
use run_results::wording;
use text_images::Charset;

const HOW_TO_READ: &str = "Every point is a training of its own whose learning rate falls to zero at its end. \
    Where the curve of hard words runs parallel to that of PatchMerger, the gap is not one of training.";
/// Shares of the steps of the main comparison.
const SHARES: [usize; 2] = [16, 4];

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    measure: add,
    ..Definition::new(
        "training-length",
        "Does the loss of hard words shrink with training?",
        runs,
    )
};

fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let mut runs = Vec::new();
    for density in [2.0, 1.0] {
        for share in SHARES {
            let mut config = run(scale, Charset::Printable94, density, &headline(scale));
            config.training.steps = (scale.main_steps / share).max(1);
            let steps = config.training.steps;
            runs.push((
                format!("{}-per-token-{steps}-steps", wording::rounded(density)),
                config,
            ));
        }
    }
    runs
}

/// A run under the name of this section, found by its number of steps.
pub(super) fn add(result: &PartResult, measurements: &mut Measurements) -> Result<()> {
    let known = measurements.series.len();
    series::add(result, Section::TrainingLength.name(), measurements)?;
    for series in &mut measurements.series[known..] {
        series.steps = Some(result.part.config.training.steps);
    }
    Ok(())
}

/// Its own runs and those of the main comparison at the same densities, shortest first.
fn lengths<'a>(study: &StudyResults<'a>) -> Vec<&'a PartResult> {
    let mut all: Vec<&PartResult> = study.of(Section::TrainingLength).collect();
    if !all.is_empty() {
        let longest = study.of(Section::Converged);
        all.extend(longest.filter(|result| result.density() <= 2.0));
    }
    all.sort_by(|a, b| {
        let key = |result: &PartResult| (result.density(), result.part.config.training.steps);
        key(a)
            .partial_cmp(&key(b))
            .unwrap_or(std::cmp::Ordering::Equal)
    });
    all
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let lengths = lengths(study);
    let columns: Vec<(String, &PartResult)> = lengths
        .iter()
        .map(|result| {
            let steps = wording::counted(result.part.config.training.steps, "step");
            (format!("{}, {steps}", load(result)), *result)
        })
        .collect();
    Ok(Findings {
        tables: table(
            "training_length",
            "Character error rate by length of training",
            HOW_TO_READ,
            &columns,
        )
        .into_iter()
        .collect(),
        figures: StudyFigure::of("training_length", HOW_TO_READ, figure(&lengths))
            .into_iter()
            .collect(),
        ..Findings::default()
    })
}

fn figure(lengths: &[&PartResult]) -> Option<ErrorCurves> {
    let shorter = lengths
        .iter()
        .find(|result| result.part.section == Section::TrainingLength)?;
    let shown = &shorter.part.config.arms;
    let mut panels: Vec<CurvePanel> = Vec::new();
    for wanted in [1.0, 2.0] {
        let of_density = lengths.iter().filter(|result| result.density() == wanted);
        // Those that every length has.
        let points = of_density.flat_map(|result| {
            let config = &result.part.config;
            let steps = config.training.steps as f64;
            let shown = config.arms.iter().filter(|arm| shown.contains(arm));
            shown.map(move |&arm| (arm, steps, result.error(arm, 0)))
        });
        let curves = curves_of_arms(points);
        if !curves.is_empty() {
            panels.push(CurvePanel {
                title: wording::density(wanted),
                curves,
                references: Vec::new(),
                bounds: Vec::new(),
            });
        }
    }
    Some(ErrorCurves {
        title: "Does the loss of hard words shrink with training?".to_owned(),
        subtitle: format!(
            "{} test images a point, {}; whiskers: 95% BCa bootstrap interval over seeds and fonts",
            shorter.part.config.data.images.test,
            wording::counted(shorter.part.config.seeds.len(), "seed")
        ),
        x_title: "optimiser steps".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale_of_panels(&panels),
        panels,
    })
}
