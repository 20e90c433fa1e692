//! Entropy of a distribution, and estimates of it from counts.

use std::collections::BTreeMap;
use std::f64::consts::LN_2;

use crate::StatisticsError;
use crate::error::require_count;

/// An entropy, kept in nats.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Entropy {
    nats: f64,
}

impl Entropy {
    /// An entropy of `nats`.
    pub fn from_nats(nats: f64) -> Self {
        Self { nats }
    }

    /// `−Σ p ln p` of weights scaled to sum 1; 0 if all weights are 0.
    pub(super) fn of_weights(weights: impl Iterator<Item = f64> + Clone) -> Self {
        let total: f64 = weights.clone().sum();
        let nats = weights
            .filter(|&weight| weight > 0.0)
            .map(|weight| {
                let p = weight / total;
                -p * p.ln()
            })
            .sum::<f64>();
        Self { nats }
    }

    /// In nats.
    pub fn nats(self) -> f64 {
        self.nats
    }

    /// In bits.
    pub fn bits(self) -> f64 {
        self.nats / LN_2
    }

    /// `exp(nats)`: the number of equally likely words with this entropy.
    pub fn perplexity(self) -> f64 {
        self.nats.exp()
    }
}

/// Estimates of the entropy behind a sample of word counts.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CountEntropies {
    /// Entropy of the sample itself; too low on average.
    pub plug_in: Entropy,
    /// Plug-in plus `(m − 1) / 2n` nats for `m` words seen in `n` tokens; too low as long as many
    /// words are unseen.
    pub miller_madow: Entropy,
    /// Estimate that allows for the words not seen. A sample in which no word repeats would have
    /// coverage 0; one word less is counted as seen once then. May exceed the log of the vocabulary
    /// size.
    pub chao_shen: Entropy,
    /// Standard error of [`chao_shen`](Self::chao_shen), by leaving out one token at a time, as if tokens
    /// were independent. What the estimate misses on average is not in it. 0 for a single token.
    pub standard_error: Entropy,
    /// Share of the next tokens that are words not seen yet, by Good and Turing: `f₁/n`.
    pub unseen_mass: f64,
}

impl CountEntropies {
    /// Estimates from the number of tokens assigned to each word; zeros are allowed.
    ///
    /// With `p̂` the sample frequencies, `f₁` the words seen once and coverage `C = 1 − f₁/n`,
    /// Chao–Shen is `−Σ C p̂ ln(C p̂) / (1 − (1 − C p̂)ⁿ)`.
    ///
    /// # Errors
    /// If all counts are 0.
    ///
    /// # Source
    /// I. J. Good, "The population frequencies of species and the estimation of population parameters",
    /// 1953; B. Efron, C. Stein, "The jackknife estimate of variance", 1981; G. A. Miller, "Note on the bias of information estimates", 1955; A. Chao, T.-J. Shen,
    /// "Nonparametric estimation of Shannon's index of diversity when there are unseen species in
    /// sample", 2003.
    pub fn from_counts(counts: &[u64]) -> Result<Self, StatisticsError> {
        let tokens: u64 = counts.iter().sum();
        require_count("tokens in word counts", 1, tokens as usize)?;
        let n = tokens as f64;
        let plug_in = Entropy::of_weights(counts.iter().map(|&count| count as f64));
        let seen = counts.iter().filter(|&&count| count > 0).count();
        let singletons = counts.iter().filter(|&&count| count == 1).count() as f64;
        let unseen_mass = singletons / n;
        let singletons = if singletons == n { n - 1.0 } else { singletons };
        let coverage = 1.0 - singletons / n;
        let chao_shen = counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| {
                let p = coverage * count as f64 / n;
                // 1 − (1 − p)ⁿ without cancellation for small p.
                let inclusion = -(n * (-p).ln_1p()).exp_m1();
                -p * p.ln() / inclusion
            })
            .sum();
        Ok(Self {
            plug_in,
            miller_madow: Entropy::from_nats(plug_in.nats + (seen - 1) as f64 / (2.0 * n)),
            chao_shen: Entropy::from_nats(chao_shen),
            standard_error: Entropy::from_nats(Histogram::of(counts).jackknife_error()),
            unseen_mass,
        })
    }
}

/// How many words have each count, which is all that an estimate depends on.
#[derive(Clone, Debug)]
struct Histogram(BTreeMap<u64, u64>);

impl Histogram {
    fn of(counts: &[u64]) -> Self {
        let mut words = BTreeMap::new();
        for &count in counts.iter().filter(|&&count| count > 0) {
            *words.entry(count).or_default() += 1;
        }
        Self(words)
    }

