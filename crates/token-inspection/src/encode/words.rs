//! How a visual vocabulary was used by an image.

use super::{Array, Keep};
use burn::tensor::Tensor;
use std::cmp::Ordering;
use std::collections::BTreeSet;

/// The masses of so many best words are reported.
pub const MASSES: [usize; 3] = [1, 16, 256];

/// Statistics over the distributions of an image's tokens, and what is kept of them.
#[derive(Clone, Debug)]
pub struct Words {
    vocabulary: usize,
    keep: Keep,
    tokens: usize,
    entropy_bits: f64,
    masses: [f64; MASSES.len()],
    best: BTreeSet<u32>,
    /// Entropy of every token's distribution, in bits.
    pub token_entropies_bits: Vec<f64>,
    /// Best words of every token, `[tokens, top]`, best first.
    pub ids: Vec<i64>,
    /// Their probabilities.
    pub id_probabilities: Vec<f32>,
    /// All probabilities, if they are kept.
    pub all: Vec<f32>,
}

impl Words {
    /// Nothing seen yet.
    #[must_use]
    pub fn new(vocabulary: usize, keep: Keep) -> Self {
        Self {
            vocabulary,
            keep,
            tokens: 0,
            entropy_bits: 0.0,
            masses: [0.0; MASSES.len()],
            best: BTreeSet::new(),
            token_entropies_bits: Vec::new(),
            ids: Vec::new(),
            id_probabilities: Vec::new(),
            all: Vec::new(),
        }
    }

    /// Words kept per token.
    #[must_use]
    pub fn top(&self) -> usize {
        self.keep.top.min(self.vocabulary)
    }

    /// Adds the distributions of some tokens, `[1, tokens, words]`.
    pub fn add(&mut self, probabilities: Tensor<3>) {
        let values: Vec<f32> = probabilities.into_data().iter::<f32>().collect();
        let most = MASSES[MASSES.len() - 1]
            .max(self.top())
            .min(self.vocabulary);
        let mut order: Vec<u32> = Vec::with_capacity(self.vocabulary);
        for token in values.chunks_exact(self.vocabulary) {
            self.tokens += 1;
            let entropy = entropy_bits(token);
            self.entropy_bits += entropy;
            self.token_entropies_bits.push(entropy);
            best_words(token, most, &mut order);
            add_masses(&mut self.masses, MASSES, token, &order);
            self.best.insert(order[0]);
            for &word in &order[..self.keep.top.min(most)] {
                self.ids.push(i64::from(word));
                self.id_probabilities.push(token[word as usize]);
            }
        }
        if self.keep.all_probabilities {
            self.all.extend(values);
        }
    }

    /// All probabilities with their shape.
    #[must_use]
    pub fn all(&self) -> Option<Array> {
        self.keep.all_probabilities.then(|| Array {
            values: self.all.clone(),
            shape: vec![self.tokens, self.vocabulary],
        })
    }

    /// Mean entropy of a token's distribution, in bits.
    #[must_use]
    pub fn mean_entropy_bits(&self) -> f64 {
        self.entropy_bits / self.tokens.max(1) as f64
    }

    /// How many words a token mixes, `2^entropy`, in the mean over tokens.
    #[must_use]
    pub fn perplexity(&self) -> f64 {
        let each = self.token_entropies_bits.iter().map(|bits| bits.exp2());
        each.sum::<f64>() / self.tokens.max(1) as f64
    }

    /// Mean probability of the best words of a token; the counts are [`MASSES`].
    #[must_use]
    pub fn mean_masses(&self) -> [f64; MASSES.len()] {
        self.masses.map(|mass| mass / self.tokens.max(1) as f64)
    }

    /// Words that are the best of at least one token.
    #[must_use]
    pub fn distinct_best(&self) -> usize {
        self.best.len()
    }
}

/// The `most` best words into `order`, best first; the lowest number wins a tie, as in argmax.
pub(crate) fn best_words(distribution: &[f32], most: usize, order: &mut Vec<u32>) {
    order.clear();
    order.extend(0..distribution.len() as u32);
    let before = |a: &u32, b: &u32| -> Ordering {
        let (p, q) = (distribution[*a as usize], distribution[*b as usize]);
        q.total_cmp(&p).then(a.cmp(b))
    };
    if most < order.len() {
        order.select_nth_unstable_by(most - 1, before);
        order.truncate(most);
    }
    order.sort_unstable_by(before);
}

/// Adds the probability of so many best words together; `order` has them best first.
pub(crate) fn add_masses<const N: usize>(
    masses: &mut [f64; N],
    counts: [usize; N],
    distribution: &[f32],
    order: &[u32],
) {
    for (mass, count) in masses.iter_mut().zip(counts) {
        let best = order.iter().take(count);
        *mass += best
            .map(|&word| f64::from(distribution[word as usize]))
            .sum::<f64>();
    }
}

/// Entropy of a distribution in bits.
#[must_use]
pub fn entropy_bits(distribution: &[f32]) -> f64 {
    distribution
        .iter()
        .filter(|&&p| p > 0.0)
        .map(|&p| {
            let p = f64::from(p);
            -p * p.log2()
        })
        // Not `sum`, which starts at -0.
        .fold(0.0, |sum, term| sum + term)
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};

    fn words(distributions: &[[f32; 4]], keep: Keep) -> Words {
        let values = distributions.concat();
        let shape = [1, distributions.len(), 4];
        let mut words = Words::new(4, keep);
        words.add(Tensor::from_data(
            TensorData::new(values, shape),
            &Device::flex(),
        ));
        words
    }

    const KEEP: Keep = Keep {
        taps: false,
        all_probabilities: false,
        top: 2,
    };

    #[test]
    fn an_even_distribution_mixes_all_words() {
        let words = words(&[[0.25; 4]], KEEP);
        assert!((words.mean_entropy_bits() - 2.0).abs() < 1e-12);
        assert!((words.perplexity() - 4.0).abs() < 1e-12);
        assert_eq!(words.mean_masses(), [0.25, 1.0, 1.0]);
        assert_eq!(words.ids, [0, 1]);
        assert_eq!(words.token_entropies_bits, [2.0]);
        assert_eq!(entropy_bits(&[1.0, 0.0]).to_bits(), 0.0_f64.to_bits());
    }

    #[test]
    fn best_words_come_first_and_are_counted_once() {
        let words = words(
            &[[0.1, 0.6, 0.3, 0.0], [0.0, 1.0, 0.0, 0.0]],
            Keep { top: 3, ..KEEP },
        );
        assert_eq!(words.ids, [1, 2, 0, 1, 0, 2]);
        assert_eq!(words.id_probabilities[..3], [0.6, 0.3, 0.1]);
        assert_eq!(words.distinct_best(), 1);
        assert!((words.mean_masses()[0] - 0.8).abs() < 1e-6);
    }

    #[test]
    fn more_words_than_there_are_is_all_of_them() {
        let keep = Keep {
            top: 9,
            all_probabilities: true,
            ..KEEP
        };
        let words = words(&[[0.1, 0.2, 0.3, 0.4]], keep);
        assert_eq!(words.top(), 4);
        assert_eq!(words.ids, [3, 2, 1, 0]);
        assert_eq!(words.all().map(|a| a.shape), Some(vec![1, 4]));
    }
}
