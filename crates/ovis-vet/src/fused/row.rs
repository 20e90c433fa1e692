//! What happens to the scores of one token, compiled per instruction set.

use fused_ops::kernel;
use fused_ops::kernel::exponential::exp_of_nonpositive;
use fused_ops::kernel::{lanes, softmax};

/// Mean of a token's logits and the reciprocal of their standard deviation.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Moments {
    pub(super) mean: f32,
    pub(super) inverse_deviation: f32,
}

/// Parameters of the LayerNorm.
#[derive(Clone, Copy, Debug)]
pub(super) struct Norm<'a> {
    pub(super) gain: &'a [f32],
    pub(super) bias: &'a [f32],
    pub(super) epsilon: f32,
}

/// Gradients of the parameters of the LayerNorm.
#[derive(Debug)]
pub(super) struct NormGradient<'a> {
    pub(super) gain: &'a mut [f32],
    pub(super) bias: &'a mut [f32],
}

/// What the rows of a tile leave for its columns.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct RowSums {
    pub(super) moments: Moments,
    /// Largest score and reciprocal of the sum of exponentials.
    pub(super) max: f32,
    pub(super) inverse_sum: f32,
    /// Mean of `h = gain ∘ dz`, the gradient of the normalised logits, and of `h l̂`.
    pub(super) mean_h: f32,
    pub(super) mean_h_l: f32,
}

kernel! {
    /// Replaces logits by normalised scores, `(l - mean) / deviation · gain + bias`.
    pub(super) fn normalise<'a>(simd; row: &'a mut [f32], norm: Norm<'a>, moments: &'a mut Moments) {
        let words = row.len() as f32;
        let mean = lanes::sum(simd, [&*row], |[l]| l) / words;
        let centre = simd.splat_f32s(mean);
        let squares = lanes::sum(simd, [&*row], |[l]| {
            let centred = simd.sub_f32s(l, centre);
            simd.mul_f32s(centred, centred)
        });
        let inverse_deviation = 1.0 / (squares / words + norm.epsilon).sqrt();
        for ((l, &gain), &bias) in row.iter_mut().zip(norm.gain).zip(norm.bias) {
            *l = ((*l - mean) * inverse_deviation).mul_add(gain, bias);
        }
        *moments = Moments { mean, inverse_deviation };
    }
}

kernel! {
    /// Replaces scores by their softmax.
    pub(super) fn weigh<'a>(simd; row: &'a mut [f32]) {
        softmax::normalise_row(simd, row);
    }
}

kernel! {
    /// The largest score and its place; of equal ones the first. `usize::MAX` where there is none,
    /// because a score is not a number.
    pub(super) fn best<'a>(simd; row: &'a [f32], place: &'a mut usize) {
        let max = lanes::max(simd, row);
        *place = row.iter().position(|&score| score == max).unwrap_or(usize::MAX);
    }
}

kernel! {
    /// Adds noise to scores.
    pub(super) fn add<'a>(_simd; row: &'a mut [f32], noise: &'a [f32]) {
        for (score, &noise) in row.iter_mut().zip(noise) {
            *score += noise;
        }
    }
}

kernel! {
    /// From the gradient of the weights to that of the scores, through a softmax.
    ///
    /// - `logits`: become normalised logits `l̂`, without gain and bias
    /// - `gradient`: of the weights; becomes `dz = q (g - Σ q g) · sharpness`
    /// - `scratch`: noise or zeros; becomes the weights `q`
    pub(super) fn through_softmax<'a>(
        simd; logits: &'a mut [f32],
        gradient: &'a mut [f32],
        scratch: &'a mut [f32],
        norm: Norm<'a>,
        sharpness: f32,
        sums: &'a mut RowSums,
    ) {
        let Moments { mean, inverse_deviation } = sums.moments;
        let parameters = norm.gain.iter().zip(norm.bias);
        for ((l, score), (&gain, &bias)) in logits.iter_mut().zip(scratch.iter_mut()).zip(parameters) {
            *l = (*l - mean) * inverse_deviation;
            *score = (l.mul_add(gain, bias) + *score) * sharpness;
        }
        let (max, sum) = softmax::normalise_row(simd, scratch);
        sums.max = max;
        sums.inverse_sum = 1.0 / sum;
        let weighted = lanes::sum(simd, [&*scratch, &*gradient], |[q, g]| simd.mul_f32s(q, g));
        for (g, &q) in gradient.iter_mut().zip(scratch.iter()) {
            *g = q * (*g - weighted) * sharpness;
        }
        let words = logits.len() as f32;
        let h = lanes::sum(simd, [&*gradient, norm.gain], |[g, gain]| simd.mul_f32s(g, gain));
        let h_l = lanes::sum(simd, [&*gradient, norm.gain, &*logits], |[g, gain, l]| {
            simd.mul_f32s(simd.mul_f32s(g, gain), l)
        });
        sums.mean_h = h / words;
        sums.mean_h_l = h_l / words;
    }
}

kernel! {
    /// As [`through_softmax`] where the gradient of the weights is that of the scores.
    pub(super) fn through_identity<'a>(
        simd; logits: &'a mut [f32],
        gradient: &'a [f32],
        norm: Norm<'a>,
        sums: &'a mut RowSums,
    ) {
        let Moments { mean, inverse_deviation } = sums.moments;
        for l in logits.iter_mut() {
            *l = (*l - mean) * inverse_deviation;
        }
        let words = logits.len() as f32;
        let h = lanes::sum(simd, [gradient, norm.gain], |[g, gain]| simd.mul_f32s(g, gain));
        let h_l = lanes::sum(simd, [gradient, norm.gain, &*logits], |[g, gain, l]| {
            simd.mul_f32s(simd.mul_f32s(g, gain), l)
        });
        sums.mean_h = h / words;
        sums.mean_h_l = h_l / words;
    }
}

kernel! {
    /// Through gain and bias and the LayerNorm, for some columns of one token.
    ///
    /// - `normalised`: `l̂`; becomes the weights `softmax(l̂ · gain + bias)` if `weights` is set
    /// - `gradient`: `dz`; becomes that of the logits,
    ///   `(h - mean(h) - l̂ mean(h l̂)) / deviation`
    /// - `d_norm`: the token's share is added
    pub(super) fn through_norm<'a>(
        _simd; normalised: &'a mut [f32],
        gradient: &'a mut [f32],
        norm: Norm<'a>,
        d_norm: NormGradient<'a>,
        sums: &'a RowSums,
        weights: bool,
    ) {
        let scale = sums.moments.inverse_deviation;
        let sides = norm.gain.iter().zip(d_norm.gain.iter_mut().zip(d_norm.bias.iter_mut()));
        for ((g, &l), (&gain, (d_gain, d_bias))) in
            gradient.iter_mut().zip(normalised.iter()).zip(sides)
        {
            *d_gain = g.mul_add(l, *d_gain);
            *d_bias += *g;
            let h = *g * gain;
            *g = l.mul_add(-sums.mean_h_l, h - sums.mean_h) * scale;
        }
        if weights {
            for ((l, &gain), &bias) in normalised.iter_mut().zip(norm.gain).zip(norm.bias) {
                *l = exp_of_nonpositive(l.mul_add(gain, bias) - sums.max) * sums.inverse_sum;
            }
        }
    }
}
