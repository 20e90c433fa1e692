//! What words say about labels: purity and mutual information.
//!
//! A token has a word and a label, for example the character at its place. How well words stand for
//! labels is asked of single words (*purity*, the share of a word's most common label, and the bits
//! that the word takes from the uncertainty about the label) and of all of them (*mutual
//! information*, which is the mean of those bits over tokens).

use std::collections::BTreeMap;

use crate::StatisticsError;
use crate::error::require_count;
use crate::vocabulary_usage::{CountEntropies, Entropy};

/// Entropies of words, labels and both together.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Association {
    /// `H(word)`.
    pub words: Entropy,
    /// `H(label)`.
    pub labels: Entropy,
    /// `H(word, label)`.
    pub joint: Entropy,
}

impl Association {
    /// Mutual information `I(word; label) = H(word) + H(label) − H(word, label)`. That of corrected
    /// entropies may lie a little below 0 or above `H(label)`.
    pub fn information(&self) -> Entropy {
        Entropy::from_nats(self.words.nats() + self.labels.nats() - self.joint.nats())
    }
}

/// How one word goes with labels.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct WordProfile {
    /// Tokens that have the word; a sum of probabilities where words are soft.
    pub tokens: f64,
    /// Its most common label; the smallest on ties.
    pub label: usize,
    /// The share of that label.
    pub purity: f64,
    /// `H(label) − H(label | word)`, the bits that the word takes from the uncertainty about the
    /// label: below 0 for a word whose labels are more mixed than those of all tokens. Its mean over
    /// tokens is the mutual information.
    pub information: Entropy,
    /// The same with Chao–Shen entropies; counts only.
    pub corrected_information: Option<Entropy>,
}

/// Tokens counted by word and label.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledWords {
    by_word: Vec<BTreeMap<usize, u64>>,
    by_label: Vec<u64>,
    tokens: usize,
}

impl LabelledWords {
    /// No tokens yet, of `words` words and `labels` labels.
    ///
    /// # Errors
    /// If either is 0.
    pub fn new(words: usize, labels: usize) -> Result<Self, StatisticsError> {
        require_count("words in the vocabulary", 1, words)?;
        require_count("labels", 1, labels)?;
        Ok(Self {
            by_word: vec![BTreeMap::new(); words],
            by_label: vec![0; labels],
            tokens: 0,
        })
    }

    /// Adds a token.
    ///
    /// # Errors
    /// If the word or the label does not exist.
    pub fn add(&mut self, word: usize, label: usize) -> Result<(), StatisticsError> {
        check(self.tokens, word, self.by_word.len())?;
        check(self.tokens, label, self.by_label.len())?;
        *self.by_word[word].entry(label).or_default() += 1;
        self.by_label[label] += 1;
        self.tokens += 1;
        Ok(())
    }

    /// Entropies of the sample. The information is too high on average, the more so the more pairs
    /// of word and label there are for the tokens.
    ///
    /// # Errors
    /// If no token was added.
    pub fn plug_in(&self) -> Result<Association, StatisticsError> {
        self.association(|entropies| entropies.plug_in)
    }

    /// Chao–Shen entropies ([`CountEntropies::chao_shen`]), which allow for pairs not seen.
    ///
    /// # Errors
    /// If no token was added.
    pub fn corrected(&self) -> Result<Association, StatisticsError> {
        self.association(|entropies| entropies.chao_shen)
    }

    fn association(
        &self,
        estimate: impl Fn(&CountEntropies) -> Entropy,
    ) -> Result<Association, StatisticsError> {
        let of = |counts: &[u64]| -> Result<Entropy, StatisticsError> {
            Ok(estimate(&CountEntropies::from_counts(counts)?))
        };
        let pairs = self.by_word.iter().flat_map(BTreeMap::values);
        Ok(Association {
            words: of(&self.tokens_by_word())?,
            labels: of(&self.by_label)?,
            joint: of(&pairs.copied().collect::<Vec<_>>())?,
        })
    }

