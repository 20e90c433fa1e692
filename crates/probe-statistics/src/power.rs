//! How many seeds and items a claim needs.
//!
//! Two limits come first: `n` seeds cannot give a sign-flip p below `2/2^n`, and paired words carry
//! information only where the arms differ.
//!
//! # Source
//! R. G. Miettinen, "The matched pairs design in the case of all-or-none responses", 1968 (paired
//! proportions, unconditional variance).

use rand::RngExt;
use rand_distr::{Distribution, StandardNormal};
use statrs::distribution::{ContinuousCDF, Normal};

use crate::StatisticsError;
use crate::error::require_count;
use crate::random_stream::stream;
use crate::sign_flip::{Alternative, MonteCarlo, sign_flip_test, smallest_p};

/// Most seeds that are planned for.
const MAX_SEEDS: usize = 64;
/// Simulated studies decide by enumeration up to this many seeds.
const MAX_ENUMERATED: usize = 12;
/// Sign patterns of a simulated study with more seeds than that.
const PATTERNS: usize = 499;

/// Two arms that read the same words.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PairedProportions {
    /// Share of the words that exactly one of the arms reads, in (0, 1].
    pub discordance: f64,
    /// Difference of the shares of words read, above 0 and at most the discordance.
    pub difference: f64,
}

impl PairedProportions {
    /// Words needed for a two-sided test at level `alpha` to find the difference with probability
    /// `power`: `(z_{1−α/2} + z_power)² (ψ − δ²) / δ²`, for discordance `ψ` and difference `δ`.
    ///
    /// Not rounded. Words of one font or image count for less.
    ///
    /// # Errors
    /// If a share, the level or the power is out of range.
    pub fn words_needed(self, alpha: f64, power: f64) -> Result<f64, StatisticsError> {
        self.check()?;
        check_share("significance level", alpha)?;
        check_share("power", power)?;
        let normal = Normal::standard();
        let z = normal.inverse_cdf(1.0 - alpha / 2.0) + normal.inverse_cdf(power);
        let squared = self.difference * self.difference;
        Ok(z * z * (self.discordance - squared) / squared)
    }

    fn check(self) -> Result<(), StatisticsError> {
        check_share("discordance", self.discordance)?;
        if self.difference > 0.0 && self.difference <= self.discordance {
            return Ok(());
        }
        Err(StatisticsError::OutOfRange {
            what: "difference of the shares of words read",
            value: self.difference,
            expected: "above 0 and at most the discordance",
        })
    }
}

/// Fewest seeds whose sign-flip test can reach level `alpha` at all.
///
/// # Errors
/// If the level is out of range.
pub fn fewest_seeds(alpha: f64, alternative: Alternative) -> Result<usize, StatisticsError> {
    check_share("significance level", alpha)?;
    let mut seeds = 1;
    while smallest_p(seeds, alternative) > alpha {
        seeds += 1;
    }
    Ok(seeds)
}

/// Share of simulated studies of `seeds` paired seeds in which the sign-flip test is significant.
///
/// `effect` is the mean of the per-seed differences over their standard deviation; differences are
/// normal. Up to 12 seeds every pattern is enumerated, beyond that each study draws 499.
///
/// # Errors
/// If there are no seeds or studies, or the level or effect is out of range.
fn sign_flip_power(
    seeds: usize,
    effect: f64,
    alpha: f64,
    alternative: Alternative,
    studies: MonteCarlo,
) -> Result<f64, StatisticsError> {
    check_share("significance level", alpha)?;
    require_count("seeds of a study", 1, seeds)?;
    require_count("simulated studies", 1, studies.draws)?;
    if !effect.is_finite() {
        return Err(StatisticsError::OutOfRange {
            what: "effect in standard deviations",
            value: effect,
            expected: "finite",
        });
    }
    let mut significant = 0;
    for study in 0..studies.draws {
        let mut rng = stream(studies.seed, "sign-flip-power", study as u64);
        let differences: Vec<f64> = (0..seeds)
            .map(|_| {
                let noise: f64 = StandardNormal.sample(&mut rng);
                effect + noise
            })
            .collect();
        let p = if seeds <= MAX_ENUMERATED {
            sign_flip_test(&differences, alternative, studies)?.p
        } else {
            drawn_p(&differences, alternative, &mut rng)
        };
        significant += usize::from(p <= alpha);
    }
    Ok(significant as f64 / studies.draws as f64)
}

/// Fewest seeds, up to 64, with at least `power`; `None` if more would be needed.
///
/// # Errors
/// If the level, the power or the effect is out of range, or there are no studies.
pub fn seeds_needed(
    effect: f64,
    alpha: f64,
    power: f64,
    alternative: Alternative,
    studies: MonteCarlo,
) -> Result<Option<usize>, StatisticsError> {
    check_share("power", power)?;
    for seeds in fewest_seeds(alpha, alternative)?..=MAX_SEEDS {
        if sign_flip_power(seeds, effect, alpha, alternative, studies)? >= power {
            return Ok(Some(seeds));
        }
    }
    Ok(None)
}

