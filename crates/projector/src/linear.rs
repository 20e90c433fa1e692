//! Linear layers on the fused operation.

use burn::nn::Linear;
use burn::tensor::Tensor;

/// Applies a linear layer, as its own `forward` does, which takes more passes over memory.
///
/// # Shapes
/// - `x`: `[..., d_in]`
/// - output: `[..., d_out]`
///
/// # Panics
/// If the last axis is not `d_in`.
#[must_use]
pub fn apply<const D: usize>(layer: &Linear, x: Tensor<D>) -> Tensor<D> {
    let bias = layer.bias.as_ref().map(|bias| bias.val());
    fused_ops::linear(x, layer.weight.val(), bias)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded;
    use burn::tensor::Device;

    #[test]
    fn a_layer_is_applied_as_burn_applies_it() {
        let device = Device::flex();
        let mut rng = seeded::stream(0, "linear");
        let x: Tensor<3> = seeded::normal([2, 3, 20], 2.0, &mut rng, &device);
        for bias in [true, false] {
            let layer = seeded::linear(20, 7, bias, &mut rng, &device);
            let difference: f32 = (apply(&layer, x.clone()) - layer.forward(x.clone()))
                .abs()
                .max()
                .into_scalar();
            assert!(difference < 1e-5, "{difference}");
        }
    }
}
