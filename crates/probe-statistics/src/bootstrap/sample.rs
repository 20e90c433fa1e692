//! Outcomes reduced to sums over the units that are resampled.

use std::collections::{BTreeMap, BTreeSet};

use super::draws::{Resampling, Weights, one_stratum};
use super::{BootstrapPlan, ItemOutcome, Measure, ResampledUnit, SeedItems};
use crate::StatisticsError;
use crate::error::require_count;

/// Numerators and denominators of one seed, one pair for each unit.
///
/// All values are whole numbers, so sums of them are exact in any order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SeedSums {
    pub(super) numerators: Vec<f64>,
    pub(super) denominators: Vec<f64>,
}

/// What a bootstrap draws from: a ratio of sums over seeds and units.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    pub(super) seeds: Vec<SeedSums>,
}

impl Sample {
    pub(super) fn of_arm(
        arm: &[SeedItems],
        measure: Measure,
        unit: ResampledUnit,
    ) -> Result<Self, StatisticsError> {
        check_arm(arm)?;
        let seeds = arm.iter().map(|seed| {
            let numerators = seed.items.iter().map(|item| numerator(item, measure));
            SeedSums::new(seed, numerators, measure, unit)
        });
        Ok(Self {
            seeds: seeds.collect::<Result<_, _>>()?,
        })
    }

    /// The numerators are the differences left − right, the denominators those of either arm.
    pub(super) fn of_pairs(
        left: &[SeedItems],
        right: &[SeedItems],
        measure: Measure,
        unit: ResampledUnit,
    ) -> Result<Self, StatisticsError> {
        check_arm(left)?;
        let numbers = |arm: &[SeedItems]| arm.iter().map(|seed| seed.seed).collect::<Vec<_>>();
        if numbers(left) != numbers(right) {
            return Err(StatisticsError::SeedsDiffer {
                left: numbers(left),
                right: numbers(right),
            });
        }
        let seeds = left.iter().zip(right).map(|(left, right)| {
            check_same_items(left, right, || "those of the other arm".to_owned())?;
            let pairs = left.items.iter().zip(&right.items);
            let differences = pairs.map(|(l, r)| numerator(l, measure) - numerator(r, measure));
            SeedSums::new(left, differences, measure, unit)
        });
        Ok(Self {
            seeds: seeds.collect::<Result<_, _>>()?,
        })
    }

    /// The ratio over everything, each seed and unit once.
    pub(super) fn ratio(&self) -> f64 {
        let (numerator, denominator) = self.totals();
        numerator / denominator
    }

    /// Items or clusters, of which all seeds have the same.
    pub(super) fn units(&self) -> usize {
        self.seeds.first().map_or(0, |seed| seed.numerators.len())
    }

    /// One ratio for each draw, in draw order.
    pub(super) fn draw_ratios(&self, plan: &BootstrapPlan) -> Vec<f64> {
        let resampling = Resampling {
            stream: "bootstrap",
            seed: plan.seed,
            draws: plan.draws,
            seeds: self.seeds.len(),
            sets: vec![one_stratum(self.units())],
        };
        // Seeds share their items and with them the denominators.
        let denominator = |weights: &Weights| dot(&weights.units[0], &self.seeds[0].denominators);
        // A draw of empty references only has no ratio; every sample holds others.
        resampling.map_usable(
            |weights| denominator(weights) > 0.0,
            |weights| {
                let seeds = self.seeds.iter().zip(&weights.seeds);
                let numerator: f64 = seeds
                    .filter(|(_, weight)| **weight > 0.0)
                    .map(|(seed, weight)| weight * dot(&weights.units[0], &seed.numerators))
                    .sum();
                numerator / (self.seeds.len() as f64 * denominator(weights))
            },
        )
    }

    /// The influence of every seed and of every unit.
    ///
    /// That of a seed or unit with sums `N`, `D` on a ratio `θ` is `(N − θ D) / ΣD`, the derivative
    /// by its weight.
    pub(super) fn influences(&self) -> Vec<f64> {
        let ratio = self.ratio();
        let (_, denominator) = self.totals();
        let residual = |n: &f64, d: &f64| (n - ratio * d) / denominator;
        let by_seed: Vec<Vec<f64>> = self
            .seeds
            .iter()
            .map(|seed| {
                let sums = seed.numerators.iter().zip(&seed.denominators);
                sums.map(|(n, d)| residual(n, d)).collect()
            })
            .collect();
        let mut influences: Vec<f64> = by_seed.iter().map(|units| units.iter().sum()).collect();
        let of_unit = |unit: usize| by_seed.iter().map(|units| units[unit]).sum::<f64>();
        influences.extend((0..self.units()).map(of_unit));
        influences
    }

