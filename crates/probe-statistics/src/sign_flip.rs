//! Sign-flip permutation test on paired differences.
//!
//! If two arms are exchangeable within a seed, each per-seed difference is as likely as its
//! negative. The p-value is the share of the `2^n` sign patterns whose sum is at least as extreme
//! as the observed one; the observed pattern counts, so p is never 0. No distribution is assumed.
//!
//! # Source
//! R. A. Fisher, "The Design of Experiments", 1935, §21.

use rand::RngExt;

use crate::StatisticsError;
use crate::error::{require_count, require_finite};
use crate::random_stream::stream;

/// Largest number of pairs whose sign patterns are all enumerated.
pub const MAX_EXACT_PAIRS: usize = 20;

/// Sums closer than this fraction of `Σ|d|` count as tied. Rounding moves a sum of 20 terms by at
/// most about 5e-15 of it, and differences of error rates that are not tied lie far wider apart.
const TIE_TOLERANCE: f64 = 1e-12;

/// Direction of the claim about the mean difference.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Alternative {
    /// The mean differs from 0.
    TwoSided,
    /// The mean is above 0.
    Greater,
    /// The mean is below 0.
    Less,
}

/// Random sign patterns, used only beyond [`MAX_EXACT_PAIRS`] pairs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MonteCarlo {
    /// Number of patterns.
    pub draws: usize,
    /// Seed of the patterns.
    pub seed: u64,
}

/// Outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SignFlip {
    /// Number of pairs.
    pub n: usize,
    /// Pairs that differ at all.
    pub nonzero: usize,
    /// Mean difference, in the unit of the differences.
    pub mean: f64,
    /// p-value.
    pub p: f64,
    /// Whether every sign pattern was enumerated.
    pub exact: bool,
}

/// Tests whether the mean of paired differences is 0.
///
/// Up to [`MAX_EXACT_PAIRS`] pairs all patterns are enumerated; beyond that
/// `p = (1 + extreme) / (1 + draws)` over random patterns. A difference of 0 equals its negative
/// and so doubles every pattern, which leaves p as if it were absent; with no other difference
/// p is 1.
///
/// # Errors
/// If there is no difference, one is NaN or infinite, or the Monte Carlo test has no draws.
pub fn sign_flip_test(
    differences: &[f64],
    alternative: Alternative,
    monte_carlo: MonteCarlo,
) -> Result<SignFlip, StatisticsError> {
    require_count("paired differences", 1, differences.len())?;
    require_finite("paired differences", differences)?;
    let n = differences.len();
    let observed = differences.iter().sum::<f64>();
    let tolerance = TIE_TOLERANCE * differences.iter().map(|d| d.abs()).sum::<f64>();
    let is_extreme = |sum: f64| match alternative {
        Alternative::TwoSided => sum.abs() >= observed.abs() - tolerance,
        Alternative::Greater => sum >= observed - tolerance,
        Alternative::Less => sum <= observed + tolerance,
    };

    let exact = n <= MAX_EXACT_PAIRS;
    let p = if exact {
        // Two half tables instead of a running sum: no pattern accumulates rounding from the last.
        let (first, second) = differences.split_at(n / 2);
        let (first, second) = (pattern_sums(first), pattern_sums(second));
        let extreme = first
            .iter()
            .flat_map(|a| second.iter().map(move |b| a + b))
            .filter(|&sum| is_extreme(sum))
            .count();
        extreme as f64 / (first.len() * second.len()) as f64
    } else {
        require_count("sign-flip draws", 1, monte_carlo.draws)?;
        let extreme = (0..monte_carlo.draws)
            .filter(|&draw| is_extreme(random_pattern_sum(differences, monte_carlo.seed, draw)))
            .count();
        (1 + extreme) as f64 / (1 + monte_carlo.draws) as f64
    };
    Ok(SignFlip {
        n,
        nonzero: differences.iter().filter(|&&d| d != 0.0).count(),
        mean: observed / n as f64,
        p,
        exact,
    })
}

/// Smallest p-value that `n` pairs can reach: `1/2^n` one-sided, `2/2^n` two-sided.
///
/// A design whose value exceeds the level it is tested at cannot carry a claim.
pub fn smallest_p(n: usize, alternative: Alternative) -> f64 {
    let patterns = 2_f64.powf(n as f64);
    match alternative {
        Alternative::TwoSided => (2.0 / patterns).min(1.0),
        Alternative::Greater | Alternative::Less => 1.0 / patterns,
    }
}