/// Sign-flip p from random patterns; the observed one counts.
fn drawn_p(differences: &[f64], alternative: Alternative, rng: &mut impl RngExt) -> f64 {
    let observed: f64 = differences.iter().sum();
    let extreme = (0..PATTERNS)
        .filter(|_| {
            let signs: u64 = rng.random();
            let signed = differences.iter().enumerate();
            let sum: f64 = signed
                .map(|(bit, d)| if signs >> bit & 1 == 1 { -d } else { *d })
                .sum();
            match alternative {
                Alternative::TwoSided => sum.abs() >= observed.abs(),
                Alternative::Greater => sum >= observed,
                Alternative::Less => sum <= observed,
            }
        })
        .count();
    (1 + extreme) as f64 / (1 + PATTERNS) as f64
}

fn check_share(what: &'static str, value: f64) -> Result<(), StatisticsError> {
    if value > 0.0 && value < 1.0 {
        return Ok(());
    }
    Err(StatisticsError::OutOfRange {
        what,
        value,
        expected: "between 0 and 1",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STUDIES: MonteCarlo = MonteCarlo {
        draws: 2000,
        seed: 8,
    };

    #[test]
    fn paired_words_needed_are_those_of_the_protocol() {
        // Section C.3 of the protocol: 7,841, 13,727 and 3,422 words at 80 % power. SciPy 1.17.1:
        // (norm.ppf(1 - a / 2) + norm.ppf(.8)) ** 2 * (.1 - d * d) / d ** 2
        for (alpha, difference, expected) in [
            (0.05, 0.01, 7_841.030_854_614_74),
            (0.05 / 12.0, 0.01, 13_727.229_277_987_457),
            (0.05 / 12.0, 0.02, 3_421.501_591_810_688_3),
        ] {
            let arms = PairedProportions {
                discordance: 0.1,
                difference,
            };
            let words = arms.words_needed(alpha, 0.8).unwrap();
            assert!((words - expected).abs() < 1e-3, "{words} for {expected}");
        }
    }

    #[test]
    fn holm_over_ten_claims_needs_nine_seeds() {
        let two_sided = |alpha| fewest_seeds(alpha, Alternative::TwoSided).unwrap();
        assert_eq!(two_sided(0.05), 6);
        assert_eq!(two_sided(0.05 / 10.0), 9);
        assert_eq!(two_sided(0.05 / 12.0), 9);
        assert_eq!(fewest_seeds(0.005, Alternative::Greater).unwrap(), 8);
    }

    #[test]
    fn seeds_follow_the_effect() {
        let power = |seeds, effect| {
            sign_flip_power(seeds, effect, 0.05, Alternative::TwoSided, STUDIES).unwrap()
        };
        // Without an effect, the level: 51 of 1,024 patterns at most.
        assert!((power(10, 0.0) - 0.05).abs() < 0.015);
        assert!(power(5, 3.0) == 0.0);
        // The paired t-test has power 0.803 for 10 pairs at an effect of 1 (statsmodels 0.15.0,
        // TTestPower().power(1, 10, .05)); the sign-flip test comes close.
        assert!((power(10, 1.0) - 0.80).abs() < 0.05, "{}", power(10, 1.0));
        assert!((power(16, 0.75) - 0.80).abs() < 0.06, "{}", power(16, 0.75));
        let few = MonteCarlo {
            draws: 400,
            seed: 2,
        };
        let needed = seeds_needed(2.0, 0.005, 0.8, Alternative::TwoSided, few).unwrap();
        assert!(needed.is_some_and(|n| (9..=11).contains(&n)), "{needed:?}");
        assert_eq!(
            seeds_needed(
                0.0,
                0.001,
                0.9,
                Alternative::TwoSided,
                MonteCarlo { draws: 20, seed: 0 }
            )
            .unwrap(),
            None
        );
    }

    #[test]
    fn impossible_plans_are_refused() {
        let arms = |discordance, difference| PairedProportions {
            discordance,
            difference,
        };
        assert!(arms(0.1, 0.2).words_needed(0.05, 0.8).is_err());
        assert!(arms(0.0, 0.0).words_needed(0.05, 0.8).is_err());
        assert!(arms(0.1, 0.01).words_needed(0.0, 0.8).is_err());
        assert!(fewest_seeds(0.0, Alternative::TwoSided).is_err());
        assert!(sign_flip_power(0, 1.0, 0.05, Alternative::TwoSided, STUDIES).is_err());
        assert!(sign_flip_power(5, f64::NAN, 0.05, Alternative::TwoSided, STUDIES).is_err());
    }
}
