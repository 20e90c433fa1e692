//! The test of Jonckheere and Terpstra for a trend over independent, ordered samples.
//!
//! `J = Σ_{i<j} U_ij`, where `U_ij` counts the pairs of a value of sample `i` and a larger value of
//! sample `j`, ties half. Without ties its exact distribution under the null hypothesis is that of
//! a sum of independent Mann–Whitney counts, of each sample against all earlier ones together.
//!
//! # Source
//! A. R. Jonckheere, "A distribution-free k-sample test against ordered alternatives", 1954;
//! T. J. Terpstra, 1952; M. Hollander, D. A. Wolfe, "Nonparametric Statistical Methods", 2nd
//! edition, §6.2 (variance given ties).

use rand::seq::SliceRandom;
use statrs::distribution::{ContinuousCDF, Normal};

use super::{NullDistribution, Trend, tied_counts};
use crate::StatisticsError;
use crate::error::{require_count, require_finite};
use crate::random_stream::stream;
use crate::sign_flip::MonteCarlo;

/// Most values, over all samples, for which the exact or Monte Carlo distribution is used.
const MAX_VALUES: usize = 60;

/// Outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct JonckheereTerpstra {
    /// Values over all samples.
    pub n: usize,
    /// Number of samples.
    pub samples: usize,
    /// `J`, computed for the direction of the claim.
    pub statistic: f64,
    /// `J` minus its mean, over its standard deviation given the ties.
    pub z: f64,
    /// One-sided p-value.
    pub p: f64,
    /// Where it comes from.
    pub null: NullDistribution,
}

/// Tests whether values move along the samples in the direction of `trend`.
///
/// Up to 60 values the p-value is exact without ties and from random arrangements with them; for
/// more it is the normal approximation.
///
/// # Errors
/// If there are fewer than two samples, one is empty, a value is NaN or infinite, or the Monte
/// Carlo test has no draws.
pub fn jonckheere_terpstra(
    samples: &[Vec<f64>],
    trend: Trend,
    monte_carlo: MonteCarlo,
) -> Result<JonckheereTerpstra, StatisticsError> {
    require_count("samples of a trend test", 2, samples.len())?;
    for sample in samples {
        require_count("values of a sample", 1, sample.len())?;
        require_finite("values of a trend test", sample)?;
    }
    let sizes: Vec<usize> = samples.iter().map(Vec::len).collect();
    let mut values: Vec<f64> = samples.concat();
    values.iter_mut().for_each(|v| *v = trend.oriented(*v));
    let n = values.len();
    let statistic = rising_pairs(&values, &sizes);
    let ties = tied_counts(&values);
    let (mean, variance) = moments(&sizes, &ties);
    let z = if variance > 0.0 {
        (statistic - mean) / variance.sqrt()
    } else {
        0.0
    };
    let (p, null) = if n > MAX_VALUES {
        (Normal::standard().sf(z), NullDistribution::Normal)
    } else if ties.iter().all(|&count| count == 1) {
        (exact_p(&sizes, statistic), NullDistribution::Exact)
    } else {
        require_count("trend test draws", 1, monte_carlo.draws)?;
        let extreme = (0..monte_carlo.draws)
            .filter(|&draw| {
                let mut rng = stream(monte_carlo.seed, "jonckheere-terpstra", draw as u64);
                let mut shuffled = values.clone();
                shuffled.shuffle(&mut rng);
                rising_pairs(&shuffled, &sizes) >= statistic
            })
            .count();
        let p = (1 + extreme) as f64 / (1 + monte_carlo.draws) as f64;
        (p, NullDistribution::MonteCarlo)
    };
    Ok(JonckheereTerpstra {
        n,
        samples: samples.len(),
        statistic,
        z,
        p,
        null,
    })
}

/// `J` of values that lie sample after sample.
fn rising_pairs(values: &[f64], sizes: &[usize]) -> f64 {
    let mut start = 0;
    let mut twice = 0_u64;
    for &size in sizes {
        let (earlier, sample) = (&values[..start], &values[start..start + size]);
        for later in sample {
            for value in earlier {
                twice += u64::from(value < later) * 2 + u64::from(value == later);
            }
        }
        start += size;
    }
    twice as f64 / 2.0
}

/// Mean and variance of `J` given the ties.
fn moments(sizes: &[usize], ties: &[usize]) -> (f64, f64) {
    let sum = |counts: &[usize], term: fn(f64) -> f64| -> f64 {
        counts.iter().map(|&count| term(count as f64)).sum()
    };
    let n: f64 = sum(sizes, |c| c);
    let mean = (n * n - sum(sizes, |c| c * c)) / 4.0;
    let cubic = |c: f64| c * (c - 1.0) * (2.0 * c + 5.0);
    let triple = |c: f64| c * (c - 1.0) * (c - 2.0);
    let pairs = |c: f64| c * (c - 1.0);
    let mut variance = (cubic(n) - sum(sizes, cubic) - sum(ties, cubic)) / 72.0
        + sum(sizes, pairs) * sum(ties, pairs) / (8.0 * pairs(n));
    if n > 2.0 {
        variance += sum(sizes, triple) * sum(ties, triple) / (36.0 * triple(n));
    }
    (mean, variance)
}

