//! Gradients, tile by tile: the scores of a tile, kept or made again, are turned into the gradient of its
//! logits in place, and multiplied into the gradients of head, table and features.

use rayon::prelude::*;

use super::best::{BestWords, best_words};
use super::forward::{Operands, Tokens};
use super::kernel::{Surrogate, TokenizeKernel, Value};
use super::product::{Matrix, multiply};
use super::row::{self, Moments, Norm, NormGradient, RowSums};
use crate::tile::tokens_per_tile;

/// Columns that are worked on together, so that their sums over tokens stay in the first cache.
const PANEL: usize = 2048;

/// Which operands have a gradient, in the order of the operation.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted {
    pub(super) x: bool,
    pub(super) head: bool,
    pub(super) gain: bool,
    pub(super) bias: bool,
    pub(super) table: bool,
}

/// Gradients in the shapes of the operands; empty where none was wanted.
#[derive(Clone, Debug, Default)]
pub(super) struct Gradients {
    pub(super) x: Vec<f32>,
    pub(super) head: Vec<f32>,
    pub(super) gain: Vec<f32>,
    pub(super) bias: Vec<f32>,
    pub(super) table: Vec<f32>,
}

/// A tile on its way back.
struct Tile<'a> {
    first: usize,
    count: usize,
    /// Logits, then normalised logits, then weights.
    scores: &'a mut [f32],
    /// Gradient of the weights, then of the scores, then of the logits.
    gradient: &'a mut [f32],
    /// Gradient of the tokens.
    tokens: Matrix<'a>,
    token_values: &'a [f32],
}

/// `gradient` is that of the tokens, `[tokens, d_out]`; the logits of `forward`, if they were kept, are used
/// up.
pub(super) fn backward(
    operands: &Operands<'_>,
    function: &TokenizeKernel,
    forward: &mut Tokens,
    gradient: &[f32],
    wanted: Wanted,
) -> Gradients {
    let Operands {
        tokens,
        d_in,
        words,
        d_out,
        ..
    } = *operands;
    let zeros = |wanted: bool, numbers: usize| vec![0.0; if wanted { numbers } else { 0 }];
    let scored = wanted.x || wanted.head || wanted.gain || wanted.bias;
    let mut result = Gradients {
        x: zeros(wanted.x, tokens * d_in),
        head: zeros(wanted.head, d_in * words),
        gain: zeros(scored, words),
        bias: zeros(scored, words),
        table: zeros(wanted.table, operands.table.len()),
    };
    if wanted.table && function.is_hard() {
        for (&id, token) in forward.ids.iter().zip(gradient.chunks_exact(d_out)) {
            add_scaled(row_mut(&mut result.table, id as usize, d_out), token, 1.0);
        }
    }
    if !scored && (function.is_hard() || !wanted.table) {
        return result;
    }

    let size = tokens_per_tile(tokens, words);
    let are_kept = !forward.logits.is_empty();
    let mut made_again = zeros(!are_kept, size * words);
    let mut score_gradient = zeros(scored, size * words);
    for first in (0..tokens).step_by(size) {
        let count = size.min(tokens - first);
        let token_values = &gradient[first * d_out..(first + count) * d_out];
        let scores = match are_kept {
            true => &mut forward.logits[first * words..(first + count) * words],
            false => {
                let scores = &mut made_again[..count * words];
                let inputs = operands.inputs(first, count);
                multiply(scores, false, inputs, operands.head());
                scores
            }
        };
        let mut tile = Tile {
            first,
            count,
            scores,
            gradient: &mut score_gradient[..if scored { count * words } else { 0 }],
            tokens: Matrix::new(token_values, count, d_out),
            token_values,
        };
        let moments = &forward.moments[first..first + count];
        match function.value {
            Value::Best(k) => best(operands, &mut tile, moments, k, wanted, &mut result),
            Value::All if !scored => {
                tile.scores.par_chunks_mut(words).for_each(|row| {
                    row::normalise(row, operands.norm, &mut Moments::default());
                    row::weigh(row);
                });
            }
            Value::All | Value::One => dense(
                operands,
                function,
                &mut tile,
                moments,
                wanted.table && function.value == Value::All,
                &mut result,
            ),
        }
        if wanted.table && function.value == Value::All {
            let weights = Matrix::new(tile.scores, count, words).transposed();
            multiply(
                &mut result.table[..words * d_out],
                true,
                weights,
                tile.tokens,
            );
        }
        if scored {
            let logits = Matrix::new(tile.gradient, count, words);
            if wanted.head {
                let inputs = operands.inputs(first, count).transposed();
                multiply(&mut result.head, first > 0, inputs, logits);
            }
            if wanted.x {
                let x = &mut result.x[first * d_in..(first + count) * d_in];
                multiply(x, false, logits, operands.head().transposed());
            }
        }
    }
    result
}

