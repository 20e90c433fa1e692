//! How vocabularies are used, added up over batches.

use super::outcome::UsageRecord;
use crate::prepared_group::PreparedGroup;
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use probe_statistics::vocabulary_usage::UsageAccumulator;
use projector::{PatchGrid, VisualTokens, WordUse};
use run_support::stop::Stop;

/// Tokens of a group whose whole distribution is looked at. Which word a hard token is, is counted
/// for every token; sorting the distributions of all of them would cost more than reading.
const SOFT_TOKENS: u64 = 4096;
/// Entropy of the words of a dead codebook, in bits: that of one word for 99 in 100 tokens is 0.08,
/// and a little more as the others spread.
const DEAD_BITS: f64 = 0.1;

/// Images whose words are counted at a time.
const CHUNK: usize = 64;

/// Counts the words that `tokens_of` makes of all images of a group, of a vocabulary of `words`.
///
/// # Errors
/// If there are no words, features cannot be read, or `stop` is raised.
pub fn count_words(
    data: &PreparedGroup,
    words: usize,
    (device, stop): (&Device, &Stop),
    mut tokens_of: impl FnMut(PatchGrid) -> VisualTokens,
) -> Result<WordTally> {
    let items: Vec<usize> = (0..data.group.len()).collect();
    let mut tally: Option<WordTally> = None;
    for items in items.chunks(CHUNK) {
        stop.check()?;
        let made = tokens_of(data.batch(items, device)?).words;
        let tally = match &mut tally {
            Some(tally) => tally,
            None => tally.insert(WordTally::new(words, made.len())?),
        };
        tally.add(made)?;
    }
    tally.context("there is no image to count words on")
}

/// Adds up how the codebooks of an arm are used, each by itself.
#[derive(Debug)]
pub struct WordTally {
    books: Vec<BookTally>,
}

impl WordTally {
    /// Of `codebooks` codebooks of `words` words each.
    ///
    /// # Errors
    /// If there are none.
    pub fn new(words: usize, codebooks: usize) -> Result<Self> {
        ensure!(codebooks > 0, "tokens of words have at least one codebook");
        let books = (0..codebooks).map(|_| BookTally::new(words));
        Ok(Self {
            books: books.collect::<Result<_>>()?,
        })
    }

    /// Adds a batch, one entry per codebook.
    ///
    /// # Errors
    /// If words or distributions do not fit the vocabulary.
    pub fn add(&mut self, words: Vec<WordUse>) -> Result<()> {
        let mut books = self.books.iter_mut().zip(words);
        books.try_for_each(|(book, words)| book.add(words))
    }

    /// Joins the tally of another group.
    ///
    /// # Errors
    /// If the vocabularies differ.
    pub fn merge(&mut self, other: &Self) -> Result<()> {
        let mut books = self.books.iter_mut().zip(&other.books);
        books.try_for_each(|(book, other)| book.merge(other))
    }

    /// The numbers, as [`UsageRecord`] defines them for several codebooks.
    ///
    /// # Errors
    /// If no token was added.
    pub fn finish(&self) -> Result<UsageRecord> {
        let books = self.books.iter().map(BookTally::finish);
        let mut books = books.collect::<Result<Vec<_>>>()?;
        if books.len() == 1 {
            return Ok(books.remove(0));
        }
        let count = books.len() as f64;
        let sum = |of: fn(&UsageRecord) -> f64| books.iter().map(of).sum::<f64>();
        let sum_counts = |of: fn(&UsageRecord) -> usize| books.iter().map(of).sum::<usize>();
        let corrected = books.iter().map(|book| book.corrected_entropy_bits);
        let errors = books.iter().map(|book| book.entropy_error_bits);
        let unseen: Option<f64> = books.iter().map(|book| book.unseen_mass).sum();
        let top_k_mass = books[0].top_k_mass.iter().enumerate();
        Ok(UsageRecord {
            codebooks: books.len(),
            words: sum_counts(|book| book.words),
            tokens: books[0].tokens,
            token_entropy_bits: sum(|book| book.token_entropy_bits),
            marginal_entropy_bits: sum(|book| book.marginal_entropy_bits),
            corrected_entropy_bits: corrected.sum(),
            entropy_error_bits: errors.sum(),
            unseen_mass: unseen.map(|mass| mass / count),
            perplexity: (sum(|book| book.perplexity.log2()) / count).exp2(),
            codes_used: sum_counts(|book| book.codes_used),
            codes_covering_90: sum_counts(|book| book.codes_covering_90),
            top_k_mass: top_k_mass
                .map(|(index, &(k, _))| {
                    let masses = books.iter().map(|book| book.top_k_mass[index].1);
                    (k, masses.sum::<f64>() / count)
                })
                .collect(),
            fraction_above_small: sum(|book| book.fraction_above_small) / count,
            dead_codebooks: sum_counts(|book| book.dead_codebooks),
        })
    }
}

