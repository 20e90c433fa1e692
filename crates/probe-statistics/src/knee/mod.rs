//! Is there a knee: a density of characters from which reading fails faster than before?
//!
//! Error counts against characters per token are fitted by maximum likelihood with a plain logistic
//! line, `error = c σ(a + b x)`, and with a broken stick, `c σ(a + b x + Δ max(x − ψ, 0))`, where `c` is
//! the error of a blind reader (1 for an ordinary logistic regression). The break-point `ψ` is
//! searched between the second and the last but one density.
//!
//! Under the line `ψ` does not exist, so the likelihood ratio does not follow `χ²`; its p-value comes
//! from counts simulated under the fitted line. Seeds may scatter more than independent characters
//! would: the ratio is divided by that dispersion. The interval of `ψ` resamples seeds, so it is
//! about new seeds, not new images.
//!
//! Above the knee the error of a full code bends back towards chance. A bend of that kind is real
//! but is no knee: pass [`Bend::Upward`], and cut a curve that saturates with [`rising_part`].
//!
//! A logistic line is no fair null for a curve that saturates on purpose; [`saturating_test`] takes one
//! that rises from a floor to the error of a blind reader.
//!
//! # Source
//! V. M. R. Muggeo, "Estimating regression models with unknown break-points", 2003; R. B. Davies,
//! "Hypothesis testing when a nuisance parameter is present only under the alternative", 1987.

mod fit;
mod saturating;

use rand_distr::{Binomial, Distribution};

use crate::StatisticsError;
use crate::bootstrap::draws::{Resampling, Weights};
use crate::error::require_count;
use crate::random_stream::stream;
use crate::sign_flip::MonteCarlo;

pub use saturating::{
    BrokenRise, SaturatingTest, SmoothRise, saturating_breakpoint_draws, saturating_test,
};

/// Fewest densities that determine a broken stick.
pub const FEWEST_DENSITIES: usize = 4;

/// Errors at one density.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DensityCounts {
    /// Characters per token, or whatever the curve runs over.
    pub density: f64,
    /// Characters read wrongly; more than `total` count as `total`.
    pub errors: u64,
    /// Characters.
    pub total: u64,
}

/// Direction in which the slope changes at the break-point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bend {
    /// The error rises faster beyond it: a knee.
    Upward,
    /// The error rises more slowly beyond it: saturation.
    Downward,
    /// Whichever fits better.
    Either,
}

/// How a curve is fitted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeModel {
    /// Error rate of a blind reader, `1 − 1/A`; 1 for an ordinary logistic regression.
    pub ceiling: f64,
    /// Bends that are looked for.
    pub bend: Bend,
}

/// Plain logistic line, on the logit scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Line {
    /// Value at density 0.
    pub intercept: f64,
    /// Rise per unit of density.
    pub slope: f64,
    /// Twice the log-likelihood lost to a rate of its own for every density.
    pub deviance: f64,
}

/// Line with a break, on the logit scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokenStick {
    /// Density at which the slope changes.
    pub breakpoint: f64,
    /// Value at density 0.
    pub intercept: f64,
    /// Rise per unit of density below the break-point.
    pub slope_before: f64,
    /// Rise per unit of density above it.
    pub slope_after: f64,
    /// As for [`Line`].
    pub deviance: f64,
}

/// Broken stick against line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct KneeTest {
    /// The plain fit.
    pub line: Line,
    /// The fit with a break; `None` if no break of the wanted kind fits better.
    pub stick: Option<BrokenStick>,
    /// Loss of deviance, at least 0.
    pub likelihood_ratio: f64,
    /// Variance between seeds over that of independent characters, at least 1; 1 for one seed.
    pub dispersion: f64,
    /// p-value of the ratio over the dispersion, from curves simulated under the line.
    pub p: f64,
}

/// Tests for a break in the curves of one arm, one for each seed, all over the same densities.
///
/// # Errors
/// If there is no curve, a curve has fewer than four densities, they do not ascend or differ
/// between seeds, one has no characters, the ceiling is not in (0, 1], or there are no draws.
pub fn knee_test(
    curves: &[Vec<DensityCounts>],
    model: KneeModel,
    monte_carlo: MonteCarlo,
) -> Result<KneeTest, StatisticsError> {
    check(curves, model)?;
    require_count("knee test draws", 1, monte_carlo.draws)?;
    let pooled = pool_all(curves);
    let (line, stick) = fit_both(&pooled, model);
    let gain = |line: &Line, stick: Option<&BrokenStick>| {
        stick.map_or(0.0, |stick| (line.deviance - stick.deviance).max(0.0))
    };
    let likelihood_ratio = gain(&line, stick.as_ref());
    let dispersion = dispersion(curves, &pooled);
    let observed = likelihood_ratio / dispersion;
    let mut extreme = 0;
    for draw in 0..monte_carlo.draws {
        let mut rng = stream(monte_carlo.seed, "knee", draw as u64);
        let simulated: Vec<DensityCounts> = pooled
            .iter()
            .map(|point| {
                let error = fit::line_error(&line, model.ceiling, point.density);
                DensityCounts {
                    errors: Binomial::new(point.total, error.clamp(0.0, 1.0))
                        .map_or(0, |binomial| binomial.sample(&mut rng)),
                    ..*point
                }
            })
            .collect();
        let (line, stick) = fit_both(&simulated, model);
        extreme += usize::from(gain(&line, stick.as_ref()) >= observed);
    }
    Ok(KneeTest {
        line,
        stick,
        likelihood_ratio,
        dispersion,
        p: (1 + extreme) as f64 / (1 + monte_carlo.draws) as f64,
    })
}

