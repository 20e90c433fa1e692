//! The figures of a run.

use super::summary::{LEVEL, Measure, Row, Value};
use crate::config::{Objective, RepresentationConfig};
use crate::images::ImageKind;
use crate::outcome::{CellOutcome, Part, Subject};
use crate::run::Outcome;
use anyhow::{Context, Result};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use figures::{
    Arm, BoundCurve, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family,
    ReconstructionRow, Reconstructions, Reference,
};
use image::{GrayImage, RgbImage};
use probe_statistics::capacity::fano_error_bound;
use run_results::plots::{family, scale_of};
use std::path::Path;

/// Points of the computed bound between two marks of the axis.
const BOUND_STEPS: u32 = 8;

/// A figure that was drawn.
#[derive(Clone, Debug)]
pub(super) struct Drawn {
    /// Its files' name without ending.
    pub name: String,
    /// Its headline.
    pub title: String,
    /// One sentence on how to read it.
    pub how_to_read: String,
}

/// Draws every figure into `folder`.
///
/// # Errors
/// If a file cannot be written.
pub(super) fn draw(
    folder: &Path,
    config: &RepresentationConfig,
    outcome: &Outcome,
    rows: &[Row],
) -> Result<Vec<Drawn>> {
    let mut drawn = Vec::new();
    if let Some(figure) = rate_distortion(config, outcome, rows) {
        figure.draw(&folder.join("rate_distortion"))?;
        drawn.push(Drawn {
            name: "rate_distortion".to_owned(),
            title: figure.title,
            how_to_read: "Lower is better: a hard arm stands above the bits per token that it uses; the \
                          black line is the least that a Gaussian source of the same covariance loses at \
                          that rate, one token at a time (pictures are not Gaussian and tokens not \
                          independent, so a code may lie below it), and levels are arms whose tokens are \
                          continuous."
                .to_owned(),
        });
    }
    if let Some(figure) = text_errors(config, rows) {
        figure.draw(&folder.join("text_by_bits"))?;
        drawn.push(Drawn {
            name: "text_by_bits".to_owned(),
            title: figure.title,
            how_to_read: "Lower is better: characters that a reader trained on originals gets wrong in the \
                          reconstructions, by the bits in use per pixel; the level of the originals is what \
                          the reader itself gets wrong. The black line is the least that so many bits leave \
                          wrong of random text, place by place (bits in use are estimated, and edit \
                          distances forgive shifts, so a code may lie below it)."
                .to_owned(),
        });
    }
    for (name, figure) in pictures(outcome, rows)? {
        figure.draw(&folder.join(&name))?;
        drawn.push(Drawn {
            name,
            title: figure.title,
            how_to_read:
                "The first row has the originals; mean and contrast of an image are given to every \
                          reconstruction."
                    .to_owned(),
        });
    }
    Ok(drawn)
}

fn estimate(value: Value) -> Estimate {
    Estimate::new(value.mean, value.interval.low, value.interval.high)
}

fn caption(config: &RepresentationConfig, rows: &[Row]) -> String {
    let seeds = config.seeds.len();
    let images = rows.first().map_or(0, |row| row.images);
    format!(
        "{} decoder steps behind every arm; {}, {images} test images a panel or more; {:.0}% intervals \
         over seeds and clusters of images",
        config.decode_steps,
        wording::counted(seeds, "seed"),
        100.0 * LEVEL
    )
}

/// Name of the curve that an arm's point lies on: the arm without its size, which is the place on the axis.
fn curve_name(subject: Subject) -> Option<(String, Family)> {
    let arm = subject.arm()?;
    Some((arm.without_size(), family(arm.kind)))
}

/// Adds a point to its curve; points are in rising order of x.
fn add_point(curves: &mut Vec<Curve>, (label, family): (String, Family), point: CurvePoint) {
    let found = curves.iter_mut().find(|curve| curve.arm.label == label);
    match found {
        Some(curve) => {
            let place = curve.points.partition_point(|other| other.x <= point.x);
            curve.points.insert(place, point);
        }
        None => curves.push(Curve {
            arm: Arm::new(label, family),
            points: vec![point],
        }),
    }
}

fn level(row: &Row, value: Value) -> Reference {
    let family = match row.subject {
        Subject::Arm(arm) => family(arm.kind),
        Subject::Original => Family::Ceiling,
        Subject::Resized | Subject::MeanColour => Family::Control,
    };
    Reference {
        label: row.subject.to_string(),
        family,
        cer: value.mean,
    }
}

fn kinds_of(rows: &[Row]) -> Vec<ImageKind> {
    let mut kinds: Vec<ImageKind> = rows.iter().map(|row| row.kind).collect();
    kinds.sort();
    kinds.dedup();
    kinds
}

