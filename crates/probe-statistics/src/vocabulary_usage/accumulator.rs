//! Streaming usage statistics over batches of token distributions or word ids.

use crate::StatisticsError;
use crate::error::require_count;
use crate::vocabulary_usage::{CountEntropies, Entropy};

/// Probabilities above this count as non-zero, after Ovis' 0.22 % (arXiv:2405.20797, appendix E).
pub const SMALL_PROBABILITY: f32 = 1e-4;

/// Largest distance of a distribution's sum from 1; wide enough for half-precision softmaxes.
const SUM_TOLERANCE: f64 = 5e-3;

/// Slack for sums of fractions that reach 90 % exactly but for rounding.
const COVERAGE_SLACK: f64 = 1e-12;

/// Mean probability mass in the `k` most likely words of a token.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TopKMass {
    /// Number of words.
    pub k: usize,
    /// Mean over tokens of the mass of their `k` most likely words.
    pub mass: f64,
}

/// How a set of tokens uses a vocabulary.
///
/// A word id counts as the distribution with all mass on that word.
#[derive(Debug, Clone, PartialEq)]
pub struct Usage {
    /// Words in the vocabulary.
    pub words: usize,
    /// Number of tokens.
    pub tokens: u64,
    /// Entropy of the mean distribution.
    pub marginal: Entropy,
    /// Mean over tokens of the entropy of their distribution.
    pub per_token: Entropy,
    /// Entropies of the most likely words (or ids), with bias corrections.
    pub hard: CountEntropies,
    /// Words that are the most likely one (or the id) of at least one token.
    pub codes_used: usize,
    /// Fewest words that hold 90 % of the mean distribution.
    pub codes_covering_90: usize,
    /// Top-k mass for k = 1, 2, 4, … and the whole vocabulary.
    pub top_k_mass: Vec<TopKMass>,
    /// Fraction of all probabilities above [`SMALL_PROBABILITY`].
    pub fraction_above_small: f64,
}

/// Collects [`Usage`] batch by batch.
///
/// Accumulators of parts can be merged: counts exactly, masses up to the rounding of `f64` sums.
/// Merge parts in a fixed order where output must be identical to the byte.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageAccumulator {
    tokens: u64,
    mass: Vec<f64>,
    most_likely: Vec<u64>,
    token_entropy_nats: f64,
    top_k: Vec<usize>,
    top_k_mass: Vec<f64>,
    above_small: u64,
}

impl UsageAccumulator {
    /// An empty accumulator for a vocabulary of `words`.
    ///
    /// # Errors
    /// If `words` is 0.
    pub fn new(words: usize) -> Result<Self, StatisticsError> {
        require_count("words in the vocabulary", 1, words)?;
        let mut top_k: Vec<usize> = std::iter::successors(Some(1), |k| Some(k * 2))
            .take_while(|&k| k < words)
            .collect();
        top_k.push(words);
        Ok(Self {
            tokens: 0,
            mass: vec![0.0; words],
            most_likely: vec![0; words],
            token_entropy_nats: 0.0,
            top_k_mass: vec![0.0; top_k.len()],
            top_k,
            above_small: 0,
        })
    }

    /// Words in the vocabulary.
    pub fn words(&self) -> usize {
        self.mass.len()
    }

    /// Adds a batch of distributions, `[tokens, words]` in row-major order.
    ///
    /// The most likely word of a token is the first one on ties. About `4 · words` operations and
    /// one logarithm per probability for each token.
    ///
    /// # Errors
    /// If the batch does not divide into whole tokens, or a token holds a negative or non-finite
    /// value or does not sum to 1. Nothing is added then.
    pub fn add_probabilities(&mut self, probabilities: &[f32]) -> Result<(), StatisticsError> {
        let words = self.words();
        if !probabilities.len().is_multiple_of(words) {
            return Err(StatisticsError::PartialToken {
                values: probabilities.len(),
                words,
            });
        }
        for (token, distribution) in probabilities.chunks_exact(words).enumerate() {
            check_distribution(token, distribution)?;
        }
        let mut ordered_bits = Vec::with_capacity(words);
        for distribution in probabilities.chunks_exact(words) {
            self.add_distribution(distribution, &mut ordered_bits);
        }
        Ok(())
    }

    /// Adds one token for each word id.
    ///
    /// # Errors
    /// If an id is not below the number of words. Nothing is added then.
    pub fn add_ids(&mut self, ids: &[usize]) -> Result<(), StatisticsError> {
        let words = self.words();
        if let Some(token) = ids.iter().position(|&id| id >= words) {
            return Err(StatisticsError::UnknownWord {
                token,
                id: ids[token],
                words,
            });
        }
        for &id in ids {
            self.mass[id] += 1.0;
            self.most_likely[id] += 1;
        }
        self.tokens += ids.len() as u64;
        self.above_small += ids.len() as u64;
        for mass in &mut self.top_k_mass {
            *mass += ids.len() as f64;
        }
        Ok(())
    }

