//! Page's test for a trend over ordered levels that every seed has seen.
//!
//! Rank the `k` levels within each of `n` rows; `L = Σ_rows Σ_j j · rank_j`. Without a trend every
//! order of a row's ranks is equally likely, rows being independent.
//!
//! # Source
//! E. B. Page, "Ordered hypotheses for multiple treatments", 1963.

use std::collections::BTreeMap;

use statrs::distribution::{ContinuousCDF, Normal};

use super::{NullDistribution, Trend, mid_ranks};
use crate::StatisticsError;
use crate::error::{require_count, require_finite};

/// Most levels for which every order of the ranks is counted.
const MAX_EXACT_LEVELS: usize = 10;
/// Most rows for which it is; beyond, the normal approximation is close.
const MAX_EXACT_ROWS: usize = 100;

/// Outcome of Page's test.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Page {
    /// Number of rows, such as seeds.
    pub rows: usize,
    /// Number of ordered levels.
    pub levels: usize,
    /// `L`, computed for the direction of the claim.
    pub statistic: f64,
    /// Mean over rows of Spearman's correlation of value and level in the direction of the claim;
    /// rows without any difference count as 0.
    pub mean_correlation: f64,
    /// One-sided p-value.
    pub p: f64,
    /// Where it comes from.
    pub null: NullDistribution,
}

/// Tests whether values move along the levels in the direction of `trend`.
///
/// `rows[r][j]` is the value of row `r` at level `j`, levels in their predicted order. Exact up to
/// 10 levels and 100 rows.
///
/// # Errors
/// If there are no rows, fewer than three levels, rows of different lengths, or a value is NaN or
/// infinite.
pub fn page_test(rows: &[Vec<f64>], trend: Trend) -> Result<Page, StatisticsError> {
    let levels = check_rows(rows, 3)?;
    let ranked: Vec<Vec<f64>> = rows
        .iter()
        .map(|row| {
            let oriented: Vec<f64> = row.iter().map(|&v| trend.oriented(v)).collect();
            mid_ranks(&oriented)
        })
        .collect();
    let weighted = |ranks: &[f64]| -> f64 {
        let levels = ranks.iter().enumerate();
        levels.map(|(j, rank)| (j + 1) as f64 * rank).sum()
    };
    let statistic: f64 = ranked.iter().map(|ranks| weighted(ranks)).sum();

    // Of one row: the mean of L is k (k + 1)² / 4, its variance S_j S_rank / (k − 1).
    let k = levels as f64;
    let middle = (k + 1.0) / 2.0;
    let row_mean = k * middle * middle;
    let level_squares = k * (k * k - 1.0) / 12.0;
    let rank_squares = |ranks: &[f64]| ranks.iter().map(|r| (r - middle).powi(2)).sum::<f64>();
    let mean_correlation = ranked
        .iter()
        .map(|ranks| {
            let squares = rank_squares(ranks);
            if squares > 0.0 {
                (weighted(ranks) - row_mean) / (level_squares * squares).sqrt()
            } else {
                0.0
            }
        })
        .sum::<f64>()
        / rows.len() as f64;

    let exact = levels <= MAX_EXACT_LEVELS && rows.len() <= MAX_EXACT_ROWS;
    let (p, null) = if exact {
        (exact_p(&ranked, statistic), NullDistribution::Exact)
    } else {
        let variance: f64 = ranked
            .iter()
            .map(|ranks| level_squares * rank_squares(ranks) / (k - 1.0))
            .sum();
        let distance = statistic - row_mean * rows.len() as f64;
        let p = if variance > 0.0 {
            Normal::standard().sf(distance / variance.sqrt())
        } else {
            1.0
        };
        (p, NullDistribution::Normal)
    };
    Ok(Page {
        rows: rows.len(),
        levels,
        statistic,
        mean_correlation,
        p,
        null,
    })
}

/// Checks a table of rows by levels and gives the number of levels.
pub(super) fn check_rows(rows: &[Vec<f64>], fewest: usize) -> Result<usize, StatisticsError> {
    require_count("rows of a rank test", 1, rows.len())?;
    let levels = rows[0].len();
    require_count("levels of a rank test", fewest, levels)?;
    for row in rows {
        if row.len() != levels {
            return Err(StatisticsError::OutOfRange {
                what: "values in a row of a rank test",
                value: row.len() as f64,
                expected: "the same for every row; drop incomplete rows",
            });
        }
        require_finite("values of a rank test", row)?;
    }
    Ok(levels)
}

/// Share of all arrangements whose `L` is at least `statistic`. Ranks are doubled, so that the
/// halves of ties become whole and sums index a table.
fn exact_p(ranked: &[Vec<f64>], statistic: f64) -> f64 {
    let mut distributions: BTreeMap<Vec<u32>, Vec<f64>> = BTreeMap::new();
    let mut total = vec![1.0];
    for ranks in ranked {
        let mut doubled: Vec<u32> = ranks.iter().map(|rank| (2.0 * rank) as u32).collect();
        doubled.sort_unstable();
        let row = distributions
            .entry(doubled.clone())
            .or_insert_with(|| row_distribution(&doubled));
        let mut sum = vec![0.0; total.len() + row.len() - 1];
        for (left, &p) in total.iter().enumerate().filter(|(_, p)| **p > 0.0) {
            for (slot, q) in sum[left..].iter_mut().zip(row.iter()) {
                *slot += p * q;
            }
        }
        total = sum;
    }
    let observed = (2.0 * statistic).round() as usize;
    total[observed..].iter().sum::<f64>().min(1.0)
}

