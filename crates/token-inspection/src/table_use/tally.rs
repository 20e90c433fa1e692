//! Sums over tokens.

use crate::encode::{add_masses, best_words, entropy_bits};
use anyhow::{Context, Result, ensure};
use burn::tensor::{Int, Tensor, TensorData};
use ovis_vet::Vet;
use projector::{Projector, VisualTokens};

/// The masses of so many best words are reported.
pub const MASSES: [usize; 6] = [1, 4, 16, 64, 256, 1024];
/// Tokens are mixed of so many best words, to see what is lost.
pub const MIXED: [usize; 9] = [1, 2, 4, 8, 16, 32, 64, 128, 256];
/// Words of a higher probability are counted.
pub const COUNTED_ABOVE: f32 = 1e-4;
/// Tokens whose rows are gathered at a time: 16 MiB of rows of width 2,048.
const TOKENS_AT_A_TIME: usize = 8;

/// Numbers of a sample in five.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
    /// Mean.
    pub mean: f64,
    /// 5th, 50th and 95th percentile, each a value of the sample.
    pub percentiles: [f64; 3],
}

impl Spread {
    /// Of some numbers; all 0 of none.
    #[must_use]
    pub fn of(values: &[f64]) -> Self {
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (share * (sorted.len().max(1) - 1) as f64).round() as usize;
            sorted.get(place).copied().unwrap_or(0.0)
        };
        Self {
            mean: values.iter().sum::<f64>() / values.len().max(1) as f64,
            percentiles: [at(0.05), at(0.5), at(0.95)],
        }
    }
}

/// What is left of tokens that are made of their best words only, with the probabilities of these
/// brought to a sum of 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hardened {
    /// Words mixed.
    pub words: usize,
    /// Cosine to the token of all words; 0 of a token without length, which words make whose rows are zero.
    pub cosine: Spread,
    /// Mean of `|‖hard‖ − ‖soft‖| / ‖soft‖`.
    pub norm_error: f64,
    /// Mean of `‖hard − soft‖ / ‖soft‖`.
    pub error: f64,
}

/// A word that is the best of some tokens.
#[derive(Clone, Debug, PartialEq)]
pub struct UsedWord {
    /// Its row in the table.
    pub word: usize,
    /// Tokens whose best word it is.
    pub tokens: u64,
    /// Rows that lie nearest to it, and their cosines.
    pub neighbours: Vec<(usize, f64)>,
}

/// Statistics over the distributions and vectors of tokens.
#[derive(Clone, Debug)]
pub struct Tally {
    words: usize,
    entropies: Vec<f64>,
    masses: [f64; MASSES.len()],
    above: f64,
    cosines: [Vec<f64>; MIXED.len()],
    norm_errors: [f64; MIXED.len()],
    errors: [f64; MIXED.len()],
    best: Vec<u64>,
    mean: Vec<f64>,
}

impl Tally {
    /// Of a table of `words` words.
    #[must_use]
    pub fn new(words: usize) -> Self {
        Self {
            words,
            entropies: Vec::new(),
            masses: [0.0; MASSES.len()],
            above: 0.0,
            cosines: Default::default(),
            norm_errors: [0.0; MIXED.len()],
            errors: [0.0; MIXED.len()],
            best: vec![0; words],
            mean: vec![0.0; words],
        }
    }

    /// Adds the soft tokens of one image, made some at a time.
    ///
    /// # Errors
    /// If they come without their distributions, or have no length. Nothing of the image is counted then.
    pub fn add(&mut self, vet: &Vet, image: impl IntoIterator<Item = VisualTokens>) -> Result<()> {
        // Apart, because the last token may be the one at fault.
        let mut own = Self::new(self.words);
        for tokens in image {
            own.add_some(vet, tokens)?;
        }
        self.merge(own);
        Ok(())
    }

    fn merge(&mut self, other: Self) {
        let Self {
            words: _,
            entropies,
            masses,
            above,
            cosines,
            norm_errors,
            errors,
            best,
            mean,
        } = other;
        self.entropies.extend(entropies);
        self.above += above;
        for (sums, more) in [
            (&mut self.masses[..], &masses[..]),
            (&mut self.norm_errors[..], &norm_errors[..]),
            (&mut self.errors[..], &errors[..]),
            (&mut self.mean[..], &mean[..]),
        ] {
            for (sum, more) in sums.iter_mut().zip(more) {
                *sum += more;
            }
        }
        for (all, more) in self.cosines.iter_mut().zip(cosines) {
            all.extend(more);
        }
        for (count, more) in self.best.iter_mut().zip(best) {
            *count += more;
        }
    }

