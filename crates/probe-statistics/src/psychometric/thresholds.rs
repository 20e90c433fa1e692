//! Intervals for thresholds, and for the ratio of the thresholds of two arms.

use std::collections::{BTreeMap, BTreeSet};

use super::fit::{LevelCounts, PsychometricFit, PsychometricModel, fit_psychometric, refit};
use crate::StatisticsError;
use crate::bootstrap::draws::{Resampling, Weights, one_stratum};
use crate::bootstrap::{BootstrapPlan, Interval, ResampledUnit};
use crate::error::require_count;

/// One answer to one test image.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trial {
    /// Gap, offset or the like, above 0; its logarithm is fitted.
    pub level: f64,
    /// Group the image belongs to; used by [`ResampledUnit::Cluster`].
    pub cluster: u32,
    /// Whether the answer was right.
    pub correct: bool,
}

/// All answers of one training seed, in the order shared by all seeds and arms.
#[derive(Debug, Clone, PartialEq)]
pub struct SeedTrials {
    /// The training seed.
    pub seed: u64,
    /// One answer for each test image.
    pub trials: Vec<Trial>,
}

/// Everything that defines a threshold and its interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdPlan {
    /// Guess and lapse rates.
    pub model: PsychometricModel,
    /// Share of right answers at the threshold, such as 0.75.
    pub proportion: f64,
    /// The draws; below the seeds images of each level are drawn, or clusters over all levels.
    pub bootstrap: BootstrapPlan,
}

/// A threshold in the unit of the levels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ThresholdEstimate {
    /// The threshold; `None` if the function never reaches the proportion.
    pub threshold: Option<f64>,
    /// Percentile interval; `None` if a tenth of the draws or more had no threshold.
    pub interval: Option<Interval>,
    /// Whether the threshold lies outside the levels tested.
    pub extrapolated: bool,
    /// The fit, over logarithms of the levels.
    pub fit: PsychometricFit,
    /// Draws without a threshold.
    pub undefined_draws: usize,
}

/// Threshold of the left arm over that of the right.
#[derive(Debug, Clone, PartialEq)]
pub struct ThresholdRatio {
    /// The ratio over all seeds; above 1 the left arm needs larger levels.
    pub ratio: f64,
    /// Percentile interval of paired draws; `None` if a tenth of them or more had no ratio.
    pub interval: Option<Interval>,
    /// Log of the ratio of each seed, for tests over seeds; `None` where a seed has none.
    pub seed_log_ratios: Vec<Option<f64>>,
    /// Draws without a ratio.
    pub undefined_draws: usize,
    /// Whether the threshold of an arm, left or right, lies outside the levels tested.
    pub extrapolated: bool,
}

/// The threshold of an arm over all its seeds, of each seed, and of every draw of seeds and images.
///
/// Functions are fitted anew in every draw, which takes most of the time: thresholds and all ratios
/// of an arm come from the same fits.
#[derive(Debug, Clone)]
pub struct ThresholdDraws {
    plan: ThresholdPlan,
    fit: PsychometricFit,
    /// Logarithms of the levels tested, ascending.
    levels: Vec<f64>,
    /// Logarithms of thresholds; none where a function never reaches the proportion.
    log: Option<f64>,
    by_seed: Vec<Option<f64>>,
    draws: Vec<Option<f64>>,
    /// What other arms have to share: the seeds, and the images of the first of them.
    seeds: Vec<u64>,
    images: SeedTrials,
}

impl ThresholdDraws {
    /// Fits an arm.
    ///
    /// # Errors
    /// If the arm has no seeds or seeds with different images, a level is not above 0, fewer than two
    /// levels were tested, or the plan is out of range.
    pub fn of(arm: &[SeedTrials], plan: &ThresholdPlan) -> Result<Self, StatisticsError> {
        let sample = Sample::new(arm, plan)?;
        let resampling = sample.resampling(plan);
        let all = sample.weighted(&resampling.everything());
        let fit = fit_psychometric(&all, plan.model)?;
        let log = |weights: &Weights| {
            let function = refit(&sample.weighted(weights), plan.model, &fit.function);
            function.threshold(plan.proportion)
        };
        Ok(Self {
            plan: *plan,
            log: fit.function.threshold(plan.proportion),
            by_seed: (0..arm.len())
                .map(|seed| log(&resampling.only_seed(seed)))
                .collect(),
            draws: resampling.map(log),
            seeds: arm.iter().map(|seed| seed.seed).collect(),
            images: arm[0].clone(),
            levels: sample.levels,
            fit,
        })
    }

