//! Self-attention of one image from its packed queries, keys and values, head by head.
//!
//! Everything a head of some hundred patches needs fits the first caches (its scores are
//! `patches²` numbers), so scores and probabilities never leave them: the
//! backward pass computes them again from the packed input and two numbers per query. Scores are
//! kept transposed, a row per key, so that the softmax goes over rows and needs no horizontal sums.

use std::mem::MaybeUninit;

use super::exponential::exp_of_nonpositive;
use super::product::{Left, multiply, padded};
use crate::Mask;

/// Sizes of one image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    pub(crate) patches: usize,
    pub(crate) heads: usize,
    pub(crate) d_head: usize,
}

impl Sizes {
    /// Width of the output; the packed input is three times as wide.
    pub(crate) fn d_model(&self) -> usize {
        self.heads * self.d_head
    }

    fn scale(&self) -> f32 {
        1.0 / (self.d_head as f32).sqrt()
    }
}

/// Cosines and signed sines, `[patches, d_head]` each, or nothing.
#[derive(Clone, Copy)]
pub(crate) struct Angles<'a> {
    pub(crate) cos: &'a [f32],
    pub(crate) signed_sin: &'a [f32],
}

impl<'a> Angles<'a> {
    /// Those of `count` tokens from `first` on.
    pub(super) fn rows(self, first: usize, count: usize, d_head: usize) -> Self {
        let range = first * d_head..(first + count) * d_head;
        Self {
            cos: &self.cos[range.clone()],
            signed_sin: &self.signed_sin[range],
        }
    }
}

/// Largest score of a query and the reciprocal of its sum of exponentials.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Softmax {
    max: f32,
    inverse_sum: f32,
}

/// The sizes, and the matrices of one head; rows of `d_head` numbers or of one number per query,
/// padded with zeros.
pub(crate) struct Scratch {
    sizes: Sizes,
    mask: Mask,
    query: Vec<f32>,
    key: Vec<f32>,
    value: Vec<f32>,
    gradient: Vec<f32>,
    result: Vec<f32>,
    query_columns: Vec<f32>,
    gradient_columns: Vec<f32>,
    weights: Vec<f32>,
    slopes: Vec<f32>,
    max: Vec<f32>,
    sum: Vec<f32>,
}

impl Scratch {
    pub(crate) fn new(sizes: Sizes, mask: Mask) -> Self {
        let (queries, width) = (padded(sizes.patches), padded(sizes.d_head));
        let rows = || vec![0.0; sizes.patches * width];
        let columns = || vec![0.0; sizes.d_head * queries];
        let square = || vec![0.0; sizes.patches * queries];
        Self {
            sizes,
            mask,
            query: rows(),
            key: rows(),
            value: rows(),
            gradient: rows(),
            result: rows(),
            query_columns: columns(),
            gradient_columns: columns(),
            weights: square(),
            slopes: square(),
            max: vec![0.0; queries],
            sum: vec![0.0; queries],
        }
    }
}

/// Copies `d_head` numbers from `offset` in every row of `stride` into padded rows.
#[inline(always)]
fn gather(rows: &mut [f32], source: &[f32], sizes: Sizes, stride: usize, offset: usize) {
    let width = padded(sizes.d_head);
    for (row, source) in rows
        .chunks_exact_mut(width)
        .zip(source.chunks_exact(stride))
    {
        row[..sizes.d_head].copy_from_slice(&source[offset..offset + sizes.d_head]);
    }
}

/// Rotates every row by its angles and scales it: `x cos + swapped(x) sin`.
#[inline(always)]
fn rotate(rows: &mut [f32], angles: Option<Angles<'_>>, d_head: usize, scale: f32) {
    turn::<false>(rows, angles, d_head, scale);
}

/// The transpose of [`rotate`]: takes the gradient of the result to that of the input.
#[inline(always)]
fn rotate_back(rows: &mut [f32], angles: Option<Angles<'_>>, d_head: usize, scale: f32) {
    turn::<true>(rows, angles, d_head, scale);
}

#[inline(always)]
fn turn<const BACK: bool>(rows: &mut [f32], angles: Option<Angles<'_>>, d_head: usize, scale: f32) {
    let (width, half) = (padded(d_head), d_head / 2);
    let Some(Angles { cos, signed_sin }) = angles else {
        for x in rows {
            *x *= scale;
        }
        return;
    };
    let angles = cos
        .chunks_exact(d_head)
        .zip(signed_sin.chunks_exact(d_head));
    for (row, (cos, sin)) in rows.chunks_exact_mut(width).zip(angles) {
        let (low, high) = row[..d_head].split_at_mut(half);
        let ((cos_low, cos_high), (sin_low, sin_high)) = (cos.split_at(half), sin.split_at(half));
        // The sine of a half stands where it is added; going back, it comes from the other half.
        let (to_low, to_high) = if BACK {
            (sin_high, sin_low)
        } else {
            (sin_low, sin_high)
        };
        for i in 0..half {
            let (a, b) = (low[i] * scale, high[i] * scale);
            low[i] = a.mul_add(cos_low[i], b * to_low[i]);
            high[i] = b.mul_add(cos_high[i], a * to_high[i]);
        }
    }
}

