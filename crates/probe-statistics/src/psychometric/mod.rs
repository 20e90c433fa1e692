//! Psychometric functions: how large a gap must be to be seen.
//!
//! `P(correct) = γ + (1 − γ − λ) σ((x − α) / s)`, where the guess rate `γ` is known from the task
//! (one over the number of answers), the lapse rate `λ` is fitted up to a limit, and `x` is the
//! level or its logarithm. A threshold is the level at which a given share of the answers is right;
//! unlike accuracy it has no ceiling and can be compared between arms as a ratio.
//!
//! # Source
//! F. A. Wichmann, N. J. Hill, "The psychometric function: I. Fitting, sampling, and goodness of
//! fit" and "II. Bootstrap-based confidence intervals and sampling", 2001.

mod fit;
pub(crate) mod simplex;
mod thresholds;

pub use fit::{
    LevelCounts, PsychometricFit, PsychometricFunction, PsychometricModel, fit_psychometric,
};
pub use thresholds::{
    SeedTrials, ThresholdDraws, ThresholdEstimate, ThresholdPlan, ThresholdRatio, Trial,
};

#[cfg(test)]
mod tests;
