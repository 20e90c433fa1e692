//! Bootstrap of a mean of numbers that are no counts: decibels, similarities, distortions.

use std::collections::BTreeMap;

use super::draws::{Resampling, one_stratum};
use super::interval::percentile_interval;
use super::{BootstrapPlan, Interval, ResampledUnit};
use crate::StatisticsError;
use crate::error::{require_count, require_finite};

/// A mean with its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanEstimate {
    /// Over all seeds and items.
    pub value: f64,
    /// Quantiles of the draws.
    pub percentile: Interval,
    /// Number of seeds.
    pub seeds: usize,
    /// Items, or clusters of them, whichever were drawn.
    pub units: usize,
}

/// Bootstraps the mean of `values`, one row of items per seed; seeds are drawn, and the plan's units.
///
/// `clusters` names the cluster of every item, in the order that all seeds share. Clusters with more
/// items weigh more, as they do in the mean.
///
/// # Errors
/// If there is no seed or no item, seeds hold different items, a value is not finite, or the plan is out
/// of range.
pub fn bootstrap_mean(
    values: &[Vec<f64>],
    clusters: &[u32],
    plan: &BootstrapPlan,
) -> Result<MeanEstimate, StatisticsError> {
    plan.check()?;
    require_count("seeds", 1, values.len())?;
    require_count("items", 1, clusters.len())?;
    for (seed, row) in values.iter().enumerate() {
        if row.len() != clusters.len() {
            return Err(StatisticsError::ItemsDiffer {
                seed: seed as u64,
                other: "the list of clusters".to_owned(),
                item: row.len().min(clusters.len()),
            });
        }
        require_finite("values of items", row)?;
    }
    let alone: Vec<u32> = (0..clusters.len() as u32).collect();
    let clusters = match plan.unit {
        ResampledUnit::Item => &alone[..],
        ResampledUnit::Cluster => clusters,
    };
    let mut numbers = BTreeMap::new();
    for &cluster in clusters {
        let next = numbers.len();
        numbers.entry(cluster).or_insert(next);
    }
    let units = numbers.len();
    let mut counts = vec![0.0; units];
    let mut sums = vec![vec![0.0; units]; values.len()];
    for (item, cluster) in clusters.iter().enumerate() {
        let unit = numbers[cluster];
        counts[unit] += 1.0;
        for (sums, row) in sums.iter_mut().zip(values) {
            sums[unit] += row[item];
        }
    }
    let mean = |seed_weights: &[f64], unit_weights: &[f64]| {
        let weighted = |row: &[f64]| {
            row.iter()
                .zip(unit_weights)
                .map(|(x, w)| x * w)
                .sum::<f64>()
        };
        let total: f64 = sums
            .iter()
            .zip(seed_weights)
            .map(|(row, w)| w * weighted(row))
            .sum();
        total / (weighted(&counts) * seed_weights.iter().sum::<f64>())
    };
    let resampling = Resampling {
        stream: "bootstrap-mean",
        seed: plan.seed,
        draws: plan.draws,
        seeds: values.len(),
        sets: vec![one_stratum(units)],
    };
    let all = resampling.everything();
    let mut draws = resampling.map(|weights| mean(&weights.seeds, &weights.units[0]));
    draws.sort_by(f64::total_cmp);
    Ok(MeanEstimate {
        value: mean(&all.seeds, &all.units[0]),
        percentile: percentile_interval(&draws, plan.level),
        seeds: values.len(),
        units,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan() -> BootstrapPlan {
        BootstrapPlan {
            unit: ResampledUnit::Cluster,
            draws: 4000,
            level: 0.95,
            seed: 3,
        }
    }

    #[test]
    fn one_seed_of_single_items_has_the_interval_of_the_normal_law() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i % 20)).collect();
        let clusters: Vec<u32> = (0..400).collect();
        let found = bootstrap_mean(&[values], &clusters, &plan()).unwrap();
        // Variance of 0..20 is (20² - 1) / 12; 1.96 standard errors of the mean of 400.
        let half = 1.96 * ((399.0_f64 / 12.0) / 400.0).sqrt();
        assert_eq!((found.value, found.seeds, found.units), (9.5, 1, 400));
        assert!(
            (found.percentile.low - (9.5 - half)).abs() < 0.05,
            "{found:?}"
        );
        assert!(
            (found.percentile.high - (9.5 + half)).abs() < 0.05,
            "{found:?}"
        );
    }

    #[test]
    fn items_of_a_cluster_are_drawn_together() {
        let values: Vec<f64> = (0..400).map(|i| f64::from(i / 100)).collect();
        let width = |clusters: Vec<u32>, unit| {
            let plan = BootstrapPlan { unit, ..plan() };
            let found = bootstrap_mean(std::slice::from_ref(&values), &clusters, &plan).unwrap();
            found.percentile.high - found.percentile.low
        };
        let fours = || -> Vec<u32> { (0..400).map(|i| i / 100).collect() };
        let alone = width((0..400).collect(), ResampledUnit::Cluster);
        let together = width(fours(), ResampledUnit::Cluster);
        assert!(together > 5.0 * alone, "{together} {alone}");
        assert_eq!(width(fours(), ResampledUnit::Item), alone);
    }

    #[test]
    fn seeds_that_differ_widen_the_interval() {
        let width = |second: f64| {
            let rows = [
                vec![0.0, 1.0, 0.0, 1.0],
                vec![second, 1.0 + second, second, 1.0 + second],
            ];
            let found = bootstrap_mean(&rows, &[0, 1, 2, 3], &plan()).unwrap();
            found.percentile.high - found.percentile.low
        };
        assert!(width(4.0) > 2.0 * width(0.0));
    }

    #[test]
    fn what_makes_no_mean_is_refused() {
        let refused = |values: &[Vec<f64>], clusters: &[u32]| {
            assert!(bootstrap_mean(values, clusters, &plan()).is_err());
        };
        refused(&[], &[0]);
        refused(&[vec![]], &[]);
        refused(&[vec![1.0]], &[0, 1]);
        refused(&[vec![f64::NAN]], &[0]);
    }
}
