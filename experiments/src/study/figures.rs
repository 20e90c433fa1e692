//! The figures that go over several runs of a study.

use super::run::PartResult;
use super::section::Section;
use crate::arm::{ArmKind, ArmSpec};
use crate::results::plots::{family, scale_of};
use anyhow::Result;
use figures::{
    Arm, BoundCurve, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family,
    Reference,
};
use probe_statistics::capacity::fano_error_bound;
use std::path::Path;

/// Points of a bound's curve.
const BOUND_STEPS: u32 = 60;
/// Loads between which the bound of the capacity figure is drawn.
const LOADS: [f64; 2] = [0.25, 8.0];

/// A drawn figure of the study.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StudyFigure {
    /// The section that it belongs to.
    pub section: Section,
    /// File name without extension.
    pub name: &'static str,
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
            temperature(results),
            TEMPERATURE,
        ),
        (
            Section::Capacity,
            "capacity",
            capacity(results, Bits::Nominal),
            CAPACITY,
        ),
        (
            Section::Capacity,
            "capacity_used",
            capacity(results, Bits::Used),
            CAPACITY_USED,
        ),
        (
            Section::RateLadder,
            "rate_ladder",
            rate_ladder(results),
            RATE_LADDER,
        ),
        (
            Section::RateLadder,
            "published_rates",
            published_rates(results),
            PUBLISHED,
        ),
        (
            Section::Vocabulary,
            "vocabulary",
            vocabulary(results),
            VOCABULARY,
        ),
        (Section::Codelength, "learning", learning(results), LEARNING),
    ];
    let mut drawn = Vec::new();
    for (section, name, figure, how_to_read) in figures {
        let Some(figure) = figure else { continue };
        figure.draw(&folder.join(name))?;
        drawn.push(StudyFigure {
            section,
            name,
            title: figure.title,
            how_to_read,
        });
    }
    Ok(drawn)
}

const CAPACITY: &str = "The x axis is what has to be carried over what can be carried: \
    characters per token times the bits of a character, over the bits of the token. No hard code \
    can lie below the black curve; a vocabulary that used its bits fully would follow it.";
const CAPACITY_USED: &str = "As above, with the entropy of the words that are really used (corrected \
    for the finite sample) in the place of the bits that there are: what still lies above the \
    black curve is not a lack of words, but of learning to use them.";
const TEMPERATURE: &str = "Softmax words, trained at temperature 1 and read at others without \
    training: to the left the mixtures harden, to the right they blur.";
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

/// Which bits of a token are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bits {
    /// Those it could carry.
    Nominal,
    /// The entropy of the words in use.
    Used,
}

fn capacity(results: &[PartResult], kind: Bits) -> Option<ErrorCurves> {
    let mut panels = Vec::new();
    let mut caption = None;
    for result in of_section(results, Section::Capacity) {
        let config = &result.part.config;
        let alphabet = config.data.charset.size();
        let hard = config.arms.iter().filter(|arm| arm.kind.is_hard());
        let curves: Vec<Curve> = hard
            .filter_map(|&arm| {
                let bits = nominal_bits(result, arm)?;
                let groups = result.summary.groups.iter().enumerate();
                let mut points: Vec<CurvePoint> = groups
                    .filter_map(|(group, summary)| {
                        let bits = match kind {
                            Bits::Nominal => bits,
                            Bits::Used => used_bits(result, arm, group)?,
                        };
                        Some(CurvePoint {
                            x: summary.density * (alphabet as f64).log2() / bits,
                            error: estimate(result, arm, group),
                        })
                    })
                    .collect();
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                Some(Curve {
                    arm: Arm::new(format!("hard, {bits:.0} bits"), Family::VetHard),
                    points,
                })
            })
            .collect();
        if curves.is_empty() {
            continue;
        }
        caption.get_or_insert_with(|| sizes(result));
        panels.push(CurvePanel {
            title: format!("{alphabet} characters"),
            curves,
            references: Vec::new(),
            bounds: vec![BoundCurve {
                label: "least error that the bits allow (Fano)".to_owned(),
                points: load_bound(alphabet),
            }],
        });
    }
    Some(ErrorCurves {
        title: "Does a hard token stop reading where its bits run out?".to_owned(),
        subtitle: format!("hard words with the usage regulariser; {}", caption?),
        x_title: match kind {
            Bits::Nominal => "load (bits of the text / bits of the token)",
            Bits::Used => "load (bits of the text / bits in use)",
        }
        .to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: CerScale::Linear,
        panels,
    })
}

/// Fano's bound on the error per character against the load.
fn load_bound(alphabet: usize) -> Vec<(f64, f64)> {
    let [low, high] = LOADS;
    let bits = (alphabet as f64).log2();
    (0..=BOUND_STEPS)
        .filter_map(|step| {
            let load = low * (high / low).powf(f64::from(step) / f64::from(BOUND_STEPS));
            Some((load, fano_error_bound(bits / load, 1.0, alphabet).ok()?))
        })
        .collect()
}