/// Sums of `differences` under all of their sign patterns.
fn pattern_sums(differences: &[f64]) -> Vec<f64> {
    let mut sums = vec![0.0];
    for &difference in differences {
        sums = sums
            .iter()
            .flat_map(|sum| [sum + difference, sum - difference])
            .collect();
    }
    sums
}

fn random_pattern_sum(differences: &[f64], seed: u64, draw: usize) -> f64 {
    let mut rng = stream(seed, "sign-flip", draw as u64);
    differences
        .chunks(64)
        .map(|chunk| {
            let signs: u64 = rng.random();
            let signed = chunk.iter().enumerate();
            signed
                .map(|(bit, &d)| if signs >> bit & 1 == 1 { -d } else { d })
                .sum::<f64>()
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const MC: MonteCarlo = MonteCarlo {
        draws: 20_000,
        seed: 5,
    };

    /// Darwin's maize: crossed minus self-fertilised height of 15 pairs, eighths of an inch.
    const DARWIN: [f64; 15] = [
        49.0, -67.0, 8.0, 16.0, 6.0, 23.0, 28.0, 41.0, 14.0, 29.0, 56.0, 24.0, 75.0, 60.0, -48.0,
    ];

    fn p(differences: &[f64], alternative: Alternative) -> f64 {
        sign_flip_test(differences, alternative, MC).unwrap().p
    }

    #[test]
    fn darwins_maize_gives_fishers_count() {
        // Fisher counts 863 of the 32,768 patterns at or above the observed 314.
        assert_eq!(p(&DARWIN, Alternative::Greater), 863.0 / 32_768.0);
        assert_eq!(p(&DARWIN, Alternative::TwoSided), 1726.0 / 32_768.0);
    }

    #[test]
    fn exact_p_values_agree_with_scipy() {
        // permutation_test((d,), np.mean, permutation_type='samples', n_resamples=np.inf)
        let d = [1.2, 0.4, -0.3, 2.1, 0.8, -0.1];
        assert_eq!(p(&d, Alternative::TwoSided), 0.15625);
        assert_eq!(p(&d, Alternative::Greater), 0.078_125);
        assert_eq!(p(&d, Alternative::Less), 0.953_125);
    }

    #[test]
    fn decimal_ties_and_zeros_are_counted_exactly() {
        // 0.1 + 0.2 and 0.3 differ in floating point but tie as decimals. Same SciPy call.
        let d = [0.1, 0.2, 0.3, -0.3, 0.0];
        assert_eq!(p(&d, Alternative::TwoSided), 0.75);
        assert_eq!(p(&d, Alternative::Greater), 0.375);
        assert_eq!(p(&d, Alternative::Less), 0.8125);
        let without_zero = &d[..4];
        assert_eq!(p(without_zero, Alternative::TwoSided), 0.75);
    }

    #[test]
    fn no_difference_at_all_gives_p_one() {
        let test = sign_flip_test(&[0.0; 6], Alternative::TwoSided, MC).unwrap();
        assert_eq!((test.p, test.nonzero), (1.0, 0));
    }

    #[test]
    fn unanimous_differences_reach_the_smallest_p() {
        for n in 1..=12 {
            let d: Vec<f64> = (1..=n).map(|i| i as f64 * 0.013).collect();
            for alternative in [Alternative::TwoSided, Alternative::Greater] {
                assert_eq!(p(&d, alternative), smallest_p(n, alternative));
            }
        }
        assert_eq!(smallest_p(3, Alternative::TwoSided), 0.25);
        assert_eq!(smallest_p(0, Alternative::TwoSided), 1.0);
    }

    #[test]
    fn monte_carlo_comes_close_to_the_exact_test() {
        // A zero pair changes nothing about p but pushes the sample past the exact limit.
        let mut padded = DARWIN.to_vec();
        padded.resize(MAX_EXACT_PAIRS + 5, 0.0);
        let test = sign_flip_test(&padded, Alternative::TwoSided, MC).unwrap();
        assert!(!test.exact);
        assert!((test.p - 1726.0 / 32_768.0).abs() < 0.005, "{}", test.p);
        assert_eq!(
            test,
            sign_flip_test(&padded, Alternative::TwoSided, MC).unwrap()
        );
    }

    #[test]
    fn empty_or_failed_input_is_refused() {
        assert!(sign_flip_test(&[], Alternative::TwoSided, MC).is_err());
        assert!(sign_flip_test(&[f64::NAN], Alternative::TwoSided, MC).is_err());
        let no_draws = MonteCarlo { draws: 0, seed: 0 };
        assert!(sign_flip_test(&[1.0; 21], Alternative::TwoSided, no_draws).is_err());
    }
}
