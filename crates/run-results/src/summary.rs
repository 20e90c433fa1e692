//! Means over seeds with intervals, and differences to the reference arms.

use super::comparison::{
    Comparison, Estimator, Value, arm_of, matched_mlp, resampled_unit, seed_items,
};
use super::data_sets::DataSet;
use super::lengths::LengthSummary;
use super::scored::ScoredRun;
use super::trouble::{self, Trouble};
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use figures::Estimate;
use probe::{EvaluationMode, ImageSource, TestSet};
use probe_statistics::bootstrap::{Measure, ResampledUnit};
use rayon::prelude::*;
use std::collections::BTreeSet;

/// What a run came to.
#[derive(Clone, Debug, PartialEq)]
pub struct Summary {
    /// Kinds of text; the first is the primary one.
    pub conditions: Vec<String>,
    /// Test groups, in the order of the run.
    pub groups: Vec<GroupSummary>,
    /// Arms, in the order of the config.
    pub arms: Vec<ArmSummary>,
    /// Arms × groups × modes × measures.
    pub rows: Vec<SummaryRow>,
    /// Errors by length of training, shortest first; empty where steps were not doubled.
    pub lengths: Vec<LengthSummary>,
    /// Data sets on disk among the groups, with the words that are read right.
    pub data_sets: Vec<DataSet>,
    /// Figures that were left out, each with the reason.
    pub skipped_figures: Vec<String>,
    /// Accuracies by data set and union; none without data sets on disk.
    pub protocol: Option<String>,
}

/// A test group.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupSummary {
    /// Characters per visual token; the mean where the layout does not fix it.
    pub density: f64,
    /// Kind of text.
    pub condition: String,
    /// Images.
    pub images: usize,
    /// What intervals resample besides seeds.
    pub unit: ResampledUnit,
    /// What the clusters of images are, for people.
    pub clusters: Clusters,
}

/// What the images of a test group are resampled by, where whole clusters are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clusters {
    /// The fonts that they are rendered in.
    Fonts,
    /// Every image is its own: most data sets on disk.
    Images,
    /// Pages that words are cut from, or fonts that a folder names.
    Sources,
    /// Polarity and contrast of tasks that show no text.
    Looks,
}

impl GroupSummary {
    /// What intervals resample, in words.
    #[must_use]
    pub fn resampled(&self) -> &'static str {
        match (self.unit, self.clusters) {
            (ResampledUnit::Cluster, Clusters::Fonts) => "seeds and fonts",
            (ResampledUnit::Cluster, Clusters::Sources) => "seeds and pages or fonts",
            (ResampledUnit::Cluster, Clusters::Looks) => "seeds and looks",
            (ResampledUnit::Cluster, Clusters::Images)
            | (
                ResampledUnit::Item,
                Clusters::Fonts | Clusters::Images | Clusters::Sources | Clusters::Looks,
            ) => "seeds and images",
        }
    }
}

/// An arm.
#[derive(Clone, Debug, PartialEq)]
pub struct ArmSummary {
    /// The arm.
    pub arm: ArmSpec,
    /// Trainable parameters of the projector; none if no cell was run.
    pub parameters: Option<usize>,
    /// Seeds that finished.
    pub finished: usize,
    /// Seeds that did not.
    pub failures: Vec<Failure>,
    /// What speaks against the numbers of those that did.
    pub troubles: Vec<Trouble>,
}

/// A cell that broke down.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Its seed.
    pub seed: u64,
    /// Its learning rate.
    pub learning_rate: f64,
    /// Step at which it broke down.
    pub step: usize,
    /// What happened.
    pub reason: String,
}

/// One measure of an arm on a test group.
#[derive(Clone, Debug, PartialEq)]
pub struct SummaryRow {
    /// The arm.
    pub arm: ArmSpec,
    /// Index of the test group.
    pub group: usize,
    /// How tokens were made.
    pub mode: EvaluationMode,
    /// The measure.
    pub measure: Measure,
    /// Seeds behind the value.
    pub seeds: usize,
    /// The value; none if no seed finished.
    pub value: Option<Value>,
    /// Difference to `patch-merger`.
    pub against_merger: Option<Comparison>,
    /// Difference to the MLP of the same width.
    pub against_matched: Option<Comparison>,
    /// Difference to `identity`; for the error rate without noise only.
    pub against_ceiling: Option<Comparison>,
    /// Use of the vocabulary, mean over seeds.
    pub usage: Option<UsageSummary>,
}

