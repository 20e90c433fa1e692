//! Errors against bits per token, ours and published ones.

use super::super::run::PartResult;
use super::super::section::Section;
use super::{
    BOUND_STEPS, continuous_references, curves, estimate, nominal_bits, of_section, scale, sizes,
    used_bits,
};
use figures::{
    Arm, BoundCurve, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family,
};
use probe_statistics::capacity::fano_error_bound;

pub(super) fn rate_ladder(results: &[PartResult]) -> Option<ErrorCurves> {
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
pub(super) fn published_rates(results: &[PartResult]) -> Option<ErrorCurves> {
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