    fn add_some(&mut self, vet: &Vet, tokens: VisualTokens) -> Result<()> {
        let soft: Vec<f32> = floats(tokens.embeddings.clone());
        let distribution = tokens.first_words().and_then(|words| words.probabilities);
        let distribution = distribution.context("the table gives no distribution over words")?;
        let distribution = floats(distribution);
        let most = MASSES[MASSES.len() - 1].min(self.words);
        let mixed = MIXED[MIXED.len() - 1].min(self.words);
        let d = vet.d_out();
        let each = distribution
            .chunks_exact(self.words)
            .zip(soft.chunks_exact(d));
        let each: Vec<(&[f32], &[f32])> = each.collect();
        let mut order = Vec::with_capacity(self.words);
        for some in each.chunks(TOKENS_AT_A_TIME) {
            let mut ids: Vec<i64> = Vec::with_capacity(some.len() * mixed);
            for (distribution, _) in some {
                best_words(distribution, most, &mut order);
                self.count(distribution, &order);
                ids.extend(order[..mixed].iter().map(|&word| i64::from(word)));
            }
            let data = TensorData::new(ids.clone(), [1, ids.len()]);
            let ids_on_device = Tensor::<2, Int>::from_data(data, &vet.table.val().device());
            let rows = floats(vet.embed_ids(ids_on_device));
            for (number, (distribution, soft)) in some.iter().enumerate() {
                let ids = &ids[number * mixed..(number + 1) * mixed];
                let rows = &rows[number * mixed * d..(number + 1) * mixed * d];
                self.harden(distribution, soft, ids, rows)?;
            }
        }
        Ok(())
    }

    fn count(&mut self, distribution: &[f32], order: &[u32]) {
        self.entropies.push(entropy_bits(distribution));
        add_masses(&mut self.masses, MASSES, distribution, order);
        let above = distribution.iter().filter(|&&p| p > COUNTED_ABOVE);
        self.above += above.count() as f64;
        self.best[order[0] as usize] += 1;
        for (mean, &p) in self.mean.iter_mut().zip(distribution) {
            *mean += f64::from(p);
        }
    }

    /// Mixes the rows of the best words, best first.
    fn harden(
        &mut self,
        distribution: &[f32],
        soft: &[f32],
        ids: &[i64],
        rows: &[f32],
    ) -> Result<()> {
        let mut sum = vec![0.0_f64; soft.len()];
        let mut mass = 0.0;
        let soft_norm = norm(soft.iter().map(|&x| f64::from(x)));
        ensure!(
            soft_norm.is_finite() && soft_norm > 0.0,
            "a token has the length {soft_norm}; the weights of the table, the head or the tower are damaged"
        );
        let each = ids.iter().zip(rows.chunks_exact(soft.len()));
        for (count, (&word, row)) in each.enumerate() {
            let p = f64::from(distribution[word as usize]);
            mass += p;
            for (sum, &x) in sum.iter_mut().zip(row) {
                *sum += p * f64::from(x);
            }
            let Some(place) = MIXED.iter().position(|&mixed| mixed == count + 1) else {
                continue;
            };
            let pairs = || {
                let soft = soft.iter().map(|&x| f64::from(x));
                sum.iter().map(|sum| sum / mass).zip(soft)
            };
            let hard_norm = norm(pairs().map(|(hard, _)| hard));
            let dot: f64 = pairs().map(|(hard, soft)| hard * soft).sum();
            self.cosines[place].push(if hard_norm == 0.0 {
                0.0
            } else {
                dot / (hard_norm * soft_norm)
            });
            self.norm_errors[place] += (hard_norm - soft_norm).abs() / soft_norm;
            self.errors[place] += norm(pairs().map(|(hard, soft)| hard - soft)) / soft_norm;
        }
        Ok(())
    }

