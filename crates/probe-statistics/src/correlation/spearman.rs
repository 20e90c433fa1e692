//! Spearman's correlation, controlling other quantities.
//!
//! All columns become ranks; what the controls explain linearly is taken from the ranks of both
//! variables, and the rest is correlated. The p-value permutes what is left of `right` and takes
//! the controls out again, so that no draw has a correlation the controls could explain.
//!
//! # Source
//! D. Freedman, D. Lane, "A nonstochastic interpretation of reported significance levels", 1983.

use rand::seq::SliceRandom;

use super::kendall::check_columns;
use crate::StatisticsError;
use crate::error::require_count;
use crate::random_stream::stream;
use crate::rank_tests::mid_ranks;
use crate::sign_flip::{Alternative, MonteCarlo};

/// A residual whose squares sum to less than this share of the ranks' squares counts as none.
const NOTHING_LEFT: f64 = 1e-10;

/// Outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PartialSpearman {
    /// Number of things compared, such as runs.
    pub n: usize,
    /// Correlation of the ranks given the controls, in [−1, 1].
    pub rho: f64,
    /// Permutation p-value.
    pub p: f64,
}

/// Spearman's correlation of `left` and `right` given `controls`; without controls, the plain one.
///
/// `None` if the controls explain one of the variables entirely, or it does not vary.
///
/// # Errors
/// If the columns differ in length, a value is NaN or infinite, or there are fewer than three
/// values more than controls.
pub fn partial_spearman(
    left: &[f64],
    right: &[f64],
    controls: &[Vec<f64>],
) -> Result<Option<f64>, StatisticsError> {
    let controlled = Controls::new(left, right, controls)?;
    Ok(controlled.correlation(&mid_ranks(left), &mid_ranks(right)))
}

/// Tests the correlation by permutation. Seeds of one arm share what makes the arm, so a test over
/// all runs takes them for more evidence than they are: give one value for each arm.
///
/// # Errors
/// As [`partial_spearman`], if there is no correlation to test, and if there are no draws.
pub fn partial_spearman_test(
    left: &[f64],
    right: &[f64],
    controls: &[Vec<f64>],
    alternative: Alternative,
    monte_carlo: MonteCarlo,
) -> Result<PartialSpearman, StatisticsError> {
    require_count("partial correlation draws", 1, monte_carlo.draws)?;
    let controlled = Controls::new(left, right, controls)?;
    let (left_ranks, right_ranks) = (mid_ranks(left), mid_ranks(right));
    let Some(rho) = controlled.correlation(&left_ranks, &right_ranks) else {
        return Err(StatisticsError::OutOfRange {
            what: "variation of a correlated column beyond its controls",
            value: 0.0,
            expected: "above 0; give values that differ, and drop redundant controls",
        });
    };
    let residual = controlled.residual(&right_ranks);
    // Rounding differs between orders of the same values.
    let tolerance = 1e-10;
    let extreme = (0..monte_carlo.draws)
        .filter(|&draw| {
            let mut rng = stream(monte_carlo.seed, "partial-spearman", draw as u64);
            let mut shuffled = residual.clone();
            shuffled.shuffle(&mut rng);
            let drawn = controlled
                .correlation(&left_ranks, &shuffled)
                .unwrap_or(0.0);
            match alternative {
                Alternative::TwoSided => drawn.abs() >= rho.abs() - tolerance,
                Alternative::Greater => drawn >= rho - tolerance,
                Alternative::Less => drawn <= rho + tolerance,
            }
        })
        .count();
    Ok(PartialSpearman {
        n: left.len(),
        rho,
        p: (1 + extreme) as f64 / (1 + monte_carlo.draws) as f64,
    })
}

/// An orthonormal basis of the constant and the ranks of the controls.
struct Controls {
    basis: Vec<Vec<f64>>,
}

impl Controls {
    fn new(left: &[f64], right: &[f64], controls: &[Vec<f64>]) -> Result<Self, StatisticsError> {
        let needed = controls.len() + 3;
        check_columns(left, right, needed)?;
        let constant = 1.0 / (left.len() as f64).sqrt();
        let mut found = Self {
            basis: vec![vec![constant; left.len()]],
        };
        for control in controls {
            check_columns(left, control, needed)?;
            let ranks = mid_ranks(control);
            // Twice, because one pass leaves rounding of the size of what it takes away.
            let residual = found.residual(&found.residual(&ranks));
            let squares = dot(&residual, &residual);
            // A control that repeats others adds nothing.
            if squares > NOTHING_LEFT * dot(&ranks, &ranks) {
                let scale = squares.sqrt();
                found
                    .basis
                    .push(residual.iter().map(|r| r / scale).collect());
            }
        }
        Ok(found)
    }

    fn residual(&self, values: &[f64]) -> Vec<f64> {
        let mut residual = values.to_vec();
        for direction in &self.basis {
            let along = dot(&residual, direction);
            for (r, d) in residual.iter_mut().zip(direction) {
                *r -= along * d;
            }
        }
        residual
    }

