//! Softmax of every row.

use pulp::Simd;

use super::exponential::exp_of_nonpositive;
use super::lanes;

/// Replaces a row by its softmax; returns its maximum and the sum of `exp(x - maximum)`.
///
/// A row of nothing but -inf, or with NaN or +inf, becomes NaN, as in burn.
#[inline(always)]
pub fn normalise_row<S: Simd>(simd: S, row: &mut [f32]) -> (f32, f32) {
    let max = lanes::max(simd, row);
    for x in row.iter_mut() {
        *x = exp_of_nonpositive(*x - max);
    }
    let sum = lanes::sum(simd, [row], |[x]| x);
    let scale = 1.0 / sum;
    for x in row.iter_mut() {
        *x *= scale;
    }
    (max, sum)
}

kernel! {
    /// Replaces every row of `columns` numbers by its softmax.
    pub(crate) fn forward<'a>(simd; values: &'a mut [f32], columns: usize) {
        for row in values.chunks_exact_mut(columns) {
            normalise_row(simd, row);
        }
    }
}

kernel! {
    /// Replaces the gradient of the output by that of the input, `y (g - Σ g y)`.
    pub(crate) fn backward<'a>(simd; gradient: &'a mut [f32], y: &'a [f32], columns: usize) {
        for (gradient, y) in gradient.chunks_exact_mut(columns).zip(y.chunks_exact(columns)) {
            let mean = lanes::sum(simd, [gradient, y], |[g, y]| simd.mul_f32s(g, y));
            for (g, &y) in gradient.iter_mut().zip(y) {
                *g = y * (*g - mean);
            }
        }
    }
}