fn rate_ladder(results: &[PartResult]) -> Option<ErrorCurves> {
    let result = of_section(results, Section::RateLadder).next()?;
    let hard = || {
        result
            .part
            .config
            .arms
            .iter()
            .filter(|arm| arm.kind.is_hard())
    };
    let nominal =
        hard().filter_map(|&arm| Some((arm, nominal_bits(result, arm)?, estimate(result, arm, 0))));
    let used =
        hard().filter_map(|&arm| Some((arm, used_bits(result, arm, 0)?, estimate(result, arm, 0))));
    let panel = |title: &str, curves: Vec<Curve>| CurvePanel {
        title: title.to_owned(),
        curves,
        references: continuous_references(result, 0),
        bounds: ladder_bound(result),
    };
    let panels: Vec<CurvePanel> = [
        panel("bits that a token could carry", curves(nominal)),
        panel("bits that are used", curves(used)),
    ]
    .into_iter()
    .filter(|panel| !panel.curves.is_empty())
    .collect();
    (!panels.is_empty()).then(|| ErrorCurves {
        title: format!(
            "How many bits per token does reading need? {} characters of {} per token",
            result.summary.groups[0].density,
            result.part.config.data.charset.size()
        ),
        subtitle: sizes(result),
        x_title: "bits per token".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}

/// Fano's bound against bits per token, at the text of a run.
fn ladder_bound(result: &PartResult) -> Vec<BoundCurve> {
    let (Some(group), alphabet) = (
        result.summary.groups.first(),
        result.part.config.data.charset.size(),
    ) else {
        return Vec::new();
    };
    let most = group.density * (alphabet as f64).log2();
    let points = (0..=BOUND_STEPS)
        .filter_map(|step| {
            let bits = 2.0 * (most / 2.0).powf(f64::from(step) / f64::from(BOUND_STEPS));
            Some((bits, fano_error_bound(bits, group.density, alphabet).ok()?))
        })
        .filter(|(_, error)| *error > 0.0)
        .collect();
    vec![BoundCurve {
        label: "least error that the bits allow (Fano)".to_owned(),
        points,
    }]
}

/// Published losses that are measured against the same model with continuous tokens: name, bits per
/// token, points lost, and where. arXiv:2509.16197 table 1 (mean of five text-rich benchmarks),
/// arXiv:2412.03069 table 1 (TextVQA), arXiv:2606.27313 (OCRBench, against a 6B encoder, in percent).
const PUBLISHED_LOSSES: [(&str, f64, f64); 3] = [
    ("TokenFlow, VQKD, TextVQA", 13.0, 0.052),
    ("Manzano, FSQ, five text-rich benchmarks", 15.97, 0.110),
    ("ViQ, 4 × FSQ, OCRBench", 63.9, 0.054),
];

/// Drawn beside the rate ladder, never in it.
fn published_rates(results: &[PartResult]) -> Option<ErrorCurves> {
    of_section(results, Section::RateLadder).next()?;
    let curves = PUBLISHED_LOSSES.map(|(name, bits, lost)| Curve {
        arm: Arm::new(name, Family::Codebook),
        points: vec![CurvePoint {
            x: bits,
            error: Estimate::exact(lost),
        }],
    });
    Some(ErrorCurves {
        title: "Published losses of discrete tokens (not comparable with our numbers)".to_owned(),
        subtitle: "arXiv:2412.03069, 2509.16197, 2606.27313: points lost against the continuous \
                   tokens of the same paper; one run each, no intervals published"
            .to_owned(),
        x_title: "bits per token".to_owned(),
        y_title: "points lost".to_owned(),
        scale: CerScale::Linear,
        panels: vec![CurvePanel {
            title: "vision-language models".to_owned(),
            curves: curves.into(),
            references: Vec::new(),
            bounds: Vec::new(),
        }],
    })
}

/// Softmax words at other temperatures than the one they were trained at.
fn temperature(results: &[PartResult]) -> Option<ErrorCurves> {
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
                title: format!("{density} characters per token"),
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

fn vocabulary(results: &[PartResult]) -> Option<ErrorCurves> {
    let result = of_section(results, Section::Vocabulary).next()?;
    let sized = result.part.config.arms.iter();
    let points =
        sized.filter_map(|&arm| Some((arm, arm.words()? as f64, estimate(result, arm, 0))));
    let curves = curves(points);
    let references = continuous_references(result, 0);
    let panels = vec![CurvePanel {
        title: format!("{} characters per token", result.summary.groups[0].density),
        curves,
        references: references.into_iter().take(1).collect(),
        bounds: Vec::new(),
    }];
    (!panels[0].curves.is_empty()).then(|| ErrorCurves {
        title: "How many visual words are needed?".to_owned(),
        subtitle: format!("equal training; {}", sizes(result)),
        x_title: "visual words (hidden units of the MLP)".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale(&panels),
        panels,
    })
}

fn learning(results: &[PartResult]) -> Option<ErrorCurves> {
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
        title: format!("{} characters per token", first.summary.groups[0].density),
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

    #[test]
    fn the_bound_is_zero_below_a_load_of_one_and_rises_after() {
        let bound = load_bound(36);
        for (load, error) in &bound {
            assert_eq!(*error > 1e-9, *load > 1.0 + 1e-9, "{load} {error}");
        }
        assert!(bound.last().unwrap().1 > 0.5);
    }
}
