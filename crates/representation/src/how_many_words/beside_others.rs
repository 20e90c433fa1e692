//! Text in the reconstructions of a run, beside what others published.

use super::tokbench::{self, TOKEN_PIXELS};
use crate::config::RepresentationConfig;
use crate::outcome::Subject;
use anyhow::{Context, Result, bail, ensure};
use arms::ArmSpec;
use figures::{
    Arm, BoundCurve, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family, Reference,
};
use run_results::plots::{family, scale_of};
use std::path::Path;

/// The table of the figure that is drawn again.
const TABLE: &str = "plots/text_by_bits.csv";
/// More plots than any run has.
const MOST_PANELS: usize = 32;
/// Bits per pixel that a code can have.
const BITS_PER_PIXEL: std::ops::Range<f64> = 1e-6..1e6;
/// Largest share of wrong characters: answers may be longer than texts, but not that much.
const MOST_WRONG: f64 = 10.0;

/// The figure of a run, drawn again from its table, with the published points beside it.
///
/// # Errors
/// If the table is not there, not that of this run, or has numbers that are none.
pub(super) fn beside_others(folder: &Path, config: &RepresentationConfig) -> Result<ErrorCurves> {
    let table = folder.join(TABLE);
    let mut panels = panels(&table, config).with_context(|| {
        format!(
            "{}: cannot be drawn again; make the run's figures with `representation-probe --resume --run NAME`",
            table.display()
        )
    })?;
    panels.push(tokbench::panel());
    Ok(ErrorCurves {
        title: "How much text is left in reconstructions?".to_owned(),
        subtitle: format!(
            "ours: rendered text, {} decoder steps, {}, {} test images, 95% intervals; TokBench: other images, \
             another reader",
            wording::count(config.decode_steps),
            wording::counted(config.seeds.len(), "seed"),
            wording::count(config.images.test),
        ),
        x_title: "bits per 16 × 16 px".to_owned(),
        y_title: "characters wrong (TokBench: 1 − T-NED), %".to_owned(),
        scale: scale_of(panels.iter().flat_map(|panel| {
            let points = panel.curves.iter().flat_map(|curve| &curve.points);
            let levels = panel.references.iter().map(|level| level.cer);
            points.map(|point| point.error.mean).chain(levels)
        })),
        panels,
    })
}

/// Panel, kind, label, x and error of a row, and the ends of its interval.
type DrawnRow = (
    String,
    String,
    String,
    Option<f64>,
    f64,
    Option<f64>,
    Option<f64>,
);

fn panels(table: &Path, config: &RepresentationConfig) -> Result<Vec<CurvePanel>> {
    let mut reader = csv::Reader::from_path(table)?;
    ensure!(
        reader.headers()?.iter().eq(ErrorCurves::COLUMNS),
        "its columns are not {}",
        ErrorCurves::COLUMNS.join(", ")
    );
    let mut panels: Vec<CurvePanel> = Vec::new();
    for row in reader.deserialize() {
        let (title, kind, label, x, error, low, high): DrawnRow = row?;
        ensure!(
            title.contains(" per token, trained to "),
            "`{title}` is no plot of text"
        );
        ensure!(
            (0.0..=MOST_WRONG).contains(&error),
            "the error of `{label}` is {error}"
        );
        if let Some(x) = x {
            ensure!(
                BITS_PER_PIXEL.contains(&x),
                "`{label}` has {x} bits per pixel"
            );
        }
        if panels.last().is_none_or(|panel| panel.title != title) {
            let drawn = panels.iter().any(|panel| panel.title == title);
            ensure!(!drawn, "`{title}` stands there twice");
            ensure!(panels.len() < MOST_PANELS, "it has too many plots");
            panels.push(CurvePanel {
                title,
                curves: Vec::new(),
                references: Vec::new(),
                bounds: Vec::new(),
            });
        }
        let panel = panels.last_mut().context("there is a plot by now")?;
        let x = x.map(|x| x * TOKEN_PIXELS);
        match (kind.as_str(), x) {
            ("curve", Some(x)) => {
                let ends = low.zip(high);
                ensure!(
                    ends.is_none_or(|(low, high)| low <= high && (low..=high).contains(&error)),
                    "`{label}`: {error} lies outside of its interval"
                );
                let arm = Arm::new(label.clone(), of_kind(&label, config)?);
                let error = match ends {
                    Some((low, high)) => Estimate::new(error, low, high),
                    None => Estimate::exact(error),
                };
                let point = CurvePoint { x, error };
                match panel.curves.iter_mut().find(|curve| curve.arm == arm) {
                    Some(curve) => curve.points.push(point),
                    None => panel.curves.push(Curve {
                        arm,
                        points: vec![point],
                    }),
                }
            }
            ("reference", _) => panel.references.push(Reference {
                family: of_level(&label, config)?,
                label,
                cer: error,
            }),
            ("bound", Some(x)) => {
                match panel.bounds.iter_mut().find(|bound| bound.label == label) {
                    Some(bound) => bound.points.push((x, error)),
                    None => panel.bounds.push(BoundCurve {
                        label,
                        points: vec![(x, error)],
                    }),
                }
            }
            _ => bail!("no figure has a `{kind}` of such a kind"),
        }
    }
    ensure!(!panels.is_empty(), "it has no rows");
    Ok(panels)
}

/// Colour of a curve, which has the name of an arm of the run without its size. Earlier versions left out its
/// settings as well.
fn of_kind(label: &str, config: &RepresentationConfig) -> Result<Family> {
    let is_named = |arm: &ArmSpec| {
        let name = arm.without_size();
        let settings = name.strip_prefix(label);
        settings.is_some_and(|settings| settings.is_empty() || settings.starts_with('+'))
    };
    let arm = config.arms.iter().find(|arm| is_named(arm));
    let arm = arm.with_context(|| format!("the run has no arm of the kind `{label}`"))?;
    Ok(family(arm.kind))
}

/// Colour of a level: an arm of the run, or what stands beside the arms.
fn of_level(label: &str, config: &RepresentationConfig) -> Result<Family> {
    if label == Subject::Original.to_string() {
        return Ok(Family::Ceiling);
    }
    if label == Subject::Resized.to_string() {
        return Ok(Family::Control);
    }
    let mut arms = config.arms.iter();
    let found = arms.find(|arm| arm.to_string() == label);
    let arm = found.with_context(|| format!("the run has no arm `{label}`"))?;
    Ok(family(arm.kind))
}
