//! Ranks with ties.

/// Ranks from 1; equal values share the mean of the ranks they fill.
pub(crate) fn mid_ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&a, &b| values[a].total_cmp(&values[b]));
    let mut ranks = vec![0.0; values.len()];
    for run in order.chunk_by(|&a, &b| values[a] == values[b]) {
        // `run` is a part of `order`, so its offset is the number of smaller values.
        let smaller = values
            .iter()
            .filter(|value| **value < values[run[0]])
            .count();
        let rank = smaller as f64 + (run.len() + 1) as f64 / 2.0;
        for &index in run {
            ranks[index] = rank;
        }
    }
    ranks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_their_mean_rank() {
        // scipy.stats.rankdata
        assert_eq!(mid_ranks(&[2.0, 7.0, 2.0, 1.0]), [2.5, 4.0, 2.5, 1.0]);
        assert_eq!(mid_ranks(&[-0.0, 0.0]), [1.5, 1.5]);
        assert!(mid_ranks(&[]).is_empty());
    }
}