/// Use of a vocabulary, mean over seeds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct UsageSummary {
    /// Words that exist.
    pub words: usize,
    /// Words that are the best one of at least one token.
    pub codes_used: f64,
    /// Fewest words that hold 90% of the mass.
    pub codes_covering_90: f64,
    /// Mean entropy of a token's distribution, in bits.
    pub token_entropy_bits: f64,
    /// Entropy of the words over all tokens, in bits, bias-corrected where that is defined.
    pub marginal_entropy_bits: f64,
    /// Standard error of it within one seed, in bits; none for soft words, and where a cell of an older
    /// version does not say.
    pub entropy_error_bits: Option<f64>,
    /// Share of tokens whose words are not among those seen; none as above.
    pub unseen_mass: Option<f64>,
}

impl Summary {
    /// Computes everything; the only part of the results that takes more than a moment.
    ///
    /// # Errors
    /// If the statistics refuse the data.
    pub(super) fn of(scored: &ScoredRun<'_>) -> Result<Self> {
        let sets = scored.run.test_sets.iter().enumerate();
        let groups: Vec<GroupSummary> = sets
            .map(|(group, set)| GroupSummary {
                density: scored.density(group),
                condition: set.condition.clone(),
                images: set.targets.len(),
                unit: resampled_unit(set.clusters.iter().copied()),
                clusters: clusters(scored, set),
            })
            .collect();
        let mut jobs = Vec::new();
        for &arm in &scored.config.arms {
            for group in 0..groups.len() {
                let sampled = scored.tests_of(arm, group, EvaluationMode::Sampled);
                let sampled = sampled.take(1).map(|_| EvaluationMode::Sampled);
                for mode in std::iter::once(EvaluationMode::Deterministic).chain(sampled) {
                    for measure in [Measure::CharacterErrorRate, Measure::WordAccuracy] {
                        jobs.push((arm, group, mode, measure));
                    }
                }
            }
        }
        let rows = jobs
            .into_par_iter()
            .map(|(arm, group, mode, measure)| {
                let estimator = Estimator::new(scored.config, measure, groups[group].unit);
                row(scored, estimator, arm, group, mode, measure)
            })
            .collect::<Result<_>>()?;
        let conditions = scored.conditions().into_iter().map(str::to_owned);
        Ok(Self {
            conditions: conditions.collect(),
            groups,
            arms: scored
                .config
                .arms
                .iter()
                .map(|&arm| arm_summary(scored, arm))
                .collect(),
            rows,
            lengths: Vec::new(),
            data_sets: Vec::new(),
            skipped_figures: Vec::new(),
            protocol: None,
        })
    }

    /// The row of an arm on a group.
    #[must_use]
    pub fn row(
        &self,
        arm: ArmSpec,
        group: usize,
        mode: EvaluationMode,
        measure: Measure,
    ) -> Option<&SummaryRow> {
        self.rows
            .iter()
            .find(|row| (row.arm, row.group, row.mode, row.measure) == (arm, group, mode, measure))
    }

    /// Character error rate of an arm on a group, without noise.
    #[must_use]
    pub fn cer(&self, arm: ArmSpec, group: usize) -> Option<&SummaryRow> {
        let measure = Measure::CharacterErrorRate;
        self.row(arm, group, EvaluationMode::Deterministic, measure)
    }

    /// The same as a point of a figure, or failed.
    #[must_use]
    pub fn error(&self, arm: ArmSpec, group: usize) -> Estimate {
        match self.cer(arm, group).and_then(|row| row.value) {
            Some(value) => match value.interval {
                Some(interval) => Estimate::new(value.mean, interval.low, interval.high),
                None => Estimate::exact(value.mean),
            },
            None => Estimate::failed(),
        }
    }

    /// The groups of a kind of text, in rising order of density.
    #[must_use]
    pub fn groups_of(&self, condition: &str) -> Vec<usize> {
        let groups = self.groups.iter().enumerate();
        let mut found: Vec<usize> = groups
            .filter(|(_, group)| group.condition == condition)
            .map(|(index, _)| index)
            .collect();
        found.sort_by(|&a, &b| self.groups[a].density.total_cmp(&self.groups[b].density));
        found
    }
}

