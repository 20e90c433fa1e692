//! Draws the text of an image from its source.

use rand::{Rng, RngExt};

use crate::corpus::Corpus;
use crate::markov::Markov;
use crate::print_text::PrintText;
use crate::words::{WordPool, random_text};
use crate::zipf::Zipf;
use crate::{Charset, Content, Error, Result, Split};

/// What a [`Content`] needs to draw from.
#[derive(Clone, Debug)]
pub(crate) enum TextSource {
    Random(Charset),
    Words(WordPool),
    Print(PrintText),
    Markov(Markov),
    Zipf(Zipf),
    Text(Corpus, Split),
}

impl TextSource {
    /// `corpus` is for [`Content::Text`], and is not looked at by the others.
    pub(crate) fn new(
        content: Content,
        charset: Charset,
        split: Split,
        corpus: Option<&Corpus>,
    ) -> Result<Self> {
        content.check(charset)?;
        Ok(match content {
            Content::Random => Self::Random(charset),
            Content::Words => Self::Words(WordPool::new(split, charset)?),
            Content::Print => Self::Print(PrintText::new(split, charset)),
            Content::Markov { bits, order } => Self::Markov(Markov::new(charset, bits, order)),
            Content::Zipf { bits } => Self::Zipf(Zipf::new(charset, bits)),
            Content::Text => {
                let corpus = corpus.ok_or(Error::CorpusMissing)?;
                if corpus.charset() != charset {
                    return Err(Error::CorpusCharset {
                        charset,
                        found: corpus.charset(),
                    });
                }
                Self::Text(corpus.clone(), split)
            }
        })
    }

    /// Checks that it can write `lines` lines of exactly `columns` characters.
    pub(crate) fn check(&self, lines: usize, columns: usize) -> Result<()> {
        match self {
            Self::Random(_) | Self::Print(_) | Self::Markov(_) | Self::Zipf(_) => Ok(()),
            Self::Words(words) => words.check(columns),
            Self::Text(corpus, split) => {
                let (characters, needed) = (corpus.part(*split).len(), lines * columns);
                if characters < needed {
                    return Err(Error::CorpusPartTooShort {
                        split: *split,
                        characters,
                        needed,
                    });
                }
                Ok(())
            }
        }
    }

    /// `lines` lines of `columns` characters, joined. Words fill every line; other texts run on.
    /// Call [`check`](Self::check) for these numbers first.
    pub(crate) fn draw(&self, lines: usize, columns: usize, rng: &mut impl Rng) -> String {
        let characters = lines * columns;
        match self {
            Self::Random(charset) => random_text(*charset, characters, rng),
            Self::Words(words) => (0..lines).map(|_| words.fill(columns, rng)).collect(),
            Self::Print(print) => {
                let line = |_| print.draw(columns, columns, rng);
                (0..lines).map(line).collect()
            }
            Self::Markov(markov) => markov.text(characters, rng),
            Self::Zipf(zipf) => zipf.text(characters, rng),
            Self::Text(corpus, split) => corpus.window(*split, characters, rng),
        }
    }

    /// A line of one of these lengths, the first of which is the shortest. Print has lengths of its own;
    /// otherwise all are drawn equally often. Call [`check`](Self::check) for these numbers first.
    pub(crate) fn draw_line(&self, lengths: &[usize], rng: &mut impl Rng) -> String {
        match (self, lengths) {
            (Self::Print(print), [fewest, .., most]) => print.draw(*fewest, *most, rng),
            _ => self.draw(1, lengths[rng.random_range(0..lengths.len())], rng),
        }
    }
}