/// Gathers `d_head` numbers of every row of `source` into padded rows, then rotates and scales them.
///
/// `[stride, offset]` say where the numbers stand in a row.
#[inline(always)]
pub(super) fn gather_rotated(
    rows: &mut Vec<f32>,
    source: &[f32],
    angles: Option<Angles<'_>>,
    [stride, offset]: [usize; 2],
    d_head: usize,
    scale: f32,
) {
    rows.clear();
    rows.resize(source.len() / stride * padded(d_head), 0.0);
    for (row, source) in rows
        .chunks_exact_mut(padded(d_head))
        .zip(source.chunks_exact(stride))
    {
        row[..d_head].copy_from_slice(&source[offset..offset + d_head]);
    }
    rotate(rows, angles, d_head, scale);
}

/// Writes padded rows as columns.
#[inline(always)]
fn transpose(columns: &mut [f32], rows: &[f32], sizes: Sizes) {
    let (queries, width) = (padded(sizes.patches), padded(sizes.d_head));
    for (index, row) in rows.chunks_exact(width).enumerate() {
        for (column, &x) in columns.chunks_exact_mut(queries).zip(row) {
            column[index] = x;
        }
    }
}

/// Takes the scores of keys that a query does not see down to minus infinity; `weights` has a row of
/// queries per key.
#[inline(always)]
fn hide(weights: &mut [f32], mask: Mask, sizes: Sizes) {
    let first = match mask {
        Mask::None => return,
        Mask::Causal => 0,
        Mask::PrefixAndSelf { prefix } => prefix,
    };
    let rows = weights.chunks_exact_mut(padded(sizes.patches)).enumerate();
    for (key, row) in rows.skip(first) {
        row[..key].fill(f32::NEG_INFINITY);
        match mask {
            Mask::None | Mask::Causal => {}
            Mask::PrefixAndSelf { .. } => row[key + 1..sizes.patches].fill(f32::NEG_INFINITY),
        }
    }
}

/// Copies padded rows, without their padding, to `offset` in every row of `stride`.
#[inline(always)]
fn scatter(
    target: &mut [MaybeUninit<f32>],
    rows: &[f32],
    sizes: Sizes,
    stride: usize,
    offset: usize,
) {
    let width = padded(sizes.d_head);
    for (target, row) in target
        .chunks_exact_mut(stride)
        .zip(rows.chunks_exact(width))
    {
        target[offset..offset + sizes.d_head].write_copy_of_slice(&row[..sizes.d_head]);
    }
}

kernel! {
    /// Writes the attended values of one image, `[patches, d_model]`, and the softmax of every
    /// query, `[heads, patches]`.
    pub(crate) fn forward<'a>(
        simd; packed: &'a [f32],
        angles: Option<Angles<'a>>,
        scratch: &'a mut Scratch,
        softmax: &'a mut [Softmax],
        output: &'a mut [MaybeUninit<f32>],
    ) {
        let sizes = scratch.sizes;
        let Sizes { patches, heads, d_head } = sizes;
        let (d_model, queries, width) = (sizes.d_model(), padded(patches), padded(d_head));
        let Scratch { mask, query, key, value, result, query_columns, weights, max, sum, .. } = scratch;
        for (head, softmax) in (0..heads).zip(softmax.chunks_exact_mut(patches)) {
            let offset = head * d_head;
            gather(query, packed, sizes, 3 * d_model, offset);
            gather(key, packed, sizes, 3 * d_model, d_model + offset);
            gather(value, packed, sizes, 3 * d_model, 2 * d_model + offset);
            rotate(query, angles, d_head, sizes.scale());
            rotate(key, angles, d_head, 1.0);
            transpose(query_columns, query, sizes);
            let key = Left::by_rows(key, width);
            multiply(simd, [patches, d_head, queries], key, query_columns, weights);
            hide(weights, *mask, sizes);
            max.fill(f32::NEG_INFINITY);
            for row in weights.chunks_exact(queries) {
                for (max, &score) in max.iter_mut().zip(row) {
                    *max = if score > *max { score } else { *max };
                }
            }
            sum.fill(0.0);
            for row in weights.chunks_exact_mut(queries) {
                for ((weight, &max), sum) in row.iter_mut().zip(&*max).zip(sum.iter_mut()) {
                    *weight = exp_of_nonpositive(*weight - max);
                    *sum += *weight;
                }
            }
            let weights = Left::transposed(weights, queries);
            multiply(simd, [patches, patches, width], weights, value, result);
            let rows = result.chunks_exact_mut(width);
            for ((row, softmax), (&max, &sum)) in rows.zip(softmax).zip(max.iter().zip(&*sum)) {
                *softmax = Softmax { max, inverse_sum: 1.0 / sum };
                for x in row {
                    *x *= softmax.inverse_sum;
                }
            }
            scatter(output, result, sizes, d_model, offset);
        }
    }
}