/// Adds up how one codebook is used.
#[derive(Debug)]
struct BookTally {
    soft: UsageAccumulator,
    hard: Option<UsageAccumulator>,
    words: usize,
    soft_tokens: u64,
}

impl BookTally {
    fn new(words: usize) -> Result<Self> {
        Ok(Self {
            soft: UsageAccumulator::new(words)?,
            hard: None,
            words,
            soft_tokens: 0,
        })
    }

    fn add(&mut self, words: WordUse) -> Result<()> {
        let wanted = self.soft_tokens < SOFT_TOKENS;
        if let Some(probabilities) = words.probabilities.filter(|_| wanted) {
            let [images, tokens, _] = probabilities.dims();
            let probabilities: Vec<f32> = probabilities.into_data().iter::<f32>().collect();
            self.soft.add_probabilities(&probabilities)?;
            self.soft_tokens += (images * tokens) as u64;
        }
        if let Some(ids) = words.ids {
            let ids: Vec<usize> = ids
                .into_data()
                .iter::<i64>()
                .map(|id| id as usize)
                .collect();
            let hard = match &mut self.hard {
                Some(hard) => hard,
                None => self.hard.insert(UsageAccumulator::new(self.words)?),
            };
            hard.add_ids(&ids)?;
        }
        Ok(())
    }

    fn merge(&mut self, other: &Self) -> Result<()> {
        self.soft.merge(&other.soft)?;
        self.soft_tokens += other.soft_tokens;
        match (&mut self.hard, &other.hard) {
            (Some(mine), Some(theirs)) => mine.merge(theirs)?,
            (None, Some(theirs)) => self.hard = Some(theirs.clone()),
            _ => {}
        }
        Ok(())
    }

