//! The figures that go over several runs of a study, one file per question.

mod acuity;
mod capacity;
mod learning;
mod rates;
mod redundancy;
mod temperature;
mod vocabulary;

use super::run::PartResult;
use super::section::Section;
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use capacity::Bits;
use figures::{Arm, CerScale, Curve, CurvePanel, CurvePoint, Estimate, Reference};
use probe::reader::TOKEN_PX;
use run_results::plots::{family, scale_of};
use run_support::atomic;
use std::path::Path;

/// Points of a bound's curve.
const BOUND_STEPS: u32 = 60;

/// A drawn figure of the study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFigure {
    /// The section that it belongs to.
    pub section: Section,
    /// File name without extension.
    pub name: String,
    /// Its headline.
    pub title: String,
    /// One sentence on how to read it.
    pub how_to_read: &'static str,
}

/// Draws what the results allow into `folder`, which exists.
///
/// # Errors
/// If a file cannot be written.
pub fn draw(results: &[PartResult], folder: &Path) -> Result<Vec<StudyFigure>> {
    let figures = [
        (
            Section::Ocr,
            "temperature",
            temperature::temperature(results),
            TEMPERATURE,
        ),
        (
            Section::Capacity,
            "capacity",
            capacity::capacity(results, Bits::Nominal),
            CAPACITY,
        ),
        (
            Section::Capacity,
            "capacity_used",
            capacity::capacity(results, Bits::Used),
            CAPACITY_USED,
        ),
        (
            Section::RateLadder,
            "rate_ladder",
            rates::rate_ladder(results),
            RATE_LADDER,
        ),
        (
            Section::RateLadder,
            "published_rates",
            rates::published_rates(results),
            PUBLISHED,
        ),
        (
            Section::Redundancy,
            "redundancy",
            redundancy::redundancy(results),
            REDUNDANCY,
        ),
        (
            Section::Vocabulary,
            "vocabulary",
            vocabulary::vocabulary(results),
            VOCABULARY,
        ),
        (
            Section::Codelength,
            "learning",
            learning::learning(results),
            LEARNING,
        ),
    ];
    let figures = figures
        .into_iter()
        .map(|(section, name, figure, how)| (section, name.to_owned(), figure, how));
    let tasks = of_section(results, Section::FineGrained).map(|result| {
        let name = format!("acuity_{}", result.part.variant);
        (Section::FineGrained, name, acuity::acuity(result), ACUITY)
    });
    let mut drawn = Vec::new();
    for (section, name, figure, how_to_read) in figures.chain(tasks) {
        let Some(figure) = figure else { continue };
        let files = ["svg", "png", "csv"].map(|extension| format!("{name}.{extension}"));
        atomic::write_group(folder, &files, |unfinished| {
            figure.draw(&unfinished.join(&name))
        })??;
        drawn.push(StudyFigure {
            section,
            name,
            title: figure.title,
            how_to_read,
        });
    }
    Ok(drawn)
}

const ACUITY: &str = "Larger differences, easier images, are to the right; where a curve crosses three \
    in four is the threshold of the table.";
const CAPACITY: &str = "The x axis is what has to be carried over what can be carried: \
    characters per token times the bits of a character, over the bits of the token. No hard code \
    can lie below the black curve; a vocabulary that used its bits fully would follow it.";
const CAPACITY_USED: &str = "As above, with the entropy of the words that are really used (corrected \
    for the finite sample) in the place of the bits that there are: what still lies above the \
    black curve is not a lack of words, but of learning to use them.";
const TEMPERATURE: &str = "Softmax words, trained at temperature 1 and read at others without \
    training: to the left the mixtures harden, to the right they blur.";
const REDUNDANCY: &str = "Larger characters to the right: fewer of them share a token. Where the curves \
    of hard words and of the MLP come together, redundancy makes up for the vocabulary.";
const PUBLISHED: &str = "What discrete tokens cost in published vision-language models, against \
    their own continuous counterpart. Other encoders, resolutions and benchmarks: the heights \
    cannot be compared with those of the other figures, only their order with the bits.";
const RATE_LADDER: &str = "Left: the bits that a token could carry. Right: the entropy of the \
    codes that are used, corrected for the finite sample. Lines of one height at the same used \
    bits would mean that bits, not the kind of quantiser, decide.";
