//! Text of English words, and of random characters.

use std::collections::BTreeMap;

use bip39::Language;
use rand::{Rng, RngExt};

use crate::stream::stable_hash;
use crate::{Charset, Error, Result, Split};

/// Tenths of the word pool that go to the test and to the validation split.
const TEST_TENTHS: u64 = 2;
const VALIDATION_TENTHS: u64 = 1;

/// The words of one split, by length.
#[derive(Clone, Debug)]
pub(crate) struct WordPool {
    by_length: BTreeMap<usize, Vec<String>>,
    split: Split,
}

impl WordPool {
    pub(crate) fn new(split: Split, charset: Charset) -> Result<Self> {
        if !charset.has_letters() {
            return Err(Error::WordsNeedLetters { charset });
        }
        let mut by_length: BTreeMap<usize, Vec<String>> = BTreeMap::new();
        for word in word_list() {
            if split_of_word(word) == split {
                let spelled = if charset.has_both_cases() {
                    word.to_owned()
                } else {
                    word.to_ascii_uppercase()
                };
                by_length.entry(word.len()).or_default().push(spelled);
            }
        }
        Ok(Self { by_length, split })
    }

    /// Checks that words can fill exactly `length` characters.
    pub(crate) fn check(&self, length: usize) -> Result<()> {
        if self.fillable(length)[length] {
            Ok(())
        } else {
            Err(Error::WordsDoNotFill {
                split: self.split,
                length,
            })
        }
    }

    /// Words whose lengths sum to `length`, joined. Each next word is drawn uniformly among those
    /// after which the rest can still be filled. Call [`WordPool::check`] for this length first.
    pub(crate) fn fill(&self, length: usize, rng: &mut impl Rng) -> String {
        let fillable = self.fillable(length);
        let mut text = String::with_capacity(length);
        while text.len() < length {
            let rest = length - text.len();
            let candidates = || {
                self.by_length
                    .range(..=rest)
                    .filter(|(word, _)| fillable[rest - **word])
                    .flat_map(|(_, words)| words)
            };
            let pick = rng.random_range(0..candidates().count());
            text.extend(candidates().nth(pick).map(String::as_str));
        }
        text
    }

    /// For every length up to `length`: whether word lengths can sum to it.
    fn fillable(&self, length: usize) -> Vec<bool> {
        let mut fillable = vec![false; length + 1];
        fillable[0] = true;
        for sum in 1..=length {
            fillable[sum] = self
                .by_length
                .range(..=sum)
                .any(|(word, _)| fillable[sum - word]);
        }
        fillable
    }
}

/// All words, in lower case.
pub(crate) fn word_list() -> impl Iterator<Item = &'static str> {
    Language::English.word_list().iter().copied()
}

/// Uniform, independent characters.
pub(crate) fn random_text(charset: Charset, length: usize, rng: &mut impl Rng) -> String {
    let chars = charset.chars();
    (0..length)
        .map(|_| chars[rng.random_range(0..chars.len())])
        .collect()
}

/// The split that a word belongs to, for every seed.
pub(crate) fn split_of_word(word: &str) -> Split {
    match stable_hash(word) % 10 {
        tenth if tenth < TEST_TENTHS => Split::Test,
        tenth if tenth < TEST_TENTHS + VALIDATION_TENTHS => Split::Validation,
        _ => Split::Train,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::stream::stream;

    fn words(split: Split) -> HashSet<String> {
        let pool = WordPool::new(split, Charset::Alnum36).unwrap();
        pool.by_length.into_values().flatten().collect()
    }

    #[test]
    fn no_word_is_in_two_splits_and_none_is_lost() {
        let [train, validation, test] = Split::ALL.map(words);
        assert!(train.is_disjoint(&validation));
        assert!(train.is_disjoint(&test));
        assert!(validation.is_disjoint(&test));
        assert_eq!(train.len() + validation.len() + test.len(), 2048);
        assert!((330..=490).contains(&test.len()), "{}", test.len());
        assert!(
            (140..=270).contains(&validation.len()),
            "{}",
            validation.len()
        );
    }

    #[test]
    fn words_fill_every_length_from_three_up_exactly() {
        for split in Split::ALL {
            let pool = WordPool::new(split, Charset::Alnum36).unwrap();
            for length in 3..40 {
                pool.check(length).unwrap();
                let text = pool.fill(length, &mut stream(1, "fill", length as u64));
                assert_eq!(text.len(), length);
                assert!(text.chars().all(|c| c.is_ascii_uppercase()));
            }
            let error = pool.check(2).unwrap_err();
            assert!(error.to_string().contains("2 characters"), "{error}");
        }
    }

    #[test]
    fn a_line_is_cut_into_words_of_its_own_split() {
        let pool = WordPool::new(Split::Test, Charset::Alnum62).unwrap();
        let known: HashSet<String> = pool.by_length.values().flatten().cloned().collect();
        for index in 0..50 {
            let text = pool.fill(8, &mut stream(3, "cut", index));
            let cut = known.contains(&text)
                || (3..=5).any(|at| known.contains(&text[..at]) && known.contains(&text[at..]));
            assert!(cut, "{text}");
        }
    }

    #[test]
    fn charsets_without_letters_cannot_spell_words() {
        for charset in [Charset::Digits, Charset::Hex] {
            let error = WordPool::new(Split::Train, charset).unwrap_err();
            assert!(error.to_string().contains("36, 62 or 94"), "{error}");
        }
    }

    #[test]
    fn random_text_uses_every_character_about_equally() {
        let text = random_text(Charset::Hex, 16_000, &mut stream(1, "uniform", 0));
        for &character in Charset::Hex.chars() {
            let count = text.chars().filter(|c| *c == character).count();
            assert!((850..1150).contains(&count), "{character}: {count}");
        }
    }
}
