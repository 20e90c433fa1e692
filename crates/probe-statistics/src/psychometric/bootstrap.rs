//! Intervals for thresholds, and for the ratio of the thresholds of two arms.

use std::collections::{BTreeMap, BTreeSet};

use rand::RngExt;
use rand_chacha::ChaCha8Rng;
use rand_distr::{Binomial, Distribution};

use super::fit::{
    LevelCounts, PsychometricFit, PsychometricFunction, PsychometricModel, fit_psychometric, refit,
};
use crate::StatisticsError;
use crate::bootstrap::{Interval, ResampledUnit};
use crate::error::require_count;
use crate::random_stream::stream;

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
    /// What is drawn below the seeds: images of each level, or clusters over all levels.
    pub unit: ResampledUnit,
    /// Number of draws.
    pub draws: usize,
    /// Coverage of the interval, such as 0.95.
    pub level: f64,
    /// Seed of the draws.
    pub seed: u64,
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

/// Threshold of an arm over all its seeds, with seeds and images resampled.
///
/// # Errors
/// If the arm has no seeds or seeds with different images, a level is not above 0, fewer than two
/// levels were tested, or the plan is out of range.
pub fn threshold_estimate(
    arm: &[SeedTrials],
    plan: &ThresholdPlan,
) -> Result<ThresholdEstimate, StatisticsError> {
    let sample = Sample::new(arm, plan)?;
    let fit = fit_psychometric(&sample.all(), plan.model)?;
    let draws = (0..plan.draws).map(|draw| {
        let mut rng = stream(plan.seed, "threshold", draw as u64);
        let weights = sample.draw_weights(&mut rng);
        let function = refit(&sample.weighted(&weights), plan.model, &fit.function);
        function.threshold(plan.proportion)
    });
    Ok(estimate(&sample.levels, &fit, draws, plan))
}

/// Threshold of a fitted function with its answers simulated anew from it: an interval about
/// independent answers of these very seeds, by the parametric bootstrap.
///
/// `points` hold levels, not their logarithms. The unit of the plan is not used.
///
/// # Errors
/// As [`threshold_estimate`].
pub fn parametric_threshold(
    points: &[LevelCounts],
    plan: &ThresholdPlan,
) -> Result<ThresholdEstimate, StatisticsError> {
    check_plan(plan)?;
    let logs: Vec<LevelCounts> = points
        .iter()
        .map(|point| LevelCounts {
            level: point.level.ln(),
            ..*point
        })
        .collect();
    let fit = fit_psychometric(&logs, plan.model)?;
    let draws = (0..plan.draws).map(|draw| {
        let mut rng = stream(plan.seed, "parametric-threshold", draw as u64);
        let simulated: Vec<LevelCounts> = logs
            .iter()
            .map(|point| {
                let rate = fit.function.proportion_correct(point.level);
                LevelCounts {
                    correct: Binomial::new(point.trials, rate.clamp(0.0, 1.0))
                        .map_or(0, |binomial| binomial.sample(&mut rng)),
                    ..*point
                }
            })
            .collect();
        refit(&simulated, plan.model, &fit.function).threshold(plan.proportion)
    });
    let levels: Vec<f64> = logs.iter().map(|point| point.level).collect();
    Ok(estimate(&levels, &fit, draws, plan))
}

/// Ratio of two thresholds; every draw takes the same seeds and images for both arms.
///
/// # Errors
/// As [`threshold_estimate`], if the arms differ in seeds or images, or one has no threshold.
pub fn threshold_ratio(
    left: &[SeedTrials],
    right: &[SeedTrials],
    plan: &ThresholdPlan,
) -> Result<ThresholdRatio, StatisticsError> {
    let seeds = |arm: &[SeedTrials]| arm.iter().map(|seed| seed.seed).collect::<Vec<_>>();
    if seeds(left) != seeds(right) {
        return Err(StatisticsError::SeedsDiffer {
            left: seeds(left),
            right: seeds(right),
        });
    }
    let samples = [Sample::new(left, plan)?, Sample::new(right, plan)?];
    check_same_images(&right[0], &left[0], "those of the other arm")?;
    let mut functions = Vec::new();
    for sample in &samples {
        functions.push(fit_psychometric(&sample.all(), plan.model)?.function);
    }
    let log_ratio = |functions: &[PsychometricFunction]| -> Option<f64> {
        let [left, right] = functions else {
            return None;
        };
        Some(left.threshold(plan.proportion)? - right.threshold(plan.proportion)?)
    };
    let Some(log) = log_ratio(&functions) else {
        return Err(StatisticsError::NoThreshold {
            proportion: plan.proportion,
        });
    };
    let refit_both = |counts: [Vec<LevelCounts>; 2]| -> Vec<PsychometricFunction> {
        let pairs = counts.iter().zip(&functions);
        pairs
            .map(|(counts, from)| refit(counts, plan.model, from))
            .collect()
    };
    let seed_log_ratios = (0..left.len())
        .map(|seed| {
            let counts = [&samples[0], &samples[1]].map(|sample| sample.of_seed(seed));
            log_ratio(&refit_both(counts))
        })
        .collect();
    let draws: Vec<Option<f64>> = (0..plan.draws)
        .map(|draw| {
            let mut rng = stream(plan.seed, "threshold", draw as u64);
            let weights = samples[0].draw_weights(&mut rng);
            let counts = [&samples[0], &samples[1]].map(|sample| sample.weighted(&weights));
            log_ratio(&refit_both(counts))
        })
        .collect();
    let (interval, undefined_draws) = interval_of_logs(draws.into_iter(), plan);
    let tested = |function: &PsychometricFunction| {
        let threshold = function.threshold(plan.proportion);
        threshold.is_some_and(|log| within(&samples[0].levels, log))
    };
    Ok(ThresholdRatio {
        ratio: log.exp(),
        interval,
        seed_log_ratios,
        undefined_draws,
        extrapolated: !functions.iter().all(tested),
    })
}

