//! The function and its maximum-likelihood fit.

use super::simplex::minimize;
use crate::StatisticsError;
use crate::error::require_count;

/// Answers at one level.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct LevelCounts {
    /// Gap, offset, contrast or their logarithm; more is easier.
    pub level: f64,
    /// Right answers.
    pub correct: u64,
    /// All answers.
    pub trials: u64,
}

/// What is known about a task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsychometricModel {
    /// Share of right answers at chance: one over the number of answers, in [0, 1).
    pub guess: f64,
    /// Largest lapse rate allowed, such as 0.05; 0 fits none.
    pub largest_lapse: f64,
}

/// `P(x) = γ + (1 − γ − λ) σ((x − α) / s)`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsychometricFunction {
    /// `γ`, the share of right guesses.
    pub guess: f64,
    /// `λ`, the share of easy trials that are wrong.
    pub lapse: f64,
    /// `α`, the level half-way between guessing and lapsing.
    pub midpoint: f64,
    /// `s`, above 0: the smaller, the steeper.
    pub scale: f64,
}

impl PsychometricFunction {
    /// Share of right answers at `level`.
    pub fn proportion_correct(&self, level: f64) -> f64 {
        let seen = 1.0 / (1.0 + (-(level - self.midpoint) / self.scale).exp());
        self.guess + (1.0 - self.guess - self.lapse) * seen
    }

    /// Level at which the share `proportion` of answers is right; `None` outside (γ, 1 − λ).
    pub fn threshold(&self, proportion: f64) -> Option<f64> {
        let (above, below) = (proportion - self.guess, 1.0 - self.lapse - proportion);
        (above > 0.0 && below > 0.0).then(|| self.midpoint + self.scale * (above / below).ln())
    }
}

/// A fitted function.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PsychometricFit {
    /// The function.
    pub function: PsychometricFunction,
    /// Log-likelihood in nats, without the binomial coefficients.
    pub log_likelihood: f64,
    /// Twice what is lost to a rate of its own for every level: about the number of levels minus
    /// that of parameters if the function fits.
    pub deviance: f64,
    /// Levels with answers, less the parameters that were fitted; none left over is 0.
    pub degrees_of_freedom: usize,
}

/// Fits the function to answers by maximum likelihood.
///
/// # Errors
/// If fewer than two distinct levels have answers, a level is not finite, there are more right
/// answers than answers, or the model's rates are out of range.
pub fn fit_psychometric(
    points: &[LevelCounts],
    model: PsychometricModel,
) -> Result<PsychometricFit, StatisticsError> {
    let levels = check(points, model)?;
    let search = Search::new(points, model);
    let start = search.coarse();
    let first = search.refine(start, [1.0, 0.5, 0.3], 1e-12);
    // A second simplex around the end of the first frees it from a corner it may have folded into.
    let best = search.refine(first, [0.2, 0.2, 0.1], 1e-13);
    let function = search.function(&best);
    let likelihood = -search.loss(&best);
    let saturated: f64 = points
        .iter()
        .map(|point| {
            let rate = point.correct as f64 / point.trials.max(1) as f64;
            log_likelihood(point, rate)
        })
        .sum();
    Ok(PsychometricFit {
        function,
        log_likelihood: likelihood,
        deviance: 2.0 * (saturated - likelihood),
        degrees_of_freedom: levels.saturating_sub(2 + usize::from(model.largest_lapse > 0.0)),
    })
}

/// As [`fit_psychometric`] from the neighbourhood of `from`, less exactly and faster: for draws.
pub(super) fn refit(
    points: &[LevelCounts],
    model: PsychometricModel,
    from: &PsychometricFunction,
) -> PsychometricFunction {
    let search = Search::new(points, model);
    let start = search.parameters(from);
    search.function(&search.refine(start, [0.5, 0.3, 0.2], 1e-7))
}

