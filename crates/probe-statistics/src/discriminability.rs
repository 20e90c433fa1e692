//! Discriminability d′ of signal detection theory: accuracy without the effect of bias.
//!
//! # Source
//! N. A. Macmillan, C. D. Creelman, "Detection Theory: A User's Guide", 2nd edition; M. J. Hautus,
//! "Corrections for extreme proportions and their biasing effects on estimated values of d′", 1995.

use statrs::distribution::{ContinuousCDF, Normal};

use crate::StatisticsError;

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

/// Sensitivity and bias in a yes/no (or same/different) task.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct YesNo {
    /// `z(hit rate) − z(false alarm rate)`; 0 at chance.
    pub d_prime: f64,
    /// `−(z(hit rate) + z(false alarm rate)) / 2`; above 0 for a reader that prefers "no".
    pub criterion: f64,
}

/// d′ and criterion from "yes" answers to signal trials (hits) and to others (false alarms).
///
/// Rates get the log-linear correction of [`Answers`].
///
/// # Errors
/// If there are no trials of one kind, or more answers than trials.
pub fn yes_no(hits: Answers, false_alarms: Answers) -> Result<YesNo, StatisticsError> {
    let normal = Normal::standard();
    let hit = normal.inverse_cdf(hits.corrected_rate()?);
    let false_alarm = normal.inverse_cdf(false_alarms.corrected_rate()?);
    Ok(YesNo {
        d_prime: hit - false_alarm,
        criterion: -0.5 * (hit + false_alarm),
    })
}

/// d′ from right answers in a two-alternative forced choice: `√2 z(proportion correct)`.
///
/// # Errors
/// If there are no trials, or more right answers than trials.
pub fn two_alternative_d_prime(correct: Answers) -> Result<f64, StatisticsError> {
    let rate = correct.corrected_rate()?;
    Ok(std::f64::consts::SQRT_2 * Normal::standard().inverse_cdf(rate))
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
        let found = yes_no(answers(20, 25), answers(10, 25)).unwrap();
        assert!((found.d_prime - 1.044_498_707_092_581).abs() < 1e-9);
        assert!(found.criterion < 0.0);
        let perfect = yes_no(answers(25, 25), answers(0, 25)).unwrap();
        assert!((perfect.d_prime - 4.139_803_661_790_102).abs() < 1e-9);
        assert!(perfect.criterion.abs() < 1e-9);
    }

    #[test]
    fn many_trials_approach_the_textbook_values() {
        // Macmillan and Creelman: H = 0.8, F = 0.3; norm.ppf(.8) - norm.ppf(.3) and the criterion;
        // 2AFC at 75 %: sqrt(2) * norm.ppf(.75) = 0.9539.
        let n = 100_000_000;
        let found = yes_no(answers(n / 10 * 8, n), answers(n / 10 * 3, n)).unwrap();
        assert!((found.d_prime - 1.366_021_746_280_955_2).abs() < 1e-6);
        assert!((found.criterion + 0.158_610_360_432_436_7).abs() < 1e-6);
        let choice = two_alternative_d_prime(answers(n / 4 * 3, n)).unwrap();
        assert!((choice - 0.953_872_552_408_939_8).abs() < 1e-6);
    }

    #[test]
    fn chance_has_no_sensitivity() {
        let blind = yes_no(answers(10, 20), answers(10, 20)).unwrap();
        assert_eq!((blind.d_prime, blind.criterion.abs() < 1e-12), (0.0, true));
        assert!(two_alternative_d_prime(answers(50, 100)).unwrap().abs() < 1e-12);
    }

    #[test]
    fn impossible_counts_are_refused() {
        assert!(yes_no(answers(0, 0), answers(1, 2)).is_err());
        assert!(two_alternative_d_prime(answers(3, 2)).is_err());
    }
}