    /// The threshold with its interval.
    pub fn estimate(&self) -> ThresholdEstimate {
        let (interval, undefined_draws) =
            interval_of_logs(self.draws.iter().copied(), &self.plan.bootstrap);
        ThresholdEstimate {
            threshold: self.log.map(f64::exp),
            interval: self.log.and(interval),
            extrapolated: self.extrapolated(),
            fit: self.fit,
            undefined_draws,
        }
    }

    /// Ratio of the threshold to that of another arm; every draw takes the same seeds and images for
    /// both.
    ///
    /// # Errors
    /// If the arms differ in their seeds, images or plans, or one has no threshold.
    pub fn ratio(&self, reference: &Self) -> Result<ThresholdRatio, StatisticsError> {
        if self.seeds != reference.seeds || self.plan != reference.plan {
            return Err(StatisticsError::SeedsDiffer {
                left: self.seeds.clone(),
                right: reference.seeds.clone(),
            });
        }
        check_same_images(&reference.images, &self.images, "those of the other arm")?;
        let difference = |left: Option<f64>, right: Option<f64>| Some(left? - right?);
        let Some(log) = difference(self.log, reference.log) else {
            return Err(StatisticsError::NoThreshold {
                proportion: self.plan.proportion,
            });
        };
        let pairs = |left: &[Option<f64>], right: &[Option<f64>]| -> Vec<Option<f64>> {
            let pairs = left.iter().zip(right);
            pairs.map(|(l, r)| difference(*l, *r)).collect()
        };
        let draws = pairs(&self.draws, &reference.draws);
        let (interval, undefined_draws) = interval_of_logs(draws.into_iter(), &self.plan.bootstrap);
        Ok(ThresholdRatio {
            ratio: log.exp(),
            interval,
            seed_log_ratios: pairs(&self.by_seed, &reference.by_seed),
            undefined_draws,
            extrapolated: self.extrapolated() || reference.extrapolated(),
        })
    }

    /// Whether the threshold lies outside the levels tested, or there is none.
    fn extrapolated(&self) -> bool {
        let tested = |log: f64| {
            self.levels.iter().any(|&level| level <= log)
                && self.levels.iter().any(|&level| level >= log)
        };
        !self.log.is_some_and(tested)
    }
}

fn interval_of_logs(
    draws: impl Iterator<Item = Option<f64>>,
    plan: &BootstrapPlan,
) -> (Option<Interval>, usize) {
    let mut found: Vec<f64> = draws.flatten().collect();
    let undefined = plan.draws - found.len();
    if found.is_empty() || undefined * 10 >= plan.draws {
        return (None, undefined);
    }
    found.sort_by(f64::total_cmp);
    let logs = Interval::percentile(&found, plan.level);
    let interval = Interval {
        low: logs.low.exp(),
        high: logs.high.exp(),
    };
    (Some(interval), undefined)
}

fn check_plan(plan: &ThresholdPlan) -> Result<(), StatisticsError> {
    plan.bootstrap.check()?;
    if plan.proportion > 0.0 && plan.proportion < 1.0 {
        return Ok(());
    }
    Err(StatisticsError::OutOfRange {
        what: "share of right answers at the threshold",
        value: plan.proportion,
        expected: "between 0 and 1",
    })
}

fn check_same_images(
    seed: &SeedTrials,
    other: &SeedTrials,
    name: &str,
) -> Result<(), StatisticsError> {
    let image = |trial: &Trial| (trial.level, trial.cluster);
    let differing = (0..seed.trials.len().max(other.trials.len()))
        .find(|&index| seed.trials.get(index).map(image) != other.trials.get(index).map(image));
    match differing {
        Some(item) => Err(StatisticsError::ItemsDiffer {
            seed: seed.seed,
            other: name.to_owned(),
            item,
        }),
        None => Ok(()),
    }
}

