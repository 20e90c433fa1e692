//! Distributions of a family with one parameter, chosen by their entropy.

use rand::{Rng, RngExt};

/// Halvings of the interval of the parameter. The width is then that of a rounding error.
const HALVINGS: usize = 64;

/// Exponent of Zipf's law at which one rank is left: the second has a probability of 2⁻⁶⁴.
const STEEPEST: f64 = 64.0;

/// A distribution over the ranks 0, 1, …, whose probabilities fall.
#[derive(Clone, Debug)]
pub(crate) struct Distribution {
    probabilities: Vec<f64>,
    cumulative: Vec<f64>,
}

impl Distribution {
    /// `p_i ~ rⁱ` over `ranks` ranks, with an entropy of `bits`: 0 to `log₂ ranks`.
    pub(crate) fn geometric(ranks: usize, bits: f64) -> Self {
        Self::of_entropy(bits, |ratio| {
            let powers = std::iter::successors(Some(1.0), |power| Some(power * ratio));
            powers.take(ranks).collect()
        })
    }

    /// `p_i ~ 1 / (i + 1)ˢ` over `ranks` ranks, with an entropy of `bits`: 0 to `log₂ ranks`.
    pub(crate) fn zipf(ranks: usize, bits: f64) -> Self {
        let logarithms: Vec<f64> = (1..=ranks).map(|rank| (rank as f64).ln()).collect();
        Self::of_entropy(bits, |flatness| {
            let exponent = STEEPEST * (1.0 - flatness);
            logarithms.iter().map(|ln| (-exponent * ln).exp()).collect()
        })
    }

    /// The member of a family whose entropy rises with its parameter, from one rank at 0 to equal
    /// weights at 1.
    fn of_entropy(bits: f64, weights: impl Fn(f64) -> Vec<f64>) -> Self {
        let (mut low, mut high) = (0.0, 1.0);
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            if Self::of_weights(weights(middle)).entropy_bits() < bits {
                low = middle;
            } else {
                high = middle;
            }
        }
        Self::of_weights(weights(high))
    }

    fn of_weights(mut weights: Vec<f64>) -> Self {
        let sum: f64 = weights.iter().sum();
        for weight in &mut weights {
            *weight /= sum;
        }
        let cumulative = weights
            .iter()
            .scan(0.0, |sum, weight| {
                *sum += weight;
                Some(*sum)
            })
            .collect();
        Self {
            probabilities: weights,
            cumulative,
        }
    }

    pub(crate) fn probabilities(&self) -> &[f64] {
        &self.probabilities
    }

    pub(crate) fn entropy_bits(&self) -> f64 {
        entropy_bits(self.probabilities.iter().copied())
    }

    /// A rank.
    pub(crate) fn draw(&self, rng: &mut impl Rng) -> usize {
        let point: f64 = rng.random();
        let rank = self.cumulative.partition_point(|sum| *sum <= point);
        // Rounding may leave the last sum just below 1.
        rank.min(self.cumulative.len() - 1)
    }
}

/// `−Σ p log₂ p`.
pub(crate) fn entropy_bits(probabilities: impl Iterator<Item = f64>) -> f64 {
    let information = probabilities.filter(|p| *p > 0.0).map(|p| -p * p.log2());
    // A sum of nothing, and of certainty, is 0 and not −0.
    information.sum::<f64>().max(0.0) + 0.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::stream;

    #[test]
    fn entropies_are_those_asked_for_over_the_whole_range() {
        for ranks in [2, 10, 94, 4096] {
            let most = (ranks as f64).log2();
            for share in [0.0, 1e-6, 0.01, 0.3, 0.5, 0.9, 0.999_999, 1.0] {
                let bits = share * most;
                for found in [
                    Distribution::geometric(ranks, bits),
                    Distribution::zipf(ranks, bits),
                ] {
                    let error = found.entropy_bits() - bits;
                    assert!(error.abs() < 1e-9, "{ranks} {bits}: {error}");
                    assert!(found.probabilities.is_sorted_by(|a, b| a >= b));
                }
            }
        }
    }

    #[test]
    fn families_have_the_shapes_they_are_named_after() {
        let geometric = Distribution::geometric(10, 2.0);
        let p = geometric.probabilities();
        for ranks in p.windows(3) {
            assert!((ranks[0] * ranks[2] - ranks[1] * ranks[1]).abs() < 1e-12);
        }
        let zipf = Distribution::zipf(100, 4.0);
        let p = zipf.probabilities();
        // p₁ / p₂ = 2ˢ, p₁ / p₄ = 4ˢ, p₁ / p₈ = 8ˢ.
        let exponent = (p[0] / p[1]).log2();
        assert!((p[0] / p[3] - 4_f64.powf(exponent)).abs() < 1e-9);
        assert!((p[0] / p[7] - 8_f64.powf(exponent)).abs() < 1e-9);
    }

    #[test]
    fn ranks_are_drawn_as_often_as_their_probabilities_say() {
        let distribution = Distribution::zipf(20, 3.0);
        let mut counts = [0_u32; 20];
        let mut rng = stream(1, "ranks", 0);
        let draws = 200_000;
        for _ in 0..draws {
            counts[distribution.draw(&mut rng)] += 1;
        }
        for (count, p) in counts.iter().zip(distribution.probabilities()) {
            let expected = f64::from(draws) * p;
            let sd = (expected * (1.0 - p)).sqrt();
            assert!(
                (f64::from(*count) - expected).abs() < 5.0 * sd,
                "{count} {expected}"
            );
        }
        let certain = Distribution::geometric(20, 0.0);
        assert!((0..100).all(|_| certain.draw(&mut rng) == 0));
    }
}