/// What the clusters of a test group are: a data set on disk seldom knows its fonts.
fn clusters(scored: &ScoredRun<'_>, set: &TestSet) -> Clusters {
    let data = &scored.config.data;
    match &data.source {
        ImageSource::Perception(kind) if kind.shows_text() => return Clusters::Fonts,
        ImageSource::Perception(_) => return Clusters::Looks,
        ImageSource::Relabelled(_) => return Clusters::Fonts,
        ImageSource::Text { .. } if !data.is_data_set(set) => return Clusters::Fonts,
        ImageSource::Text { .. } | ImageSource::Photographs(_) => {}
    }
    let found: BTreeSet<u32> = set.clusters.iter().copied().collect();
    match found.len() == set.clusters.len() {
        true => Clusters::Images,
        false => Clusters::Sources,
    }
}

fn row(
    scored: &ScoredRun<'_>,
    estimator: Estimator,
    arm: ArmSpec,
    group: usize,
    mode: EvaluationMode,
    measure: Measure,
) -> Result<SummaryRow> {
    let items = seed_items(scored, arm, group, mode);
    let against = |reference: Option<ArmSpec>| match reference.filter(|other| *other != arm) {
        // References take no samples, so their one reading stands against both modes.
        Some(reference) => {
            let other = seed_items(scored, reference, group, EvaluationMode::Deterministic);
            estimator.compare(&items, &other, reference)
        }
        None => Ok(None),
    };
    let is_plain_cer =
        mode == EvaluationMode::Deterministic && measure == Measure::CharacterErrorRate;
    let ceiling = arm_of(scored.config, ArmKind::Identity);
    let ceiling = ceiling.filter(|_| is_plain_cer && !scored.reads_beyond(arm));
    Ok(SummaryRow {
        arm,
        group,
        mode,
        measure,
        seeds: items.len(),
        value: estimator.value(&items)?,
        against_merger: against(arm_of(scored.config, ArmKind::PatchMerger))?,
        against_matched: against(matched_mlp(scored.config, arm))?,
        against_ceiling: against(ceiling)?,
        usage: usage(scored, arm, group, mode),
    })
}

fn usage(
    scored: &ScoredRun<'_>,
    arm: ArmSpec,
    group: usize,
    mode: EvaluationMode,
) -> Option<UsageSummary> {
    let tests = scored.tests_of(arm, group, mode);
    let records: Vec<_> = tests.filter_map(|(_, test)| test.usage()).collect();
    let words = records.first()?.words;
    let mean =
        |of: &dyn Fn(usize) -> f64| (0..records.len()).map(of).sum::<f64>() / records.len() as f64;
    Some(UsageSummary {
        words,
        codes_used: mean(&|i| records[i].codes_used as f64),
        codes_covering_90: mean(&|i| records[i].codes_covering_90 as f64),
        token_entropy_bits: mean(&|i| records[i].token_entropy_bits),
        marginal_entropy_bits: mean(&|i| {
            let plug_in = records[i].marginal_entropy_bits;
            records[i].corrected_entropy_bits.unwrap_or(plug_in)
        }),
        entropy_error_bits: mean_of_all(records.iter().map(|record| record.entropy_error_bits)),
        unseen_mass: mean_of_all(records.iter().map(|record| record.unseen_mass)),
    })
}

/// The mean, if every one says something.
fn mean_of_all(values: impl ExactSizeIterator<Item = Option<f64>>) -> Option<f64> {
    let count = values.len();
    let sum: Option<f64> = values.sum();
    sum.map(|sum| sum / count as f64)
}

fn arm_summary(scored: &ScoredRun<'_>, arm: ArmSpec) -> ArmSummary {
    let failures: Vec<Failure> = scored
        .cells_of(arm)
        .filter_map(|cell| {
            let (step, reason) = cell.failure()?;
            Some(Failure {
                seed: cell.outcome.spec.seed,
                learning_rate: cell.outcome.spec.learning_rate,
                step,
                reason: reason.to_owned(),
            })
        })
        .collect();
    let parameters = scored.cells_of(arm).map(|cell| cell.outcome.parameters);
    ArmSummary {
        arm,
        parameters: parameters.max(),
        finished: scored.cells_of(arm).count() - failures.len(),
        failures,
        troubles: trouble::of_arm(scored, arm),
    }
}
