//! Self-attention of one head over one segment of any length, with the softmax taken tile by tile.
//!
//! The scores of a whole image of 12,544 patches would be 630 MB per head. Here a tile of queries
//! meets the keys tile by tile and keeps a running maximum, sum and weighted value (arXiv:2205.14135,
//! algorithm 1), so that scores never leave the caches. As in [`super::attention`], scores lie
//! transposed, a row per key: the softmax goes over rows and needs no horizontal sums.

use super::attention::{Angles, gather_rotated};
use super::exponential::exp_of_nonpositive;
use super::product::{Left, multiply, padded};

/// Queries per tile; their columns stay in the first-level cache.
const QUERIES: usize = 64;
/// Keys per tile.
const KEYS: usize = 128;

/// Where one head of one segment is found in the packed rows of a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    /// First token of the segment.
    pub(crate) start: usize,
    /// Tokens of the segment.
    pub(crate) length: usize,
    /// The queries to answer, counted from `start`.
    pub(crate) queries: [usize; 2],
    /// Number of the head.
    pub(crate) head: usize,
}

/// What the heads of a batch read.
#[derive(Clone, Copy)]
pub(crate) struct Packed<'a> {
    /// Rows of `3 * heads * d_head` numbers: queries, keys and values of all heads.
    pub(crate) rows: &'a [f32],
    /// Rows of `d_head` for the same tokens.
    pub(crate) angles: Option<Angles<'a>>,
    pub(crate) heads: usize,
    pub(crate) d_head: usize,
}

/// Matrices of one head, kept from one segment to the next.
#[derive(Default)]
pub(crate) struct Scratch {
    key: Vec<f32>,
    value: Vec<f32>,
    query: Vec<f32>,
    query_columns: Vec<f32>,
    scores: Vec<f32>,
    product: Vec<f32>,
    sums: Vec<f32>,
}

kernel! {
    /// Writes the attended values of the queries of `place`, `[queries, d_head]`.
    pub(crate) fn forward<'a>(
        simd; packed: Packed<'a>,
        place: Place,
        scratch: &'a mut Scratch,
        output: &'a mut [f32],
    ) {
        let Packed { rows: packed, angles, heads, d_head } = packed;
        let (d_model, width) = (heads * d_head, padded(d_head));
        let scale = 1.0 / (d_head as f32).sqrt();
        let Scratch { key, value, query, query_columns, scores, product, sums } = scratch;
        let rows = |first: usize, count: usize| {
            let angles = angles.map(|angles| angles.rows(first, count, d_head));
            (&packed[first * 3 * d_model..(first + count) * 3 * d_model], angles)
        };
        let offset = place.head * d_head;
        let (source, angles_of_keys) = rows(place.start, place.length);
        let row = [3 * d_model, d_model + offset];
        gather_rotated(key, source, angles_of_keys, row, d_head, 1.0);
        let row = [3 * d_model, 2 * d_model + offset];
        gather_rotated(value, source, None, row, d_head, 1.0);
        query_columns.resize(d_head * QUERIES, 0.0);
        scores.resize(KEYS * QUERIES, 0.0);
        product.resize(QUERIES * width, 0.0);
        sums.resize(QUERIES * width, 0.0);

        let [first, end] = place.queries;
        let tiles = (first..end).step_by(QUERIES);
        for (first, output) in tiles.zip(output.chunks_mut(QUERIES * d_head)) {
            let queries = output.len() / d_head;
            let (source, angles) = rows(place.start + first, queries);
            gather_rotated(query, source, angles, [3 * d_model, offset], d_head, scale);
            // Queries that fill up the last tile are zeros: they attend evenly and are dropped.
            query_columns.fill(0.0);
            for (index, row) in query.chunks_exact(width).enumerate() {
                for (column, &x) in query_columns.chunks_exact_mut(QUERIES).zip(row) {
                    column[index] = x;
                }
            }
            let mut max = [f32::NEG_INFINITY; QUERIES];
            let mut sum = [0.0_f32; QUERIES];
            sums.fill(0.0);
            for (key, value) in key.chunks(KEYS * width).zip(value.chunks(KEYS * width)) {
                let keys = key.len() / width;
                let scores = &mut scores[..keys * QUERIES];
                let left = Left::by_rows(key, width);
                multiply(simd, [keys, d_head, QUERIES], left, query_columns, scores);
                let before = max;
                for row in scores.chunks_exact(QUERIES) {
                    for (max, &score) in max.iter_mut().zip(row) {
                        *max = if score > *max { score } else { *max };
                    }
                }
                let mut fade = [0.0_f32; QUERIES];
                for ((fade, before), (max, sum)) in
                    fade.iter_mut().zip(before).zip(max.iter().zip(&mut sum))
                {
                    *fade = exp_of_nonpositive(before - max);
                    *sum *= *fade;
                }
                for row in scores.chunks_exact_mut(QUERIES) {
                    for ((weight, &max), sum) in row.iter_mut().zip(&max).zip(&mut sum) {
                        *weight = exp_of_nonpositive(*weight - max);
                        *sum += *weight;
                    }
                }
                let left = Left::transposed(scores, QUERIES);
                multiply(simd, [QUERIES, keys, width], left, value, product);
                let rows = sums.chunks_exact_mut(width).zip(product.chunks_exact(width));
                for ((sums, product), fade) in rows.zip(fade) {
                    for (sum, &x) in sums.iter_mut().zip(product) {
                        *sum = sum.mul_add(fade, x);
                    }
                }
            }
            let rows = output.chunks_exact_mut(d_head).zip(sums.chunks_exact(width));
            for ((row, sums), sum) in rows.zip(sum) {
                let factor = 1.0 / sum;
                for (x, value) in row.iter_mut().zip(sums) {
                    *x = value * factor;
                }
            }
        }
    }
}