    /// Adds all tokens of `other`.
    ///
    /// # Errors
    /// If the vocabularies differ in size.
    pub fn merge(&mut self, other: &Self) -> Result<(), StatisticsError> {
        if self.words() != other.words() {
            return Err(StatisticsError::VocabularyMismatch {
                left: self.words(),
                right: other.words(),
            });
        }
        self.tokens += other.tokens;
        self.token_entropy_nats += other.token_entropy_nats;
        self.above_small += other.above_small;
        add_assign(&mut self.mass, &other.mass);
        add_assign(&mut self.top_k_mass, &other.top_k_mass);
        for (count, more) in self.most_likely.iter_mut().zip(&other.most_likely) {
            *count += more;
        }
        Ok(())
    }

    /// The usage of all tokens added so far.
    ///
    /// # Errors
    /// If there are none.
    pub fn finish(&self) -> Result<Usage, StatisticsError> {
        require_count("tokens", 1, self.tokens as usize)?;
        let tokens = self.tokens as f64;
        let top_k_mass = self.top_k.iter().zip(&self.top_k_mass);
        Ok(Usage {
            words: self.words(),
            tokens: self.tokens,
            marginal: Entropy::of_weights(self.mass.iter().copied()),
            per_token: Entropy::from_nats(self.token_entropy_nats / tokens),
            hard: CountEntropies::from_counts(&self.most_likely)?,
            codes_used: self.most_likely.iter().filter(|&&count| count > 0).count(),
            codes_covering_90: codes_covering(&self.mass, 0.9),
            top_k_mass: top_k_mass
                .map(|(&k, &mass)| TopKMass {
                    k,
                    mass: mass / tokens,
                })
                .collect(),
            fraction_above_small: self.above_small as f64 / (tokens * self.words() as f64),
        })
    }

    fn add_distribution(&mut self, distribution: &[f32], ordered_bits: &mut Vec<u32>) {
        let mut entropy_nats = 0.0;
        let mut above_small = 0_u64;
        let mut largest = (0, f32::NEG_INFINITY);
        for (word, (&p, mass)) in distribution.iter().zip(&mut self.mass).enumerate() {
            *mass += f64::from(p);
            if p > 0.0 {
                entropy_nats -= f64::from(p) * f64::from(p.ln());
            }
            above_small += u64::from(p > SMALL_PROBABILITY);
            if p > largest.1 {
                largest = (word, p);
            }
        }
        self.tokens += 1;
        self.token_entropy_nats += entropy_nats;
        self.above_small += above_small;
        self.most_likely[largest.0] += 1;

        // Bits of non-negative floats sort like the floats; adding 0 turns −0 into +0.
        ordered_bits.clear();
        ordered_bits.extend(distribution.iter().map(|p| (p + 0.0).to_bits()));
        // Halve the candidates from the largest k down: each step partitions only what the last
        // one kept, so that all k together cost about two passes instead of a sort.
        let mut kept = ordered_bits.as_mut_slice();
        let mut outside = vec![0.0; self.top_k.len()];
        for step in (0..self.top_k.len() - 1).rev() {
            let k = self.top_k[step];
            kept.select_nth_unstable_by(k, |a, b| b.cmp(a));
            let (top, rest) = kept.split_at_mut(k);
            outside[step + 1] = sum_of_bits(rest);
            kept = top;
        }
        let mut mass = sum_of_bits(kept);
        for (total, more) in self.top_k_mass.iter_mut().zip(outside) {
            mass += more;
            *total += mass;
        }
    }
}

pub(super) fn check_distribution(
    token: usize,
    distribution: &[f32],
) -> Result<(), StatisticsError> {
    let sum: f64 = distribution.iter().map(|&p| f64::from(p)).sum();
    let smallest = distribution.iter().copied().fold(f32::INFINITY, f32::min);
    // Written so that a NaN sum fails.
    let sums_to_one = (sum - 1.0).abs() <= SUM_TOLERANCE;
    if !sums_to_one || smallest < 0.0 {
        return Err(StatisticsError::NotADistribution {
            token,
            sum,
            smallest: f64::from(smallest),
        });
    }
    Ok(())
}

/// Fewest words whose mass reaches `share` of the total.
fn codes_covering(mass: &[f64], share: f64) -> usize {
    let mut sorted = mass.to_vec();
    sorted.sort_unstable_by(|a, b| b.total_cmp(a));
    let goal = (share - COVERAGE_SLACK) * sorted.iter().sum::<f64>();
    let mut covered = 0.0;
    let below = sorted.iter().take_while(|&&mass| {
        covered += mass;
        covered < goal
    });
    (below.count() + 1).min(mass.len())
}

fn sum_of_bits(bits: &[u32]) -> f64 {
    bits.iter().map(|&b| f64::from(f32::from_bits(b))).sum()
}

fn add_assign(sums: &mut [f64], more: &[f64]) {
    for (sum, more) in sums.iter_mut().zip(more) {
        *sum += more;
    }
}
