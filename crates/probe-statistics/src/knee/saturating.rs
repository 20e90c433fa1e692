//! A knee against curves that saturate: is there a density up to which nothing is lost?
//!
//! A code of `B` bits per token loses nothing until the text of a token exceeds `B` bits, and beyond
//! that an ever larger share of it: of random characters a share of `1 − d*/d`, if `d*` fill the code.
//! A reader that fails smoothly has errors that rise from a floor to those of a blind reader without
//! such a place. Both are Hill curves, of three parameters each,
//!
//! ```text
//! smooth   error = f + (c − f) u / (1 + u),   u = (d / h)^k
//! broken   error = f                          up to d*,
//!          error = f + (c − f) u / (1 + u),   u = (d − d*) / h   beyond
//! ```
//!
//! with the floor `f`, the error `c` of a blind reader, and `h` where half of the way is gone. With
//! `h = d*` the broken curve is the one of the code. It rises at once and only ever more slowly, so
//! it cannot imitate the slow start of a smooth curve; and the smooth one, however steep, bends
//! gradually.
//!
//! The statistic is the loss of deviance from the smooth curve to the broken one. Neither is a case of
//! the other, so its p-value comes from counts simulated under the fitted smooth curve (D. R. Cox,
//! "Tests of separate families of hypotheses", 1961). With thousands of characters any form is wrong
//! somewhere: the statistic is divided by the misfit of the broken curve, its deviance over its degrees
//! of freedom, where that is above 1, and a break that fits badly itself is no evidence. Seeds that
//! scatter more than characters would are allowed for as in [`super::knee_test`].
//!
//! # Source
//! A. V. Hill, "The possible effects of the aggregation of the molecules of hæmoglobin on its
//! dissociation curves", 1910, for the form.

use rand_distr::{Binomial, Distribution};

use super::fit::deviance;
use super::{Bend, DensityCounts, KneeModel, check, dispersion, pool, pool_all};
use crate::StatisticsError;
use crate::bootstrap::draws::Resampling;
use crate::error::require_count;
use crate::psychometric::simplex::minimize;
use crate::random_stream::stream;
use crate::sign_flip::MonteCarlo;

/// Parameters of either curve.
const PARAMETERS: usize = 3;
/// Break-points tried before the best one is refined.
const GRID: usize = 24;
/// Halvings of the step of that search.
const REFINEMENTS: usize = 12;
/// Exponents that the smooth fit starts from.
const STARTS: [f64; 3] = [1.0, 3.0, 8.0];
const TOLERANCE: f64 = 1e-7;

/// A curve without a break.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SmoothRise {
    /// Error rate at density 0.
    pub floor: f64,
    /// Density at which half of the way to the blind reader is gone.
    pub half: f64,
    /// Exponent of the density.
    pub shape: f64,
    /// Twice the log-likelihood lost to a rate of its own for every density.
    pub deviance: f64,
}

/// A curve that stays on its floor up to a break.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BrokenRise {
    /// Density from which the error rises.
    pub breakpoint: f64,
    /// Error rate up to it.
    pub floor: f64,
    /// Density beyond the break at which half of the way to the blind reader is gone.
    pub half: f64,
    /// As for [`SmoothRise`].
    pub deviance: f64,
}

/// Broken curve against smooth curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SaturatingTest {
    /// The smooth fit.
    pub smooth: SmoothRise,
    /// The broken fit; `None` if it fits no better.
    pub broken: Option<BrokenRise>,
    /// Loss of deviance, at least 0.
    pub likelihood_ratio: f64,
    /// What it is divided by, at least 1.
    pub dispersion: f64,
    /// p-value, from curves simulated under the smooth fit.
    pub p: f64,
}

