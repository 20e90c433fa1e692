//! Exact McNemar test: two arms on the same words, right or wrong.
//!
//! Only words that one arm reads and the other does not tell the arms apart; without a difference
//! each of them is a fair coin. All words come from one training seed: this test says nothing about
//! other seeds.
//!
//! # Source
//! Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
//! percentages", 1947.

use statrs::distribution::{Binomial, DiscreteCDF};

use crate::StatisticsError;
use crate::sign_flip::Alternative;

/// Outcome of the test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct McNemar {
    /// Words that only the left arm reads.
    pub left_only: u64,
    /// Words that only the right arm reads.
    pub right_only: u64,
    /// p-value; 1 if the arms never differ.
    pub p: f64,
}

/// Tests from whether each word was read by the left and by the right arm.
///
/// [`Alternative::Greater`] claims that the left arm reads more words.
///
/// # Errors
/// If the arms read different numbers of words.
pub fn mcnemar_test(
    left: &[bool],
    right: &[bool],
    alternative: Alternative,
) -> Result<McNemar, StatisticsError> {
    if left.len() != right.len() {
        return Err(StatisticsError::OutOfRange {
            what: "number of words of the second arm",
            value: right.len() as f64,
            expected: "that of the first arm; give both the same words",
        });
    }
    let only = |this: bool| {
        let pairs = left.iter().zip(right);
        pairs.filter(|(l, r)| **l == this && **r != this).count() as u64
    };
    Ok(mcnemar_from_counts(only(true), only(false), alternative))
}

/// Tests from the numbers of words that only one of the arms reads.
pub fn mcnemar_from_counts(left_only: u64, right_only: u64, alternative: Alternative) -> McNemar {
    let n = left_only + right_only;
    // P(X ≥ k) of a fair binomial; 0.5 is a valid probability, so there always is one.
    let at_least = |k: u64| match Binomial::new(0.5, n) {
        Ok(coin) if k > 0 => coin.sf(k - 1),
        _ => 1.0,
    };
    let p = match alternative {
        Alternative::Greater => at_least(left_only),
        Alternative::Less => at_least(right_only),
        Alternative::TwoSided => (2.0 * at_least(left_only.max(right_only))).min(1.0),
    };
    McNemar {
        left_only,
        right_only,
        p,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn p_values_agree_with_statsmodels_and_scipy() {
        // statsmodels 0.15.0: mcnemar([[0, b], [c, 0]], exact=True).pvalue
        // SciPy 1.17.1: binomtest(b, b + c, alternative='greater').pvalue
        for (b, c, two_sided, greater) in [
            (6, 16, 0.052_478_790_283_203_125, 0.991_549_730_300_903_3),
            (59, 16, 6.114_156_572_521_501e-7, 3.057_078_286_260_750_4e-7),
            (3, 3, 1.0, 0.65625),
            (0, 5, 0.0625, 1.0),
            (
                121,
                59,
                4.434_449_263_755_164_5e-6,
                2.217_224_631_877_582_3e-6,
            ),
        ] {
            let p = |alternative| mcnemar_from_counts(b, c, alternative).p;
            assert!((p(Alternative::TwoSided) / two_sided - 1.0).abs() < 1e-9);
            assert!((p(Alternative::Greater) / greater - 1.0).abs() < 1e-9);
            let mirrored = mcnemar_from_counts(c, b, Alternative::Less).p;
            assert_eq!(mirrored, p(Alternative::Greater));
        }
    }

    #[test]
    fn only_differing_words_count() {
        let left = [true, true, true, false, true, false];
        let right = [true, false, false, false, false, true];
        let test = mcnemar_test(&left, &right, Alternative::TwoSided).unwrap();
        assert_eq!((test.left_only, test.right_only), (3, 1));
        assert!((test.p - 0.625).abs() < 1e-12);
        let same = mcnemar_test(&left, &left, Alternative::TwoSided).unwrap();
        assert_eq!(same.p, 1.0);
        assert!(mcnemar_test(&left, &right[1..], Alternative::Less).is_err());
    }
}