/// Break-points after resampling seeds; `None` for a draw without a break of the wanted kind.
///
/// Draw `i` takes the same seeds for every arm with the same number of curves, so that draws of
/// two arms form pairs, for example for the ratio of their break-points.
///
/// # Errors
/// As [`knee_test`], and with fewer than two curves.
pub fn breakpoint_draws(
    curves: &[Vec<DensityCounts>],
    model: KneeModel,
    bootstrap: MonteCarlo,
) -> Result<Vec<Option<f64>>, StatisticsError> {
    check(curves, model)?;
    require_count("curves to resample", 2, curves.len())?;
    let resampling = Resampling {
        stream: "break-point",
        seed: bootstrap.seed,
        draws: bootstrap.draws,
        seeds: curves.len(),
        sets: Vec::new(),
    };
    Ok(resampling.map(|weights| {
        let (_, stick) = fit_both(&pool(curves, weights), model);
        stick.map(|stick| stick.breakpoint)
    }))
}

/// Number of leading densities up to and with the first whose pooled error exceeds `share` of the
/// ceiling, but no fewer than [`FEWEST_DENSITIES`] where there are as many.
///
/// # Errors
/// As [`knee_test`].
pub fn rising_part(
    curves: &[Vec<DensityCounts>],
    model: KneeModel,
    share: f64,
) -> Result<usize, StatisticsError> {
    check(curves, model)?;
    let pooled = pool_all(curves);
    // With all of it nothing is cut, although a reader can be wrong more often than a blind one.
    let is_beyond =
        |p: &DensityCounts| share < 1.0 && p.errors as f64 > share * model.ceiling * p.total as f64;
    let saturated = pooled.iter().position(is_beyond);
    Ok(saturated
        .map_or(pooled.len(), |index| index + 1)
        .max(FEWEST_DENSITIES))
}

fn fit_both(points: &[DensityCounts], model: KneeModel) -> (Line, Option<BrokenStick>) {
    let line = fit::line(points, model.ceiling);
    let stick = fit::broken_stick(points, model.ceiling, model.bend, &line);
    (line, stick)
}

fn check(curves: &[Vec<DensityCounts>], model: KneeModel) -> Result<(), StatisticsError> {
    require_count("curves of errors by density", 1, curves.len())?;
    if !(model.ceiling > 0.0 && model.ceiling <= 1.0) {
        return Err(StatisticsError::OutOfRange {
            what: "error rate of a blind reader",
            value: model.ceiling,
            expected: "above 0 and at most 1",
        });
    }
    let densities =
        |curve: &[DensityCounts]| -> Vec<f64> { curve.iter().map(|point| point.density).collect() };
    let first = densities(&curves[0]);
    require_count("densities of a curve", FEWEST_DENSITIES, first.len())?;
    crate::error::require_finite("densities of a curve", &first)?;
    let unordered = first.windows(2).find(|pair| pair[0] >= pair[1]);
    let differing = curves.iter().find(|curve| densities(curve) != first);
    if let Some(value) = unordered
        .map(|pair| pair[1])
        .or_else(|| differing.map(|curve| curve.first().map_or(f64::NAN, |point| point.density)))
    {
        return Err(StatisticsError::OutOfRange {
            what: "density of a curve",
            value,
            expected: "ascending and the same for all seeds",
        });
    }
    let empty = curves.iter().flatten().find(|point| point.total == 0);
    empty.map_or(Ok(()), |point| {
        Err(StatisticsError::OutOfRange {
            what: "density without any characters",
            value: point.density,
            expected: "left out, or evaluated on some",
        })
    })
}

/// Counts of all curves together.
fn pool_all(curves: &[Vec<DensityCounts>]) -> Vec<DensityCounts> {
    let once = Weights {
        seeds: vec![1.0; curves.len()],
        units: Vec::new(),
    };
    pool(curves, &once)
}

/// Counts of curves together, each as often as it was drawn.
fn pool(curves: &[Vec<DensityCounts>], weights: &Weights) -> Vec<DensityCounts> {
    let mut pooled = curves[0].clone();
    for (index, point) in pooled.iter_mut().enumerate() {
        let counts = || {
            let drawn = curves.iter().zip(&weights.seeds);
            drawn.map(|(curve, weight)| (curve[index], *weight as u64))
        };
        point.errors = counts().map(|(p, w)| w * p.errors.min(p.total)).sum();
        point.total = counts().map(|(p, w)| w * p.total).sum();
    }
    pooled
}

/// Pearson's `χ²` of the seeds about the common rate at each density, over its degrees of freedom.
fn dispersion(curves: &[Vec<DensityCounts>], pooled: &[DensityCounts]) -> f64 {
    if curves.len() < 2 {
        return 1.0;
    }
    let (mut squares, mut degrees) = (0.0, 0);
    for (index, pool) in pooled.iter().enumerate() {
        let rate = pool.errors as f64 / pool.total as f64;
        if rate <= 0.0 || rate >= 1.0 {
            continue;
        }
        for point in curves.iter().map(|curve| curve[index]) {
            let n = point.total as f64;
            let distance = point.errors.min(point.total) as f64 - n * rate;
            squares += distance * distance / (n * rate * (1.0 - rate));
        }
        degrees += curves.len() - 1;
    }
    if degrees == 0 {
        return 1.0;
    }
    (squares / degrees as f64).max(1.0)
}

#[cfg(test)]
mod tests;
