//! One step of AdamW on one parameter in one pass.

use super::lanes;

/// The numbers of a step that are the same for every weight.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    /// Factor of the gradient that clips its norm.
    pub(crate) clip: f32,
    /// Decay rates of the two moments.
    pub(crate) beta_1: f32,
    pub(crate) beta_2: f32,
    /// `1 / (1 - beta^t)`, which takes the bias out of the moments.
    pub(crate) correction_1: f32,
    pub(crate) correction_2: f32,
    /// Added to the root of the second moment.
    pub(crate) epsilon: f32,
    /// Learning rate.
    pub(crate) rate: f32,
    /// Factor of the weight, `1 - rate · decay`.
    pub(crate) keep: f32,
}

kernel! {
    /// Writes the sum of squares into `result`.
    pub(crate) fn square_sum<'a>(simd; values: &'a [f32], result: &'a mut f32) {
        *result = lanes::sum(simd, [values], |[x]| simd.mul_f32s(x, x));
    }
}

kernel! {
    /// Moves the weights and both moments.
    pub(crate) fn update<'a>(
        _simd; weights: &'a mut [f32],
        moment_1: &'a mut [f32],
        moment_2: &'a mut [f32],
        gradient: &'a [f32],
        step: Step,
    ) {
        let Step { clip, beta_1, beta_2, correction_1, correction_2, epsilon, rate, keep } = step;
        let (new_1, new_2) = (1.0 - beta_1, 1.0 - beta_2);
        let moments = moment_1.iter_mut().zip(moment_2.iter_mut());
        for ((weight, (m, v)), &g) in weights.iter_mut().zip(moments).zip(gradient) {
            let g = g * clip;
            *m = m.mul_add(beta_1, g * new_1);
            *v = v.mul_add(beta_2, g * g * new_2);
            let direction = *m * correction_1 / ((*v * correction_2).sqrt() + epsilon);
            *weight = weight.mul_add(keep, -(rate * direction));
        }
    }
}