    fn tokens_by_word(&self) -> Vec<u64> {
        let words = self.by_word.iter();
        words.map(|labels| labels.values().sum()).collect()
    }

    /// How every word goes with labels; `None` for a word that no token has.
    pub fn profiles(&self) -> Vec<Option<WordProfile>> {
        let all = CountEntropies::from_counts(&self.by_label).ok();
        let words = 0..self.by_word.len();
        words
            .map(|word| self.profile(word, all.as_ref()?))
            .collect()
    }

    fn profile(&self, word: usize, all: &CountEntropies) -> Option<WordProfile> {
        let labels = &self.by_word[word];
        let counts: Vec<u64> = labels.values().copied().collect();
        let given = CountEntropies::from_counts(&counts).ok()?;
        let (label, most) =
            most_common(labels.iter().map(|(label, count)| (*label, *count as f64)))?;
        let tokens = counts.iter().sum::<u64>() as f64;
        let gained = |all: Entropy, given: Entropy| Entropy::from_nats(all.nats() - given.nats());
        Some(WordProfile {
            tokens,
            label,
            purity: most / tokens,
            information: gained(all.plug_in, given.plug_in),
            corrected_information: Some(gained(all.chao_shen, given.chao_shen)),
        })
    }
}

/// Soft words and labels: every token spreads its mass of 1 over the words.
#[derive(Debug, Clone, PartialEq)]
pub struct LabelledMass {
    words: usize,
    labels: usize,
    /// `[labels, words]`.
    mass: Vec<f64>,
    tokens: usize,
}

impl LabelledMass {
    /// No tokens yet, of `words` words and `labels` labels; takes `8 · words · labels` bytes.
    ///
    /// # Errors
    /// If either is 0.
    pub fn new(words: usize, labels: usize) -> Result<Self, StatisticsError> {
        require_count("words in the vocabulary", 1, words)?;
        require_count("labels", 1, labels)?;
        Ok(Self {
            words,
            labels,
            mass: vec![0.0; words * labels],
            tokens: 0,
        })
    }

    /// Adds a token.
    ///
    /// # Errors
    /// If the label does not exist, or the distribution is not one over the words.
    pub fn add(&mut self, distribution: &[f32], label: usize) -> Result<(), StatisticsError> {
        check(self.tokens, label, self.labels)?;
        if distribution.len() != self.words {
            return Err(StatisticsError::PartialToken {
                values: distribution.len(),
                words: self.words,
            });
        }
        super::accumulator::check_distribution(self.tokens, distribution)?;
        let row = &mut self.mass[label * self.words..(label + 1) * self.words];
        for (mass, &p) in row.iter_mut().zip(distribution) {
            *mass += f64::from(p);
        }
        self.tokens += 1;
        Ok(())
    }

    /// Entropies of the joint distribution `p(word, label)`, the mean over tokens.
    ///
    /// The information is what a word drawn from the token's distribution says about the label; a
    /// mixture of words can say more.
    ///
    /// # Errors
    /// If no token was added.
    pub fn association(&self) -> Result<Association, StatisticsError> {
        require_count("tokens", 1, self.tokens)?;
        let by_word = (0..self.words).map(|word| self.of_word(word).sum());
        let by_word: Vec<f64> = by_word.collect();
        let by_label = self.by_label();
        Ok(Association {
            words: Entropy::of_weights(by_word.into_iter()),
            labels: Entropy::of_weights(by_label.into_iter()),
            joint: Entropy::of_weights(self.mass.iter().copied()),
        })
    }

    /// How every word goes with labels; `None` for a word without mass.
    pub fn profiles(&self) -> Vec<Option<WordProfile>> {
        let all = Entropy::of_weights(self.by_label().into_iter());
        let words = 0..self.words;
        words.map(|word| self.profile(word, all)).collect()
    }

