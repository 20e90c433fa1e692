//! Division of every row by its root mean square, `x / sqrt(mean(x²) + eps)`.

use super::lanes;

kernel! {
    /// Replaces every row of `columns` numbers by its normalised version and keeps the factor.
    pub(crate) fn forward<'a>(
        simd; values: &'a mut [f32],
        factors: &'a mut [f32],
        columns: usize,
        eps: f32,
    ) {
        for (row, factor) in values.chunks_exact_mut(columns).zip(factors) {
            let mean_square = lanes::sum(simd, [row], |[x]| simd.mul_f32s(x, x)) / columns as f32;
            *factor = 1.0 / (mean_square + eps).sqrt();
            for x in row {
                *x *= *factor;
            }
        }
    }
}

kernel! {
    /// Replaces the gradient of the output by that of the input, `f g - x f³ mean(g x)`.
    pub(crate) fn backward<'a>(
        simd; gradient: &'a mut [f32],
        x: &'a [f32],
        factors: &'a [f32],
        columns: usize,
    ) {
        let rows = gradient.chunks_exact_mut(columns).zip(x.chunks_exact(columns));
        for ((gradient, x), &factor) in rows.zip(factors) {
            // The products `f x` stay of order one whatever the scale of the row.
            let scale = simd.splat_f32s(factor);
            let products = lanes::sum(simd, [gradient, x], |[g, x]| {
                simd.mul_f32s(g, simd.mul_f32s(x, scale))
            });
            let mean = products / columns as f32;
            for (g, &x) in gradient.iter_mut().zip(x) {
                *g = (x * factor).mul_add(-mean, *g) * factor;
            }
        }
    }
}
