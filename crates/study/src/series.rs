//! A run in the form that claims are evaluated on.

use super::part::PartResult;
use anyhow::Result;
use arms::{ArmRole, ArmSpec};
use claims::registration::Metric;
use claims::{ArmFacts, Evaluation, Measurements, PublishedDifference, Role, Series};
use probe::{CellOutcome, EvaluationMode, ImageSource, ReconstructionRecord};
use probe_data::{Answer, Relabelling};
use probe_statistics::bootstrap::{Interval, Measure};
use run_results::{ItemSeries, item_series};

/// Adds the tests and the arms of a run, under the name that claims have for it.
///
/// # Errors
/// If the outcome does not belong to the config.
pub(crate) fn add(result: &PartResult, study: &str, measurements: &mut Measurements) -> Result<()> {
    for series in item_series(&result.part.config, &result.outcome)? {
        let published = published(result, &series);
        measurements.series.push(Series {
            published,
            ..convert(result, study, series)
        });
    }
    for &arm in &result.part.config.arms {
        add_facts(&mut measurements.arms, facts(result, study, arm));
    }
    Ok(())
}

/// An arm's answers to one test group, under the name of a study.
pub(crate) fn convert(result: &PartResult, study: &str, series: ItemSeries) -> Series {
    let config = &result.part.config;
    let ItemSeries {
        arm,
        group,
        mode,
        k,
        seeds,
    } = series;
    let set = &result.outcome.test_sets[group];
    let tuning = tuning(result, arm);
    let source = &config.data.source;
    let classes = match source {
        ImageSource::Text { .. } | ImageSource::Relabelled(Relabelling::Control) => {
            config.data.charset.size()
        }
        ImageSource::Relabelled(Relabelling::Face) => distinct(&set.targets),
        ImageSource::Relabelled(Relabelling::Slant) => 2,
        ImageSource::Perception(_) | ImageSource::Photographs(_) => {
            result.outcome.class_names.len()
        }
    };
    Series {
        study: study.to_owned(),
        arm: arm.to_string(),
        charset: classes,
        condition: match source.perception() {
            Some(kind) => kind.to_string(),
            None => set.condition.clone(),
        },
        density: set.density,
        evaluation: match (k, mode) {
            (Some(_), _) => Evaluation::TopK,
            (None, EvaluationMode::Sampled) => Evaluation::Sampled,
            (None, EvaluationMode::Deterministic) => Evaluation::Deterministic,
        },
        k,
        stimulus: set.difficulty,
        pixels_per_character: None,
        steps: None,
        bits_nominal: result.nominal_bits(arm),
        bits_used: result.used_bits(arm, group).filter(|_| arm.kind.is_hard()),
        learning_rate: tuning.and_then(|tuning| tuning.chosen),
        validation_error: tuning.and_then(best_error),
        chance_accuracy: match source {
            ImageSource::Text { .. } | ImageSource::Perception(_) => None,
            ImageSource::Relabelled(_) | ImageSource::Photographs(_) => {
                Some(majority(&set.targets))
            }
        },
        seeds,
        published: Vec::new(),
    }
}

/// What the run's summary says about the arm's differences to others on a test set.
fn published(result: &PartResult, series: &ItemSeries) -> Vec<PublishedDifference> {
    let measures = [
        (Measure::CharacterErrorRate, Metric::CharacterError),
        (Measure::WordAccuracy, Metric::WordError),
    ];
    let mut published = Vec::new();
    for (measure, metric) in measures {
        let summary = &result.summary;
        let Some(row) = summary.row(series.arm, series.group, series.mode, measure) else {
            continue;
        };
        let compared = [row.against_merger, row.against_matched];
        published.extend(compared.into_iter().flatten().map(|found| {
            // The summary counts texts that are read without an error, claims those with one.
            let (value, interval) = match metric {
                Metric::CharacterError | Metric::VarianceLost => (found.difference, found.interval),
                Metric::WordError => (-found.difference, found.interval.map(Interval::negated)),
            };
            PublishedDifference {
                reference: found.reference.to_string(),
                metric,
                value,
                interval,
                seeds: found.seeds,
            }
        }));
    }
    published
}

fn tuning(result: &PartResult, arm: ArmSpec) -> Option<&probe::Tuning> {
    let mut tuned = result.outcome.tuning.iter();
    tuned.find(|tuning| tuning.arm == arm)
}