fn estimate(
    levels: &[f64],
    fit: &PsychometricFit,
    draws: impl Iterator<Item = Option<f64>>,
    plan: &ThresholdPlan,
) -> ThresholdEstimate {
    let log = fit.function.threshold(plan.proportion);
    let (interval, undefined_draws) = interval_of_logs(draws, plan);
    ThresholdEstimate {
        threshold: log.map(f64::exp),
        interval: log.and(interval),
        extrapolated: !log.is_some_and(|log| within(levels, log)),
        fit: *fit,
        undefined_draws,
    }
}

fn within(levels: &[f64], log: f64) -> bool {
    levels.iter().any(|&level| level <= log) && levels.iter().any(|&level| level >= log)
}

fn interval_of_logs(
    draws: impl Iterator<Item = Option<f64>>,
    plan: &ThresholdPlan,
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
    require_count("threshold draws", 2, plan.draws)?;
    for (what, value) in [
        ("interval level", plan.level),
        ("share of right answers at the threshold", plan.proportion),
    ] {
        if !(value > 0.0 && value < 1.0) {
            return Err(StatisticsError::OutOfRange {
                what,
                value,
                expected: "between 0 and 1",
            });
        }
    }
    Ok(())
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
    units: usize,
}

/// How often each seed and each unit comes up in a draw.
struct Weights {
    seeds: Vec<u64>,
    units: Vec<u64>,
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
        let (units, strata) = match plan.unit {
            ResampledUnit::Cluster => {
                require_count("clusters to resample", 2, cluster_index.len())?;
                (
                    cluster_index.len(),
                    vec![(0..cluster_index.len()).collect()],
                )
            }
            ResampledUnit::Item => {
                let mut strata = vec![Vec::new(); levels.len()];
                for (index, trial) in images.iter().enumerate() {
                    strata[level_of(trial)].push(index);
                }
                (images.len(), strata)
            }
        };
        let mut cell_index: BTreeMap<(usize, usize), usize> = BTreeMap::new();
        let cell_of: Vec<usize> = images
            .iter()
            .enumerate()
            .map(|(index, trial)| {
                let unit = match plan.unit {
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
            units,
        })
    }

    fn draw_weights(&self, rng: &mut ChaCha8Rng) -> Weights {
        let mut seeds = vec![0; self.correct.len()];
        for _ in 0..seeds.len() {
            seeds[rng.random_range(0..self.correct.len())] += 1;
        }
        let mut units = vec![0; self.units];
        for stratum in &self.strata {
            for _ in 0..stratum.len() {
                units[stratum[rng.random_range(0..stratum.len())]] += 1;
            }
        }
        Weights { seeds, units }
    }

    fn all(&self) -> Vec<LevelCounts> {
        self.weighted(&Weights {
            seeds: vec![1; self.correct.len()],
            units: vec![1; self.units],
        })
    }

    fn of_seed(&self, seed: usize) -> Vec<LevelCounts> {
        let mut seeds = vec![0; self.correct.len()];
        seeds[seed] = 1;
        self.weighted(&Weights {
            seeds,
            units: vec![1; self.units],
        })
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
        let seeds: u64 = weights.seeds.iter().sum();
        for (cell, &(level, unit)) in self.cells.iter().enumerate() {
            let weight = weights.units[unit];
            if weight == 0 {
                continue;
            }
            let by_seed = weights.seeds.iter().zip(&self.correct);
            let correct: u64 = by_seed.map(|(w, correct)| w * correct[cell]).sum();
            counts[level].correct += weight * correct;
            counts[level].trials += weight * seeds * self.trials[cell];
        }
        counts
    }
}
