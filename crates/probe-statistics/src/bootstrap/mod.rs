//! Hierarchical paired bootstrap of error rates: resample seeds, then items or clusters of items.
//!
//! The statistic is a ratio of sums over everything drawn, `Σ edits / Σ characters` (or exact
//! texts over texts), never a mean of per-item rates. Arms are paired by (seed, item): a draw uses
//! the same seeds and items for both, so what they share cancels. Because paired items have the
//! same lengths, the difference of two ratios is itself one ratio, `Σ (left − right) / Σ chars`.
//!
//! # Seeds and items are crossed
//! Every seed is evaluated on the same test items: an item that is hard, or that one arm in
//! particular reads badly, is so under every seed. Its effect does not average out over seeds, and
//! the variance of an estimate over `S` seeds and `I` items is
//! `σ²(seed)/S + σ²(item)/I + σ²(rest)/(S I)`. Items are therefore drawn once for all seeds of a
//! draw. This counts the last term about three times (A. B. Owen, "The pigeonhole bootstrap",
//! 2007), so it errs on the wide side when that dominates: claims it supports stand, but equality
//! is better left to [`crate::equivalence`].
//!
//! # Few seeds, few clusters
//! Resampling `n` levels gives their variance a factor `(n − 1)/n`, and skewness from so few values
//! is weak, so an interval is too narrow where few seeds or fonts dominate the variance. In
//! simulation (`tests/simulation.rs`) 95 % intervals then cover the truth in about 92 % of cases
//! with 10 seeds, but only 72 % with 3: such results are exploratory. With one seed the interval is
//! about the choice of items only.
//!
//! Files: `draws` makes the draws of this and every other bootstrap of the crate, `interval` turns
//! them into intervals, `sample` is one ratio, `statistic` any number from several arms.
//!
//! # Source
//! B. Efron, "Better bootstrap confidence intervals", 1987; A. C. Davison, D. V. Hinkley,
//! "Bootstrap Methods and their Application", 1997, §3.8.

pub(crate) mod draws;
mod interval;
mod mean;
mod sample;
mod statistic;

pub use interval::Interval;
pub use mean::{MeanEstimate, bootstrap_mean};
pub use statistic::{Rate, StatisticEstimate, TestSetArms, bootstrap_statistic};

use crate::StatisticsError;
use crate::error::require_count;
use interval::{acceleration, bca_interval, percentile_interval};
use sample::Sample;

/// What one arm made of one test item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ItemOutcome {
    /// Group the item belongs to, such as its font; used by [`ResampledUnit::Cluster`].
    pub cluster: u32,
    /// Edits between prediction and reference; 0 means the text is exact.
    pub edits: u32,
    /// Characters of the reference.
    pub chars: u32,
}

/// All test items of one training seed, in the order shared by all arms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeedItems {
    /// The training seed.
    pub seed: u64,
    /// Outcomes, one for each test item.
    pub items: Vec<ItemOutcome>,
}

/// The ratio that is estimated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measure {
    /// `Σ edits / Σ reference characters`.
    CharacterErrorRate,
    /// Items without edits over items.
    WordAccuracy,
}

/// What is drawn below the seeds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResampledUnit {
    /// Single items: the interval is about new items of the same fonts.
    Item,
    /// Whole clusters: the interval is about new fonts too. Needs many clusters.
    Cluster,
}

/// How a bootstrap draws.
///
/// Comparisons with the same plan on samples of the same shape use the same draws.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BootstrapPlan {
    /// The unit drawn below the seeds.
    pub unit: ResampledUnit,
    /// Number of draws.
    pub draws: usize,
    /// Coverage of the intervals, such as 0.95.
    pub level: f64,
    /// Seed of the draws.
    pub seed: u64,
}

impl BootstrapPlan {
    pub(crate) fn check(&self) -> Result<(), StatisticsError> {
        require_count("bootstrap draws", 2, self.draws)?;
        if self.level > 0.0 && self.level < 1.0 {
            return Ok(());
        }
        Err(StatisticsError::OutOfRange {
            what: "interval level",
            value: self.level,
            expected: "between 0 and 1, such as 0.95",
        })
    }
}

/// A value with its bootstrap intervals, as a fraction.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    /// The ratio, or the difference of two, over all seeds and items.
    pub value: f64,
    /// Standard deviation of the draws.
    pub standard_error: f64,
    /// Quantiles of the draws.
    pub percentile: Interval,
    /// Bias-corrected and accelerated interval.
    pub bca: Interval,
    /// Number of seeds.
    pub seeds: usize,
    /// Items or clusters per seed.
    pub units: usize,
}

/// Interval for the measure of one arm.
///
/// # Errors
/// If a plan value is out of range, a seed repeats or has fewer than two units, a seed's references
/// are all empty, or seeds hold different items.
pub fn bootstrap_value(
    arm: &[SeedItems],
    measure: Measure,
    plan: &BootstrapPlan,
) -> Result<Estimate, StatisticsError> {
    plan.check()?;
    Ok(estimate(&Sample::of_arm(arm, measure, plan.unit)?, plan))
}

/// Interval for the measure of `left` minus that of `right`, paired by seed and item.
///
/// # Errors
/// As [`bootstrap_value`], and if the arms differ in their seeds, items, clusters or lengths.
pub fn bootstrap_difference(
    left: &[SeedItems],
    right: &[SeedItems],
    measure: Measure,
    plan: &BootstrapPlan,
) -> Result<Estimate, StatisticsError> {
    plan.check()?;
    let sample = Sample::of_pairs(left, right, measure, plan.unit)?;
    Ok(estimate(&sample, plan))
}

fn estimate(sample: &Sample, plan: &BootstrapPlan) -> Estimate {
    let value = sample.ratio();
    let mut draws = sample.draw_ratios(plan);
    draws.sort_unstable_by(f64::total_cmp);
    let mean = draws.iter().sum::<f64>() / draws.len() as f64;
    let squares: f64 = draws.iter().map(|draw| (draw - mean).powi(2)).sum();
    let acceleration = acceleration(&sample.influences());
    Estimate {
        value,
        standard_error: (squares / (draws.len() - 1) as f64).sqrt(),
        percentile: percentile_interval(&draws, plan.level),
        bca: bca_interval(&draws, value, acceleration, plan.level),
        seeds: sample.seeds.len(),
        units: sample.units(),
    }
}

#[cfg(test)]
mod tests;
