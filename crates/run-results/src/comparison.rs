//! Values with intervals, and paired differences between two arms.

use super::scored::{ScoredRun, ScoredTest};
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use probe::EvaluationMode;
use probe::ProbeConfig;
use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{
    BootstrapPlan, Estimate, Interval, ItemOutcome, Measure, ResampledUnit, SeedItems,
    bootstrap_difference, bootstrap_value,
};
use probe_statistics::sign_flip::{Alternative, MonteCarlo, sign_flip_test, smallest_p};
use probe_statistics::summary;
use std::collections::BTreeSet;

/// Coverage of all intervals.
pub(super) const LEVEL: f64 = 0.95;
/// Level at which a seed-wise test counts.
pub(super) const ALPHA: f64 = 0.05;
/// Fewest fonts that are resampled as wholes; with fewer, single images are.
const FEWEST_CLUSTERS: usize = 5;

/// A measure over the finished seeds of an arm, as a fraction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Value {
    /// Mean over seeds.
    pub mean: f64,
    /// Standard deviation over seeds; none for a single seed.
    pub sd: Option<f64>,
    /// 95% BCa interval, resampling seeds and fonts (or images); none where there is too little
    /// to resample.
    pub interval: Option<Interval>,
}

/// An arm minus a reference arm, paired by seed and image.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The reference.
    pub reference: ArmSpec,
    /// Seeds that finished in both arms.
    pub seeds: usize,
    /// Difference of the measure, as a fraction.
    pub difference: f64,
    /// 95% BCa interval of the difference, paired, resampling seeds and fonts (or images).
    pub interval: Option<Interval>,
    /// Exact two-sided sign-flip p over seeds.
    pub p: f64,
    /// Smallest such p that this many seeds can give.
    pub smallest_p: f64,
}

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Judgement {
    /// The arm's value is above the reference's.
    Higher,
    /// The arm's value is below the reference's.
    Lower,
    /// Neither.
    Unresolved,
}

impl Comparison {
    /// A difference is resolved if its interval excludes 0 and, where there are enough seeds for
    /// the sign-flip test to say so, that test agrees at 5%.
    #[must_use]
    pub fn judgement(&self) -> Judgement {
        let test_disagrees = self.smallest_p <= ALPHA && self.p > ALPHA;
        match self.interval {
            Some(interval) if interval.low > 0.0 && !test_disagrees => Judgement::Higher,
            Some(interval) if interval.high < 0.0 && !test_disagrees => Judgement::Lower,
            _ => Judgement::Unresolved,
        }
    }
}

/// The MLP of the arm's own width; for arms without vocabulary, the first one. A table on another connector
/// has none.
#[must_use]
pub fn matched_mlp(config: &ProbeConfig, arm: ArmSpec) -> Option<ArmSpec> {
    if arm.settings.on.is_some() {
        return None;
    }
    let mut mlps = config
        .arms
        .iter()
        .filter(|other| other.kind == ArmKind::GeluMlp);
    mlps.find(|mlp| arm.words().is_none() || mlp.words() == arm.words())
        .copied()
}

/// The arm of a kind, if the run has it.
#[must_use]
pub fn arm_of(config: &ProbeConfig, kind: ArmKind) -> Option<ArmSpec> {
    config.arms.iter().find(|arm| arm.kind == kind).copied()
}

/// What is resampled below the seeds for images of these clusters.
#[must_use]
pub fn resampled_unit(clusters: impl IntoIterator<Item = u32>) -> ResampledUnit {
    let clusters: BTreeSet<u32> = clusters.into_iter().collect();
    if clusters.len() >= FEWEST_CLUSTERS {
        ResampledUnit::Cluster
    } else {
        ResampledUnit::Item
    }
}

/// Edits of every image, one entry per finished seed.
pub(super) fn seed_items(
    scored: &ScoredRun<'_>,
    arm: ArmSpec,
    group: usize,
    mode: EvaluationMode,
) -> Vec<SeedItems> {
    let items = |test: &ScoredTest<'_>| {
        let readings = test.readings.iter().zip(&test.set.clusters);
        let outcomes = readings.map(|(reading, &cluster)| ItemOutcome {
            cluster,
            edits: reading.edits as u32,
            chars: reading.reference_chars as u32,
        });
        outcomes.collect()
    };
    scored
        .tests_of(arm, group, mode)
        .map(|(seed, test)| SeedItems {
            seed,
            items: items(test),
        })
        .collect()
}

/// Statistics of one measure on one test set.
#[derive(Clone, Copy, Debug)]
pub struct Estimator {
    measure: Measure,
    plan: BootstrapPlan,
}

