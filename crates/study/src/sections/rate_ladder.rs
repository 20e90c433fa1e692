//! Error against bits per token, all discretisers side by side.

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::answer::Answer;
use crate::design::{arms, base, vocabulary};
use crate::figure::{StudyFigure, bound, continuous_references, curves, scale, sizes};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use anyhow::Result;
use arms::ArmSpec;
use figures::{
    Arm, BoundCurve, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family,
};
use probe::{EvaluationMode, ProbeConfig};
use probe_statistics::bootstrap::Measure;
use probe_statistics::capacity::fano_error_bound;
use run_results::{Judgement, wording};
use text_images::Charset;

pub(super) const RATE_LADDER: &str = "Left: the bits that a token could carry. Right: the entropy of the codes \
    that are used, corrected for the finite sample. Lines of one height at the same used bits would \
    mean that bits, not the kind of quantiser, decide.";
const PUBLISHED: &str = "What discrete tokens cost in published vision-language models, against \
    their own continuous counterpart. Other encoders, resolutions and benchmarks: the heights cannot \
    be compared with those of the other figures, only their order with the bits.";

pub(super) const DEFINITION: Definition = Definition {
    findings,
    ..Definition::new(
        "rate-ladder",
        "How many bits per token does reading need?",
        runs,
    )
};

fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let mut names = vec![
        "patch-merger".to_owned(),
        format!("gelu-mlp@{}", vocabulary(most.min(10))),
        format!("vet-softmax@{}", vocabulary(most.min(10))),
    ];
    let words = [4, 6, 8, 10, 12, 14, 16]
        .into_iter()
        .filter(|&bits| bits <= most);
    names.extend(words.map(|bits| format!("vet-st-argmax@{}+usage", vocabulary(bits))));
    let several = most.min(8);
    for codes in [2, 4, 8] {
        let k = vocabulary(several);
        names.push(format!("vet-st-argmax@{k}+codes{codes}+usage"));
    }
    names.extend(
        [4, 8, 10, 12, 16]
            .into_iter()
            .filter(|bits| *bits <= most)
            .map(|bits| format!("vq@{}", 1_usize << bits)),
    );
    for codes in [2, 4, 8, 16, 32] {
        names.push(format!("rvq@{}+codes{codes}", 1_usize << several));
    }
    let fsq = [15, 240, 1000, 4375, 15_360, 64_000].into_iter();
    names.extend(
        fsq.filter(|k| *k <= scale.largest_vocabulary)
            .map(|k| format!("fsq@{k}")),
    );
    for kind in ["lfq", "bsq", "simvq"] {
        let bits = [4, 8, 12, 16].into_iter().filter(|&bits| bits <= most);
        names.extend(bits.map(|bits| format!("{kind}@{}", 1_usize << bits)));
    }
    let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let figures = [
        StudyFigure::of(
            "rate_ladder",
            RATE_LADDER,
            study.of(Section::RateLadder).next().and_then(rate_ladder),
        ),
        StudyFigure::of("published_rates", PUBLISHED, published_rates(study)),
    ];
    Ok(Findings {
        figures: figures.into_iter().flatten().collect(),
        answer: Answer::of(answer(study)),
        ..Findings::default()
    })
}

/// The fewest bits at which a discretiser is no longer resolved from PatchMerger.
fn answer(study: &StudyResults<'_>) -> Option<String> {
    let result = study.of(Section::RateLadder).next()?;
    let group = 0;
    let mode = EvaluationMode::Deterministic;
    let mut best: Option<(f64, ArmSpec)> = None;
    let mut least: Option<(f64, ArmSpec)> = None;
    for &arm in &result.part.config.arms {
        let Some(bits) = result.nominal_bits(arm) else {
            continue;
        };
        let Some(row) = result
            .summary
            .row(arm, group, mode, Measure::CharacterErrorRate)
        else {
            continue;
        };
        let (Some(value), Some(comparison)) = (row.value, row.against_merger) else {
            continue;
        };
        if comparison.judgement() != Judgement::Higher
            && least.is_none_or(|(fewest, _)| bits < fewest)
        {
            least = Some((bits, arm));
        }
        if best.is_none_or(|(error, _)| value.mean < error) {
            best = Some((value.mean, arm));
        }
    }
    let (error, best) = best?;
    let density = wording::density(result.summary.groups[group].density);
    let needed = match least {
        Some((bits, arm)) => format!(
            "`{arm}`, {bits:.0} bits per token, is the smallest code that is not resolved from \
             `patch-merger`"
        ),
        None => "no code reads as well as `patch-merger`".to_owned(),
    };
    Some(format!(
        "Of the codes of different sizes, at {density}: {needed}; the best discrete arm, `{best}`, \
         has a CER of {}.",
        wording::percent(error)
    ))
}

/// Errors of the hard arms of a run against the bits of their tokens, beside those of its continuous arms.
pub(super) fn rate_ladder(result: &PartResult) -> Option<ErrorCurves> {
    let hard = || {
        result
            .part
            .config
            .arms
            .iter()
            .filter(|arm| arm.kind.is_hard())
    };
    let nominal =
        hard().filter_map(|&arm| Some((arm, result.nominal_bits(arm)?, result.error(arm, 0))));
    // A logarithmic axis has no place for a code of which one word is left.
    let used = hard()
        .filter_map(|&arm| Some((arm, result.used_bits(arm, 0)?, result.error(arm, 0))))
        .filter(|(_, bits, _)| *bits > 0.0);
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
    let least = |bits| {
        let error = fano_error_bound(bits, group.density, alphabet).ok()?;
        (error > 0.0).then_some(error)
    };
    vec![bound(
        "least error that the bits allow (Fano)",
        [2.0, most],
        least,
    )]
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
fn published_rates(study: &StudyResults<'_>) -> Option<ErrorCurves> {
    study.of(Section::RateLadder).next()?;
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
