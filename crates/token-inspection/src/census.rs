//! How the words of a vocabulary are used, and what they stand for.

use super::tokens::BookToken;
use anyhow::{Context, Result};
use probe_statistics::vocabulary_usage::{Association, LabelledMass, LabelledWords, WordProfile};
use projector::seeded;
use rand::seq::SliceRandom;
use std::collections::BTreeSet;

/// Cells of a table of words by characters; the soft one is left out above.
const MOST_CELLS: usize = 1 << 24;

/// The characters at every token of some images, as numbered labels.
#[derive(Clone, Debug)]
pub struct TokenLabels {
    /// Texts of the labels, in order.
    pub names: Vec<String>,
    /// Label of every token, image after image.
    pub of_token: Vec<usize>,
    /// The same labels in random order: what words seem to say about labels that have nothing to do
    /// with them.
    pub shuffled: Vec<usize>,
}

impl TokenLabels {
    /// From the characters of every token.
    #[must_use]
    pub fn new(characters: &[String], seed: u64) -> Self {
        let names: BTreeSet<&String> = characters.iter().collect();
        let names: Vec<String> = names.into_iter().cloned().collect();
        let label = |text: &String| names.binary_search(text).unwrap_or(0);
        let of_token: Vec<usize> = characters.iter().map(label).collect();
        let mut shuffled = of_token.clone();
        shuffled.shuffle(&mut seeded::stream(seed, "inspect/shuffled characters"));
        Self {
            names,
            of_token,
            shuffled,
        }
    }
}

/// A token that a word stands for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WordPatch {
    /// Number of its image.
    pub image: usize,
    /// Number of the token in the image.
    pub token: usize,
    /// Its label.
    pub label: usize,
    /// Probability of the word; none where words are taken without one.
    pub activation: Option<f64>,
}

/// One codebook of an arm over many tokens.
#[derive(Clone, Debug)]
pub struct Census {
    patches_per_word: usize,
    is_soft: bool,
    usage: Vec<f64>,
    tokens: usize,
    hard: LabelledWords,
    hard_shuffled: LabelledWords,
    soft: Option<(LabelledMass, LabelledMass)>,
    patches: Vec<Vec<WordPatch>>,
}

/// A word of the vocabulary.
#[derive(Clone, Debug, PartialEq)]
pub struct WordRow {
    /// Its number.
    pub word: usize,
    /// Share of the tokens that it takes: the mean of its probability where words are soft.
    pub usage: f64,
    /// Tokens of which it is the word, or the likeliest word.
    pub best_tokens: usize,
    /// How those tokens go with characters; none without such tokens.
    pub best: Option<WordProfile>,
    /// How its probability goes with characters; soft words only.
    pub soft: Option<WordProfile>,
    /// The tokens that activate it most.
    pub patches: Vec<WordPatch>,
}

impl WordRow {
    /// What is shown of it: by probability for soft words, by count for hard ones.
    #[must_use]
    pub fn profile(&self) -> Option<WordProfile> {
        self.soft.or(self.best)
    }
}

/// What all words together say about the characters.
#[derive(Clone, Debug, PartialEq)]
pub struct CensusSummary {
    /// Words of the codebook.
    pub words: usize,
    /// Words that are the best of at least one token.
    pub words_used: usize,
    /// Tokens that were counted.
    pub tokens: usize,
    /// Mean over tokens of the purity of their best word.
    pub mean_purity: f64,
    /// Best words: entropies of the sample.
    pub plug_in: Association,
    /// The same with Chao–Shen correction.
    pub corrected: Association,
    /// The same as `plug_in` with characters in random order: all of its information is bias.
    pub shuffled: Association,
    /// Whether tokens are mixtures of words.
    pub is_soft: bool,
    /// Soft words: of the joint distribution, and with characters in random order. None of hard words, and
    /// where the table of words by labels would be too large.
    pub soft: Option<(Association, Association)>,
}