    fn profile(&self, word: usize, all: Entropy) -> Option<WordProfile> {
        let tokens: f64 = self.of_word(word).sum();
        let (label, most) = most_common(self.of_word(word).enumerate())?;
        let given = Entropy::of_weights(self.of_word(word));
        Some(WordProfile {
            tokens,
            label,
            purity: most / tokens,
            information: Entropy::from_nats(all.nats() - given.nats()),
            corrected_information: None,
        })
    }

    /// Mass of a word by label.
    fn of_word(&self, word: usize) -> impl Iterator<Item = f64> + Clone + '_ {
        let labels = self.mass.chunks_exact(self.words);
        labels.map(move |row| row[word])
    }

    fn by_label(&self) -> Vec<f64> {
        let labels = self.mass.chunks_exact(self.words);
        labels.map(|row| row.iter().sum()).collect()
    }
}

/// The label with the most mass, the first on ties; none without any mass.
fn most_common(labels: impl Iterator<Item = (usize, f64)>) -> Option<(usize, f64)> {
    let most = labels.fold(
        None,
        |best: Option<(usize, f64)>, (label, mass)| match best {
            Some((_, most)) if most >= mass => best,
            _ => Some((label, mass)),
        },
    );
    most.filter(|(_, mass)| *mass > 0.0)
}

