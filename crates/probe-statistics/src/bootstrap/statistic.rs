//! Bootstrap of any number computed from the rates of several arms on several test sets.
//!
//! Differences in differences, shares of a gap and ratios are not one ratio of sums, so each draw
//! recomputes the sums of every arm and hands them to the statistic.

use std::collections::{BTreeMap, BTreeSet};

use super::draws::{Resampling, one_stratum};
use super::interval::{Interval, acceleration, bca_interval, percentile_interval};
use super::sample::{check_arm, check_same_items};
use super::{BootstrapPlan, ResampledUnit, SeedItems};
use crate::StatisticsError;
use crate::error::require_count;

/// Fewest defined draws, as a share of all, for which there is an interval.
const DEFINED_SHARE: f64 = 0.9;

/// Arms that read the same items under the same seeds.
#[derive(Debug, Clone, PartialEq)]
pub struct TestSetArms {
    /// One entry for each arm, in the order in which the statistic expects them.
    pub arms: Vec<Vec<SeedItems>>,
}

/// Sums over everything drawn, for one arm on one test set.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    /// Characters wrong, or edits.
    pub errors: f64,
    /// Characters.
    pub chars: f64,
    /// Items without an error.
    pub exact: f64,
    /// Items.
    pub items: f64,
}

impl Rate {
    /// Character error rate.
    pub fn error_rate(&self) -> f64 {
        self.errors / self.chars
    }

    /// Share of items without an error.
    pub fn exact_rate(&self) -> f64 {
        self.exact / self.items
    }

    /// `ln((errors + ½) / (chars − errors + ½))`; more errors than characters count as all of them.
    pub fn error_logit(&self) -> f64 {
        logit(self.errors.min(self.chars), self.chars)
    }

    /// `ln((exact + ½) / (items − exact + ½))`.
    pub fn exact_logit(&self) -> f64 {
        logit(self.exact, self.items)
    }
}

/// Log odds with half a count added to both sides (J. B. S. Haldane, 1956), finite at 0 and 1.
fn logit(count: f64, total: f64) -> f64 {
    ((count + 0.5) / (total - count + 0.5)).ln()
}

/// A statistic with its intervals.
#[derive(Debug, Clone, PartialEq)]
pub struct StatisticEstimate {
    /// Over all seeds and items.
    pub value: f64,
    /// The statistic of each seed alone, over all its items; NaN where it is undefined.
    pub by_seed: Vec<f64>,
    /// Quantiles of the draws; `None` if more than a tenth of them were undefined.
    pub percentile: Option<Interval>,
    /// Bias-corrected and accelerated interval, acceleration by leaving out each seed and unit.
    pub bca: Option<Interval>,
    /// Draws in which the statistic was undefined (not finite).
    pub undefined_draws: usize,
    /// Number of seeds.
    pub seeds: usize,
    /// Items or clusters of the smallest test set.
    pub units: usize,
}