const VOCABULARY: &str = "A vocabulary that is large enough shows as a line that has become \
    level; soft words and the MLP of the same width should then coincide.";
const LEARNING: &str = "Test error after training on so many images; the lower and the further \
    left, the fewer labels the projector's tokens ask for.";

/// The runs of a section.
pub(super) fn of_section(
    results: &[PartResult],
    section: Section,
) -> impl Iterator<Item = &PartResult> {
    results
        .iter()
        .filter(move |result| result.part.section == section)
}

/// Side in px of the square that a character has, at so many characters per token of the small tower.
pub(super) fn character_side(density: f64) -> f64 {
    f64::from(TOKEN_PX) / density.sqrt()
}

/// The error rate of an arm on a test group of a run.
pub(super) fn estimate(result: &PartResult, arm: ArmSpec, group: usize) -> Estimate {
    let value = result.summary.cer(arm, group).and_then(|row| row.value);
    match value {
        Some(value) => match value.interval {
            Some(interval) => Estimate::new(value.mean, interval.low, interval.high),
            None => Estimate::exact(value.mean),
        },
        None => Estimate::failed(),
    }
}

/// Mean over seeds of the entropy of the words in use on a test group, in bits.
pub(super) fn used_bits(result: &PartResult, arm: ArmSpec, group: usize) -> Option<f64> {
    let usage = result.summary.cer(arm, group)?.usage?;
    Some(usage.marginal_entropy_bits).filter(|bits| *bits > 0.0)
}

/// Bits that a token of an arm could carry, where tokens are hard.
pub(super) fn nominal_bits(result: &PartResult, arm: ArmSpec) -> Option<f64> {
    let cells = result.outcome.cells.iter();
    cells
        .filter(|cell| cell.spec.arm == arm)
        .find_map(|cell| cell.bits_per_token)
}

/// Seeds and test images behind the points.
fn sizes(result: &PartResult) -> String {
    let config = &result.part.config;
    format!(
        "{} test images a point, {} seeds, {} steps; whiskers: 95% BCa bootstrap interval over \
         seeds and fonts",
        config.data.images.test,
        config.seeds.len(),
        config.training.steps
    )
}

/// An arm without its size: `vet-st-argmax@1028+usage` is `vet-st-argmax+usage`.
pub(super) fn without_size(arm: ArmSpec) -> String {
    let name = arm.to_string();
    let Some((kind, rest)) = name.split_once('@') else {
        return name;
    };
    let options = rest.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let kept: Vec<&str> = options
        .split('+')
        .filter(|option| !option.is_empty() && !option.starts_with("codes"))
        .collect();
    if kept.is_empty() {
        kind.to_owned()
    } else {
        format!("{kind}+{}", kept.join("+"))
    }
}

/// Points of several arms as curves, one per kind, each in rising order of x.
fn curves(points: impl IntoIterator<Item = (ArmSpec, f64, Estimate)>) -> Vec<Curve> {
    let mut curves: Vec<Curve> = Vec::new();
    for (arm, x, error) in points {
        let label = without_size(arm);
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

/// PatchMerger and soft words as levels.
fn continuous_references(result: &PartResult, group: usize) -> Vec<Reference> {
    let config = &result.part.config;
    let continuous = [ArmKind::PatchMerger, ArmKind::VetSoftmax];
    continuous
        .into_iter()
        .filter_map(|kind| {
            let arm = config.arms.iter().rfind(|arm| arm.kind == kind)?;
            Some(Reference {
                label: arm.to_string(),
                family: family(kind),
                cer: estimate(result, *arm, group).mean,
            })
        })
        .collect()
}

fn scale(panels: &[CurvePanel]) -> CerScale {
    let curves = panels.iter().flat_map(|panel| &panel.curves);
    let errors = curves.flat_map(|curve| curve.points.iter().map(|point| point.error.mean));
    let levels = panels.iter().flat_map(|panel| &panel.references);
    scale_of(errors.chain(levels.map(|level| level.cer)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arms_that_differ_in_size_only_share_a_curve() {
        let name = |arm: &str| without_size(arm.parse().unwrap());
        assert_eq!(name("vet-st-argmax@1028+usage"), "vet-st-argmax+usage");
        assert_eq!(name("vet-st-argmax@68"), "vet-st-argmax");
        assert_eq!(name("patch-merger"), "patch-merger");
    }
}