impl Census {
    /// Nothing counted yet.
    ///
    /// # Errors
    /// If there are no words or no labels.
    pub fn new(
        words: usize,
        labels: usize,
        is_soft: bool,
        patches_per_word: usize,
    ) -> Result<Self> {
        let fits = words.checked_mul(labels).is_some_and(|n| n <= MOST_CELLS);
        let mass = || LabelledMass::new(words, labels);
        Ok(Self {
            patches_per_word,
            is_soft,
            usage: vec![0.0; words],
            tokens: 0,
            hard: LabelledWords::new(words, labels)?,
            hard_shuffled: LabelledWords::new(words, labels)?,
            soft: match is_soft && fits {
                true => Some((mass()?, mass()?)),
                false => None,
            },
            patches: vec![Vec::new(); words],
        })
    }

    /// Counts a token that has a label, and another one by chance.
    ///
    /// # Errors
    /// If it has neither a word nor a distribution, or they do not fit the vocabulary.
    pub fn add(
        &mut self,
        token: BookToken<'_>,
        at: (usize, usize),
        label: usize,
        shuffled: usize,
    ) -> Result<()> {
        let best = token.best().context("a token without words")?;
        self.hard.add(best, label)?;
        self.hard_shuffled.add(best, shuffled)?;
        self.tokens += 1;
        let patch = |activation| WordPatch {
            image: at.0,
            token: at.1,
            label,
            activation,
        };
        match (token.id, token.distribution) {
            // A hard token activates its own word alone.
            (Some(word), distribution) => {
                self.usage[word] += 1.0;
                let probability = distribution.map(|all| f64::from(all[word]));
                self.keep(word, patch(probability));
            }
            (None, Some(distribution)) => {
                if let Some((soft, soft_shuffled)) = &mut self.soft {
                    soft.add(distribution, label)?;
                    soft_shuffled.add(distribution, shuffled)?;
                }
                for (word, &probability) in distribution.iter().enumerate() {
                    self.usage[word] += f64::from(probability);
                    self.keep(word, patch(Some(f64::from(probability))));
                }
            }
            (None, None) => {}
        }
        Ok(())
    }

    /// Keeps a token among those that activate a word most; the earlier one wins a tie.
    fn keep(&mut self, word: usize, patch: WordPatch) {
        let kept = &mut self.patches[word];
        let activation = |patch: &WordPatch| patch.activation.unwrap_or(0.0);
        let is_full = kept.len() == self.patches_per_word;
        if is_full
            && kept
                .last()
                .is_none_or(|least| activation(least) >= activation(&patch))
        {
            return;
        }
        let place = kept.partition_point(|other| activation(other) >= activation(&patch));
        kept.insert(place, patch);
        kept.truncate(self.patches_per_word);
    }

    /// The words in falling order of use: those that are the best of at least one token, and at
    /// least `most` of those that have any use.
    #[must_use]
    pub fn rows(&self, most: usize) -> Vec<WordRow> {
        let mut order: Vec<usize> = (0..self.usage.len()).collect();
        order.sort_by(|&a, &b| self.usage[b].total_cmp(&self.usage[a]).then(a.cmp(&b)));
        let best = self.hard.profiles();
        let soft = self.soft.as_ref().map(|(soft, _)| soft.profiles());
        let rows = order.into_iter().enumerate().map(|(rank, word)| {
            let best = best[word];
            let row = WordRow {
                word,
                usage: self.usage[word] / self.tokens.max(1) as f64,
                best_tokens: best.map_or(0, |profile| profile.tokens as usize),
                best,
                soft: soft.as_ref().and_then(|soft| soft[word]),
                patches: self.patches[word].clone(),
            };
            (rank, row)
        });
        rows.filter(|(rank, row)| row.best.is_some() || (*rank < most && row.usage > 0.0))
            .map(|(_, row)| row)
            .collect()
    }