/// Tests for a break in the curves of one arm, one for each seed, all over the same densities.
///
/// # Errors
/// As [`super::knee_test`], and if a density is not above 0.
pub fn saturating_test(
    curves: &[Vec<DensityCounts>],
    ceiling: f64,
    monte_carlo: MonteCarlo,
) -> Result<SaturatingTest, StatisticsError> {
    check_curves(curves, ceiling)?;
    require_count("knee test draws", 1, monte_carlo.draws)?;
    let pooled = pool_all(curves);
    let (smooth, broken) = (smooth(&pooled, ceiling), broken(&pooled, ceiling));
    let scatter = dispersion(curves, &pooled).max(misfit(&pooled, &broken));
    let gain = |smooth: &SmoothRise, broken: &BrokenRise| smooth.deviance - broken.deviance;
    let observed = gain(&smooth, &broken) / scatter;
    let mut extreme = 0;
    for draw in 0..monte_carlo.draws {
        let mut rng = stream(monte_carlo.seed, "saturating-knee", draw as u64);
        let simulated: Vec<DensityCounts> = pooled
            .iter()
            .map(|point| {
                let error = smooth.error(ceiling, point.density).clamp(0.0, 1.0);
                DensityCounts {
                    errors: Binomial::new(point.total, error)
                        .map_or(0, |binomial| binomial.sample(&mut rng)),
                    ..*point
                }
            })
            .collect();
        let alternative = self::broken(&simulated, ceiling);
        let scatter = misfit(&simulated, &alternative).max(1.0);
        let gained = gain(&self::smooth(&simulated, ceiling), &alternative) / scatter;
        // A break that fits no better is no evidence, by however much it fits worse.
        extreme += usize::from(gained.max(0.0) >= observed.max(0.0));
    }
    let likelihood_ratio = gain(&smooth, &broken).max(0.0);
    Ok(SaturatingTest {
        smooth,
        broken: (likelihood_ratio > 0.0).then_some(broken),
        likelihood_ratio,
        dispersion: scatter,
        p: (1 + extreme) as f64 / (1 + monte_carlo.draws) as f64,
    })
}

/// Break-points of the broken curve after resampling seeds, paired by draw as those of
/// [`super::breakpoint_draws`].
///
/// # Errors
/// As [`saturating_test`], and with fewer than two curves.
pub fn saturating_breakpoint_draws(
    curves: &[Vec<DensityCounts>],
    ceiling: f64,
    bootstrap: MonteCarlo,
) -> Result<Vec<Option<f64>>, StatisticsError> {
    check_curves(curves, ceiling)?;
    require_count("curves to resample", 2, curves.len())?;
    let resampling = Resampling {
        stream: "saturating-break-point",
        seed: bootstrap.seed,
        draws: bootstrap.draws,
        seeds: curves.len(),
        sets: Vec::new(),
    };
    Ok(resampling.map(|weights| Some(broken(&pool(curves, weights), ceiling).breakpoint)))
}

fn check_curves(curves: &[Vec<DensityCounts>], ceiling: f64) -> Result<(), StatisticsError> {
    let model = KneeModel {
        ceiling,
        bend: Bend::Upward,
    };
    check(curves, model)?;
    let first = curves[0][0].density;
    if first > 0.0 {
        return Ok(());
    }
    Err(StatisticsError::OutOfRange {
        what: "density of a curve",
        value: first,
        expected: "above 0",
    })
}

/// Deviance of the broken curve over its degrees of freedom.
fn misfit(points: &[DensityCounts], broken: &BrokenRise) -> f64 {
    broken.deviance / (points.len() - PARAMETERS) as f64
}

impl SmoothRise {
    fn error(&self, ceiling: f64, density: f64) -> f64 {
        hill(self.floor, ceiling, (density / self.half).powf(self.shape))
    }
}

fn hill(floor: f64, ceiling: f64, u: f64) -> f64 {
    // Written so that an infinite u gives the ceiling.
    ceiling - (ceiling - floor) / (1.0 + u)
}

fn total_deviance(points: &[DensityCounts], error: impl Fn(f64) -> f64) -> f64 {
    let each = points.iter();
    each.map(|point| deviance(point, error(point.density)))
        .sum()
}

