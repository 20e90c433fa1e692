//! Kendall's τ-b.

use crate::StatisticsError;
use crate::error::{require_count, require_finite};

/// Kendall's τ-b of two scores of the same things, in [−1, 1].
///
/// `(concordant − discordant) / sqrt((pairs − ties in left)(pairs − ties in right))`; 1 if both
/// order them alike. `None` if one of the scores does not distinguish any of them.
///
/// # Errors
/// If the scores differ in number, there are fewer than two, or one is NaN or infinite.
///
/// # Source
/// M. G. Kendall, "The treatment of ties in ranking problems", 1945.
pub fn kendall_tau(left: &[f64], right: &[f64]) -> Result<Option<f64>, StatisticsError> {
    check_columns(left, right, 2)?;
    let (mut agreement, mut left_pairs, mut right_pairs) = (0_i64, 0_i64, 0_i64);
    for i in 0..left.len() {
        for j in 0..i {
            let order = |scores: &[f64]| {
                i64::from(scores[i] > scores[j]) - i64::from(scores[i] < scores[j])
            };
            let (l, r) = (order(left), order(right));
            agreement += l * r;
            left_pairs += l * l;
            right_pairs += r * r;
        }
    }
    let scale = (left_pairs as f64 * right_pairs as f64).sqrt();
    Ok((scale > 0.0).then(|| agreement as f64 / scale))
}

/// Fails unless two columns have the same length of at least `needed`, and finite values.
pub(super) fn check_columns(
    left: &[f64],
    right: &[f64],
    needed: usize,
) -> Result<(), StatisticsError> {
    if left.len() != right.len() {
        return Err(StatisticsError::OutOfRange {
            what: "length of the second column of a correlation",
            value: right.len() as f64,
            expected: "that of the first; give one value of each for everything compared",
        });
    }
    require_count("values of a correlation", needed, left.len())?;
    require_finite("values of a correlation", left)?;
    require_finite("values of a correlation", right)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tau_agrees_with_scipy() {
        // SciPy 1.17.1: kendalltau(u, w).statistic, the first with ties
        let u = [12.0, 2.0, 1.0, 12.0, 2.0];
        let w = [1.0, 4.0, 7.0, 1.0, 0.0];
        let tau = kendall_tau(&u, &w).unwrap().unwrap();
        assert!((tau + 0.471_404_520_791_031_6).abs() < 1e-15);
        let accuracy = [0.9, 0.8, 0.85, 0.6, 0.5, 0.4];
        let bits = [1.0, 2.0, 3.0, 4.0, 6.0, 5.0];
        let tau = kendall_tau(&accuracy, &bits).unwrap().unwrap();
        assert!((tau + 0.733_333_333_333_333_3).abs() < 1e-15);
    }

    #[test]
    fn same_and_opposite_orders_are_the_ends() {
        let up = [1.0, 5.0, 7.0];
        assert_eq!(kendall_tau(&up, &[0.1, 0.2, 0.9]).unwrap(), Some(1.0));
        assert_eq!(kendall_tau(&up, &[3.0, 2.0, 1.0]).unwrap(), Some(-1.0));
        assert_eq!(kendall_tau(&up, &[2.0; 3]).unwrap(), None);
    }

    #[test]
    fn unusable_scores_are_refused() {
        assert!(kendall_tau(&[1.0], &[1.0]).is_err());
        assert!(kendall_tau(&[1.0, 2.0], &[1.0]).is_err());
        assert!(kendall_tau(&[1.0, f64::NAN], &[1.0, 2.0]).is_err());
    }
}