    /// Tokens seen.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.entropies.len()
    }

    /// Words of the table that a token can be assigned to.
    #[must_use]
    pub fn words(&self) -> usize {
        self.words
    }

    /// Entropy of a token's distribution, in bits.
    #[must_use]
    pub fn entropy_bits(&self) -> Spread {
        Spread::of(&self.entropies)
    }

    /// `2^entropy`: words that a token mixes as if evenly.
    #[must_use]
    pub fn perplexity(&self) -> Spread {
        let values: Vec<f64> = self.entropies.iter().map(|bits| bits.exp2()).collect();
        Spread::of(&values)
    }

    /// Mean probability of the best words of a token together, with their number.
    #[must_use]
    pub fn masses(&self) -> Vec<(usize, f64)> {
        let masses = MASSES.iter().zip(self.masses);
        let masses = masses.filter(|(count, _)| **count <= self.words);
        masses
            .map(|(&count, mass)| (count, mass / self.tokens().max(1) as f64))
            .collect()
    }

    /// Mean number of words above [`COUNTED_ABOVE`].
    #[must_use]
    pub fn words_above(&self) -> f64 {
        self.above / self.tokens().max(1) as f64
    }

    /// Tokens made of fewer words.
    #[must_use]
    pub fn hardened(&self) -> Vec<Hardened> {
        let tokens = self.tokens().max(1) as f64;
        let places = MIXED.iter().enumerate();
        places
            .filter(|(place, _)| !self.cosines[*place].is_empty())
            .map(|(place, &words)| Hardened {
                words,
                cosine: Spread::of(&self.cosines[place]),
                norm_error: self.norm_errors[place] / tokens,
                error: self.errors[place] / tokens,
            })
            .collect()
    }

    /// Different words that are the best of a token.
    #[must_use]
    pub fn distinct_best(&self) -> usize {
        self.best.iter().filter(|&&count| count > 0).count()
    }

    /// Entropy of the best words over all tokens, in bits; too low by about `(distinct − 1) / (2 n ln 2)`.
    #[must_use]
    pub fn best_entropy_bits(&self) -> f64 {
        let tokens = self.tokens().max(1) as f64;
        let shares = self.best.iter().map(|&count| count as f64 / tokens);
        entropy(shares)
    }

    /// `2^entropy` of the mean distribution: words that all tokens together mix as if evenly.
    #[must_use]
    pub fn used_softly(&self) -> f64 {
        let tokens = self.tokens().max(1) as f64;
        entropy(self.mean.iter().map(|sum| sum / tokens)).exp2()
    }

    /// The `count` words that are the best of most tokens, and of how many; the lower word first in a tie.
    #[must_use]
    pub fn most_used(&self, count: usize) -> Vec<(usize, u64)> {
        let mut used: Vec<(usize, u64)> = self.best.iter().copied().enumerate().collect();
        used.retain(|&(_, tokens)| tokens > 0);
        used.sort_by_key(|&(word, tokens)| (std::cmp::Reverse(tokens), word));
        used.truncate(count);
        used
    }
}

fn norm(values: impl Iterator<Item = f64>) -> f64 {
    values.map(|x| x * x).sum::<f64>().sqrt()
}