/// Number of levels with answers.
fn check(points: &[LevelCounts], model: PsychometricModel) -> Result<usize, StatisticsError> {
    for (what, value) in [
        ("guess rate", model.guess),
        ("largest lapse rate", model.largest_lapse),
    ] {
        if !(0.0..1.0).contains(&value) {
            return Err(StatisticsError::OutOfRange {
                what,
                value,
                expected: "at least 0 and below 1",
            });
        }
    }
    if model.guess + model.largest_lapse >= 1.0 {
        return Err(StatisticsError::OutOfRange {
            what: "sum of guess rate and largest lapse rate",
            value: model.guess + model.largest_lapse,
            expected: "below 1",
        });
    }
    for point in points {
        if !point.level.is_finite() {
            return Err(StatisticsError::OutOfRange {
                what: "level of a psychometric function",
                value: point.level,
                expected: "finite; a level of 0 has no logarithm",
            });
        }
        if point.correct > point.trials {
            return Err(StatisticsError::OutOfRange {
                what: "right answers at a level",
                value: point.correct as f64,
                expected: "at most the answers",
            });
        }
    }
    let mut levels: Vec<f64> = points
        .iter()
        .filter(|point| point.trials > 0)
        .map(|point| point.level)
        .collect();
    levels.sort_by(f64::total_cmp);
    levels.dedup();
    require_count("levels with answers", 2, levels.len())?;
    Ok(levels.len())
}

/// The likelihood over parameters without bounds: midpoint in units of the range of the levels,
/// logarithm of the scale in the same unit, and `t` with `λ = λ_max sin² t`.
struct Search<'a> {
    points: &'a [LevelCounts],
    model: PsychometricModel,
    low: f64,
    range: f64,
}

impl<'a> Search<'a> {
    fn new(points: &'a [LevelCounts], model: PsychometricModel) -> Self {
        let levels = || points.iter().map(|point| point.level);
        let low = levels().fold(f64::INFINITY, f64::min);
        let high = levels().fold(f64::NEG_INFINITY, f64::max);
        Self {
            points,
            model,
            low,
            range: if high > low { high - low } else { 1.0 },
        }
    }

    fn function(&self, p: &[f64; 3]) -> PsychometricFunction {
        // A step between two levels fits as well however steep; a flat line however flat.
        let log_scale = p[1].clamp(-7.0, 4.0);
        PsychometricFunction {
            guess: self.model.guess,
            lapse: self.model.largest_lapse * p[2].sin().powi(2),
            midpoint: self.low + self.range * p[0].clamp(-20.0, 20.0),
            scale: self.range * log_scale.exp(),
        }
    }

    fn parameters(&self, function: &PsychometricFunction) -> [f64; 3] {
        let lapse = if self.model.largest_lapse > 0.0 {
            (function.lapse / self.model.largest_lapse).clamp(0.0, 1.0)
        } else {
            0.0
        };
        [
            (function.midpoint - self.low) / self.range,
            (function.scale / self.range).ln(),
            lapse.sqrt().asin(),
        ]
    }

    fn loss(&self, p: &[f64; 3]) -> f64 {
        let function = self.function(p);
        let points = self.points.iter();
        -points
            .map(|point| log_likelihood(point, function.proportion_correct(point.level)))
            .sum::<f64>()
    }

    /// The best of a coarse grid.
    fn coarse(&self) -> [f64; 3] {
        let mut best = ([0.5, -2.0, 0.5], f64::INFINITY);
        for midpoint in -2..=14 {
            for log_scale in [-4.0, -3.0, -2.0, -1.0, 0.0] {
                for lapse in [0.2, 0.8, 1.4] {
                    let p = [f64::from(midpoint) / 12.0, log_scale, lapse];
                    let loss = self.loss(&p);
                    if loss < best.1 {
                        best = (p, loss);
                    }
                }
            }
        }
        best.0
    }

    fn refine(&self, start: [f64; 3], steps: [f64; 3], tolerance: f64) -> [f64; 3] {
        if self.model.largest_lapse > 0.0 {
            return minimize(start, steps, tolerance, |p| self.loss(p));
        }
        let loss = |p: &[f64; 2]| self.loss(&[p[0], p[1], 0.0]);
        let [midpoint, log_scale] =
            minimize([start[0], start[1]], [steps[0], steps[1]], tolerance, loss);
        [midpoint, log_scale, 0.0]
    }
}

fn log_likelihood(point: &LevelCounts, rate: f64) -> f64 {
    let rate = rate.clamp(1e-12, 1.0 - 1e-12);
    let (right, wrong) = (point.correct as f64, (point.trials - point.correct) as f64);
    right * rate.ln() + wrong * (-rate).ln_1p()
}