    /// The numbers. What a token's distribution looks like comes from the softmax; which words
    /// tokens end up as comes from the words taken, where they are hard. Where words are taken
    /// without a distribution, a token is sure of its word.
    fn finish(&self) -> Result<UsageRecord> {
        let hard = self.hard.as_ref().map(|hard| hard.finish()).transpose()?;
        let soft = match &hard {
            Some(hard) if self.soft_tokens == 0 => hard.clone(),
            _ => self.soft.finish()?,
        };
        let entropies = hard.as_ref().map(|used| used.hard);
        let corrected = entropies.map(|entropies| entropies.chao_shen);
        let used = hard.as_ref().unwrap_or(&soft);
        Ok(UsageRecord {
            codebooks: 1,
            words: self.words,
            tokens: used.tokens,
            token_entropy_bits: soft.per_token.bits(),
            marginal_entropy_bits: used.marginal.bits(),
            // Of a handful of tokens the estimate may come out above what words can have.
            corrected_entropy_bits: corrected
                .map(|entropy| entropy.bits().min((self.words as f64).log2())),
            entropy_error_bits: entropies.map(|entropies| entropies.standard_error.bits()),
            unseen_mass: entropies.map(|entropies| entropies.unseen_mass),
            perplexity: corrected
                .unwrap_or(used.marginal)
                .perplexity()
                .min(self.words as f64),
            codes_used: used.codes_used,
            codes_covering_90: used.codes_covering_90,
            top_k_mass: soft
                .top_k_mass
                .iter()
                .map(|top| (top.k, top.mass))
                .collect(),
            fraction_above_small: soft.fraction_above_small,
            dead_codebooks: usize::from(hard.is_some() && used.marginal.bits() < DEAD_BITS),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, Tensor};

    fn ids<const N: usize>(ids: [i64; N]) -> WordUse {
        WordUse {
            probabilities: None,
            ids: Some(Tensor::from_ints([ids], &Device::flex())),
        }
    }

    #[test]
    fn words_without_a_distribution_are_sure() {
        let mut tally = WordTally::new(4, 1).unwrap();
        tally.add(vec![ids([0, 1, 0, 1])]).unwrap();
        let record = tally.finish().unwrap();
        assert_eq!(
            (record.codebooks, record.words, record.codes_used),
            (1, 4, 2)
        );
        assert_eq!(record.token_entropy_bits, 0.0);
        assert!((record.marginal_entropy_bits - 1.0).abs() < 1e-12);
        assert!(record.top_k_mass.iter().all(|&(_, mass)| mass == 1.0));
        assert_eq!(record.unseen_mass, Some(0.0));
        assert!(record.entropy_error_bits.is_some_and(|error| error < 0.5));
        // One word of eight tokens is seen once.
        tally.add(vec![ids([0, 1, 0, 2])]).unwrap();
        let record = tally.finish().unwrap();
        assert_eq!(record.unseen_mass, Some(1.0 / 8.0));
        assert!(record.entropy_error_bits.is_some_and(|error| error > 0.1));
    }

    #[test]
    fn no_estimate_is_above_what_words_can_have() {
        // Of eight tokens, five are seen once: the estimate alone would be above two bits.
        let mut tally = WordTally::new(4, 1).unwrap();
        tally.add(vec![ids([0, 1, 2, 3, 0])]).unwrap();
        let record = tally.finish().unwrap();
        assert_eq!(record.corrected_entropy_bits, Some(2.0));
        assert_eq!(record.perplexity, 4.0);
    }

    #[test]
    fn soft_words_have_no_sampling_error_of_their_own() {
        let shares = Tensor::<3>::from_floats([[[0.25, 0.75], [0.5, 0.5]]], &Device::flex());
        let mut tally = WordTally::new(2, 1).unwrap();
        let soft = WordUse {
            probabilities: Some(shares),
            ids: None,
        };
        tally.add(vec![soft]).unwrap();
        let record = tally.finish().unwrap();
        assert_eq!(
            (record.entropy_error_bits, record.unseen_mass),
            (None, None)
        );
    }

    #[test]
    fn a_codebook_that_gives_all_tokens_one_word_is_dead() {
        let mut tally = WordTally::new(4, 2).unwrap();
        for step in 0..200 {
            let other = if step == 0 { 1 } else { 2 };
            let books = vec![ids([2, 2, other, 2]), ids([0, 1, 2, 3])];
            tally.add(books).unwrap();
        }
        let record = tally.finish().unwrap();
        assert_eq!((record.dead_codebooks, record.codebooks), (1, 2));
        let mut tally = WordTally::new(4, 1).unwrap();
        tally.add(vec![ids([0, 0, 0, 1])]).unwrap();
        assert_eq!(tally.finish().unwrap().dead_codebooks, 0);
    }

    #[test]
    fn codes_of_a_token_are_counted_each_in_its_codebook_and_their_bits_added() {
        let mut tally = WordTally::new(4, 2).unwrap();
        tally
            .add(vec![ids([0, 1, 0, 1]), ids([3, 3, 3, 3])])
            .unwrap();
        let mut other = WordTally::new(4, 2).unwrap();
        other
            .add(vec![ids([0, 1, 0, 1]), ids([0, 1, 2, 2])])
            .unwrap();
        tally.merge(&other).unwrap();
        let record = tally.finish().unwrap();
        assert_eq!((record.codebooks, record.words, record.tokens), (2, 8, 8));
        assert_eq!(record.codes_used, 2 + 4);
        assert_eq!(record.dead_codebooks, 0);
        // One bit, and the entropy of 4, 2, 1, 1 of 8.
        assert!((record.marginal_entropy_bits - (1.0 + 1.75)).abs() < 1e-12);
        assert!(record.perplexity > 1.0 && record.perplexity < 8.0);
        assert_eq!(record.token_entropy_bits, 0.0);
        // Two words of the second codebook are seen once, none of the first: half of 2/8.
        assert_eq!(record.unseen_mass, Some(1.0 / 8.0));
    }
}