/// Bootstraps `statistic`, a function of the rates by test set and arm.
///
/// A statistic that is undefined for some draw gives NaN there.
///
/// # Errors
/// If there is no test set or arm, arms differ in seeds or items, there are too few seeds, units or
/// draws, or the statistic is undefined over all seeds and items.
pub fn bootstrap_statistic(
    sets: &[TestSetArms],
    plan: &BootstrapPlan,
    statistic: impl Fn(&[Vec<Rate>]) -> f64,
) -> Result<StatisticEstimate, StatisticsError> {
    require_count("test sets of a statistic", 1, sets.len())?;
    plan.check()?;
    let tables: Vec<SetTable> = sets
        .iter()
        .map(|set| SetTable::new(set, plan.unit))
        .collect::<Result<_, _>>()?;
    let seeds = numbers(&sets[0]);
    if let Some(other) = sets.iter().map(numbers).find(|other| *other != seeds) {
        return Err(StatisticsError::SeedsDiffer {
            left: seeds,
            right: other,
        });
    }
    let n = seeds.len();
    let rates = |seed_weights: &[f64], unit_weights: &[Vec<f64>]| -> f64 {
        let sets = tables.iter().zip(unit_weights);
        let rates: Vec<Vec<Rate>> = sets
            .map(|(table, weights)| table.rates(seed_weights, weights))
            .collect();
        statistic(&rates)
    };
    let resampling = Resampling {
        stream: "bootstrap-statistic",
        seed: plan.seed,
        draws: plan.draws,
        seeds: n,
        sets: tables
            .iter()
            .map(|table| one_stratum(table.units))
            .collect(),
    };
    let mut all = resampling.everything();
    let value = rates(&all.seeds, &all.units);
    if !value.is_finite() {
        return Err(StatisticsError::NotFinite {
            what: "statistic over all seeds and items",
            index: 0,
            value,
        });
    }
    let by_seed = (0..n)
        .map(|seed| rates(&resampling.only_seed(seed).seeds, &all.units))
        .collect();

    let mut draws = resampling.map(|weights| rates(&weights.seeds, &weights.units));
    draws.retain(|value| value.is_finite());
    draws.sort_unstable_by(f64::total_cmp);
    let defined = draws.len() as f64 >= DEFINED_SHARE * plan.draws as f64;

    // Influence of every level: what the statistic loses without it, up to a constant per sample.
    let mut influences = Vec::new();
    let mut collect = |values: Vec<f64>| {
        let finite: Vec<f64> = values.into_iter().filter(|v| v.is_finite()).collect();
        let mean = finite.iter().sum::<f64>() / finite.len().max(1) as f64;
        influences.extend(finite.iter().map(|v| mean - v));
    };
    if defined && n > 1 {
        let mut without = Vec::with_capacity(n);
        for seed in 0..n {
            all.seeds[seed] = 0.0;
            without.push(rates(&all.seeds, &all.units));
            all.seeds[seed] = 1.0;
        }
        collect(without);
    }
    if defined {
        let whole: Vec<Vec<Rate>> = tables
            .iter()
            .zip(&all.units)
            .map(|(table, weights)| table.rates(&all.seeds, weights))
            .collect();
        for (set, table) in tables.iter().enumerate() {
            let without = |unit| {
                let mut rates = whole.clone();
                rates[set] = table.without_unit(&whole[set], unit);
                statistic(&rates)
            };
            collect((0..table.units).map(without).collect());
        }
    }
    let acceleration = acceleration(&influences);
    Ok(StatisticEstimate {
        value,
        by_seed,
        percentile: defined.then(|| percentile_interval(&draws, plan.level)),
        bca: defined.then(|| bca_interval(&draws, value, acceleration, plan.level)),
        undefined_draws: plan.draws - draws.len(),
        seeds: n,
        units: tables.iter().map(|table| table.units).min().unwrap_or(0),
    })
}

fn numbers(set: &TestSetArms) -> Vec<u64> {
    let first = set.arms.first().into_iter().flatten();
    first.map(|seed| seed.seed).collect()
}

/// Sums of one test set by unit.
struct SetTable {
    units: usize,
    /// Characters and items of each unit.
    chars: Vec<f64>,
    items: Vec<f64>,
    /// By arm and seed: errors and exact items of each unit.
    outcomes: Vec<Vec<UnitSums>>,
}

struct UnitSums {
    errors: Vec<f64>,
    exact: Vec<f64>,
}

