//! Eight densities, each a run of its own: is there a load at which hard tokens break?

use super::{by_load, curves_of_arms, quantiser, rows, run, table};
use crate::figure::{StudyFigure, bound, scale as scale_of_panels, sizes};
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::{Definition, Findings, FineGrained, StudyResults};
use anyhow::Result;
use arms::ArmSpec;
use figures::{BoundCurve, CurvePanel, ErrorCurves};
use probe::ProbeConfig;
use probe_statistics::capacity::fano_error_bound;
use text_images::Charset;

const HOW_TO_READ: &str = "A knee is a load up to which an arm reads as well as a continuous one, and from \
    which on it does not. A code of 6 bits holds 1.2 of these characters, one of 12 bits 2.3.";
/// Characters per token.
const DENSITIES: [f64; 8] = [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0];

pub(in crate::sections) const DEFINITION: Definition = Definition {
    findings,
    fewest_runs: DENSITIES.len(),
    ..Definition::new(
        "knee",
        "At which load do tokens of 6 and of 12 bits break?",
        runs,
    )
};

fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let names = [
        "patch-merger".to_owned(),
        format!("vet-softmax@{}", rows(scale)),
        quantiser(1 << most.min(6)),
        quantiser(1 << most.min(12)),
    ];
    let of_density = |density: f64| {
        let mut config = run(scale, Charset::Alnum36, density, &names);
        config.training.steps = (scale.main_steps / 2).max(1);
        (format!("{density}-per-token"), config)
    };
    DENSITIES.map(of_density).into()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let results: Vec<&PartResult> = study.of(Section::Knee).collect();
    let tables = table(
        "knee",
        "Character error rate by load",
        "One run per density. Bits: entropy of the words in use.",
        &by_load(results.iter().copied()),
    );
    Ok(Findings {
        figures: StudyFigure::of("knee", HOW_TO_READ, figure(&results))
            .into_iter()
            .collect(),
        tables: tables.into_iter().collect(),
        ..Findings::default()
    })
}

/// The least error that the bits of each code allow, by density.
fn bounds(result: &PartResult, ends: [f64; 2]) -> Vec<BoundCurve> {
    let alphabet = result.part.config.data.charset.size();
    let of_code = |arm: &ArmSpec| {
        let bits = result.nominal_bits(*arm)?;
        let label = format!("least error that {bits:.0} bits allow (Fano)");
        let curve = bound(label, ends, |density| {
            let error = fano_error_bound(bits, density, alphabet).ok()?;
            (error > 0.0).then_some(error)
        });
        (!curve.points.is_empty()).then_some(curve)
    };
    let arms = result.part.config.arms.iter();
    arms.filter(|arm| arm.kind.is_hard())
        .filter_map(of_code)
        .collect()
}

fn figure(results: &[&PartResult]) -> Option<ErrorCurves> {
    // One load has no curve.
    let [first, .., last] = results else {
        return None;
    };
    let points = results.iter().flat_map(|result| {
        let arms = result.part.config.arms.iter();
        arms.map(|&arm| (arm, result.density(), result.error(arm, 0)))
    });
    let panels = vec![CurvePanel {
        title: format!("{} characters", first.part.config.data.charset.size()),
        curves: curves_of_arms(points),
        references: Vec::new(),
        bounds: bounds(first, [first.density(), last.density()]),
    }];
    Some(ErrorCurves {
        title: "At which load do tokens break?".to_owned(),
        subtitle: sizes(first),
        x_title: "characters per token".to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale_of_panels(&panels),
        panels,
    })
}
