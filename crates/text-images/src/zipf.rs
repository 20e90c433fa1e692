//! Text of pseudo-words with a known entropy: see [`Content::Zipf`](crate::Content::Zipf).

use std::collections::{BTreeMap, HashSet};

use rand::{Rng, RngExt};

use crate::Charset;
use crate::content::BitsPerChar;
use crate::distribution::{Distribution, entropy_bits};
use crate::stream::stream;

/// Characters of a word.
const WORD_CHARS: usize = 4;

/// Most words.
const MOST_WORDS: usize = 4096;

/// Seed of the language, the same in every run: only texts differ.
const LANGUAGE: u64 = 1;

/// The source.
#[derive(Clone, Debug)]
pub(crate) struct Zipf {
    /// By rank.
    words: Vec<String>,
    ranks: Distribution,
}

impl Zipf {
    /// Of `bits` per character; [`Content::check`](crate::Content::check) says whether they are
    /// possible.
    pub(crate) fn new(charset: Charset, bits: BitsPerChar) -> Self {
        let words = words(charset, vocabulary(charset), WORD_CHARS);
        let ranks = Distribution::zipf(words.len(), WORD_CHARS as f64 * bits.get());
        Self { words, ranks }
    }

    /// Bits per character of words that are all equally frequent.
    pub(crate) fn most_bits(charset: Charset) -> f64 {
        (vocabulary(charset) as f64).log2() / WORD_CHARS as f64
    }

    /// Entropy in bits of a text of `characters` characters: of its words, and of the prefix that is
    /// left of the last one.
    pub(crate) fn entropy_bits(&self, characters: usize) -> f64 {
        let (whole, rest) = (characters / WORD_CHARS, characters % WORD_CHARS);
        whole as f64 * self.prefix_bits(WORD_CHARS) + self.prefix_bits(rest)
    }

    /// Entropy in bits of the first characters of a word.
    fn prefix_bits(&self, characters: usize) -> f64 {
        let mut prefixes: BTreeMap<&str, f64> = BTreeMap::new();
        for (word, probability) in self.words.iter().zip(self.ranks.probabilities()) {
            *prefixes.entry(&word[..characters]).or_default() += probability;
        }
        entropy_bits(prefixes.into_values())
    }

    /// A text.
    pub(crate) fn text(&self, characters: usize, rng: &mut impl Rng) -> String {
        let mut text = String::with_capacity(characters + WORD_CHARS);
        while text.len() < characters {
            text.push_str(&self.words[self.ranks.draw(rng)]);
        }
        text.truncate(characters);
        text
    }
}

/// Number of words, at most half of all strings.
fn vocabulary(charset: Charset) -> usize {
    MOST_WORDS.min(charset.size().pow(WORD_CHARS as u32) / 2)
}

/// Distinct strings that belong to the language, one byte per character.
fn words(charset: Charset, count: usize, length: usize) -> Vec<String> {
    let chars = charset.chars();
    let mut rng = stream(LANGUAGE, &format!("zipf/{charset}"), 0);
    let (mut words, mut known) = (Vec::with_capacity(count), HashSet::new());
    while words.len() < count {
        let word: String = (0..length)
            .map(|_| chars[rng.random_range(0..chars.len())])
            .collect();
        if known.insert(word.clone()) {
            words.push(word);
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::Content;

    fn source(charset: Charset, name: &str) -> Zipf {
        let Content::Zipf { bits } = name.parse().unwrap() else {
            panic!("{name}")
        };
        Zipf::new(charset, bits)
    }

    #[test]
    fn a_word_has_four_times_the_bits_of_a_character() {
        for charset in Charset::ALL {
            for (name, bits) in [("zipf:0", 0.0), ("zipf:1.25", 1.25), ("zipf:3", 3.0)] {
                let source = source(charset, name);
                for words in [1, 2, 16] {
                    let found = source.entropy_bits(4 * words);
                    let expected = 4.0 * words as f64 * bits;
                    assert!((found - expected).abs() < 1e-6, "{charset} {name}: {found}");
                }
            }
            assert!(source(charset, "zipf:3").words.len() == 4096);
        }
    }

    #[test]
    fn cut_words_have_the_entropy_that_all_their_texts_have() {
        // Few words, with prefixes in common, so that all texts can be listed.
        let source = Zipf {
            words: ["0000", "0001", "0011", "0120", "1000", "1001"]
                .map(str::to_owned)
                .to_vec(),
            ranks: Distribution::zipf(6, 2.0),
        };
        for characters in 0..=11 {
            let mut texts: HashMap<String, f64> = HashMap::from([(String::new(), 1.0)]);
            for _ in 0..characters_to_words(characters) {
                let mut longer = HashMap::new();
                for (text, p) in &texts {
                    for (word, q) in source.words.iter().zip(source.ranks.probabilities()) {
                        *longer.entry(format!("{text}{word}")).or_insert(0.0) += p * q;
                    }
                }
                texts = longer;
            }
            let mut cut: HashMap<&str, f64> = HashMap::new();
            for (text, p) in &texts {
                *cut.entry(&text[..characters]).or_default() += p;
            }
            let expected = entropy_bits(cut.into_values());
            let found = source.entropy_bits(characters);
            assert!(
                (found - expected).abs() < 1e-9,
                "{characters}: {found} {expected}"
            );
        }
    }

    fn characters_to_words(characters: usize) -> usize {
        characters.div_ceil(4)
    }

    #[test]
    fn words_are_drawn_as_often_as_their_ranks_say() {
        let source = source(Charset::Digits, "zipf:1.5");
        let text = source.text(400_000, &mut stream(1, "drawn", 0));
        let mut counts: HashMap<&str, f64> = HashMap::new();
        for start in (0..text.len()).step_by(4) {
            *counts.entry(&text[start..start + 4]).or_default() += 1.0;
        }
        let words = source.words.iter().zip(source.ranks.probabilities());
        for (word, p) in words.take(20) {
            let expected = 100_000.0 * p;
            let count = counts.get(word.as_str()).copied().unwrap_or(0.0);
            assert!((count - expected).abs() < 5.0 * expected.sqrt(), "{word}");
        }
        assert!(
            counts
                .keys()
                .all(|word| source.words.iter().any(|w| w == word))
        );
    }

    #[test]
    fn words_are_distinct_and_half_of_all_strings_at_most() {
        for charset in Charset::ALL {
            let words = source(charset, "zipf:1").words;
            let distinct: HashSet<&String> = words.iter().collect();
            assert_eq!(distinct.len(), words.len());
            assert!(2 * words.len() <= charset.size().pow(4));
        }
        assert_eq!(words(Charset::Digits, 50, 2).len(), 50);
    }

    #[test]
    fn the_seed_decides_the_text_and_never_the_language() {
        let source = source(Charset::Alnum36, "zipf:2");
        let text = |seed| source.text(14, &mut stream(seed, "test/text", 0));
        assert_eq!(text(1), text(1));
        assert_ne!(text(1), text(2));
        // In every release.
        assert_eq!(text(1), "BE0O38L7GP6UL4");
    }
}