    fn correlation(&self, left: &[f64], right: &[f64]) -> Option<f64> {
        let (l, r) = (self.residual(left), self.residual(right));
        let (ll, rr) = (dot(&l, &l), dot(&r, &r));
        let varies = ll > NOTHING_LEFT * dot(left, left) && rr > NOTHING_LEFT * dot(right, right);
        varies.then(|| (dot(&l, &r) / (ll * rr).sqrt()).clamp(-1.0, 1.0))
    }
}

fn dot(left: &[f64], right: &[f64]) -> f64 {
    left.iter().zip(right).map(|(l, r)| l * r).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use rand::RngExt;

    const X: [f64; 12] = [2.1, 3.4, 1.2, 5.6, 4.4, 7.7, 6.1, 8.0, 9.3, 3.3, 2.1, 6.6];
    const Y: [f64; 12] = [9.1, 8.0, 9.9, 5.5, 7.0, 4.0, 5.0, 2.2, 1.0, 7.7, 9.5, 5.0];
    const Z1: [f64; 12] = [1.0, 2.0, 1.0, 3.0, 2.0, 3.0, 2.0, 3.0, 4.0, 1.0, 2.0, 3.0];
    const Z2: [f64; 12] = [0.1, 0.3, 0.2, 0.1, 0.3, 0.2, 0.1, 0.3, 0.2, 0.2, 0.1, 0.3];
    const MC: MonteCarlo = MonteCarlo {
        draws: 2000,
        seed: 4,
    };

    #[test]
    fn plain_correlation_agrees_with_scipy() {
        // SciPy 1.17.1: spearmanr(X, Y).statistic
        let rho = partial_spearman(&X, &Y, &[]).unwrap().unwrap();
        assert!((rho + 0.989_473_684_210_526_4).abs() < 1e-12);
    }

    #[test]
    fn partial_correlation_agrees_with_pingouin() {
        // pingouin 0.7.0: partial_corr(df, 'X', 'Y', ['Z1', 'Z2'], method='spearman') -> -0.989044;
        // digits from numpy: corrcoef of the lstsq residuals of the ranks.
        let one = partial_spearman(&X, &Y, &[Z1.to_vec()]).unwrap().unwrap();
        assert!((one + 0.980_193_340_153_245_6).abs() < 1e-12);
        let both = [Z1.to_vec(), Z2.to_vec()];
        let two = partial_spearman(&X, &Y, &both).unwrap().unwrap();
        assert!((two + 0.989_044_040_929_129_3).abs() < 1e-12);
        let redundant = [Z1.to_vec(), Z2.to_vec(), Z1.to_vec()];
        let three = partial_spearman(&X, &Y, &redundant).unwrap().unwrap();
        assert!((three - two).abs() < 1e-9);
    }

    #[test]
    fn strong_correlation_is_found_and_its_direction_matters() {
        let test = |alternative| partial_spearman_test(&X, &Y, &[Z1.to_vec()], alternative, MC);
        assert!(test(Alternative::Less).unwrap().p < 0.002);
        assert!(test(Alternative::TwoSided).unwrap().p < 0.002);
        assert!(test(Alternative::Greater).unwrap().p > 0.99);
    }

    #[test]
    fn correlation_through_a_control_alone_is_rejected_at_the_nominal_rate() {
        const SAMPLES: u64 = 400;
        let mut rejected = [0, 0];
        for sample in 0..SAMPLES {
            let mut rng = stream(sample, "confounded", 0);
            let mut noisy = |base: &[f64]| -> Vec<f64> {
                base.iter()
                    .map(|b| b + rng.random_range(-1.0..1.0))
                    .collect()
            };
            let common: Vec<f64> = noisy(&[0.0; 20]).iter().map(|c| 2.0 * c).collect();
            let (left, right) = (noisy(&common), noisy(&common));
            let mc = MonteCarlo {
                draws: 199,
                seed: sample,
            };
            for (count, controls) in rejected.iter_mut().zip([vec![common.clone()], vec![]]) {
                let two_sided = Alternative::TwoSided;
                let test = partial_spearman_test(&left, &right, &controls, two_sided, mc).unwrap();
                *count += u64::from(test.p <= 0.05);
            }
        }
        // Standard error 0.011 at 0.05; ranks leave a little of the common cause.
        assert!(rejected[0] <= 40, "{rejected:?}");
        assert!(rejected[1] > 300, "{rejected:?}");
    }

    #[test]
    fn nothing_to_correlate_is_refused() {
        assert_eq!(partial_spearman(&X, &[1.0; 12], &[]).unwrap(), None);
        assert_eq!(partial_spearman(&X, &Y, &[X.to_vec()]).unwrap(), None);
        let p = partial_spearman_test(&X, &X, &[X.to_vec()], Alternative::TwoSided, MC);
        assert!(p.is_err());
        assert!(partial_spearman(&X[..3], &Y[..3], &[Z1[..3].to_vec()]).is_err());
        assert!(partial_spearman(&X, &Y, &[Z1[..3].to_vec()]).is_err());
    }
}
