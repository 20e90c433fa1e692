//! Reading of random strings and words: what the main claims are tested on.

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::answer::{self, Answer, HARD, SOFT};
use crate::design::{MAIN_BITS, arms, base, vocabulary};
use crate::figure::{
    CER_BY_ARM, CER_BY_DENSITY, HARDENING, StudyFigure, continuous_references, scale,
};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::series;
use anyhow::Result;
use arms::{ArmKind, ArmSpec, INDICATORS};
use claims::Measurements;
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate};
use html_report::KeyNumber;
use probe::ProbeConfig;
use run_results::plots::family;
use run_results::{hardening_series, wording};
use text_images::{Charset, Content};

/// What claims call the softmax arms read with fewer words.
pub(crate) const FEWER_WORDS: &str = "hardening";
const TEMPERATURE: &str = "Softmax words, trained at temperature 1 and read at others without \
    training: to the left the mixtures harden, to the right they blur.";

pub(super) const DEFINITION: Definition = Definition {
    run_plots: &[CER_BY_ARM, CER_BY_DENSITY, HARDENING],
    findings,
    measure,
    ..Definition::new(
        "ocr",
        "Does turning visual features into visual words cost reading?",
        runs,
    )
};

/// Standard deviation of the noise at which a merger loses as much of the features, by linear
/// reconstruction, as the best hard arm; found by `experiments match-noise`.
const NOISE: f64 = 1.62;

/// All arms at one size, with the 94 printable characters, at densities on both sides of what a hard
/// token can hold (10 bits are 1.5 of 94 characters).
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(MAIN_BITS.min(scale.largest_vocabulary.ilog2()));
    let mut config = base(scale, Charset::Printable94, &[1.0, 2.0], scale.seeds);
    config.arms = arms(&[
        "identity".to_owned(),
        "linear".to_owned(),
        "mean-pool".to_owned(),
        "patch-merger".to_owned(),
        format!("noisy-merger@{NOISE}"),
        format!("gelu-mlp@{k}"),
        format!("gelu-mlp-plain@{k}"),
        format!("flop-mlp@{k}"),
        format!("vet-softmax@{k}"),
        format!("vet-st-argmax@{k}"),
        format!("vet-st-argmax@{k}+usage"),
        format!("vet-curriculum@{k}"),
        format!("vq@{}", k - INDICATORS),
        "random".to_owned(),
        "shuffled".to_owned(),
        "blind".to_owned(),
    ]);
    config.reconstruction_images = scale.test.min(200);
    config.training.steps = scale.main_steps;
    config.hardening_images = scale.test.min(200);
    config.data.test_contents = vec![Content::Random, Content::Words];
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    Ok(Findings {
        figures: StudyFigure::of("temperature", TEMPERATURE, temperature(study))
            .into_iter()
            .collect(),
        answer: study
            .of(Section::Ocr)
            .next()
            .map(answer)
            .unwrap_or_default(),
        ..Findings::default()
    })
}

/// The run, and its softmax arms read with fewer words.
fn measure(result: &PartResult, measurements: &mut Measurements) -> Result<()> {
    series::add(result, Section::Ocr.name(), measurements)?;
    for series in hardening_series(&result.part.config, &result.outcome) {
        let facts = series::facts(result, FEWER_WORDS, series.arm);
        let series = series::convert(result, FEWER_WORDS, series);
        measurements.series.push(series);
        series::add_facts(&mut measurements.arms, facts);
    }
    Ok(())
}

/// Hard and soft words against the MLP of their width, and against PatchMerger.
pub(super) fn answer(reading: &PartResult) -> Answer {
    let mut answer = Answer::default();
    let groups = reading.summary.groups_of("random");
    let seeds = reading.part.config.seeds.len();
    let mut sentences = Vec::new();
    for (arm, what) in [(reading.best_hard(), HARD), (soft(reading), SOFT)] {
        let Some(arm) = arm else { continue };
        let mut parts = Vec::new();
        let mut reference = None;
        for &group in &groups {
            let Some(row) = reading.summary.cer(arm, group) else {
                continue;
            };
            // The MLP may be missing, as a whole or where it broke down.
            let Some(comparison) = row.against_matched.or(row.against_merger) else {
                continue;
            };
            if *reference.get_or_insert(comparison.reference) != comparison.reference {
                continue;
            }
            let density = wording::density(reading.summary.groups[group].density);
            let level = row.value.map_or_else(String::new, |value| {
                format!("CER {}", wording::percent(value.mean))
            });
            parts.push(format!(
                "{} at {density} ({level})",
                wording::judged(&comparison)
            ));
            answer.key_numbers.push(KeyNumber {
                label: format!("`{arm}` − `{}`, {density}", comparison.reference),
                value: format!("{} points", wording::difference(&comparison)),
                note: format!("CER, 95% interval, {} seeds", comparison.seeds),
            });
        }
        if let Some(reference) = reference {
            sentences.push(format!(
                "{what} (`{arm}`), against {}: {}.",
                answer::named(reference),
                parts.join("; ")
            ));
        }
    }
    let size = reading.part.config.data.charset.size();
    if !sentences.is_empty() {
        sentences.push(format!(
            "Text of {size} random characters, {seeds} paired seeds, {} test images a density.",
            wording::count(reading.part.config.data.images.test)
        ));
        answer.paragraphs.push(sentences.join(" "));
    }
    answer.paragraphs.extend(against_merger(reading, &groups));
    answer
}

/// Both kinds of words against PatchMerger.
fn against_merger(reading: &PartResult, groups: &[usize]) -> Option<String> {
    let mut parts = Vec::new();
    for arm in [reading.best_hard(), soft(reading)].into_iter().flatten() {
        for &group in groups {
            let row = reading.summary.cer(arm, group);
            // What broke down says nothing, and takes nothing from the others.
            let Some(comparison) = row.and_then(|row| row.against_merger) else {
                continue;
            };
            let density = wording::density(reading.summary.groups[group].density);
            parts.push(format!(
                "`{arm}` {} at {density}",
                wording::judged(&comparison)
            ));
        }
    }
    (!parts.is_empty()).then(|| format!("Against `patch-merger`: {}.", parts.join("; ")))
}

/// The soft arm with the most words.
fn soft(result: &PartResult) -> Option<ArmSpec> {
    let arms = result.part.config.arms.iter();
    arms.filter(|arm| arm.kind == ArmKind::VetSoftmax)
        .max_by_key(|arm| arm.vocabulary)
        .copied()
}

/// Softmax words at other temperatures than the one they were trained at.
fn temperature(study: &StudyResults<'_>) -> Option<ErrorCurves> {
    let result = study.of(Section::Ocr).next()?;
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
