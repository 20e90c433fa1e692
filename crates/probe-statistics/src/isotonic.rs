//! Least-squares fit of a sequence that may only rise, or only fall.

use crate::StatisticsError;
use crate::error::{require_count, require_finite};
use crate::rank_tests::Trend;

/// The monotone sequence closest to `values` in weighted squares, by pooling adjacent violators.
///
/// Values come in the order of the levels; `weights` are positive, such as numbers of characters.
///
/// # Errors
/// If there are no values, numbers differ, or a value or weight is unusable.
///
/// # Source
/// M. Ayer et al., "An empirical distribution function for sampling with incomplete information",
/// 1955.
pub fn isotonic_fit(
    values: &[f64],
    weights: &[f64],
    trend: Trend,
) -> Result<Vec<f64>, StatisticsError> {
    require_count("values of a monotone fit", 1, values.len())?;
    require_finite("values of a monotone fit", values)?;
    if weights.len() != values.len() {
        return Err(StatisticsError::OutOfRange {
            what: "number of weights of a monotone fit",
            value: weights.len() as f64,
            expected: "one for each value",
        });
    }
    if let Some(&value) = weights.iter().find(|w| !(w.is_finite() && **w > 0.0)) {
        return Err(StatisticsError::OutOfRange {
            what: "weight of a monotone fit",
            value,
            expected: "finite and above 0",
        });
    }
    // Blocks of (mean, weight, number of values), rising.
    let mut blocks: Vec<(f64, f64, usize)> = Vec::new();
    for (&value, &weight) in values.iter().zip(weights) {
        let mut block = (trend.oriented(value), weight, 1);
        while let Some(&(mean, mass, count)) = blocks.last() {
            if mean < block.0 {
                break;
            }
            let total = mass + block.1;
            block = (
                (mean * mass + block.0 * block.1) / total,
                total,
                count + block.2,
            );
            blocks.pop();
        }
        blocks.push(block);
    }
    let fitted = blocks
        .iter()
        .flat_map(|&(mean, _, count)| std::iter::repeat_n(trend.oriented(mean), count));
    Ok(fitted.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fits_agree_with_scikit_learn() {
        // scikit-learn 1.9.1: IsotonicRegression(increasing=..).fit_transform(range(8), v, sample_weight=w)
        let mut v = vec![1.0, 3.0, 2.0, 4.0, 3.5, 3.0, 7.0, 6.0];
        let w = [1.0, 2.0, 1.0, 1.0, 3.0, 1.0, 1.0, 2.0];
        let rising = isotonic_fit(&v, &w, Trend::Rising).unwrap();
        let expected = [
            1.0,
            8.0 / 3.0,
            8.0 / 3.0,
            3.5,
            3.5,
            3.5,
            19.0 / 3.0,
            19.0 / 3.0,
        ];
        for (f, e) in rising.iter().zip(expected) {
            assert!((f - e).abs() < 1e-12, "{rising:?}");
        }
        v.reverse();
        let falling = isotonic_fit(&v, &w, Trend::Falling).unwrap();
        let expected = [20.0 / 3.0, 20.0 / 3.0, 3.7, 3.7, 3.7, 2.5, 2.5, 1.0];
        for (f, e) in falling.iter().zip(expected) {
            assert!((f - e).abs() < 1e-12, "{falling:?}");
        }
    }

    #[test]
    fn unusable_values_are_refused() {
        assert!(isotonic_fit(&[], &[], Trend::Rising).is_err());
        assert!(isotonic_fit(&[1.0], &[0.0], Trend::Rising).is_err());
        assert!(isotonic_fit(&[1.0, 2.0], &[1.0], Trend::Rising).is_err());
    }

    proptest! {
        #[test]
        fn fits_are_monotone_and_keep_the_mean(
            values in prop::collection::vec(-5.0..5.0_f64, 1..12),
        ) {
            let weights = vec![1.0; values.len()];
            let fit = isotonic_fit(&values, &weights, Trend::Rising).unwrap();
            prop_assert!(fit.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!((fit.iter().sum::<f64>() - values.iter().sum::<f64>()).abs() < 1e-9);
            let again = isotonic_fit(&fit, &weights, Trend::Rising).unwrap();
            for (a, f) in again.iter().zip(&fit) {
                prop_assert!((a - f).abs() < 1e-9);
            }
        }
    }
}
