//! Two one-sided tests (TOST): is a paired difference inside a margin fixed beforehand?
//!
//! A difference that is not significant is not a proof of equality; this test puts the burden of
//! proof on equality.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::StatisticsError;
use crate::error::require_count;
use crate::summary::Summary;

/// Outcome of the two one-sided tests.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equivalence {
    /// Mean difference, standard deviation and range, in the unit of the differences.
    pub differences: Summary,
    /// The margin that was tested: equality means a mean in (−margin, margin).
    pub margin: f64,
    /// p-value against "the mean is at or below −margin".
    pub p_lower: f64,
    /// p-value against "the mean is at or above margin".
    pub p_upper: f64,
    /// p-value of the equivalence claim: the larger of the two.
    pub p: f64,
    /// 90 % t-interval of the mean; it lies inside the margin exactly when `p < 0.05`.
    pub interval_90: (f64, f64),
}

/// Tests whether the mean of paired differences, one per seed, lies within `±margin`.
///
/// Student's t with `n − 1` degrees of freedom, so it assumes roughly normal differences.
/// Differences without any spread give p-values of 0 or 1 according to the side of the margin they
/// lie on.
///
/// # Errors
/// With fewer than two differences, a NaN or infinity, or a margin that is not positive.
///
/// # Source
/// D. J. Schuirmann, "A comparison of the two one-sided tests procedure and the power approach",
/// 1987.
pub fn equivalence_test(differences: &[f64], margin: f64) -> Result<Equivalence, StatisticsError> {
    if !(margin.is_finite() && margin > 0.0) {
        return Err(StatisticsError::OutOfRange {
            what: "equivalence margin",
            value: margin,
            expected: "finite and above 0",
        });
    }
    let too_few = StatisticsError::TooFew {
        what: "paired differences",
        needed: 2,
        found: differences.len(),
    };
    require_count("paired differences", 2, differences.len())?;
    let summary = Summary::of(differences)?;
    let Some(sd) = summary.sd else {
        return Err(too_few);
    };
    let standard_error = sd / (summary.n as f64).sqrt();
    let t = StudentsT::new(0.0, 1.0, (summary.n - 1) as f64).map_err(|_| too_few)?;

    let upper_tail = |distance: f64| {
        if standard_error > 0.0 {
            t.sf(distance / standard_error)
        } else if distance > 0.0 {
            0.0
        } else {
            1.0
        }
    };
    let p_lower = upper_tail(summary.mean + margin);
    let p_upper = upper_tail(margin - summary.mean);
    let half_width = t.inverse_cdf(0.95) * standard_error;
    Ok(Equivalence {
        differences: summary,
        margin,
        p_lower,
        p_upper,
        p: p_lower.max(p_upper),
        interval_90: (summary.mean - half_width, summary.mean + half_width),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const D: [f64; 6] = [0.001, -0.002, 0.003, 0.0005, -0.001, 0.002];

    #[test]
    fn equivalence_agrees_with_scipy() {
        // ttest_1samp(d, -0.005, alternative='greater').pvalue
        // ttest_1samp(d, 0.005, alternative='less').pvalue
        // ttest_1samp(d, 0).confidence_interval(0.90)
        let test = equivalence_test(&D, 0.005).unwrap();
        assert!((test.p_lower - 0.000_360_850_215_083_537_53).abs() < 1e-10);
        assert!((test.p_upper - 0.001_048_108_242_992_111_3).abs() < 1e-10);
        assert_eq!(test.p, test.p_upper);
        assert!((test.interval_90.0 + 0.000_942_806_240_002_934_5).abs() < 1e-9);
        assert!((test.interval_90.1 - 0.002_109_472_906_669_600_3).abs() < 1e-9);
    }

    #[test]
    fn noisy_differences_prove_no_equality() {
        let test = equivalence_test(&[0.01, -0.012, 0.004], 0.005).unwrap();
        assert!(test.p > 0.05);
    }

    #[test]
    fn differences_without_spread_are_decided_by_their_side() {
        assert_eq!(equivalence_test(&[0.001; 3], 0.005).unwrap().p, 0.0);
        assert_eq!(equivalence_test(&[0.25; 4], 0.25).unwrap().p, 1.0);
    }

    #[test]
    fn unusable_input_is_refused() {
        assert!(equivalence_test(&[0.1], 0.005).is_err());
        assert!(equivalence_test(&D, 0.0).is_err());
        assert!(equivalence_test(&D, f64::NAN).is_err());
        assert!(equivalence_test(&[0.1, f64::INFINITY], 0.005).is_err());
    }
}