fn check(token: usize, id: usize, words: usize) -> Result<(), StatisticsError> {
    if id < words {
        Ok(())
    } else {
        Err(StatisticsError::UnknownWord { token, id, words })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random_stream::stream;
    use proptest::prelude::*;
    use rand::RngExt;

    fn counted(words: usize, labels: usize, pairs: &[(usize, usize)]) -> LabelledWords {
        let mut counted = LabelledWords::new(words, labels).unwrap();
        for &(word, label) in pairs {
            counted.add(word, label).unwrap();
        }
        counted
    }

    #[test]
    fn words_that_name_their_label_tell_all_of_it() {
        let counted = counted(4, 2, &[(0, 0), (1, 1), (2, 0), (3, 1)]);
        let found = counted.plug_in().unwrap();
        assert!((found.words.bits() - 2.0).abs() < 1e-12);
        assert!((found.information().bits() - 1.0).abs() < 1e-12);
        let word = counted.profiles()[3].unwrap();
        assert_eq!((word.label, word.purity, word.tokens), (1, 1.0, 1.0));
        assert!((word.information.bits() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn words_that_go_with_every_label_tell_nothing() {
        let counted = counted(2, 2, &[(0, 0), (0, 1), (1, 0), (1, 1)]);
        assert!(counted.plug_in().unwrap().information().bits().abs() < 1e-12);
        let word = counted.profiles()[0].unwrap();
        assert_eq!((word.label, word.purity), (0, 0.5));
        assert!(word.information.bits().abs() < 1e-12);
        assert!(word.corrected_information.unwrap().bits().is_finite());
    }

    #[test]
    fn a_mixed_word_has_the_purity_and_bits_computed_by_hand() {
        // Word 0: labels a, a, a, b. Word 1: labels b, b, c, c. Word 2: never.
        let pairs = [
            (0, 0),
            (0, 0),
            (0, 0),
            (0, 1),
            (1, 1),
            (1, 1),
            (1, 2),
            (1, 2),
        ];
        let counted = counted(3, 3, &pairs);
        let entropy = |shares: &[f64]| shares.iter().map(|p| -p * p.log2()).sum::<f64>();
        let labels = entropy(&[3.0 / 8.0, 3.0 / 8.0, 2.0 / 8.0]);
        let word = counted.profiles()[0].unwrap();
        assert_eq!((word.label, word.purity), (0, 0.75));
        assert!((word.information.bits() - (labels - entropy(&[0.75, 0.25]))).abs() < 1e-12);
        let word = counted.profiles()[1].unwrap();
        assert_eq!((word.label, word.purity), (1, 0.5));
        assert_eq!(counted.profiles()[2], None);
        let information = counted.plug_in().unwrap().information().bits();
        let expected = labels - 0.5 * entropy(&[0.75, 0.25]) - 0.5;
        assert!((information - expected).abs() < 1e-12);
    }

    #[test]
    fn soft_words_share_their_mass_among_labels() {
        let mut mass = LabelledMass::new(2, 2).unwrap();
        mass.add(&[0.75, 0.25], 0).unwrap();
        mass.add(&[0.25, 0.75], 1).unwrap();
        let word = mass.profiles()[0].unwrap();
        assert_eq!((word.tokens, word.label, word.purity), (1.0, 0, 0.75));
        let binary = -0.75 * 0.75_f64.log2() - 0.25 * 0.25_f64.log2();
        assert!((word.information.bits() - (1.0 - binary)).abs() < 1e-7);
        let information = mass.association().unwrap().information().bits();
        assert!((information - (1.0 - binary)).abs() < 1e-7);
        let mut unused = LabelledMass::new(2, 1).unwrap();
        unused.add(&[1.0, 0.0], 0).unwrap();
        assert_eq!(unused.profiles()[1], None);
    }

    #[test]
    fn the_correction_comes_closer_to_independence_than_the_sample_does() {
        // 64 words and 16 labels without any relation, 1,000 tokens.
        let (mut plain, mut corrected) = (0.0, 0.0);
        for repeat in 0..20 {
            let mut rng = stream(3, "association", repeat);
            let pairs: Vec<(usize, usize)> = (0..1000)
                .map(|_| (rng.random_range(0..64), rng.random_range(0..16)))
                .collect();
            let counted = counted(64, 16, &pairs);
            plain += counted.plug_in().unwrap().information().bits() / 20.0;
            corrected += counted.corrected().unwrap().information().bits() / 20.0;
        }
        assert!(plain > 0.5, "{plain}");
        assert!(corrected.abs() < plain / 2.0, "{corrected} against {plain}");
    }

    #[test]
    fn what_does_not_exist_is_refused() {
        assert!(LabelledWords::new(0, 1).is_err());
        assert!(LabelledMass::new(1, 0).is_err());
        let mut counted = LabelledWords::new(2, 2).unwrap();
        assert!(counted.add(2, 0).is_err() && counted.add(0, 2).is_err());
        assert!(counted.plug_in().is_err());
        let mut mass = LabelledMass::new(2, 1).unwrap();
        assert!(mass.add(&[1.0], 0).is_err());
        assert!(mass.add(&[0.6, 0.6], 0).is_err());
        assert!(mass.add(&[1.0, 0.0], 1).is_err());
        assert!(mass.association().is_err());
    }

    proptest! {
        #[test]
        fn bits_of_words_average_to_the_mutual_information(
            pairs in prop::collection::vec((0_usize..6, 0_usize..4), 1..80),
        ) {
            let counted = counted(6, 4, &pairs);
            let total = counted.plug_in().unwrap().information().bits();
            let profiles = counted.profiles().into_iter().flatten();
            let mean: f64 = profiles
                .map(|word| word.tokens / pairs.len() as f64 * word.information.bits())
                .sum();
            prop_assert!((mean - total).abs() < 1e-9);
            prop_assert!(total > -1e-9);
        }

        #[test]
        fn certain_soft_words_are_hard_words(
            pairs in prop::collection::vec((0_usize..5, 0_usize..3), 1..40),
        ) {
            let counted = counted(5, 3, &pairs);
            let mut mass = LabelledMass::new(5, 3).unwrap();
            for &(word, label) in &pairs {
                let mut distribution = [0.0; 5];
                distribution[word] = 1.0;
                mass.add(&distribution, label).unwrap();
            }
            let (hard, soft) = (counted.plug_in().unwrap(), mass.association().unwrap());
            prop_assert!((hard.information().bits() - soft.information().bits()).abs() < 1e-9);
            for (hard, soft) in counted.profiles().into_iter().zip(mass.profiles()) {
                prop_assert_eq!(hard.map(|w| (w.label, w.purity)), soft.map(|w| (w.label, w.purity)));
            }
        }
    }
}