/// Share of the ceiling, from a number on the whole line; down to 1e-9.
fn share(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit.clamp(-20.0, 20.0)).exp())
}

/// The logit of the error of some points as a share of the ceiling.
fn start_of(points: &[DensityCounts], ceiling: f64) -> f64 {
    let errors: u64 = points
        .iter()
        .map(|point| point.errors.min(point.total))
        .sum();
    let total: u64 = points.iter().map(|point| point.total).sum();
    let rate = (errors as f64 + 0.5) / (total as f64 + 1.0) / ceiling;
    let rate = rate.clamp(1e-6, 0.999);
    (rate / (1.0 - rate)).ln()
}

/// The first density at which half of the ceiling is reached, or the last one.
fn half_way(points: &[DensityCounts], ceiling: f64) -> f64 {
    let reached = |point: &&DensityCounts| point.errors as f64 > 0.5 * ceiling * point.total as f64;
    let found = points.iter().find(reached).or(points.last());
    found.map_or(1.0, |point| point.density)
}

fn smooth(points: &[DensityCounts], ceiling: f64) -> SmoothRise {
    let curve = |p: &[f64; 3]| SmoothRise {
        floor: ceiling * share(p[0]),
        half: p[1].clamp(-30.0, 30.0).exp(),
        shape: p[2].clamp(-3.0, 4.0).exp(),
        deviance: 0.0,
    };
    let loss = |p: &[f64; 3]| {
        let curve = curve(p);
        total_deviance(points, |density| curve.error(ceiling, density))
    };
    let first = [
        start_of(&points[..1], ceiling),
        half_way(points, ceiling).ln(),
    ];
    let ends = STARTS.map(|shape| {
        let start = [first[0], first[1], shape.ln()];
        let end = minimize(start, [0.5, 0.3, 0.3], TOLERANCE, loss);
        // A second simplex around the end of the first frees it from a corner it may have folded into.
        let end = minimize(end, [0.2, 0.1, 0.1], TOLERANCE, loss);
        (loss(&end), end)
    });
    let best = ends.iter().fold(ends[0], |best, end| match end.0 < best.0 {
        true => *end,
        false => best,
    });
    SmoothRise {
        deviance: best.0,
        ..curve(&best.1)
    }
}

fn broken(points: &[DensityCounts], ceiling: f64) -> BrokenRise {
    let at = |breakpoint: f64| {
        let curve = |p: &[f64; 2]| BrokenRise {
            breakpoint,
            floor: ceiling * share(p[0]),
            half: p[1].clamp(-30.0, 30.0).exp(),
            deviance: 0.0,
        };
        let loss = |p: &[f64; 2]| {
            let curve = curve(p);
            total_deviance(points, |density| {
                let beyond = (density - breakpoint).max(0.0);
                hill(curve.floor, ceiling, beyond / curve.half)
            })
        };
        let below = points.iter().filter(|p| p.density <= breakpoint).count();
        let half = (half_way(points, ceiling) - breakpoint).max(0.1 * breakpoint);
        let start = [start_of(&points[..below.max(1)], ceiling), half.ln()];
        let end = minimize(start, [0.5, 0.3], TOLERANCE, loss);
        BrokenRise {
            deviance: loss(&end),
            ..curve(&end)
        }
    };
    // The first density alone can be the floor; two beyond the break tell the rise.
    let (low, high) = (points[0].density, points[points.len() - 2].density);
    let mut step = (high - low) / GRID as f64;
    let better = |best: BrokenRise, other: BrokenRise| match other.deviance < best.deviance {
        true => other,
        false => best,
    };
    let mut best = (1..=GRID)
        .map(|i| at(low + step * i as f64))
        .fold(at(low), better);
    for _ in 0..REFINEMENTS {
        step *= 0.5;
        for place in [best.breakpoint - step, best.breakpoint + step] {
            if (low..=high).contains(&place) {
                best = better(best, at(place));
            }
        }
    }
    best
}

#[cfg(test)]
mod tests;
