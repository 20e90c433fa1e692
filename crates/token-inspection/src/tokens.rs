//! The tokens of a group of images, batch by batch, as a cell is tested on them.

use super::view::{RankedWord, TokenView, best_words};
use crate::encode::entropy_bits;
use anyhow::{Result, ensure};
use arms::ArmSpec;
use burn::tensor::Device;
use probe::{CellModel, Place, PreparedGroup, ProbeConfig, text_of};
use projector::{Pass, Projector, WordUse, seeded};
use run_support::stop::Stop;

/// Images at a time: as many as the test of a cell reads, so that noise falls alike.
const CHUNK: usize = 128;
/// Probabilities held at a time; a large vocabulary takes fewer images.
const PROBABILITIES: usize = 1 << 24;

/// A model in front of a group.
pub struct TokenReader<'a> {
    /// Probe and charset.
    pub config: &'a ProbeConfig,
    /// The arm.
    pub arm: ArmSpec,
    /// Seed of noise that is part of the arm.
    pub seed: u64,
    /// The trained model.
    pub model: &'a CellModel,
    /// Whether its probe was trained, so that it reads.
    pub reads: bool,
    /// The images.
    pub data: &'a PreparedGroup,
    /// Number of the test group, which names its noise.
    pub group: usize,
    /// Where to compute.
    pub device: &'a Device,
    /// Raised by Ctrl-C.
    pub stop: &'a Stop,
}

/// Tokens of some images.
pub struct TokenBatch {
    /// Number of the first image.
    pub first: usize,
    /// Tokens of an image.
    pub tokens: usize,
    norms: Vec<f64>,
    books: Vec<BookBatch>,
}

struct BookBatch {
    words: usize,
    probabilities: Option<Vec<f32>>,
    ids: Option<Vec<usize>>,
}

/// A token in one codebook.
#[derive(Clone, Copy, Debug)]
pub struct BookToken<'a> {
    /// Its distribution over words, where there is one.
    pub distribution: Option<&'a [f32]>,
    /// The word that it is, for hard tokens.
    pub id: Option<usize>,
}

impl BookToken<'_> {
    /// The word that it is, or the likeliest one.
    #[must_use]
    pub fn best(&self) -> Option<usize> {
        let likeliest = |distribution: &[f32]| {
            let words = distribution.iter().enumerate();
            let best = words.fold(None, |best: Option<(usize, f32)>, (word, &p)| match best {
                // The lowest number wins a tie, as in argmax.
                Some((_, most)) if most >= p => best,
                _ => Some((word, p)),
            });
            best.map(|(word, _)| word)
        };
        self.id.or_else(|| self.distribution.and_then(likeliest))
    }
}

impl TokenBatch {
    /// Number of tokens of all images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.norms.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.norms.is_empty()
    }

    /// A token in every codebook; none without words.
    pub fn books(&self, token: usize) -> impl Iterator<Item = BookToken<'_>> {
        let books = self.books.iter();
        books.map(move |book| BookToken {
            distribution: book
                .probabilities
                .as_ref()
                .map(|all| &all[token * book.words..(token + 1) * book.words]),
            id: book.ids.as_ref().map(|ids| ids[token]),
        })
    }

    /// A token as it is shown, with its `top` best words.
    #[must_use]
    pub fn view(&self, token: usize, top: usize) -> TokenView {
        let mut entropy = None;
        let mut words = Vec::new();
        for book in self.books(token) {
            let bits = book.distribution.map_or(0.0, entropy_bits);
            entropy = Some(entropy.unwrap_or(0.0) + bits);
            words.push(match (book.distribution, book.id) {
                (Some(distribution), _) => best_words(distribution, top),
                (None, Some(word)) => vec![RankedWord {
                    word,
                    probability: None,
                }],
                (None, None) => Vec::new(),
            });
        }
        TokenView {
            norm: self.norms[token],
            entropy_bits: entropy,
            words,
        }
    }
}

impl TokenReader<'_> {
    /// Walks over all images; `visit` is given their tokens. Returns what was read, if anything
    /// reads.
    ///
    /// # Errors
    /// As `visit`; if the probe's scores are not numbers, or `stop` is raised.
    pub fn walk(
        &self,
        mut visit: impl FnMut(&TokenBatch) -> Result<()>,
    ) -> Result<Option<Vec<String>>> {
        let place = Place::of(self.config.reader, &self.model.arm, self.data, self.device)?;
        let count = self.data.group.len();
        let tokens = self.data.group.layout.tokens();
        let noisy = self.arm.kind.is_noisy();
        let mut noise = seeded::stream(self.seed, &format!("noise/test/{}", self.group));
        let words = self.model.arm.cost().words.unwrap_or(0);
        let per_image = (words * tokens * self.arm.codes()).max(1);
        let chunk = (PROBABILITIES / per_image).clamp(1, CHUNK);
        let mut readings = self.reads.then(Vec::new);
        for first in (0..count).step_by(chunk) {
            self.stop.check()?;
            let items: Vec<usize> = (first..count.min(first + chunk)).collect();
            let mut pass = Pass {
                progress: 1.0,
                noise: noisy.then_some(&mut noise),
                distribution: true,
                words: None,
            };
            let input = self.data.batch(&items, self.device)?;
            let features = self.model.features(input);
            let made = self.model.arm.forward(&features, &mut pass);
            let [images, per_image, _] = made.embeddings.dims();
            ensure!(
                per_image == tokens,
                "arm `{}` made {per_image} tokens of an image of {tokens}",
                self.arm
            );
            let vectors = made.embeddings.clone();
            let squares = (vectors.clone() * vectors).sum_dim(2);
            let norms = squares.sqrt().reshape([images * tokens]).into_data();
            let books = made.words.clone().into_iter();
            visit(&TokenBatch {
                first,
                tokens,
                norms: norms.iter::<f32>().map(f64::from).collect(),
                books: books.map(|book| BookBatch::of(book, words)).collect(),
            })?;
            if let Some(readings) = &mut readings {
                let seen = self.model.as_read(made);
                let scores = self.model.read(&seen, &place, (self.data, &items));
                ensure!(
                    scores.clone().is_finite().all().into_scalar::<bool>(),
                    "arm `{}`: the probe's scores are not finite; lower --learning-rate",
                    self.arm
                );
                let lines = self.model.answers(&seen, scores).into_iter();
                readings.extend(lines.map(|line| text_of(&line, self.config.data.charset)));
            }
        }
        Ok(readings)
    }
}

impl BookBatch {
    fn of(book: WordUse, words: usize) -> Self {
        Self {
            words,
            probabilities: book
                .probabilities
                .map(|all| all.into_data().iter::<f32>().collect()),
            ids: book.ids.map(|ids| {
                let ids = ids.into_data();
                ids.iter::<i64>().map(|id| id as usize).collect()
            }),
        }
    }
}