fn entropy(shares: impl Iterator<Item = f64>) -> f64 {
    let terms = shares.filter(|&p| p > 0.0).map(|p| -p * p.log2());
    terms.fold(0.0, |sum, term| sum + term)
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;
    use ovis_vet::VetConfig;
    use projector::{Pass, PatchGrid, Projector, seeded};

    /// A table of 20 words, and tokens of two images.
    fn table() -> (Vet, Vec<VisualTokens>) {
        let mut rng = seeded::stream(1, "table");
        let config = VetConfig::new(3, 2, 24, 4, 6);
        let vet = config.init(&mut rng, &Device::flex()).unwrap();
        let mut image = || {
            let features = seeded::normal([1, 16, 3], 2.0, &mut rng, &Device::flex());
            let patches = PatchGrid::new(features, 4, 4, 2).unwrap();
            vet.forward(&patches, &mut Pass::deterministic())
        };
        let tokens = vec![image(), image()];
        (vet, tokens)
    }

    #[test]
    fn numbers_are_those_of_the_distributions() {
        let (vet, images) = table();
        let mut tally = Tally::new(20);
        for tokens in images.clone() {
            tally.add(&vet, [tokens]).unwrap();
        }
        let all: Vec<Vec<f64>> = images
            .into_iter()
            .flat_map(|tokens| {
                let words = tokens.first_words().unwrap().probabilities.unwrap();
                let values = floats(words);
                let rows = values.chunks(20).map(<[f32]>::to_vec);
                rows.collect::<Vec<_>>()
            })
            .map(|row| row.into_iter().map(f64::from).collect())
            .collect();
        let n = all.len() as f64;
        assert_eq!((tally.tokens(), tally.words()), (8, 20));
        let bits = |p: &[f64]| -> f64 { p.iter().map(|p| -p * p.log2()).sum() };
        let expected = all.iter().map(|p| bits(p)).sum::<f64>() / n;
        assert!((tally.entropy_bits().mean - expected).abs() < 1e-9);
        let sorted: Vec<Vec<f64>> = all
            .iter()
            .map(|p| {
                let mut p = p.clone();
                p.sort_by(|a, b| b.total_cmp(a));
                p
            })
            .collect();
        for (count, mass) in tally.masses() {
            let expected = sorted.iter().map(|p| p[..count].iter().sum::<f64>());
            assert!((mass - expected.sum::<f64>() / n).abs() < 1e-9, "{count}");
        }
        assert_eq!(tally.masses().len(), 3, "no more words than there are");
        let above = all.iter().flatten().filter(|&&p| p > 1e-4).count() as f64;
        assert!((tally.words_above() - above / n).abs() < 1e-12);
        let best = tally.most_used(20);
        assert_eq!(best.iter().map(|(_, tokens)| tokens).sum::<u64>(), 8);
        assert_eq!(best.len(), tally.distinct_best());
        assert!(tally.used_softly() <= 20.0 + 1e-9);
    }

    #[test]
    fn a_token_of_its_best_words_is_that_of_the_tokenize_function() {
        let (vet, images) = table();
        let mut tally = Tally::new(20);
        let soft: Vec<f32> = images
            .iter()
            .flat_map(|t| floats(t.embeddings.clone()))
            .collect();
        for tokens in images {
            tally.add(&vet, [tokens]).unwrap();
        }
        let hardened = tally.hardened();
        // 1 to 16 of 20 words.
        assert_eq!(hardened.len(), 5);
        let hard = vet.clone().with_tokenize(ovis_vet::Tokenize::TopK { k: 4 });
        let mut rng = seeded::stream(1, "table");
        let _ = VetConfig::new(3, 2, 24, 4, 6).init(&mut rng, &Device::flex());
        let mut found = Vec::new();
        for _ in 0..2 {
            let features = seeded::normal([1, 16, 3], 2.0, &mut rng, &Device::flex());
            let patches = PatchGrid::new(features, 4, 4, 2).unwrap();
            let tokens = hard.forward(&patches, &mut Pass::deterministic());
            found.extend(floats(tokens.embeddings));
        }
        let each = soft.chunks(6).zip(found.chunks(6));
        let cosines = each.clone().map(|(a, b)| {
            let dot: f64 = a
                .iter()
                .zip(b)
                .map(|(&a, &b)| f64::from(a) * f64::from(b))
                .sum();
            let size = |x: &[f32]| norm(x.iter().map(|&x| f64::from(x)));
            dot / (size(a) * size(b))
        });
        let expected = cosines.sum::<f64>() / 8.0;
        assert_eq!(hardened[2].words, 4);
        assert!(
            (hardened[2].cosine.mean - expected).abs() < 1e-5,
            "{expected}"
        );
        let errors = each.map(|(a, b)| {
            let size = norm(a.iter().map(|&x| f64::from(x)));
            norm(a.iter().zip(b).map(|(&a, &b)| f64::from(a) - f64::from(b))) / size
        });
        assert!((hardened[2].error - errors.sum::<f64>() / 8.0).abs() < 1e-5);
        // More words are nearer.
        assert!(hardened[4].error < hardened[0].error);
    }

    #[test]
    fn a_word_whose_row_is_zero_keeps_nothing_of_a_token() {
        let mut tally = Tally::new(2);
        let rows = [0.0, 0.0, 3.0, 4.0];
        tally
            .harden(&[0.75, 0.25], &[0.75, 1.0], &[0, 1], &rows)
            .unwrap();
        tally.count(&[0.75, 0.25], &[0, 1]);
        let hardened = tally.hardened();
        let cosines: Vec<f64> = hardened.iter().map(|h| h.cosine.mean).collect();
        assert_eq!(cosines[0], 0.0);
        assert!((cosines[1] - 1.0).abs() < 1e-12, "{cosines:?}");
        assert_eq!((hardened[0].norm_error, hardened[0].error), (1.0, 1.0));
    }

    #[test]
    fn an_image_that_is_left_out_is_not_counted_in_part() {
        let (vet, images) = table();
        let [sound, other]: [VisualTokens; 2] = images.try_into().unwrap();
        let damaged = VisualTokens {
            embeddings: other.embeddings.clone() * 0.0,
            ..other.clone()
        };
        let mut tally = Tally::new(20);
        tally.add(&vet, [sound.clone()]).unwrap();
        let before = format!("{tally:?}");
        let error = tally.add(&vet, [other, damaged]).unwrap_err().to_string();
        assert!(error.contains("has the length 0"), "{error}");
        assert_eq!(format!("{tally:?}"), before);
        tally.add(&vet, [sound]).unwrap();
        assert_eq!(tally.tokens(), 8);
    }

    #[test]
    fn percentiles_are_values_of_the_sample() {
        let values: Vec<f64> = (0..=100).rev().map(f64::from).collect();
        let spread = Spread::of(&values);
        assert_eq!(spread.percentiles, [5.0, 50.0, 95.0]);
        assert!((spread.mean - 50.0).abs() < 1e-12);
        assert_eq!(Spread::of(&[]).percentiles, [0.0; 3]);
    }
}