impl Estimator {
    /// For test sets whose `unit` is resampled below the seeds.
    #[must_use]
    pub fn new(config: &ProbeConfig, measure: Measure, unit: ResampledUnit) -> Self {
        Self {
            measure,
            plan: BootstrapPlan {
                unit,
                draws: config.bootstrap_draws,
                level: LEVEL,
                seed: config.data.seed,
            },
        }
    }

    /// For items that several test sets have been pooled into.
    #[must_use]
    pub fn of_items(config: &ProbeConfig, measure: Measure, arm: &[SeedItems]) -> Self {
        let items = arm.first().into_iter().flat_map(|seed| &seed.items);
        Self::new(
            config,
            measure,
            resampled_unit(items.map(|item| item.cluster)),
        )
    }

    /// The measure of an arm; none if no seed finished.
    ///
    /// # Errors
    /// If the bootstrap fails for another reason than too little to resample.
    pub fn value(&self, arm: &[SeedItems]) -> Result<Option<Value>> {
        if arm.is_empty() {
            return Ok(None);
        }
        let rates: Vec<f64> = arm.iter().map(|seed| self.rate(seed)).collect();
        let summary = summary::Summary::of(&rates)?;
        Ok(Some(Value {
            mean: summary.mean,
            sd: summary.sd,
            interval: interval(bootstrap_value(arm, self.measure, &self.plan))?,
        }))
    }

    /// `arm` minus `reference` over the seeds that finished in both; none if there is none.
    ///
    /// # Errors
    /// As [`value`](Self::value).
    pub fn compare(
        &self,
        arm: &[SeedItems],
        reference: &[SeedItems],
        reference_arm: ArmSpec,
    ) -> Result<Option<Comparison>> {
        let shared = |seeds: &[SeedItems], others: &[SeedItems]| -> Vec<SeedItems> {
            let in_both = |seed: &&SeedItems| others.iter().any(|other| other.seed == seed.seed);
            seeds.iter().filter(in_both).cloned().collect()
        };
        let (left, right) = (shared(arm, reference), shared(reference, arm));
        if left.is_empty() {
            return Ok(None);
        }
        let pairs = left.iter().zip(&right);
        let differences: Vec<f64> = pairs.map(|(l, r)| self.rate(l) - self.rate(r)).collect();
        let monte_carlo = MonteCarlo {
            draws: self.plan.draws,
            seed: self.plan.seed,
        };
        let test = sign_flip_test(&differences, Alternative::TwoSided, monte_carlo)?;
        Ok(Some(Comparison {
            reference: reference_arm,
            seeds: left.len(),
            difference: test.mean,
            interval: interval(bootstrap_difference(
                &left,
                &right,
                self.measure,
                &self.plan,
            ))?,
            p: test.p,
            smallest_p: smallest_p(left.len(), Alternative::TwoSided),
        }))
    }

    fn rate(&self, seed: &SeedItems) -> f64 {
        let items = seed.items.iter();
        match self.measure {
            Measure::CharacterErrorRate => {
                let (edits, chars) = items.fold((0_u64, 0_u64), |(edits, chars), item| {
                    (edits + u64::from(item.edits), chars + u64::from(item.chars))
                });
                edits as f64 / chars as f64
            }
            Measure::WordAccuracy => {
                let exact = items.filter(|item| item.edits == 0).count();
                exact as f64 / seed.items.len() as f64
            }
        }
    }
}

/// A test set of a single image has a value but nothing to resample.
fn interval(estimate: Result<Estimate, StatisticsError>) -> Result<Option<Interval>> {
    match estimate {
        Ok(estimate) => Ok(Some(estimate.bca)),
        Err(StatisticsError::TooFew { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(low: f64, high: f64, p: f64, smallest_p: f64) -> Comparison {
        Comparison {
            reference: "patch-merger".parse().unwrap(),
            seeds: 3,
            difference: 0.5 * (low + high),
            interval: Some(Interval { low, high }),
            p,
            smallest_p,
        }
    }

    #[test]
    fn interval_and_test_must_agree_where_the_seeds_allow_it() {
        let judge = |low, high, p, smallest| comparison(low, high, p, smallest).judgement();
        assert_eq!(judge(0.1, 0.2, 0.002, 0.002), Judgement::Higher);
        assert_eq!(judge(-0.2, -0.1, 0.002, 0.002), Judgement::Lower);
        assert_eq!(judge(-0.1, 0.2, 0.002, 0.002), Judgement::Unresolved);
        assert_eq!(judge(0.1, 0.2, 0.3, 0.002), Judgement::Unresolved);
        assert_eq!(judge(0.1, 0.2, 0.25, 0.25), Judgement::Higher);
        let without = Comparison {
            interval: None,
            ..comparison(0.1, 0.2, 0.002, 0.002)
        };
        assert_eq!(without.judgement(), Judgement::Unresolved);
    }
}
