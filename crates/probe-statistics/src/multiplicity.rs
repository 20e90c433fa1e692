//! Corrections for testing many hypotheses at once.
//!
//! Holm's step-down procedure bounds the chance of one false claim in a family fixed beforehand;
//! Benjamini and Hochberg's bounds the expected share of false ones and suits what is labelled
//! exploratory.

use crate::StatisticsError;
use statrs::distribution::{ContinuousCDF, Normal};

/// Holm-adjusted p-values, in the order of the input.
///
/// With the `m` p-values ascending, `p̃(i) = max over j ≤ i of min(1, (m − j + 1) p(j))`; a
/// hypothesis is rejected at level α if its adjusted value is at most α.
///
/// # Errors
/// If a p-value lies outside [0, 1].
///
/// # Source
/// S. Holm, "A simple sequentially rejective multiple test procedure", 1979.
pub fn holm(p_values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let factor = (p_values.len() - rank) as f64;
        largest = largest.max((factor * p_values[index]).min(1.0));
        adjusted[index] = largest;
    }
    Ok(adjusted)
}

/// Benjamini–Hochberg q-values, in the order of the input.
///
/// # Errors
/// If a p-value lies outside [0, 1].
///
/// # Source
/// Y. Benjamini, Y. Hochberg, "Controlling the false discovery rate", 1995.
pub fn benjamini_hochberg(p_values: &[f64]) -> Result<Vec<f64>, StatisticsError> {
    let order = ascending(p_values)?;
    let mut adjusted = vec![0.0; p_values.len()];
    let mut smallest: f64 = 1.0;
    for (rank, &index) in order.iter().enumerate().rev() {
        let factor = p_values.len() as f64 / (rank + 1) as f64;
        smallest = smallest.min(factor * p_values[index]);
        adjusted[index] = smallest;
    }
    Ok(adjusted)
}

/// Indices of the p-values from smallest to largest, after a range check.
fn ascending(p_values: &[f64]) -> Result<Vec<usize>, StatisticsError> {
    if let Some(&value) = p_values.iter().find(|p| !(0.0..=1.0).contains(*p)) {
        return Err(StatisticsError::OutOfRange {
            what: "p-value",
            value,
            expected: "between 0 and 1",
        });
    }
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    Ok(order)
}

/// By how much the arms of intervals have to be stretched to hold for `comparisons` of them at once.
///
/// The ratio of the normal quantiles at the Bonferroni-corrected and at the plain level: 1 for one
/// comparison, about 1.8 for a hundred at 95%.
#[must_use]
pub fn simultaneous_stretch(comparisons: usize, level: f64) -> f64 {
    let tail = (1.0 - level) / 2.0;
    let quantile = |tail: f64| normal_quantile(1.0 - tail);
    quantile(tail / comparisons.max(1) as f64) / quantile(tail)
}

/// Quantile of the standard normal distribution at `probability`, in (0, 1).
#[must_use]
pub fn normal_quantile(probability: f64) -> f64 {
    Normal::standard().inverse_cdf(probability)
}

#[cfg(test)]
mod tests {
    use super::*;

    const P: [f64; 5] = [0.01, 0.04, 0.03, 0.005, 0.2];

    fn assert_close(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (f, e) in found.iter().zip(expected) {
            assert!((f - e).abs() < 1e-12, "{found:?} against {expected:?}");
        }
    }

    #[test]
    fn holm_agrees_with_numpy() {
        // o = np.argsort(p); h = np.empty(5)
        // h[o] = np.minimum(1, np.maximum.accumulate((5 - np.arange(5)) * p[o]))
        assert_close(&holm(&P).unwrap(), &[0.04, 0.09, 0.09, 0.025, 0.2]);
    }

    #[test]
    fn benjamini_hochberg_agrees_with_scipy() {
        // scipy.stats.false_discovery_control(p)
        let expected = [0.025, 0.05, 0.05, 0.025, 0.2];
        assert_close(&benjamini_hochberg(&P).unwrap(), &expected);
    }

    #[test]
    fn adjusted_values_stop_at_one_and_handle_no_hypotheses() {
        assert_close(&holm(&[0.9, 0.8]).unwrap(), &[1.0, 1.0]);
        assert!(holm(&[]).unwrap().is_empty());
    }

    #[test]
    fn impossible_p_values_are_refused() {
        for bad in [-0.1, 1.5, f64::NAN] {
            assert!(holm(&[0.5, bad]).is_err());
        }
    }

    #[test]
    fn more_comparisons_stretch_intervals_further() {
        assert!((simultaneous_stretch(1, 0.95) - 1.0).abs() < 1e-12);
        // scipy: norm.ppf(1 - 0.025 / 102) = 3.486057, norm.ppf(0.975) = 1.959964
        assert!((simultaneous_stretch(102, 0.95) - 3.486_057 / 1.959_964).abs() < 1e-6);
    }
}
