//! Outcomes reduced to sums over the units that are resampled.

use std::collections::{BTreeMap, BTreeSet};

use super::{BootstrapPlan, Design, ItemOutcome, Measure, ResampledUnit, SeedItems};
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
    pub(super) fn of_arm(arm: &[SeedItems], plan: &BootstrapPlan) -> Result<Self, StatisticsError> {
        check_arm(arm, plan.design)?;
        let seeds = arm.iter().map(|seed| {
            let numerators = seed.items.iter().map(|item| numerator(item, plan.measure));
            SeedSums::new(seed, numerators, plan)
        });
        Ok(Self {
            seeds: seeds.collect::<Result<_, _>>()?,
        })
    }

    /// The numerators are the differences left − right, the denominators those of either arm.
    pub(super) fn of_pairs(
        left: &[SeedItems],
        right: &[SeedItems],
        plan: &BootstrapPlan,
    ) -> Result<Self, StatisticsError> {
        check_arm(left, plan.design)?;
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
            let differences =
                pairs.map(|(l, r)| numerator(l, plan.measure) - numerator(r, plan.measure));
            SeedSums::new(left, differences, plan)
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

    pub(super) fn fewest_units(&self) -> usize {
        let units = self.seeds.iter().map(|seed| seed.numerators.len());
        units.min().unwrap_or(0)
    }

    /// Acceleration of the BCa interval from the empirical influence of every resampled level.
    ///
    /// The influence of a seed or unit with sums `N`, `D` on a ratio `θ` is `(N − θ D) / ΣD`, its
    /// derivative by the weight of that level. Seeds and units are drawn independently of each
    /// other, so their influences enter one sum, as in Efron's formula for several samples:
    /// `a = Σ l³ / (6 (Σ l²)^{3/2})`.
    pub(super) fn acceleration(&self, design: Design) -> f64 {
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
        match design {
            Design::Crossed => {
                influences.extend(
                    (0..self.fewest_units())
                        .map(|unit| by_seed.iter().map(|units| units[unit]).sum::<f64>()),
                );
            }
            // Within a drawn seed the units vary about that seed's own mean.
            Design::Nested => {
                for units in &by_seed {
                    let mean = units.iter().sum::<f64>() / units.len() as f64;
                    influences.extend(units.iter().map(|influence| influence - mean));
                }
            }
        }
        let squares: f64 = influences.iter().map(|l| l * l).sum();
        if squares <= 0.0 {
            return 0.0;
        }
        influences.iter().map(|l| l.powi(3)).sum::<f64>() / (6.0 * squares.powf(1.5))
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

impl SeedSums {
    fn new(
        seed: &SeedItems,
        numerators: impl Iterator<Item = f64>,
        plan: &BootstrapPlan,
    ) -> Result<Self, StatisticsError> {
        let sums = seed.items.iter().zip(numerators).map(|(item, numerator)| {
            let denominator = match plan.measure {
                Measure::CharacterErrorRate => f64::from(item.chars),
                Measure::WordAccuracy => 1.0,
            };
            (item.cluster, numerator, denominator)
        });
        let (numerators, denominators): (Vec<f64>, Vec<f64>) = match plan.unit {
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

pub(super) fn check_arm(arm: &[SeedItems], design: Design) -> Result<(), StatisticsError> {
    require_count("seeds of an arm", 1, arm.len())?;
    let mut seen = BTreeSet::new();
    if let Some(repeated) = arm.iter().find(|seed| !seen.insert(seed.seed)) {
        return Err(StatisticsError::RepeatedSeed {
            seed: repeated.seed,
        });
    }
    if design == Design::Crossed {
        for seed in &arm[1..] {
            check_same_items(seed, &arm[0], || format!("those of seed {}", arm[0].seed))?;
        }
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