kernel! {
    /// Writes the gradient of the packed input of one image, `[patches, 3 d_model]`, from that of
    /// its output.
    ///
    /// With scores `S = K Qᵀ`, weights `P` and `G` the gradient of the output:
    /// `dP = V Gᵀ`, `dS = P (dP - Σ P dP)`, `dV = P G`, `dK = dS Q`, `dQ = dSᵀ K`.
    pub(crate) fn backward<'a>(
        simd; packed: &'a [f32],
        angles: Option<Angles<'a>>,
        scratch: &'a mut Scratch,
        softmax: &'a [Softmax],
        gradient: &'a [f32],
        output: &'a mut [MaybeUninit<f32>],
    ) {
        let sizes = scratch.sizes;
        let Sizes { patches, heads, d_head } = sizes;
        let (d_model, queries, width) = (sizes.d_model(), padded(patches), padded(d_head));
        let Scratch {
            mask,
            query,
            key,
            value,
            gradient: head_gradient,
            result,
            query_columns,
            gradient_columns,
            weights,
            slopes,
            max,
            sum,
            ..
        } = scratch;
        for (head, softmax) in (0..heads).zip(softmax.chunks_exact(patches)) {
            let offset = head * d_head;
            gather(query, packed, sizes, 3 * d_model, offset);
            gather(key, packed, sizes, 3 * d_model, d_model + offset);
            gather(value, packed, sizes, 3 * d_model, 2 * d_model + offset);
            gather(head_gradient, gradient, sizes, d_model, offset);
            rotate(query, angles, d_head, sizes.scale());
            rotate(key, angles, d_head, 1.0);
            transpose(query_columns, query, sizes);
            transpose(gradient_columns, head_gradient, sizes);

            let left = Left::by_rows(key, width);
            multiply(simd, [patches, d_head, queries], left, query_columns, weights);
            hide(weights, *mask, sizes);
            for (softmax, (max, factor)) in softmax.iter().zip(max.iter_mut().zip(sum.iter_mut())) {
                (*max, *factor) = (softmax.max, softmax.inverse_sum);
            }
            let left = Left::by_rows(value, width);
            multiply(simd, [patches, d_head, queries], left, gradient_columns, slopes);
            // Padding has weight 0 and slope 0 from here on.
            max[patches..].fill(0.0);
            sum[patches..].fill(0.0);
            let rows = weights.chunks_exact_mut(queries);
            for row in rows {
                for ((weight, &max), &factor) in row.iter_mut().zip(&*max).zip(&*sum) {
                    *weight = exp_of_nonpositive(*weight - max) * factor;
                }
            }
            // The maxima are not needed any more: the weighted mean slope of every query.
            let mean = &mut *max;
            mean.fill(0.0);
            let rows = weights.chunks_exact(queries).zip(slopes.chunks_exact(queries));
            for (weights, slopes) in rows {
                for ((mean, &weight), &slope) in mean.iter_mut().zip(weights).zip(slopes) {
                    *mean = weight.mul_add(slope, *mean);
                }
            }
            let rows = weights.chunks_exact(queries).zip(slopes.chunks_exact_mut(queries));
            for (weights, slopes) in rows {
                for ((slope, &weight), &mean) in slopes.iter_mut().zip(weights).zip(&*mean) {
                    *slope = weight * (*slope - mean);
                }
            }

            let left = Left::by_rows(weights, queries);
            multiply(simd, [patches, patches, width], left, head_gradient, result);
            scatter(output, result, sizes, 3 * d_model, 2 * d_model + offset);
            let left = Left::by_rows(slopes, queries);
            multiply(simd, [patches, patches, width], left, query, result);
            rotate_back(result, angles, d_head, 1.0);
            scatter(output, result, sizes, 3 * d_model, d_model + offset);
            let left = Left::transposed(slopes, queries);
            multiply(simd, [patches, patches, width], left, key, result);
            rotate_back(result, angles, d_head, sizes.scale());
            scatter(output, result, sizes, 3 * d_model, offset);
        }
    }
}