fn best_error(tuning: &probe::Tuning) -> Option<f64> {
    let errors = tuning.candidates.iter().filter_map(|(_, error)| *error);
    errors.reduce(f64::min)
}

fn distinct(labels: &[Answer]) -> usize {
    let labels: std::collections::BTreeSet<&Answer> = labels.iter().collect();
    labels.len()
}

/// Share of the most frequent label: what can be had without looking.
pub(crate) fn majority<'a>(labels: impl IntoIterator<Item = &'a Answer>) -> f64 {
    let mut counts = std::collections::BTreeMap::new();
    for label in labels {
        *counts.entry(label).or_insert(0_usize) += 1;
    }
    let most = counts.values().copied().max().unwrap_or(0);
    most as f64 / counts.values().sum::<usize>().max(1) as f64
}

/// What an arm is in the design.
fn role(arm: ArmSpec) -> Role {
    match arm.kind.role() {
        ArmRole::Ceiling => Role::Ceiling,
        ArmRole::Floor => Role::Floor,
        ArmRole::WidthMatchedMlp => Role::WidthMatchedMlp,
        ArmRole::NoiseMatched => Role::NoiseMatched,
        ArmRole::Curriculum => Role::Curriculum,
        ArmRole::SoftWords => Role::Soft,
        ArmRole::HardWords | ArmRole::SampledWords | ArmRole::Codebook => Role::Hard,
        ArmRole::Merger | ArmRole::Control | ArmRole::Published => Role::Continuous,
    }
}

/// What a run says about an arm.
pub(crate) fn facts(result: &PartResult, study: &str, arm: ArmSpec) -> ArmFacts {
    let cells = result.outcome.cells.iter();
    let cells: Vec<&CellOutcome> = cells.filter(|cell| cell.spec.arm == arm).collect();
    let trained = cells
        .iter()
        .filter_map(|cell| cell.without_gradient.as_ref());
    let missing: Vec<bool> = trained.map(|names| names.is_empty()).collect();
    let tuning = tuning(result, arm);
    let curve = tuning.map_or(&[][..], |tuning| &tuning.candidates);
    ArmFacts {
        // Codebooks have no indicator rows, so arms of one width agree in words, not in rows.
        vocabulary: arm.words(),
        gradients_present: (!missing.is_empty()).then(|| missing.iter().all(|present| *present)),
        on_grid_edge: tuning
            .filter(|tuning| tuning.candidates.len() > 1)
            .map(|tuning| tuning.on_edge),
        validation_curve: curve
            .iter()
            .filter_map(|(rate, error)| Some((*rate, (*error)?)))
            .collect(),
        reconstruction_r2: mean_of(&cells, |found| found.r2),
        mean_predictor_r2: mean_of(&cells, |found| found.mean_predictor_r2),
        ..ArmFacts::new(study, &arm.to_string(), &arm.without_size(), role(arm))
    }
}

/// Mean over the seeds that measured it.
fn mean_of(cells: &[&CellOutcome], of: fn(&ReconstructionRecord) -> f64) -> Option<f64> {
    let found = cells.iter().filter_map(|cell| cell.reconstruction.as_ref());
    let values: Vec<f64> = found.map(of).collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Joins the facts of an arm that several runs of one study have: what fails in one fails.
pub(crate) fn add_facts(all: &mut Vec<ArmFacts>, new: ArmFacts) {
    let both = |a: Option<bool>, b: Option<bool>, join: fn(bool, bool) -> bool| match (a, b) {
        (Some(a), Some(b)) => Some(join(a, b)),
        (a, b) => a.or(b),
    };
    match all
        .iter_mut()
        .find(|known| known.study == new.study && known.arm == new.arm)
    {
        Some(known) => {
            known.gradients_present =
                both(known.gradients_present, new.gradients_present, |a, b| {
                    a && b
                });
            known.on_grid_edge = both(known.on_grid_edge, new.on_grid_edge, |a, b| a || b);
        }
        None => all.push(new),
    }
}

/// The arm of that name in a run.
pub(crate) fn arm_of(result: &PartResult, name: &str) -> Option<ArmSpec> {
    let mut arms = result.part.config.arms.iter();
    arms.find(|arm| arm.to_string() == name).copied()
}