impl SetTable {
    fn new(set: &TestSetArms, unit: ResampledUnit) -> Result<Self, StatisticsError> {
        require_count("arms of a test set", 1, set.arms.len())?;
        let seeds = numbers(set);
        for arm in &set.arms {
            check_arm(arm)?;
            let found: Vec<u64> = arm.iter().map(|seed| seed.seed).collect();
            if found != seeds {
                return Err(StatisticsError::SeedsDiffer {
                    left: seeds,
                    right: found,
                });
            }
            check_same_items(&arm[0], &set.arms[0][0], || {
                "those of another arm".to_owned()
            })?;
        }
        let items = &set.arms[0][0].items;
        let clusters: BTreeSet<u32> = items.iter().map(|item| item.cluster).collect();
        let index: BTreeMap<u32, usize> = clusters.into_iter().zip(0..).collect();
        let unit_of: Vec<usize> = match unit {
            ResampledUnit::Item => (0..items.len()).collect(),
            ResampledUnit::Cluster => items.iter().map(|item| index[&item.cluster]).collect(),
        };
        let units = match unit {
            ResampledUnit::Item => items.len(),
            ResampledUnit::Cluster => index.len(),
        };
        require_count("items or clusters of a test set to resample", 2, units)?;
        let mut table = Self {
            units,
            chars: vec![0.0; units],
            items: vec![0.0; units],
            outcomes: Vec::new(),
        };
        for (item, &unit) in items.iter().zip(&unit_of) {
            table.chars[unit] += f64::from(item.chars);
            table.items[unit] += 1.0;
        }
        for arm in &set.arms {
            let sums = arm.iter().map(|seed| {
                let mut sums = UnitSums {
                    errors: vec![0.0; units],
                    exact: vec![0.0; units],
                };
                for (item, &unit) in seed.items.iter().zip(&unit_of) {
                    sums.errors[unit] += f64::from(item.edits);
                    sums.exact[unit] += f64::from(u8::from(item.edits == 0));
                }
                sums
            });
            table.outcomes.push(sums.collect());
        }
        Ok(table)
    }

    /// Rates over all seeds and all units but one, from those over all units.
    fn without_unit(&self, whole: &[Rate], unit: usize) -> Vec<Rate> {
        let arms = whole.iter().zip(&self.outcomes);
        arms.map(|(rate, seeds)| {
            let sum = |values: fn(&UnitSums) -> &Vec<f64>| -> f64 {
                seeds.iter().map(|sums| values(sums)[unit]).sum()
            };
            Rate {
                errors: rate.errors - sum(|sums| &sums.errors),
                chars: rate.chars - seeds.len() as f64 * self.chars[unit],
                exact: rate.exact - sum(|sums| &sums.exact),
                items: rate.items - seeds.len() as f64 * self.items[unit],
            }
        })
        .collect()
    }

