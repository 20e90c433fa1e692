//! Friedman's test: do several arms differ, each seed being a block?
//!
//! # Source
//! M. Friedman, "The use of ranks to avoid the assumption of normality implicit in the analysis of
//! variance", 1937; tie correction as in W. J. Conover, "Practical Nonparametric Statistics".

use rand::seq::SliceRandom;
use statrs::distribution::{ChiSquared, ContinuousCDF};

use super::mid_ranks;
use super::page::check_rows;
use crate::StatisticsError;
use crate::error::require_count;
use crate::random_stream::stream;
use crate::sign_flip::MonteCarlo;

/// Outcome of Friedman's test.
#[derive(Debug, Clone, PartialEq)]
pub struct Friedman {
    /// Number of blocks, such as seeds.
    pub blocks: usize,
    /// Mean rank of each arm; 1 is the smallest value.
    pub mean_ranks: Vec<f64>,
    /// `χ²` with the correction for ties; 0 if no block distinguishes its arms.
    pub statistic: f64,
    /// Kendall's coefficient of concordance between the blocks, in [0, 1].
    pub concordance: f64,
    /// p-value from `χ²` with `arms − 1` degrees of freedom; rough for few blocks.
    pub p_chi_squared: f64,
    /// p-value from random orders of the arms within each block.
    pub p: f64,
}

/// Tests whether arms differ; `blocks[b][a]` is the value of arm `a` in block `b`.
///
/// # Errors
/// If there are fewer than two blocks or two arms, blocks of different lengths, a value that is NaN
/// or infinite, or no Monte Carlo draws.
pub fn friedman_test(
    blocks: &[Vec<f64>],
    monte_carlo: MonteCarlo,
) -> Result<Friedman, StatisticsError> {
    let arms = check_rows(blocks, 2)?;
    require_count("blocks of Friedman's test", 2, blocks.len())?;
    require_count("Friedman test draws", 1, monte_carlo.draws)?;
    let ranked: Vec<Vec<f64>> = blocks.iter().map(|block| mid_ranks(block)).collect();
    let middle = (arms + 1) as f64 / 2.0;
    let rank_sums = |ranked: &[Vec<f64>]| -> Vec<f64> {
        (0..arms)
            .map(|arm| ranked.iter().map(|ranks| ranks[arm]).sum())
            .collect()
    };
    let expected = blocks.len() as f64 * middle;
    let between = |sums: &[f64]| -> f64 { sums.iter().map(|sum| (sum - expected).powi(2)).sum() };
    let within: f64 = ranked
        .iter()
        .flatten()
        .map(|rank| (rank - middle).powi(2))
        .sum();
    let sums = rank_sums(&ranked);
    let observed = between(&sums);
    let degrees = (arms - 1) as f64;
    let statistic = if within > 0.0 {
        degrees * observed / within
    } else {
        0.0
    };
    let chi_squared = ChiSquared::new(degrees).map_err(|_| StatisticsError::TooFew {
        what: "arms of Friedman's test",
        needed: 2,
        found: arms,
    })?;

    let extreme = (0..monte_carlo.draws)
        .filter(|&draw| {
            let mut rng = stream(monte_carlo.seed, "friedman", draw as u64);
            let mut shuffled = ranked.clone();
            shuffled
                .iter_mut()
                .for_each(|ranks| ranks.shuffle(&mut rng));
            // Sums of halves are exact, so equal arrangements compare equal.
            between(&rank_sums(&shuffled)) >= observed
        })
        .count();
    Ok(Friedman {
        blocks: blocks.len(),
        mean_ranks: sums.iter().map(|sum| sum / blocks.len() as f64).collect(),
        statistic,
        concordance: statistic / (blocks.len() as f64 * degrees),
        p_chi_squared: chi_squared.sf(statistic),
        p: (1 + extreme) as f64 / (1 + monte_carlo.draws) as f64,
    })
}

#[cfg(test)]
mod tests {
    use super::super::examples::{RATINGS, ROWS, rows};
    use super::*;

    const MC: MonteCarlo = MonteCarlo {
        draws: 20_000,
        seed: 9,
    };

    #[test]
    fn statistic_agrees_with_scipy() {
        // SciPy 1.17.1: friedmanchisquare(*np.array(rows).T)
        let test = friedman_test(&rows(&ROWS), MC).unwrap();
        assert!((test.statistic - 14.24).abs() < 1e-12);
        assert!((test.p_chi_squared - 0.006_567_186_019_127_76).abs() < 1e-12);
        assert!((test.concordance - 14.24 / 20.0).abs() < 1e-12);
        assert_eq!(test.mean_ranks, [1.6, 2.6, 2.0, 4.2, 4.6]);

        let test = friedman_test(&rows(&RATINGS), MC).unwrap();
        assert!((test.statistic - 11.485_714_285_714_298).abs() < 1e-12);
        assert!((test.p_chi_squared - 0.003_205_596_332_107_103).abs() < 1e-12);
    }

    #[test]
    fn permutation_p_counts_orders() {
        // Three blocks that agree on the order of three arms: 6 of the 6³ arrangements agree so.
        let blocks = rows(&[[1.0, 2.0, 3.0], [0.1, 0.2, 0.3], [5.0, 6.0, 7.0]]);
        let test = friedman_test(&blocks, MC).unwrap();
        assert_eq!(test.concordance, 1.0);
        assert!((test.p - 6.0 / 216.0).abs() < 0.004, "{}", test.p);
        assert_eq!(test, friedman_test(&blocks, MC).unwrap());
    }

    #[test]
    fn blocks_without_differences_prove_nothing() {
        let test = friedman_test(&[vec![1.0; 3], vec![2.0; 3]], MC).unwrap();
        assert_eq!(
            (test.statistic, test.p, test.p_chi_squared),
            (0.0, 1.0, 1.0)
        );
    }

    #[test]
    fn unusable_blocks_are_refused() {
        assert!(friedman_test(&[vec![1.0, 2.0]], MC).is_err());
        assert!(friedman_test(&[vec![1.0], vec![2.0]], MC).is_err());
        assert!(friedman_test(&[vec![1.0, 2.0], vec![1.0]], MC).is_err());
    }
}