/// Probability of each `Σ j · rank` over all orders of the (doubled) ranks.
///
/// A state is the set of ranks that fill the first levels; its distribution comes from those of
/// the sets with one rank less.
fn row_distribution(ranks: &[u32]) -> Vec<f64> {
    let levels = ranks.len();
    let largest: u32 = (1..).zip(ranks).map(|(j, rank)| j * rank).sum();
    let mut by_set: Vec<Vec<f64>> = vec![Vec::new(); 1 << levels];
    by_set[0] = vec![1.0];
    for set in 0..by_set.len() {
        let filled = set.count_ones() as usize;
        if filled == levels {
            break;
        }
        let from = std::mem::take(&mut by_set[set]);
        let share = 1.0 / (levels - filled) as f64;
        for (index, &rank) in ranks.iter().enumerate() {
            if set >> index & 1 == 1 {
                continue;
            }
            let step = (filled as u32 + 1) * rank;
            let to = &mut by_set[set | 1 << index];
            if to.len() < from.len() + step as usize {
                to.resize(from.len() + step as usize, 0.0);
            }
            for (slot, p) in to[step as usize..].iter_mut().zip(&from) {
                *slot += p * share;
            }
        }
    }
    let mut last = by_set.pop().unwrap_or_default();
    last.resize(largest as usize + 1, 0.0);
    last
}

#[cfg(test)]
mod tests {
    use super::super::examples::{RATINGS, ROWS, rows};
    use super::*;

    #[test]
    fn exact_p_agrees_with_scipy() {
        // SciPy 1.17.1: page_trend_test(ROWS) -> 263.0, 0.0001093307130915638, method exact
        let page = page_test(&rows(&ROWS), Trend::Rising).unwrap();
        assert_eq!((page.rows, page.levels, page.statistic), (5, 5, 263.0));
        assert!((page.p - 0.000_109_330_713_091_563_8).abs() < 1e-15);
        assert_eq!(page.null, NullDistribution::Exact);
    }

    #[test]
    fn ties_use_the_orders_of_the_tied_ranks() {
        // L as in SciPy's manual. The p-value is that of all orders of each row's own mid-ranks,
        // convolved over rows with itertools.permutations in Python; SciPy ignores ties (0.0018).
        let page = page_test(&rows(&RATINGS), Trend::Rising).unwrap();
        assert_eq!(page.statistic, 133.5);
        assert!(
            (page.p - 0.000_384_214_804_653_762_1).abs() < 1e-14,
            "{}",
            page.p
        );
    }

    #[test]
    fn normal_approximation_agrees_with_scipy() {
        // Twelve levels are too many to count: SciPy 1.17.1, on the same rows,
        // page_trend_test([[(7 * i + 5 * j) % 12 + 0.9 * j for j in range(12)] for i in range(4)],
        //                 method='asymptotic') -> 2337.0, 0.0001696101592178359
        let table: Vec<Vec<f64>> = (0..4)
            .map(|i| {
                (0..12)
                    .map(|j| f64::from((7 * i + 5 * j) % 12) + 0.9 * f64::from(j))
                    .collect()
            })
            .collect();
        let page = page_test(&table, Trend::Rising).unwrap();
        assert_eq!(page.null, NullDistribution::Normal);
        assert_eq!(page.statistic, 2337.0);
        assert!(
            (page.p - 0.000_169_610_159_217_835_9).abs() < 1e-12,
            "{}",
            page.p
        );
    }

    #[test]
    fn falling_mirrors_rising() {
        let mirrored: Vec<Vec<f64>> = ROWS
            .iter()
            .map(|row| row.iter().map(|v| -v).collect())
            .collect();
        let rising = page_test(&rows(&ROWS), Trend::Rising).unwrap();
        assert_eq!(page_test(&mirrored, Trend::Falling).unwrap(), rising);
        assert!(page_test(&rows(&ROWS), Trend::Falling).unwrap().p > 0.99);
        assert!(rising.mean_correlation > 0.7);
    }

    #[test]
    fn rows_without_differences_prove_nothing() {
        let page = page_test(&[vec![1.0; 4], vec![2.0; 4]], Trend::Rising).unwrap();
        assert_eq!((page.p, page.mean_correlation), (1.0, 0.0));
    }

    #[test]
    fn unusable_tables_are_refused() {
        assert!(page_test(&[], Trend::Rising).is_err());
        assert!(page_test(&[vec![1.0, 2.0]], Trend::Rising).is_err());
        assert!(page_test(&[vec![1.0, 2.0, 3.0], vec![1.0, 2.0]], Trend::Rising).is_err());
        assert!(page_test(&[vec![1.0, f64::NAN, 3.0]], Trend::Rising).is_err());
    }
}
