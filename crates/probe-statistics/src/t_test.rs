//! Student's t: is the mean of a few values, such as one difference per seed, above a bound?
//!
//! Unlike [`crate::sign_flip`] it can go below `1/2^n` with `n` values, and can test a bound other than
//! 0. It assumes roughly normal values.

use statrs::distribution::{ContinuousCDF, StudentsT};

use crate::StatisticsError;
use crate::error::require_count;
use crate::summary::Summary;

/// Outcome of the one-sided test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MeanAbove {
    /// Mean of the values, in their unit.
    pub mean: f64,
    /// p-value against "the mean is at or below the bound".
    pub p: f64,
}

/// Tests whether the mean of `values` is above `bound`, with `n − 1` degrees of freedom.
///
/// Values without any spread give p-values of 0 or 1 according to their side of the bound.
///
/// # Errors
/// With fewer than two values, or a NaN or infinity.
///
/// # Source
/// Student, "The probable error of a mean", 1908.
pub fn mean_above_test(values: &[f64], bound: f64) -> Result<MeanAbove, StatisticsError> {
    const WHAT: &str = "values of a t-test";
    require_count(WHAT, 2, values.len())?;
    crate::error::require_finite("bound of a t-test", &[bound])?;
    let too_few = StatisticsError::TooFew {
        what: WHAT,
        needed: 2,
        found: values.len(),
    };
    let summary = Summary::of(values)?;
    let Some(sd) = summary.sd else {
        return Err(too_few);
    };
    let distance = summary.mean - bound;
    let standard_error = sd / (summary.n as f64).sqrt();
    let p = if standard_error > 0.0 {
        let t = StudentsT::new(0.0, 1.0, (summary.n - 1) as f64).map_err(|_| too_few)?;
        t.sf(distance / standard_error)
    } else if distance > 0.0 {
        0.0
    } else {
        1.0
    };
    Ok(MeanAbove {
        mean: summary.mean,
        p,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_agrees_with_scipy() {
        // ttest_1samp(d, -0.005, alternative='greater').pvalue, as in `equivalence`
        let d = [0.001, -0.002, 0.003, 0.0005, -0.001, 0.002];
        let test = mean_above_test(&d, -0.005).unwrap();
        assert!((test.p - 0.000_360_850_215_083_537_53).abs() < 1e-10);
        assert!((test.mean - 3.5e-3 / 6.0).abs() < 1e-12);
        // The other side of the bound.
        assert!(mean_above_test(&d, 0.005).unwrap().p > 0.99);
    }

    #[test]
    fn values_without_spread_are_decided_by_their_side() {
        assert_eq!(mean_above_test(&[0.25; 3], 0.125).unwrap().p, 0.0);
        assert_eq!(mean_above_test(&[0.25; 3], 0.25).unwrap().p, 1.0);
    }

    #[test]
    fn unusable_input_is_refused() {
        assert!(mean_above_test(&[0.1], 0.0).is_err());
        assert!(mean_above_test(&[0.1, f64::NAN], 0.0).is_err());
        assert!(mean_above_test(&[0.1, 0.2], f64::INFINITY).is_err());
    }
}