fn rate_distortion(
    config: &RepresentationConfig,
    outcome: &Outcome,
    rows: &[Row],
) -> Option<ErrorCurves> {
    let mut panels = Vec::new();
    for &objective in &config.objectives {
        for kind in kinds_of(rows) {
            // Of text the densest part, of tasks the last: one panel has one set of images.
            let part = rows.iter().rfind(|row| row.kind == kind)?.part.clone();
            let here: Vec<&Row> = rows.iter().filter(|row| row.part == part).collect();
            let mut panel = CurvePanel {
                title: format!("{part}, trained to {objective}"),
                curves: Vec::new(),
                references: Vec::new(),
                bounds: Vec::new(),
            };
            for row in here.iter().filter(|row| row.objective == Some(objective)) {
                let Some(value) = row.value(Measure::Distortion) else {
                    continue;
                };
                match (
                    row.used_bits.filter(|bits| *bits > 0.0),
                    curve_name(row.subject),
                ) {
                    (Some(x), Some(name)) => {
                        let error = estimate(value);
                        add_point(&mut panel.curves, name, CurvePoint { x, error });
                    }
                    _ => panel.references.push(level(row, value)),
                }
            }
            let most = panel
                .curves
                .iter()
                .flat_map(|c| &c.points)
                .map(|p| p.x)
                .fold(1.0, f64::max);
            if let Some((_, source)) = outcome.sources.iter().find(|(of, _)| *of == part) {
                let steps = (most.log2().ceil() as u32).max(1) * BOUND_STEPS;
                let places = (0..=steps).map(|step| f64::from(step) / f64::from(BOUND_STEPS));
                let places = places.map(f64::exp2).filter(|bits| *bits <= most);
                panel.bounds.push(BoundCurve {
                    label: "what a Gaussian of the same covariance would lose".to_owned(),
                    points: places
                        .map(|bits| (bits, source.least_distortion(bits)))
                        .collect(),
                });
            }
            if !panel.curves.is_empty() {
                panels.push(panel);
            }
        }
    }
    (!panels.is_empty()).then(|| ErrorCurves {
        title: "How much of a picture do tokens keep?".to_owned(),
        subtitle: caption(config, rows),
        x_title: "bits per token in use".to_owned(),
        y_title: "pixel variance lost, %".to_owned(),
        scale: scale_of(errors(&panels)),
        panels,
    })
}

fn errors(panels: &[CurvePanel]) -> impl Iterator<Item = f64> + '_ {
    let points = panels
        .iter()
        .flat_map(|panel| &panel.curves)
        .flat_map(|curve| &curve.points);
    let levels = panels
        .iter()
        .flat_map(|panel| &panel.references)
        .map(|level| level.cer);
    points.map(|point| point.error.mean).chain(levels)
}

fn text_errors(config: &RepresentationConfig, rows: &[Row]) -> Option<ErrorCurves> {
    let mut panels = Vec::new();
    let mut parts: Vec<&str> = Vec::new();
    for row in rows.iter().filter(|row| row.kind == ImageKind::Text) {
        if !parts.contains(&row.part.as_str()) {
            parts.push(&row.part);
        }
    }
    for &objective in &config.objectives {
        for part in &parts {
            let mut panel = CurvePanel {
                title: format!("{part} per token, trained to {objective}"),
                curves: Vec::new(),
                references: Vec::new(),
                bounds: Vec::new(),
            };
            // Grey has no text: it would stand where `blind` does.
            let shown = |row: &&Row| row.part == *part && row.subject != Subject::MeanColour;
            for row in rows.iter().filter(shown) {
                let Some(value) = row.value(Measure::CharacterErrors) else {
                    continue;
                };
                let bits = row.used_bits.filter(|bits| *bits > 0.0);
                match (row.objective, bits, curve_name(row.subject)) {
                    (Some(of), Some(bits), Some(name)) if of == objective => {
                        let x = bits * row.tokens as f64 / row.pixels as f64;
                        let error = estimate(value);
                        add_point(&mut panel.curves, name, CurvePoint { x, error });
                    }
                    (Some(of), _, _) if of != objective => {}
                    (Some(_) | None, _, _) => panel.references.push(level(row, value)),
                }
            }
            if let Some(row) = rows.iter().find(|row| row.part == *part) {
                panel
                    .bounds
                    .extend(least_errors(config, row, &panel.curves));
            }
            if !panel.curves.is_empty() {
                panels.push(panel);
            }
        }
    }
    (!panels.is_empty()).then(|| ErrorCurves {
        title: "How much text is left in the reconstructions?".to_owned(),
        subtitle: caption(config, rows),
        x_title: "bits in use per pixel".to_owned(),
        y_title: "characters read wrong, %".to_owned(),
        scale: scale_of(errors(&panels)),
        panels,
    })
}

