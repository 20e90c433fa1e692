//! Tokens, tile by tile.

use rayon::prelude::*;

use super::best::best_words;
use super::kernel::{TokenizeKernel, Value};
use super::product::{Matrix, multiply};
use super::row::{self, Moments, Norm};
use crate::tile::tokens_per_tile;

/// The best words are looked up as long as there are at most this many per row of the table; more
/// of them are cheaper to multiply.
const LOOK_UP_ONE_OF: usize = 16;

/// The operands of the operation as slices in row-major order.
#[derive(Clone, Copy, Debug)]
pub(super) struct Operands<'a> {
    /// `[tokens, d_in]`.
    pub(super) x: &'a [f32],
    /// `[d_in, words]`.
    pub(super) head: &'a [f32],
    /// `[words]` each.
    pub(super) norm: Norm<'a>,
    /// `[rows, d_out]`, at least `words` rows.
    pub(super) table: &'a [f32],
    pub(super) tokens: usize,
    pub(super) d_in: usize,
    pub(super) words: usize,
    pub(super) d_out: usize,
}

impl<'a> Operands<'a> {
    /// Tokens `first..first + count`.
    pub(super) fn inputs(&self, first: usize, count: usize) -> Matrix<'a> {
        Matrix::new(&self.x[first * self.d_in..], count, self.d_in)
    }

    pub(super) fn head(&self) -> Matrix<'a> {
        Matrix::new(self.head, self.d_in, self.words)
    }

    /// The rows that are words.
    pub(super) fn word_rows(&self) -> Matrix<'a> {
        Matrix::new(self.table, self.words, self.d_out)
    }

    pub(super) fn row(&self, word: usize) -> &'a [f32] {
        &self.table[word * self.d_out..(word + 1) * self.d_out]
    }
}

/// What the forward pass makes.
#[derive(Clone, Debug)]
pub(super) struct Tokens {
    /// `[tokens, d_out]`.
    pub(super) embeddings: Vec<f32>,
    /// Of the logits, one per token.
    pub(super) moments: Vec<Moments>,
    /// The word of each hard token; empty for mixtures.
    pub(super) ids: Vec<i64>,
    /// `[tokens, words]` in front of the norm; empty unless they are kept.
    pub(super) logits: Vec<f32>,
}

/// `keep` says whether a backward pass may follow; then logits are kept as far as `function` allows.
pub(super) fn forward(operands: &Operands<'_>, function: &TokenizeKernel, keep: bool) -> Tokens {
    let Operands {
        tokens,
        words,
        d_out,
        ..
    } = *operands;
    let tile = tokens_per_tile(tokens, words);
    let mut scores = vec![0.0; tile * words];
    let mut embeddings = vec![0.0; tokens * d_out];
    let mut moments = vec![Moments::default(); tokens];
    let mut ids = vec![0; if function.is_hard() { tokens } else { 0 }];
    let keep = keep && function.keeps(tokens, words);
    let mut logits = vec![0.0; if keep { tokens * words } else { 0 }];

    let tiles = embeddings
        .chunks_mut(tile * d_out)
        .zip(moments.chunks_mut(tile));
    for (index, (embeddings, moments)) in tiles.enumerate() {
        let (first, count) = (index * tile, moments.len());
        let scores = &mut scores[..count * words];
        let inputs = operands.inputs(first, count);
        match keep {
            true => {
                let kept = &mut logits[first * words..(first + count) * words];
                multiply(kept, false, inputs, operands.head());
                scores.copy_from_slice(kept);
            }
            false => multiply(scores, false, inputs, operands.head()),
        }
        scores
            .par_chunks_mut(words)
            .zip(&mut *moments)
            .for_each(|(row, moments)| row::normalise(row, operands.norm, moments));
        match function.value {
            Value::All => {
                scores.par_chunks_mut(words).for_each(row::weigh);
                mix(operands, scores, embeddings);
            }
            Value::Best(k) if k * LOOK_UP_ONE_OF > words => {
                scores
                    .par_chunks_mut(words)
                    .for_each(|row| keep_best(row, k));
                mix(operands, scores, embeddings);
            }
            Value::Best(k) => scores
                .par_chunks(words)
                .zip(embeddings.par_chunks_mut(d_out))
                .for_each(|(row, token)| best_words(row, k).mix(operands.table, token)),
            Value::One => {
                let ids = &mut ids[first..first + count];
                look_up(operands, function, first, scores, embeddings, ids);
            }
        }
    }
    Tokens {
        embeddings,
        moments,
        ids,
        logits,
    }
}

/// `embeddings = weights · table`.
fn mix(operands: &Operands<'_>, weights: &[f32], embeddings: &mut [f32]) {
    let weights = Matrix::new(weights, weights.len() / operands.words, operands.words);
    multiply(embeddings, false, weights, operands.word_rows());
}

/// Replaces scores by the softmax over the `k` best, 0 for the others.
fn keep_best(row: &mut [f32], k: usize) {
    let best = best_words(row, k);
    row.fill(0.0);
    for (&id, &weight) in best.ids.iter().zip(&best.weights) {
        row[id] = weight;
    }
}

/// Takes the best row after noise. Scores that are not numbers give a token that is none either, so
/// that a diverged model is noticed.
fn look_up(
    operands: &Operands<'_>,
    function: &TokenizeKernel,
    first: usize,
    scores: &mut [f32],
    embeddings: &mut [f32],
    ids: &mut [i64],
) {
    let words = operands.words;
    scores
        .par_chunks_mut(words)
        .zip(embeddings.par_chunks_mut(operands.d_out))
        .zip(ids)
        .enumerate()
        .for_each_init(Vec::new, |noise_row, (index, ((row, token), id))| {
            if let Some(noise) = &function.noise {
                noise_row.resize(words, 0.0);
                noise.fill(first + index, noise_row);
                row::add(row, noise_row);
            }
            let mut place = 0;
            row::best(row, &mut place);
            if place == usize::MAX {
                token.fill(f32::NAN);
            } else {
                token.copy_from_slice(operands.row(place));
                *id = place as i64;
            }
        });
}
