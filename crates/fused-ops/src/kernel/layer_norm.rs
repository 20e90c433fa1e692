//! LayerNorm of every row, `(x - mean) / sqrt(variance + eps) · gain + bias`.

use super::lanes;

/// Mean of a row and the reciprocal of its standard deviation.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Moments {
    mean: f32,
    inverse_deviation: f32,
}

kernel! {
    /// Replaces every row by its normalised, scaled and shifted version and keeps its moments.
    pub(crate) fn forward<'a>(
        simd; values: &'a mut [f32],
        moments: &'a mut [Moments],
        gain: &'a [f32],
        bias: &'a [f32],
        eps: f32,
    ) {
        let columns = gain.len() as f32;
        for (row, moments) in values.chunks_exact_mut(gain.len()).zip(moments) {
            let mean = lanes::sum(simd, [row], |[x]| x) / columns;
            let centre = simd.splat_f32s(mean);
            let squares = lanes::sum(simd, [row], |[x]| {
                let centred = simd.sub_f32s(x, centre);
                simd.mul_f32s(centred, centred)
            });
            let variance = squares / columns;
            let inverse_deviation = 1.0 / (variance + eps).sqrt();
            for ((x, &gain), &bias) in row.iter_mut().zip(gain).zip(bias) {
                *x = ((*x - mean) * inverse_deviation).mul_add(gain, bias);
            }
            *moments = Moments { mean, inverse_deviation };
        }
    }
}

kernel! {
    /// Replaces the gradient of the output by that of the input and adds the rows' gradients with
    /// respect to gain and bias to `gain_gradient` and `bias_gradient`.
    ///
    /// With `x̂` the normalised row and `h = g · gain`:
    /// `dx = (h - mean(h) - x̂ mean(h x̂)) / deviation`, `dgain = Σ g x̂`, `dbias = Σ g`.
    pub(crate) fn backward<'a>(
        simd; gradient: &'a mut [f32],
        x: &'a [f32],
        moments: &'a [Moments],
        gain: &'a [f32],
        gain_gradient: &'a mut [f32],
        bias_gradient: &'a mut [f32],
    ) {
        let columns = gain.len();
        let rows = gradient.chunks_exact_mut(columns).zip(x.chunks_exact(columns)).zip(moments);
        for ((gradient, x), moments) in rows {
            let Moments { mean, inverse_deviation } = *moments;
            let sums = gain_gradient.iter_mut().zip(bias_gradient.iter_mut());
            for (((g, &x), &gain), (gain_sum, bias_sum)) in
                gradient.iter_mut().zip(x).zip(gain).zip(sums)
            {
                *gain_sum = ((x - mean) * inverse_deviation).mul_add(*g, *gain_sum);
                *bias_sum += *g;
                *g *= gain;
            }
            let n = columns as f32;
            let mean_h = lanes::sum(simd, [gradient], |[h]| h) / n;
            let centre = simd.splat_f32s(mean);
            let products = lanes::sum(simd, [gradient, x], |[h, x]| {
                simd.mul_f32s(h, simd.sub_f32s(x, centre))
            });
            let slope = products * inverse_deviation / n;
            for (g, &x) in gradient.iter_mut().zip(x) {
                let normalised = (x - mean) * inverse_deviation;
                *g = (normalised.mul_add(-slope, *g) - mean_h) * inverse_deviation;
            }
        }
    }
}