    /// Chao–Shen in nats, as in [`CountEntropies::from_counts`] but for the order of the sum.
    fn chao_shen(&self) -> f64 {
        let n: u64 = self.0.iter().map(|(count, words)| count * words).sum();
        let n = n as f64;
        let singletons = self.0.get(&1).map_or(0.0, |&words| words as f64);
        let singletons = if singletons == n { n - 1.0 } else { singletons };
        let coverage = 1.0 - singletons / n;
        let terms = self.0.iter().map(|(&count, &words)| {
            let p = coverage * count as f64 / n;
            let inclusion = -(n * (-p).ln_1p()).exp_m1();
            -(words as f64) * p * p.ln() / inclusion
        });
        terms.sum()
    }

    /// Without one token of a word that has `count` of them.
    fn without(&self, count: u64) -> Self {
        let mut left = self.clone();
        let words = left.0.entry(count).or_default();
        *words -= 1;
        if *words == 0 {
            left.0.remove(&count);
        }
        if count > 1 {
            *left.0.entry(count - 1).or_default() += 1;
        }
        left
    }

    /// Standard error of [`chao_shen`](Self::chao_shen): tokens of words with equal counts leave the same.
    fn jackknife_error(&self) -> f64 {
        let n: u64 = self.0.iter().map(|(count, words)| count * words).sum();
        if n < 2 {
            return 0.0;
        }
        let n = n as f64;
        let left: Vec<(f64, f64)> = self
            .0
            .iter()
            .map(|(&count, &words)| ((count * words) as f64, self.without(count).chao_shen()))
            .collect();
        let mean = left.iter().map(|(tokens, nats)| tokens * nats).sum::<f64>() / n;
        let squares = left
            .iter()
            .map(|(tokens, nats)| tokens * (nats - mean).powi(2));
        ((n - 1.0) / n * squares.sum::<f64>()).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_stream::stream;
    use proptest::prelude::*;
    use rand::RngExt;

    #[test]
    fn corrected_entropies_agree_with_numpy() {
        // q = y[y > 0] / n; h = scipy.stats.entropy(q); mm = h + (len(q) - 1) / (2 * n)
        // c = 1 - (y == 1).sum() / n; a = c * q; cs = -(a * np.log(a) / (1 - (1 - a) ** n)).sum()
        let y = [4, 2, 3, 0, 2, 4, 0, 0, 2, 1, 1];
        let found = CountEntropies::from_counts(&y).unwrap();
        assert!((found.plug_in.nats() - 1.968_382_408_728_381_2).abs() < 1e-12);
        assert!((found.miller_madow.nats() - 2.152_592_935_044_171).abs() < 1e-12);
        assert!((found.chao_shen.nats() - 2.201_137_101_279_585).abs() < 1e-12);
    }

    /// Counts of `tokens` words drawn with probabilities in proportion to `weights`.
    fn sampled(weights: &[f64], tokens: usize, repeat: u64) -> Vec<u64> {
        let total: f64 = weights.iter().sum();
        let mut rng = stream(12, "sample", repeat);
        let mut counts = vec![0; weights.len()];
        for _ in 0..tokens {
            let mut left = rng.random_range(0.0..total);
            let word = weights.iter().position(|weight| {
                left -= weight;
                left < 0.0
            });
            counts[word.unwrap_or(weights.len() - 1)] += 1;
        }
        counts
    }

    #[test]
    fn the_standard_error_and_the_unseen_share_are_those_of_repeated_samples() {
        // Seen nearly whole, and mostly unseen.
        let few: Vec<f64> = (1..13).map(|word| 0.5_f64.powi(word)).collect();
        let many: Vec<f64> = (1..=1000).map(|rank| 1.0 / f64::from(rank)).collect();
        for (weights, tokens, tolerance) in [(few, 300, 0.15), (many, 500, 0.3)] {
            let repeats = 300;
            let total: f64 = weights.iter().sum();
            let mut entropies = Vec::new();
            let (mut error, mut unseen, mut truly_unseen) = (0.0, 0.0, 0.0);
            for repeat in 0..repeats {
                let counts = sampled(&weights, tokens, repeat);
                let found = CountEntropies::from_counts(&counts).unwrap();
                entropies.push(found.chao_shen.nats());
                error += found.standard_error.nats() / repeats as f64;
                unseen += found.unseen_mass / repeats as f64;
                let missing = weights
                    .iter()
                    .zip(&counts)
                    .filter(|(_, count)| **count == 0);
                let missing: f64 = missing.map(|(weight, _)| weight / total).sum();
                truly_unseen += missing / repeats as f64;
            }
            let mean = entropies.iter().sum::<f64>() / repeats as f64;
            let squares = entropies.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
            let spread = (squares / (repeats - 1) as f64).sqrt();
            assert!((error / spread - 1.0).abs() < tolerance, "{error} {spread}");
            assert!(
                (unseen / truly_unseen - 1.0).abs() < 0.15,
                "{unseen} {truly_unseen}"
            );
        }
    }

    #[test]
    fn the_error_is_that_of_leaving_out_every_token_by_itself() {
        let counts = [4_u64, 2, 3, 0, 2, 1, 1];
        let found = CountEntropies::from_counts(&counts).unwrap();
        let mut left = Vec::new();
        for (word, &count) in counts.iter().enumerate() {
            for _ in 0..count {
                let mut fewer = counts;
                fewer[word] -= 1;
                left.push(
                    CountEntropies::from_counts(&fewer)
                        .unwrap()
                        .chao_shen
                        .nats(),
                );
            }
        }
        let n = left.len() as f64;
        let mean = left.iter().sum::<f64>() / n;
        let squares = left.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        let expected = ((n - 1.0) / n * squares).sqrt();
        assert!((found.standard_error.nats() - expected).abs() < 1e-12);
        assert_eq!(found.unseen_mass, 2.0 / 13.0);
        assert_eq!(
            CountEntropies::from_counts(&[1])
                .unwrap()
                .standard_error
                .nats(),
            0.0
        );
        let even = CountEntropies::from_counts(&[3, 3, 0, 3]).unwrap();
        assert!(even.standard_error.nats() < 1e-8 && even.unseen_mass == 0.0);
    }

    #[test]
    fn uniform_words_have_log_two_entropy() {
        let uniform = Entropy::of_weights([1.0_f64; 256].into_iter());
        assert!((uniform.bits() - 8.0).abs() < 1e-12);
        assert!((uniform.perplexity() - 256.0).abs() < 1e-9);
    }

    #[test]
    fn samples_without_repeats_stay_finite() {
        for counts in [vec![1; 50], vec![1], vec![7]] {
            let found = CountEntropies::from_counts(&counts).unwrap();
            assert!(found.chao_shen.nats().is_finite());
            assert!(found.chao_shen >= found.plug_in);
        }
        assert!(CountEntropies::from_counts(&[0, 0]).is_err());
    }

    #[test]
    fn corrections_come_closer_to_a_known_entropy_than_the_sample_does() {
        // Zipf's law over 1,000 words, 500 tokens: most of the rare words are never seen.
        let weights: Vec<f64> = (1..=1000).map(|rank| 1.0 / f64::from(rank)).collect();
        let truth = Entropy::of_weights(weights.iter().copied()).nats();
        let total: f64 = weights.iter().sum();
        let repeats = 50;
        let mut errors = [0.0; 3];
        for repeat in 0..repeats {
            let mut rng = stream(11, "zipf-sample", repeat);
            let mut counts = vec![0; weights.len()];
            for _ in 0..500 {
                let mut left = rng.random_range(0.0..total);
                let word = weights.iter().position(|weight| {
                    left -= weight;
                    left < 0.0
                });
                counts[word.unwrap_or(weights.len() - 1)] += 1;
            }
            let found = CountEntropies::from_counts(&counts).unwrap();
            for (error, estimate) in
                errors
                    .iter_mut()
                    .zip([found.plug_in, found.miller_madow, found.chao_shen])
            {
                *error += (estimate.nats() - truth).abs() / repeats as f64;
            }
        }
        let [plug_in, miller_madow, chao_shen] = errors;
        assert!(plug_in > 0.3, "the sample should be biased: {plug_in}");
        assert!(miller_madow < 0.8 * plug_in, "{miller_madow}, {plug_in}");
        assert!(chao_shen < 0.5 * plug_in, "{chao_shen}, {plug_in}");
    }

    proptest! {
        #[test]
        fn entropy_lies_between_zero_and_the_log_of_the_words(
            counts in prop::collection::vec(0_u64..50, 1..40),
        ) {
            prop_assume!(counts.iter().any(|&count| count > 0));
            let found = CountEntropies::from_counts(&counts).unwrap();
            let most = (counts.len() as f64).ln();
            prop_assert!((-1e-12..=most + 1e-12).contains(&found.plug_in.nats()));
            prop_assert!(found.miller_madow >= found.plug_in);
        }
    }
}