    fn totals(&self) -> (f64, f64) {
        let seeds = self.seeds.iter();
        seeds.fold((0.0, 0.0), |(numerator, denominator), seed| {
            (
                numerator + seed.numerators.iter().sum::<f64>(),
                denominator + seed.denominators.iter().sum::<f64>(),
            )
        })
    }
}

/// Sum of products. The parallel partial sums let the compiler use vector registers; they cannot
/// change the result, because sums of whole numbers are exact.
fn dot(weights: &[f64], values: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (weight_chunks, value_chunks) = (weights.chunks_exact(LANES), values.chunks_exact(LANES));
    let tail: f64 = weight_chunks
        .remainder()
        .iter()
        .zip(value_chunks.remainder())
        .map(|(w, v)| w * v)
        .sum();
    for (weights, values) in weight_chunks.zip(value_chunks) {
        for lane in 0..LANES {
            lanes[lane] += weights[lane] * values[lane];
        }
    }
    lanes.iter().sum::<f64>() + tail
}

impl SeedSums {
    fn new(
        seed: &SeedItems,
        numerators: impl Iterator<Item = f64>,
        measure: Measure,
        unit: ResampledUnit,
    ) -> Result<Self, StatisticsError> {
        let sums = seed.items.iter().zip(numerators).map(|(item, numerator)| {
            let denominator = match measure {
                Measure::CharacterErrorRate => f64::from(item.chars),
                Measure::WordAccuracy => 1.0,
            };
            (item.cluster, numerator, denominator)
        });
        let (numerators, denominators): (Vec<f64>, Vec<f64>) = match unit {
            ResampledUnit::Item => {
                require_count("items of a seed to resample", 2, seed.items.len())?;
                sums.map(|(_, n, d)| (n, d)).unzip()
            }
            ResampledUnit::Cluster => {
                let mut clusters: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
                for (cluster, numerator, denominator) in sums {
                    let sum = clusters.entry(cluster).or_default();
                    *sum = (sum.0 + numerator, sum.1 + denominator);
                }
                require_count("clusters of a seed to resample", 2, clusters.len())?;
                clusters.into_values().unzip()
            }
        };
        if denominators.iter().all(|&denominator| denominator == 0.0) {
            return Err(StatisticsError::EmptyReferences {
                what: format!("seed {}", seed.seed),
            });
        }
        Ok(Self {
            numerators,
            denominators,
        })
    }
}

fn numerator(item: &ItemOutcome, measure: Measure) -> f64 {
    match measure {
        Measure::CharacterErrorRate => f64::from(item.edits),
        Measure::WordAccuracy => f64::from(u8::from(item.edits == 0)),
    }
}

pub(super) fn check_arm(arm: &[SeedItems]) -> Result<(), StatisticsError> {
    require_count("seeds of an arm", 1, arm.len())?;
    let mut seen = BTreeSet::new();
    if let Some(repeated) = arm.iter().find(|seed| !seen.insert(seed.seed)) {
        return Err(StatisticsError::RepeatedSeed {
            seed: repeated.seed,
        });
    }
    for seed in &arm[1..] {
        check_same_items(seed, &arm[0], || format!("those of seed {}", arm[0].seed))?;
    }
    Ok(())
}

pub(super) fn check_same_items(
    seed: &SeedItems,
    other: &SeedItems,
    other_name: impl Fn() -> String,
) -> Result<(), StatisticsError> {
    let common = seed.items.iter().zip(&other.items);
    let differing = common
        .enumerate()
        .find(|(_, (a, b))| (a.cluster, a.chars) != (b.cluster, b.chars))
        .map(|(item, _)| item)
        .or_else(|| {
            (seed.items.len() != other.items.len()).then(|| seed.items.len().min(other.items.len()))
        });
    match differing {
        Some(item) => Err(StatisticsError::ItemsDiffer {
            seed: seed.seed,
            other: other_name(),
            item,
        }),
        None => Ok(()),
    }
}