/// The least share of places of random text that so many bits leave wrong: Fano's bound.
fn least_errors(config: &RepresentationConfig, row: &Row, curves: &[Curve]) -> Option<BoundCurve> {
    let per_pixel = row.tokens as f64 / row.pixels as f64;
    let places = curves
        .iter()
        .flat_map(|curve| &curve.points)
        .map(|point| point.x);
    let ends = places.fold([f64::MAX, 0.0_f64], |[low, high], x| {
        [low.min(x), high.max(x)]
    });
    // Wide enough to be seen where there is one point.
    let ends = [0.8 * ends[0], 1.25 * ends[1]];
    let alphabet = config.charset.size();
    let density = row.density?;
    let points = (0..=BOUND_STEPS * 4).filter_map(|step| {
        let share = f64::from(step) / f64::from(BOUND_STEPS * 4);
        let x = ends[0] * (ends[1] / ends[0]).powf(share);
        Some((x, fano_error_bound(x / per_pixel, density, alphabet).ok()?))
    });
    Some(BoundCurve {
        label: "least possible on random text (Fano)".to_owned(),
        points: points.collect(),
    })
}

/// One sheet per kind of images and objective: the originals, the arms, the baselines.
fn pictures(outcome: &Outcome, rows: &[Row]) -> Result<Vec<(String, Reconstructions)>> {
    let mut sheets = Vec::new();
    let originals = outcome
        .cells
        .iter()
        .find(|cell| cell.spec.subject == Subject::Original);
    let Some(originals) = originals else {
        return Ok(sheets);
    };
    for (index, part) in originals.parts.iter().enumerate() {
        let mut objectives: Vec<Objective> = outcome
            .cells
            .iter()
            .filter_map(|cell| cell.spec.objective)
            .collect();
        objectives.sort();
        objectives.dedup();
        for objective in objectives {
            let wanted = |cell: &&CellOutcome| {
                cell.spec.objective.is_none_or(|of| of == objective) && !cell.parts.is_empty()
            };
            let mut seen = Vec::new();
            let mut sheet = Vec::new();
            let first = std::iter::once(originals);
            for cell in first.chain(outcome.cells.iter().filter(wanted)) {
                // The first seed stands for all.
                if seen.contains(&cell.spec.subject) {
                    continue;
                }
                seen.push(cell.spec.subject);
                let row = rows.iter().find(|row| {
                    row.subject == cell.spec.subject
                        && row.objective == cell.spec.objective
                        && row.part == part.name
                });
                sheet.push(ReconstructionRow {
                    label: cell.spec.subject.to_string(),
                    note: row.map(note).unwrap_or_default(),
                    pictures: shown(&cell.parts[index])?,
                });
            }
            let name = format!("{}_{objective}", part.name.replace(' ', "_"));
            let figure = Reconstructions {
                title: format!(
                    "{}: pictures from tokens, projectors trained to {objective}",
                    part.name
                ),
                subtitle: "some of the test images, pictures of the first seed, numbers over all images and seeds"
                    .to_owned(),
                rows: sheet,
            };
            sheets.push((format!("pictures_{name}"), figure));
        }
    }
    Ok(sheets)
}

/// What a row of pictures comes to.
fn note(row: &Row) -> String {
    if row.subject == Subject::Original {
        return match row.value(Measure::CharacterErrors) {
            Some(wrong) => format!("{} of the characters wrong", wording::percent(wrong.mean)),
            None => String::new(),
        };
    }
    let mut parts = Vec::new();
    if let Some(psnr) = row.value(Measure::Psnr) {
        parts.push(format!("{} dB", wording::fixed(psnr.mean, 1)));
    }
    if let Some(wrong) = row.value(Measure::CharacterErrors) {
        parts.push(format!(
            "{} of the characters wrong",
            wording::percent(wrong.mean)
        ));
    }
    if let Some(bits) = row.used_bits {
        parts.push(format!("{} bits", wording::fixed(bits, 1)));
    }
    parts.join(", ")
}

/// The sample pictures of a part.
fn shown(part: &Part) -> Result<Vec<RgbImage>> {
    let decoded = part.samples.iter().map(|sample| {
        let bytes = STANDARD
            .decode(sample)
            .context("a picture of a cell is damaged")?;
        let [width, height] = [part.width, part.pixels / part.width.max(1)].map(|side| side as u32);
        let grey = GrayImage::from_raw(width, height, bytes);
        let grey = grey.context("a picture of a cell has another size")?;
        Ok(image::DynamicImage::ImageLuma8(grey).to_rgb8())
    });
    decoded.collect()
}
