//! The sections of the second registration (`--preset paper`), and what they share: one density per run,
//! learning rates that the pilot settled, arms of 1,024 and 65,536 words.

pub(super) mod converged;
pub(super) mod gradients;
pub(super) mod knee;
pub(super) mod language;
pub(super) mod memory;
pub(super) mod rungs;
pub(super) mod training_length;
pub(super) mod untaught;

use crate::design::{arms, base, vocabulary};
use crate::figure::curves;
use crate::part::PartResult;
use crate::scale::Scale;
use crate::table::{StudyTable, cer, codes};
use arms::{ArmSpec, INDICATORS};
use figures::{Curve, Estimate};
use probe::{EvaluationMode, ProbeConfig};
use run_results::wording;
use std::collections::BTreeMap;
use text_images::Charset;

/// Learning rates by kind of arm. They were chosen on the validation images of the pilot (its seed, images
/// and tower; 2 of 94 characters per token, 4,000 steps), before any seed of the registration was trained:
/// results/published/paper-pilot.
///
/// `noisy-merger` and `blind` were not in it and train as PatchMerger does. Kinds that are not listed are tried with
/// the rates of the scale, on the validation images of the first seed.
const RATES: [(&str, f64); 8] = [
    ("identity", 8e-3),
    ("patch-merger", 4e-3),
    ("noisy-merger", 4e-3),
    ("gelu-mlp", 4e-3),
    ("vet-softmax", 4e-3),
    ("vet-st-argmax+usage", 8e-3),
    ("vq+kmeans+rotation", 4e-3),
    ("blind", 4e-3),
];

/// Words of the small and of the large vocabularies; equal where the scale has no large ones.
fn sizes(scale: &Scale) -> [usize; 2] {
    [1024, 65_536].map(|words: usize| words.min(scale.largest_vocabulary))
}

/// Rows of a visual embedding table of the small vocabulary.
fn rows(scale: &Scale) -> usize {
    vocabulary(sizes(scale)[0].ilog2())
}

/// A vector quantiser that starts from k-means and trains by the rotation trick, the best one of the pilot.
fn quantiser(words: usize) -> String {
    format!("vq@{words}+kmeans+rotation")
}

/// PatchMerger, the MLP of the width of the table, soft and hard words, one code per token.
fn headline(scale: &Scale) -> Vec<String> {
    let (rows, [small, large]) = (rows(scale), sizes(scale));
    let mut names = vec![
        "patch-merger".to_owned(),
        format!("gelu-mlp@{rows}"),
        format!("vet-softmax@{rows}"),
        format!("vet-st-argmax@{rows}+usage"),
        quantiser(rows - INDICATORS),
    ];
    if large > small {
        names.push(quantiser(large));
    }
    names
}

/// Reading of random strings at one density, trained as long as the main comparison.
fn run(scale: &Scale, charset: Charset, density: f64, names: &[String]) -> ProbeConfig {
    let mut config = base(scale, charset, &[density], scale.seeds);
    config.arms = arms(names);
    config.training.steps = scale.main_steps;
    config.training.rates_of_arms = rates(&config);
    config
}

/// What the pilot settled of the arms of a run; the others are tried with the rates of the scale.
fn rates(config: &ProbeConfig) -> BTreeMap<String, Vec<f64>> {
    let known = config.arms.iter().filter_map(|&arm| {
        let kind = arm.without_size();
        let (_, rate) = RATES.iter().find(|(name, _)| *name == kind)?;
        Some((arm.to_string(), vec![*rate]))
    });
    known.collect()
}

/// Errors of the arms of several runs, a column each.
fn table(
    name: &'static str,
    title: &'static str,
    note: &'static str,
    runs: &[(String, &PartResult)],
) -> Option<StudyTable> {
    let mut listed = Vec::new();
    for (_, result) in runs {
        for &arm in &result.part.config.arms {
            if !listed.contains(&arm) {
                listed.push(arm);
            }
        }
    }
    let mut header = vec!["arm".to_owned()];
    for (label, _) in runs {
        header.extend([label.clone(), format!("used bits, {label}")]);
    }
    let rows = listed.into_iter().map(|arm| {
        let mut row = vec![format!("`{arm}`")];
        for (_, result) in runs {
            let [_, bits] = codes(result, arm, 0);
            row.extend([cer(result, arm, 0, EvaluationMode::Deterministic), bits]);
        }
        row
    });
    (!runs.is_empty()).then(|| StudyTable {
        name,
        title,
        note,
        header,
        rows: rows.collect(),
    })
}

/// Points of several arms as curves, one per arm, where `curves` would join the sizes of a kind.
fn curves_of_arms(points: impl IntoIterator<Item = (ArmSpec, f64, Estimate)>) -> Vec<Curve> {
    let mut by_arm: Vec<(ArmSpec, Vec<_>)> = Vec::new();
    for point in points {
        match by_arm.iter_mut().find(|(arm, _)| *arm == point.0) {
            Some((_, points)) => points.push(point),
            None => by_arm.push((point.0, vec![point])),
        }
    }
    let of_arm = |(arm, points): (ArmSpec, Vec<_>)| {
        let mut one = curves(points);
        one.iter_mut()
            .for_each(|curve| curve.arm.label = arm.to_string());
        one
    };
    by_arm.into_iter().flat_map(of_arm).collect()
}

/// `2 of 94 characters per token`.
fn load(result: &PartResult) -> String {
    format!(
        "{} of {} characters per token",
        wording::rounded(result.density()),
        result.part.config.data.charset.size()
    )
}

/// A run with its load as the head of its column.
fn by_load<'a>(results: impl Iterator<Item = &'a PartResult>) -> Vec<(String, &'a PartResult)> {
    results.map(|result| (load(result), result)).collect()
}
