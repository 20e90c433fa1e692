//! Activations of the form `x σ(u)`: SiLU, the quick GELU and the tanh GELU.

use super::exponential::exp_of_nonpositive;

/// `σ(u)`: relative error below 4e-7, NaN for NaN.
#[inline(always)]
fn sigmoid(u: f32) -> f32 {
    let decay = exp_of_nonpositive(-u.abs());
    let tail = 1.0 / (1.0 + decay);
    if u < 0.0 { decay * tail } else { tail }
}

/// `u` of the tanh GELU: `½ x (1 + tanh z) = x σ(2 z)` with `z = √(2/π) (x + 0.044715 x³)`.
#[inline(always)]
fn tanh_gelu_argument(x: f32) -> f32 {
    const TWICE_ROOT: f32 = 1.595_769;
    TWICE_ROOT * x * (0.044_715 * x).mul_add(x, 1.0)
}

kernel! {
    /// `x σ(1.702 x)` in place.
    pub(crate) fn quick_gelu<'a>(_simd; values: &'a mut [f32]) {
        for x in values {
            *x *= sigmoid(1.702 * *x);
        }
    }
}

kernel! {
    /// `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))` in place.
    pub(crate) fn tanh_gelu<'a>(_simd; values: &'a mut [f32]) {
        for x in values {
            *x *= sigmoid(tanh_gelu_argument(*x));
        }
    }
}

kernel! {
    /// `gate σ(gate) · up`, in place of `gate`.
    pub(crate) fn silu_product<'a>(_simd; gate: &'a mut [f32], up: &'a [f32]) {
        for (gate, &up) in gate.iter_mut().zip(up) {
            *gate *= sigmoid(*gate) * up;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sigmoid_agrees_with_double_precision() {
        let mut worst = 0.0_f64;
        for i in -80_000..=80_000 {
            let u = i as f32 * 1e-3;
            let exact = 1.0 / (1.0 + (-f64::from(u)).exp());
            worst = worst.max((f64::from(sigmoid(u)) / exact - 1.0).abs());
        }
        assert!(worst < 4e-7, "{worst:e}");
        assert_eq!(sigmoid(f32::INFINITY), 1.0);
        assert_eq!(sigmoid(f32::NEG_INFINITY), 0.0);
        assert!(sigmoid(f32::NAN).is_nan());
    }
}