/// Probability that `J` is at least `statistic` if all arrangements of untied values are equally
/// likely.
fn exact_p(sizes: &[usize], statistic: f64) -> f64 {
    let mut total = vec![1.0];
    let mut earlier = sizes[0];
    for &size in &sizes[1..] {
        let counts = mann_whitney_distribution(earlier, size);
        let mut sum = vec![0.0; total.len() + counts.len() - 1];
        for (left, p) in total.iter().enumerate() {
            for (slot, q) in sum[left..].iter_mut().zip(&counts) {
                *slot += p * q;
            }
        }
        total = sum;
        earlier += size;
    }
    total[statistic.round() as usize..]
        .iter()
        .sum::<f64>()
        .min(1.0)
}

/// Probability of each Mann–Whitney count of `m` against `n` values.
///
/// The largest of all values belongs to the second sample with probability `n / (m + n)` and then
/// exceeds `m` values of the first: `f(m, n) = (m f(m − 1, n) + n f(m, n − 1) shifted by m)/(m + n)`.
fn mann_whitney_distribution(m: usize, n: usize) -> Vec<f64> {
    // `column[i]` is the distribution for `i` values against the current size of the second sample.
    let mut column: Vec<Vec<f64>> = vec![vec![1.0]; m + 1];
    for second in 1..=n {
        let mut next: Vec<Vec<f64>> = vec![vec![1.0]];
        for first in 1..=m {
            let total = (first + second) as f64;
            let mut counts = vec![0.0; first * second + 1];
            for (slot, p) in counts.iter_mut().zip(&next[first - 1]) {
                *slot += first as f64 / total * p;
            }
            for (slot, p) in counts[first..].iter_mut().zip(&column[first]) {
                *slot += second as f64 / total * p;
            }
            next.push(counts);
        }
        column = next;
    }
    column.swap_remove(m)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MC: MonteCarlo = MonteCarlo {
        draws: 20_000,
        seed: 3,
    };

    /// Pieces made with no, rough and accurate knowledge of performance (Hollander and Wolfe, table
    /// 6.6).
    fn knowledge_of_performance() -> Vec<Vec<f64>> {
        vec![
            vec![40.0, 35.0, 38.0, 43.0, 44.0, 41.0],
            vec![38.0, 40.0, 47.0, 44.0, 40.0, 42.0],
            vec![48.0, 40.0, 45.0, 43.0, 46.0, 44.0],
        ]
    }

    #[test]
    fn worked_example_of_hollander_and_wolfe() {
        // Their J = 79. Mean 54, variance 150.2868 given ties and z = 2.0393 by numpy; p = 0.0213
        // (0.0003) by 200,000 permutations in numpy.
        let test = jonckheere_terpstra(&knowledge_of_performance(), Trend::Rising, MC).unwrap();
        assert_eq!((test.n, test.samples, test.statistic), (18, 3, 79.0));
        assert!((test.z - 2.039_293_058_844_717_3).abs() < 1e-12);
        assert_eq!(test.null, NullDistribution::MonteCarlo);
        assert!((test.p - 0.0213).abs() < 0.004, "{}", test.p);
        assert_eq!(
            test,
            jonckheere_terpstra(&knowledge_of_performance(), Trend::Rising, MC).unwrap()
        );
    }

    #[test]
    fn exact_p_counts_every_arrangement() {
        // itertools.combinations in Python: 177 of the 4,200 arrangements reach J = 26.
        let samples = [
            vec![1.1, 2.3, 0.4],
            vec![2.0, 3.5, 1.7],
            vec![3.1, 2.9, 4.2, 1.9],
        ];
        let test = jonckheere_terpstra(&samples, Trend::Rising, MC).unwrap();
        assert_eq!((test.statistic, test.null), (26.0, NullDistribution::Exact));
        assert!((test.p - 177.0 / 4200.0).abs() < 1e-14);
    }

    #[test]
    fn two_samples_are_mann_whitney() {
        // SciPy 1.17.1: mannwhitneyu(b, a, alternative='greater', method='exact').pvalue
        let (a, b) = (vec![1.1, 2.3, 0.4, 2.2], vec![2.0, 3.5, 1.7, 4.1, 5.0]);
        let test = jonckheere_terpstra(&[a, b], Trend::Rising, MC).unwrap();
        assert_eq!(test.statistic, 16.0);
        assert!((test.p - 0.095_238_095_238_095_24).abs() < 1e-14);
    }

    #[test]
    fn falling_mirrors_rising() {
        let mut reversed = knowledge_of_performance();
        reversed.reverse();
        let falling = jonckheere_terpstra(&reversed, Trend::Falling, MC).unwrap();
        assert_eq!(falling.statistic, 79.0);
        let rising = jonckheere_terpstra(&reversed, Trend::Rising, MC).unwrap();
        assert!(rising.p > 0.9);
    }

    #[test]
    fn many_values_use_the_normal_approximation() {
        let samples: Vec<Vec<f64>> = (0..3)
            .map(|s| (0..30).map(|i| f64::from(i * 37 % 101 + s * 10)).collect())
            .collect();
        let test = jonckheere_terpstra(&samples, Trend::Rising, MC).unwrap();
        assert_eq!(test.null, NullDistribution::Normal);
        assert!((test.p - Normal::standard().sf(test.z)).abs() < 1e-15);
    }

    #[test]
    fn unusable_samples_are_refused() {
        assert!(jonckheere_terpstra(&[vec![1.0]], Trend::Rising, MC).is_err());
        assert!(jonckheere_terpstra(&[vec![1.0], vec![]], Trend::Rising, MC).is_err());
        assert!(jonckheere_terpstra(&[vec![1.0], vec![f64::NAN]], Trend::Rising, MC).is_err());
    }
}
