//! Figures of the study's page, and what several of them are made of.

use super::part::PartResult;
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use figures::{
    Arm, BoundCurve, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Reference,
};
use run_results::plots::{family, scale_of};
use run_support::atomic;
use std::path::Path;

/// Points of a bound's curve.
const BOUND_STEPS: u32 = 60;

/// A figure that goes over several runs.
pub(crate) struct StudyFigure {
    /// File name without extension.
    pub name: String,
    /// One sentence on how to read it.
    pub how_to_read: &'static str,
    /// What is drawn.
    pub curves: ErrorCurves,
}

impl StudyFigure {
    /// The figure, if there is something to draw.
    pub fn of(
        name: impl Into<String>,
        how_to_read: &'static str,
        curves: Option<ErrorCurves>,
    ) -> Option<Self> {
        let name = name.into();
        curves.map(|curves| Self {
            name,
            how_to_read,
            curves,
        })
    }

    /// Draws SVG, PNG and CSV into `folder`, which exists.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn draw(&self, folder: &Path) -> Result<()> {
        let files = ["svg", "png", "csv"].map(|extension| format!("{}.{extension}", self.name));
        atomic::write_group(folder, &files, |unfinished| {
            self.curves.draw(&unfinished.join(&self.name))
        })??;
        Ok(())
    }
}

/// A plot of a single run that the page can show.
pub(crate) struct RunPlot {
    /// File name without extension.
    pub name: &'static str,
    /// Its headline.
    pub title: &'static str,
    /// One sentence on how to read it.
    pub how_to_read: &'static str,
}

/// Error rates, one row per arm.
pub(crate) const CER_BY_ARM: RunPlot = RunPlot {
    name: "cer_by_arm",
    title: "Character error rate by projector",
    how_to_read: "One row per arm, one panel per density; left is better, and at the right stand \
                  the codes that a vocabulary really uses.",
};
/// Error rates against density.
pub(crate) const CER_BY_DENSITY: RunPlot = RunPlot {
    name: "cer_by_density",
    title: "Error rate by text density",
    how_to_read: "Dashed vertical lines mark what one hard token can hold; the black curves are the \
                  least that a hard code of that size leaves wrong, place by place (edit distances \
                  forgive shifts and may lie slightly below).",
};
/// Softmax arms read with fewer words.
pub(crate) const HARDENING: RunPlot = RunPlot {
    name: "hardening",
    title: "Softmax projectors read with only their k likeliest words",
    how_to_read: "The left end is argmax; where the curve becomes level is how many words a soft \
                  token really mixes.",
};

/// Seeds and test images behind the points.
pub(crate) fn sizes(result: &PartResult) -> String {
    let config = &result.part.config;
    let resampled = match config.seeds.len() {
        1 => "fonts",
        _ => "seeds and fonts",
    };
    format!(
        "{} test images a point, {}, {} steps; whiskers: 95% BCa bootstrap interval over {resampled}",
        config.data.images.test,
        wording::counted(config.seeds.len(), "seed"),
        config.training.steps
    )
}

/// Points of several arms as curves, one per kind, each in rising order of x.
pub(crate) fn curves(points: impl IntoIterator<Item = (ArmSpec, f64, Estimate)>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (arm, x, error) in points {
        let label = arm.without_size();
        let point = CurvePoint { x, error };
        match curves.iter_mut().find(|curve| curve.arm.label == label) {
            Some(curve) => curve.points.push(point),
            None => curves.push(Curve {
                arm: Arm::new(label, family(arm.kind)),
                points: vec![point],
            }),
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.x.total_cmp(&b.x));
    }
    curves
}

/// A curve of `error` from `low` to `high` in equal ratios, where there is one.
pub(crate) fn bound(
    label: impl Into<String>,
    [low, high]: [f64; 2],
    error: impl Fn(f64) -> Option<f64>,
) -> BoundCurve {
    let place = |step| low * (high / low).powf(f64::from(step) / f64::from(BOUND_STEPS));
    let points = (0..=BOUND_STEPS).map(place);
    BoundCurve {
        label: label.into(),
        points: points.filter_map(|x| Some((x, error(x)?))).collect(),
    }
}

/// PatchMerger and soft words as levels.
pub(crate) fn continuous_references(result: &PartResult, group: usize) -> Vec<Reference> {
    let config = &result.part.config;
    let continuous = [ArmKind::PatchMerger, ArmKind::VetSoftmax];
    continuous
        .into_iter()
        .filter_map(|kind| {
            let arm = config.arms.iter().rfind(|arm| arm.kind == kind)?;
            Some(Reference {
                label: arm.to_string(),
                family: family(kind),
                cer: result.error(*arm, group).mean,
            })
        })
        .collect()
}

pub(crate) fn scale(panels: &[CurvePanel]) -> CerScale {
    let curves = panels.iter().flat_map(|panel| &panel.curves);
    let errors = curves.flat_map(|curve| curve.points.iter().map(|point| point.error.mean));
    let levels = panels.iter().flat_map(|panel| &panel.references);
    scale_of(errors.chain(levels.map(|level| level.cer)))
}