    /// All words together.
    ///
    /// # Errors
    /// If no token was counted.
    pub fn summary(&self) -> Result<CensusSummary> {
        let profiles: Vec<WordProfile> = self.hard.profiles().into_iter().flatten().collect();
        let pure: f64 = profiles.iter().map(|word| word.tokens * word.purity).sum();
        let soft = self.soft.as_ref();
        let soft =
            soft.map(|(soft, shuffled)| anyhow::Ok((soft.association()?, shuffled.association()?)));
        Ok(CensusSummary {
            words: self.usage.len(),
            words_used: profiles.len(),
            tokens: self.tokens,
            mean_purity: pure / self.tokens.max(1) as f64,
            plug_in: self.hard.plug_in()?,
            corrected: self.hard.corrected()?,
            shuffled: self.hard_shuffled.plug_in()?,
            is_soft: self.is_soft,
            soft: soft.transpose()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(text: &str) -> TokenLabels {
        let characters: Vec<String> = text.chars().map(String::from).collect();
        TokenLabels::new(&characters, 1)
    }

    fn hard(id: usize, distribution: &[f32]) -> BookToken<'_> {
        BookToken {
            distribution: (!distribution.is_empty()).then_some(distribution),
            id: Some(id),
        }
    }

    #[test]
    fn labels_are_numbered_in_order_and_shuffling_keeps_them() {
        let found = labels("BABC");
        assert_eq!(found.names, ["A", "B", "C"]);
        assert_eq!(found.of_token, [1, 0, 1, 2]);
        let mut sorted = found.shuffled.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, [0, 1, 1, 2]);
    }

    #[test]
    fn hard_words_are_counted_and_show_their_surest_tokens() {
        let mut census = Census::new(3, 2, false, 2).unwrap();
        let probabilities = [[0.6, 0.2, 0.2], [0.9, 0.05, 0.05], [0.7, 0.2, 0.1]];
        for (image, distribution) in probabilities.iter().enumerate() {
            let label = image % 2;
            census
                .add(hard(0, distribution), (image, 5), label, 0)
                .unwrap();
        }
        census.add(hard(2, &[]), (9, 1), 1, 1).unwrap();
        let rows = census.rows(1);
        let found: Vec<_> = rows.iter().map(|row| (row.word, row.usage)).collect();
        assert_eq!(found, [(0, 0.75), (2, 0.25)]);
        let images: Vec<usize> = rows[0].patches.iter().map(|patch| patch.image).collect();
        assert_eq!(images, [1, 2], "of three tokens the two surest");
        let profile = rows[0].profile().unwrap();
        assert_eq!((profile.label, profile.tokens), (0, 3.0));
        assert!((profile.purity - 2.0 / 3.0).abs() < 1e-12);
        assert_eq!(rows[1].patches[0].activation, None);
        let summary = census.summary().unwrap();
        assert_eq!((summary.words_used, summary.tokens), (2, 4));
        assert!((summary.mean_purity - 0.75).abs() < 1e-12);
        assert!(summary.soft.is_none());
    }

    #[test]
    fn soft_words_are_weighed_by_their_probability() {
        let mut census = Census::new(2, 2, true, 4).unwrap();
        let token = |distribution: &'static [f32]| BookToken {
            distribution: Some(distribution),
            id: None,
        };
        census.add(token(&[0.75, 0.25]), (0, 0), 0, 1).unwrap();
        census.add(token(&[0.625, 0.375]), (0, 1), 1, 0).unwrap();
        let rows = census.rows(2);
        assert_eq!((rows[0].word, rows[0].usage), (0, 0.6875));
        assert_eq!((rows[1].word, rows[1].usage), (1, 0.3125));
        // The likeliest word of both tokens is word 0, so that word 1 is in the list by its use.
        assert_eq!((rows[0].best_tokens, rows[1].best_tokens), (2, 0));
        assert_eq!(rows[1].best, None);
        let profile = rows[1].profile().unwrap();
        assert_eq!((profile.label, profile.purity), (1, 0.6));
        assert_eq!(census.rows(1).len(), 1);
        let (soft, shuffled) = census.summary().unwrap().soft.unwrap();
        let (soft, shuffled) = (soft.information(), shuffled.information());
        assert!(
            (soft.bits() - shuffled.bits()).abs() < 1e-12,
            "two tokens, swapped"
        );
    }

    #[test]
    fn a_token_without_words_is_refused() {
        let mut census = Census::new(2, 1, true, 1).unwrap();
        let nothing = BookToken {
            distribution: None,
            id: None,
        };
        assert!(census.add(nothing, (0, 0), 0, 0).is_err());
        assert!(census.summary().is_err());
    }
}