/// Gradient of the logits where every word has a share; leaves the weights in the scores if asked.
fn dense(
    operands: &Operands<'_>,
    function: &TokenizeKernel,
    tile: &mut Tile<'_>,
    moments: &[Moments],
    weights: bool,
    result: &mut Gradients,
) {
    let (words, norm) = (operands.words, operands.norm);
    multiply(
        tile.gradient,
        false,
        tile.tokens,
        operands.word_rows().transposed(),
    );
    let mut sums = vec![RowSums::default(); tile.count];
    let first = tile.first;
    tile.scores
        .par_chunks_mut(words)
        .zip(tile.gradient.par_chunks_mut(words))
        .zip(sums.par_iter_mut().zip(moments))
        .enumerate()
        .for_each_init(
            || vec![0.0; words],
            |scratch, (index, ((scores, gradient), (sums, moments)))| {
                sums.moments = *moments;
                match function.surrogate {
                    Surrogate::Raw => row::through_identity(scores, gradient, norm, sums),
                    Surrogate::Softmax { sharpness } => {
                        match &function.noise {
                            Some(noise) => noise.fill(first + index, scratch),
                            None => scratch.fill(0.0),
                        }
                        row::through_softmax(scores, gradient, scratch, norm, sharpness, sums);
                    }
                }
            },
        );
    through_norm(operands, tile, &sums, weights, result);
}

/// The same where only the `k` best words have a share, and the gradient of their rows.
fn best(
    operands: &Operands<'_>,
    tile: &mut Tile<'_>,
    moments: &[Moments],
    k: usize,
    wanted: Wanted,
    result: &mut Gradients,
) {
    let Operands { words, d_out, .. } = *operands;
    let norm = operands.norm;
    let scored = !tile.gradient.is_empty();
    let chosen: Vec<(BestWords, RowSums)> = tile
        .scores
        .par_chunks_mut(words)
        .zip(moments)
        .zip(tile.token_values.par_chunks(d_out))
        .map_init(
            || vec![0.0; words],
            |scores, ((logits, &moments), token)| {
                scores.copy_from_slice(logits);
                row::normalise(scores, norm, &mut Moments::default());
                let mut best = best_words(scores, k);
                let mut sums = RowSums {
                    moments,
                    ..RowSums::default()
                };
                if scored {
                    for l in logits.iter_mut() {
                        *l = (*l - moments.mean) * moments.inverse_deviation;
                    }
                    let gradient = best.score_gradient(operands.table, token);
                    for (&id, &g) in best.ids.iter().zip(&gradient) {
                        let h = g * norm.gain[id] / words as f32;
                        sums.mean_h += h;
                        sums.mean_h_l += h * logits[id];
                    }
                    best.gradient = gradient;
                }
                (best, sums)
            },
        )
        .collect();
    if wanted.table {
        for ((best, _), token) in chosen.iter().zip(tile.token_values.chunks_exact(d_out)) {
            for (&id, &weight) in best.ids.iter().zip(&best.weights) {
                add_scaled(row_mut(&mut result.table, id, d_out), token, weight);
            }
        }
    }
    if scored {
        tile.gradient
            .par_chunks_mut(words)
            .zip(&chosen)
            .for_each(|(row, (best, _))| {
                row.fill(0.0);
                for (&id, &g) in best.ids.iter().zip(&best.gradient) {
                    row[id] = g;
                }
            });
        let sums: Vec<RowSums> = chosen.iter().map(|(_, sums)| *sums).collect();
        through_norm(operands, tile, &sums, false, result);
    }
}

/// From the gradient of the scores to that of the logits, gain and bias, column by column, so that
/// sums over tokens have one order whatever the number of threads.
fn through_norm(
    operands: &Operands<'_>,
    tile: &mut Tile<'_>,
    sums: &[RowSums],
    weights: bool,
    result: &mut Gradients,
) {
    let words = operands.words;
    let mut panels: Vec<Vec<(&mut [f32], &mut [f32])>> = (0..words.div_ceil(PANEL))
        .map(|_| Vec::with_capacity(tile.count))
        .collect();
    let rows = tile
        .scores
        .chunks_mut(words)
        .zip(tile.gradient.chunks_mut(words));
    for (scores, gradient) in rows {
        let parts = scores.chunks_mut(PANEL).zip(gradient.chunks_mut(PANEL));
        for (panel, part) in panels.iter_mut().zip(parts) {
            panel.push(part);
        }
    }
    panels
        .into_par_iter()
        .zip(operands.norm.gain.par_chunks(PANEL))
        .zip(operands.norm.bias.par_chunks(PANEL))
        .zip(result.gain.par_chunks_mut(PANEL))
        .zip(result.bias.par_chunks_mut(PANEL))
        .for_each(|((((rows, gain), bias), d_gain), d_bias)| {
            let norm = Norm {
                gain,
                bias,
                ..operands.norm
            };
            for ((scores, gradient), sums) in rows.into_iter().zip(sums) {
                let d_norm = NormGradient {
                    gain: &mut *d_gain,
                    bias: &mut *d_bias,
                };
                row::through_norm(scores, gradient, norm, d_norm, sums, weights);
            }
        });
}

fn row_mut(table: &mut [f32], row: usize, d: usize) -> &mut [f32] {
    &mut table[row * d..(row + 1) * d]
}

fn add_scaled(sum: &mut [f32], values: &[f32], scale: f32) {
    for (sum, &value) in sum.iter_mut().zip(values) {
        *sum = value.mul_add(scale, *sum);
    }
}