/// Answers summed over the cells that are drawn together: one level of one unit.
struct Sample {
    /// Logarithms of the distinct levels, ascending.
    levels: Vec<f64>,
    /// Level and unit of each cell.
    cells: Vec<(usize, usize)>,
    /// Images in each cell.
    trials: Vec<u64>,
    /// Right answers in each cell, by seed.
    correct: Vec<Vec<u64>>,
    /// Units drawn in place of each other: those of one level, or all clusters.
    strata: Vec<Vec<usize>>,
}

impl Sample {
    fn new(arm: &[SeedTrials], plan: &ThresholdPlan) -> Result<Self, StatisticsError> {
        check_plan(plan)?;
        require_count("seeds of an arm", 1, arm.len())?;
        let images = &arm[0].trials;
        if let Some(trial) = images
            .iter()
            .find(|t| !(t.level.is_finite() && t.level > 0.0))
        {
            return Err(StatisticsError::OutOfRange {
                what: "level of a trial",
                value: trial.level,
                expected: "finite and above 0, because its logarithm is fitted",
            });
        }
        for seed in &arm[1..] {
            check_same_images(seed, &arm[0], &format!("those of seed {}", arm[0].seed))?;
        }
        let mut levels: Vec<f64> = images.iter().map(|trial| trial.level).collect();
        levels.sort_by(f64::total_cmp);
        levels.dedup();
        let level_of = |trial: &Trial| levels.partition_point(|level| *level < trial.level);
        let clusters: BTreeSet<u32> = images.iter().map(|trial| trial.cluster).collect();
        let cluster_index: BTreeMap<u32, usize> = clusters.into_iter().zip(0..).collect();
        let strata = match plan.bootstrap.unit {
            ResampledUnit::Cluster => {
                require_count("clusters to resample", 2, cluster_index.len())?;
                one_stratum(cluster_index.len())
            }
            ResampledUnit::Item => {
                let mut strata = vec![Vec::new(); levels.len()];
                for (index, trial) in images.iter().enumerate() {
                    strata[level_of(trial)].push(index);
                }
                strata
            }
        };
        let mut cell_index: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let cell_of: Vec<usize> = images
            .iter()
            .enumerate()
            .map(|(index, trial)| {
                let unit = match plan.bootstrap.unit {
                    ResampledUnit::Cluster => cluster_index[&trial.cluster],
                    ResampledUnit::Item => index,
                };
                let next = cell_index.len();
                *cell_index.entry((level_of(trial), unit)).or_insert(next)
            })
            .collect();
        let mut cells = vec![(0, 0); cell_index.len()];
        for (&key, &cell) in &cell_index {
            cells[cell] = key;
        }
        let mut trials = vec![0; cells.len()];
        for &cell in &cell_of {
            trials[cell] += 1;
        }
        let correct = arm
            .iter()
            .map(|seed| {
                let mut counts = vec![0; cells.len()];
                for (trial, &cell) in seed.trials.iter().zip(&cell_of) {
                    counts[cell] += u64::from(trial.correct);
                }
                counts
            })
            .collect();
        Ok(Self {
            levels: levels.iter().map(|level| level.ln()).collect(),
            cells,
            trials,
            correct,
            strata,
        })
    }

    fn resampling(&self, plan: &ThresholdPlan) -> Resampling {
        Resampling {
            stream: "threshold",
            seed: plan.bootstrap.seed,
            draws: plan.bootstrap.draws,
            seeds: self.correct.len(),
            sets: vec![self.strata.clone()],
        }
    }

    fn weighted(&self, weights: &Weights) -> Vec<LevelCounts> {
        let mut counts: Vec<LevelCounts> = self
            .levels
            .iter()
            .map(|&level| LevelCounts {
                level,
                correct: 0,
                trials: 0,
            })
            .collect();
        // Weights are whole numbers.
        let seeds: Vec<u64> = weights.seeds.iter().map(|&weight| weight as u64).collect();
        let drawn: u64 = seeds.iter().sum();
        for (cell, &(level, unit)) in self.cells.iter().enumerate() {
            let weight = weights.units[0][unit] as u64;
            if weight == 0 {
                continue;
            }
            let by_seed = seeds.iter().zip(&self.correct);
            let correct: u64 = by_seed.map(|(w, correct)| w * correct[cell]).sum();
            counts[level].correct += weight * correct;
            counts[level].trials += weight * drawn * self.trials[cell];
        }
        counts
    }
}
