//! Discriminability d′ of signal detection theory: accuracy without the effect of bias.
//!
//! # Source
//! N. A. Macmillan, C. D. Creelman, "Detection Theory: A User's Guide", 2nd edition; M. J. Hautus,
//! "Corrections for extreme proportions and their biasing effects on estimated values of d′", 1995;
//! D. M. Green, J. A. Swets, "Signal Detection Theory and Psychophysics", 1966, for several
//! alternatives.

use statrs::distribution::{Continuous, ContinuousCDF, Normal};

use crate::StatisticsError;
use crate::error::require_count;

/// How often something was answered, of how many trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answers {
    /// Trials with that answer.
    pub count: u64,
    /// All trials.
    pub trials: u64,
}

impl Answers {
    /// `(count + ½) / (trials + 1)`: never 0 or 1, so that its normal quantile is finite.
    fn corrected_rate(self) -> Result<f64, StatisticsError> {
        if self.trials == 0 || self.count > self.trials {
            return Err(StatisticsError::OutOfRange {
                what: "answers of a detection task",
                value: self.count as f64,
                expected: "at most the trials, of which there must be some",
            });
        }
        Ok((self.count as f64 + 0.5) / (self.trials as f64 + 1.0))
    }
}

/// d′ of a yes/no (or same/different) task, `z(hit rate) − z(false alarm rate)`: from "yes" answers to
/// signal trials (hits) and to others (false alarms). 0 at chance.
///
/// Rates get the log-linear correction of [`Answers`].
///
/// # Errors
/// If there are no trials of one kind, or more answers than trials.
pub fn yes_no_d_prime(hits: Answers, false_alarms: Answers) -> Result<f64, StatisticsError> {
    let normal = Normal::standard();
    let hit = normal.inverse_cdf(hits.corrected_rate()?);
    Ok(hit - normal.inverse_cdf(false_alarms.corrected_rate()?))
}

/// d′ from right answers in a choice among `alternatives`, by a reader without bias whose evidence for
/// the right one is shifted by d′: `P(correct) = ∫ φ(x − d′) Φ(x)^(m − 1) dx`. 0 at chance; for two
/// alternatives `√2 z(P(correct))`. It also stands for naming one of `alternatives`
/// classes.
///
/// # Errors
/// If there are no trials, more right answers than trials, or fewer than two alternatives.
pub fn many_alternative_d_prime(
    correct: Answers,
    alternatives: usize,
) -> Result<f64, StatisticsError> {
    require_count("alternatives of a choice", 2, alternatives)?;
    let wanted = correct.corrected_rate()?;
    let (mut low, mut high) = (-LARGEST_D_PRIME, LARGEST_D_PRIME);
    while high - low > 1e-10 {
        let middle = f64::midpoint(low, high);
        if right_answers(middle, alternatives) < wanted {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(f64::midpoint(low, high))
}

/// Largest |d′| that is looked for.
const LARGEST_D_PRIME: f64 = 16.0;
/// Half-width and step of the integral, in standard deviations.
const REACH: f64 = 9.0;
const STEP: f64 = 0.02;

/// Share of right answers at d′. The trapezoid rule converges faster than any power of the step
/// for such bells.
fn right_answers(d_prime: f64, alternatives: usize) -> f64 {
    let normal = Normal::standard();
    let steps = (2.0 * REACH / STEP) as usize;
    let others = (alternatives - 1) as f64;
    let density = |place: usize| {
        let from_peak = place as f64 * STEP - REACH;
        normal.pdf(from_peak) * normal.cdf(from_peak + d_prime).powf(others)
    };
    STEP * (0..=steps).map(density).sum::<f64>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answers(count: u64, trials: u64) -> Answers {
        Answers { count, trials }
    }

    #[test]
    fn sensitivity_agrees_with_scipy() {
        // SciPy 1.17.1: norm.ppf(20.5 / 26) - norm.ppf(10.5 / 26); norm.ppf(25.5 / 26) - norm.ppf(0.5 / 26)
        let found = yes_no_d_prime(answers(20, 25), answers(10, 25)).unwrap();
        assert!((found - 1.044_498_707_092_581).abs() < 1e-9);
        let perfect = yes_no_d_prime(answers(25, 25), answers(0, 25)).unwrap();
        assert!((perfect - 4.139_803_661_790_102).abs() < 1e-9);
    }

    #[test]
    fn many_trials_approach_the_textbook_values() {
        // Macmillan and Creelman: H = 0.8, F = 0.3; norm.ppf(.8) - norm.ppf(.3).
        let n = 100_000_000;
        let found = yes_no_d_prime(answers(n / 10 * 8, n), answers(n / 10 * 3, n)).unwrap();
        assert!((found - 1.366_021_746_280_955_2).abs() < 1e-6);
    }

    #[test]
    fn many_alternatives_agree_with_scipy() {
        // SciPy 1.17.1: brentq over quad of norm.pdf(x - d) * norm.cdf(x)**(m - 1), at the
        // corrected rates.
        let n = 100_000_000;
        for (alternatives, tenths, expected, tolerance) in [
            (2, 7.5, 0.953_872_552_408_940, 1e-6),
            (4, 7.5, 1.682_195_195_203_343, 1e-6),
            (8, 7.5, 2.140_731_109_086_396, 1e-6),
            (8, 5.0, 1.341_837_923_185_869, 1e-6),
            (26, 9.0, 3.407_028_453_735_594, 1e-6),
            (4, 1.0, -0.746_778_451_082_048, 1e-6),
        ] {
            let correct = answers((n as f64 * tenths / 10.0) as u64, n);
            let found = many_alternative_d_prime(correct, alternatives).unwrap();
            assert!(
                (found - expected).abs() < tolerance,
                "{alternatives}: {found}"
            );
        }
        let few = many_alternative_d_prime(answers(20, 25), 4).unwrap();
        assert!((few - 1.841_954_918_334_001).abs() < 1e-6, "{few}");
        assert!(many_alternative_d_prime(answers(1, 2), 1).is_err());
    }

    #[test]
    fn chance_has_no_sensitivity() {
        assert_eq!(
            yes_no_d_prime(answers(10, 20), answers(10, 20)).unwrap(),
            0.0
        );
        let choice = many_alternative_d_prime(answers(50, 100), 2).unwrap();
        assert!(choice.abs() < 1e-9, "{choice}");
    }

    #[test]
    fn impossible_counts_are_refused() {
        assert!(yes_no_d_prime(answers(0, 0), answers(1, 2)).is_err());
        assert!(many_alternative_d_prime(answers(3, 2), 2).is_err());
    }
}