    fn rates(&self, seed_weights: &[f64], unit_weights: &[f64]) -> Vec<Rate> {
        let seeds: f64 = seed_weights.iter().sum();
        let weighted = |values: &[f64]| -> f64 {
            let pairs = values.iter().zip(unit_weights);
            pairs.map(|(value, weight)| value * weight).sum()
        };
        let (chars, items) = (seeds * weighted(&self.chars), seeds * weighted(&self.items));
        self.outcomes
            .iter()
            .map(|arm| {
                let (mut errors, mut exact) = (0.0, 0.0);
                for (sums, weight) in arm.iter().zip(seed_weights).filter(|(_, w)| **w > 0.0) {
                    errors += weight * weighted(&sums.errors);
                    exact += weight * weighted(&sums.exact);
                }
                Rate {
                    errors,
                    chars,
                    exact,
                    items,
                }
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::{ItemOutcome, Measure, bootstrap_difference};
    use super::*;
    use crate::random_stream::stream;
    use rand::RngExt;

    const PLAN: BootstrapPlan = BootstrapPlan {
        unit: ResampledUnit::Cluster,
        draws: 4000,
        level: 0.95,
        seed: 3,
    };

    /// 120 items in 12 clusters; about `tenths` of ten items have an error.
    fn arm(seeds: u64, salt: u64, tenths: u64) -> Vec<SeedItems> {
        (0..seeds)
            .map(|seed| {
                let mut rng = stream(salt, "arm", seed);
                let items = (0..120).map(|item| ItemOutcome {
                    cluster: item / 10,
                    edits: u32::from(rng.random_range(0..10) < tenths) * rng.random_range(1..=4),
                    chars: 4,
                });
                SeedItems {
                    seed,
                    items: items.collect(),
                }
            })
            .collect()
    }

    fn set(arms: Vec<Vec<SeedItems>>) -> TestSetArms {
        TestSetArms { arms }
    }

    fn difference(rates: &[Vec<Rate>]) -> f64 {
        rates[0][0].error_rate() - rates[0][1].error_rate()
    }

    #[test]
    fn a_difference_agrees_with_its_own_bootstrap() {
        let (left, right) = (arm(6, 1, 6), arm(6, 2, 3));
        let direct =
            bootstrap_difference(&left, &right, Measure::CharacterErrorRate, &PLAN).unwrap();
        let general = bootstrap_statistic(&[set(vec![left, right])], &PLAN, difference).unwrap();
        assert!((general.value - direct.value).abs() < 1e-12);
        let width = direct.bca.high - direct.bca.low;
        for (g, d) in [
            (general.percentile.unwrap(), direct.percentile),
            (general.bca.unwrap(), direct.bca),
        ] {
            assert!((g.low - d.low).abs() < 0.06 * width, "{g:?} {d:?}");
            assert!((g.high - d.high).abs() < 0.06 * width, "{g:?} {d:?}");
        }
        assert_eq!((general.seeds, general.units), (6, 12));
        let mean = general.by_seed.iter().sum::<f64>() / 6.0;
        assert!((mean - general.value).abs() < 1e-12);
    }

    #[test]
    fn seeds_are_shared_between_test_sets() {
        // Both sets hold the same outcomes and all items of a seed are alike: only a common draw of
        // seeds makes their difference vanish.
        let constant: Vec<SeedItems> = (0..5)
            .map(|seed| SeedItems {
                seed,
                items: vec![
                    ItemOutcome {
                        cluster: 0,
                        edits: seed as u32,
                        chars: 5
                    };
                    4
                ],
            })
            .collect();
        let plan = BootstrapPlan {
            unit: ResampledUnit::Item,
            ..PLAN
        };
        let sets = [set(vec![constant.clone()]), set(vec![constant])];
        let across = |rates: &[Vec<Rate>]| rates[0][0].error_rate() - rates[1][0].error_rate();
        let found = bootstrap_statistic(&sets, &plan, across).unwrap();
        let interval = found.percentile.unwrap();
        assert_eq!((interval.low, interval.high), (0.0, 0.0));
        let one = |rates: &[Vec<Rate>]| rates[0][0].error_rate();
        let interval = bootstrap_statistic(&sets, &plan, one)
            .unwrap()
            .percentile
            .unwrap();
        assert!(interval.high - interval.low > 0.2);
    }

    #[test]
    fn logits_stay_finite_at_the_ends() {
        let rate = |errors, exact| Rate {
            errors,
            chars: 10.0,
            exact,
            items: 3.0,
        };
        assert!((rate(0.0, 0.0).error_logit() - (0.5_f64 / 10.5).ln()).abs() < 1e-12);
        assert!((rate(25.0, 3.0).error_logit() - (10.5_f64 / 0.5).ln()).abs() < 1e-12);
        assert_eq!(rate(5.0, 1.5).error_logit(), 0.0);
        assert_eq!(rate(5.0, 1.5).exact_logit(), 0.0);
    }

    #[test]
    fn undefined_draws_are_counted_and_too_many_leave_no_interval() {
        let sets = [set(vec![arm(4, 1, 5), arm(4, 2, 5)])];
        let often = |rates: &[Vec<Rate>]| {
            let d = difference(rates);
            if (d - difference_of(&sets)).abs() < 1e-12 {
                d
            } else {
                f64::NAN
            }
        };
        let found = bootstrap_statistic(&sets, &PLAN, often).unwrap();
        assert!(found.undefined_draws > 3000 && found.bca.is_none());
        assert!(bootstrap_statistic(&sets, &PLAN, |_| f64::NAN).is_err());
    }

    fn difference_of(sets: &[TestSetArms]) -> f64 {
        bootstrap_statistic(sets, &BootstrapPlan { draws: 2, ..PLAN }, difference)
            .unwrap()
            .value
    }

    #[test]
    fn sets_that_do_not_pair_are_refused() {
        let refused = |sets: &[TestSetArms]| bootstrap_statistic(sets, &PLAN, difference).is_err();
        assert!(refused(&[]));
        assert!(refused(&[set(vec![])]));
        assert!(refused(&[set(vec![arm(4, 1, 5), arm(3, 1, 5)])]));
        assert!(refused(&[set(vec![arm(4, 1, 5)]), set(vec![arm(3, 1, 5)])]));
        let mut shorter = arm(4, 1, 5);
        shorter.iter_mut().for_each(|seed| seed.items.truncate(100));
        assert!(refused(&[set(vec![arm(4, 1, 5), shorter])]));
    }
}
