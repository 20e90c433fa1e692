//! Entropy of a distribution, and estimates of it from counts.

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
    /// Standard error of these entropies by the spread of the tokens' surprises, as of `n` independent
    /// tokens: the root of `(Σ p̂ ln² p̂ − H²) / n`. It says how much a sample of this size varies; what the
    /// plug-in is too low by is not in it. 0 where all words seen are equally common.
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
    /// 1953; G. P. Basharin, "On a statistical estimate for the entropy of a sequence of independent random
    /// variables", 1959 (the standard error); G. A. Miller, "Note on the bias of information estimates", 1955; A. Chao, T.-J. Shen,
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
        let squares: f64 = counts
            .iter()
            .filter(|&&count| count > 0)
            .map(|&count| {
                let p = count as f64 / n;
                p * p.ln().powi(2)
            })
            .sum();
        // Rounding may leave less than nothing.
        let variance = (squares - plug_in.nats.powi(2)).max(0.0) / n;
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
            standard_error: Entropy::from_nats(variance.sqrt()),
            unseen_mass,
        })
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

    #[test]
    fn the_standard_error_and_the_unseen_share_are_those_of_repeated_samples() {
        // Words with probabilities 1/2, 1/4, … : a sample's entropy varies as the error says, and new words
        // come as often as the share says.
        let words = 12;
        let (tokens, repeats) = (300, 400);
        let mut entropies = Vec::new();
        let (mut error, mut unseen, mut truly_unseen) = (0.0, 0.0, 0.0);
        for repeat in 0..repeats {
            let mut rng = stream(12, "geometric", repeat);
            let mut counts = vec![0_u64; words];
            for _ in 0..tokens {
                let word = (0..words - 1).find(|_| rng.random_bool(0.5));
                counts[word.unwrap_or(words - 1)] += 1;
            }
            let found = CountEntropies::from_counts(&counts).unwrap();
            entropies.push(found.plug_in.nats());
            error += found.standard_error.nats() / repeats as f64;
            unseen += found.unseen_mass / repeats as f64;
            let missing = (0..words).filter(|&word| counts[word] == 0);
            let missing = missing.map(|word| 0.5_f64.powi(word.min(words - 2) as i32 + 1));
            truly_unseen += missing.sum::<f64>() / repeats as f64;
        }
        let mean = entropies.iter().sum::<f64>() / repeats as f64;
        let squares = entropies.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        let spread = (squares / (repeats - 1) as f64).sqrt();
        assert!((error / spread - 1.0).abs() < 0.15, "{error} {spread}");
        assert!(
            (unseen / truly_unseen - 1.0).abs() < 0.15,
            "{unseen} {truly_unseen}"
        );
        let even = CountEntropies::from_counts(&[3, 3, 0, 3]).unwrap();
        assert!(even.standard_error.nats() < 1e-8 && even.unseen_mass == 0.0);
        let single = CountEntropies::from_counts(&[1, 1, 2]).unwrap();
        assert_eq!(single.unseen_mass, 0.5);
        // n p̂: 1, 1, 2 of 4; surprises 2, 2, 1 bits: mean 1.5, variance 0.25.
        assert!((single.standard_error.bits() - (0.25_f64 / 4.0).sqrt()).abs() < 1e-12);
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
