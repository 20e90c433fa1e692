//! Normalisation layers of projectors and towers, on the fused operations.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};

/// Divides every vector of the last axis by its root mean square.
///
/// `x / sqrt(mean(x²) + eps)`. The arms start at very different output scales (a visual embedding
/// table about 30 times below an MLP), so every arm's tokens pass through this before the reader.
///
/// # Shapes
/// - `x`: `[..., d]`, output the same
#[must_use]
pub fn rms_normalize<const D: usize>(x: Tensor<D>, eps: f64) -> Tensor<D> {
    fused_ops::rms_normalize(x, eps)
}

/// Layer normalisation with gain and bias (arXiv:1607.06450).
///
/// burn's own layer does the same through a chain of elementwise operations.
#[derive(Module, Debug)]
pub struct LayerNorm {
    /// Gain, `[d]`.
    pub gamma: Param<Tensor<1>>,
    /// Bias, `[d]`.
    pub beta: Param<Tensor<1>>,
    epsilon: f64,
}

impl LayerNorm {
    /// Gain 1 and bias 0 over vectors of length `d`.
    #[must_use]
    pub fn new(d: usize, epsilon: f64, device: &Device) -> Self {
        Self {
            gamma: Param::from_tensor(Tensor::ones([d], device)),
            beta: Param::from_tensor(Tensor::zeros([d], device)),
            epsilon,
        }
    }

    /// What is added to the variance.
    #[must_use]
    pub fn epsilon(&self) -> f64 {
        self.epsilon
    }

    /// Normalises the last axis.
    ///
    /// # Shapes
    /// - `x`: `[..., d]`, output the same
    ///
    /// # Panics
    /// If the last axis is not `d`.
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        fused_ops::layer_norm(x, self.gamma.val(), self.beta.val(), self.epsilon)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seeded;
    use burn::nn::LayerNormConfig;

    #[test]
    fn vectors_of_any_scale_come_out_with_unit_root_mean_square() {
        let x = Tensor::<2>::from_floats([[3.0, 4.0], [3e-3, 4e-3]], &Device::flex());
        let y: Vec<f32> = rms_normalize(x, 1e-12).into_data().try_to_vec().unwrap();
        let expected = [0.848_528, 1.131_371];
        for (found, expected) in y.iter().zip(expected.iter().cycle()) {
            assert!((found - expected).abs() < 1e-4, "{y:?}");
        }
    }

    #[test]
    fn layer_norm_agrees_with_burns_own() {
        let device = Device::flex();
        let mut rng = seeded::stream(0, "norm");
        let x: Tensor<3> = seeded::normal([2, 3, 20], 2.0, &mut rng, &device);
        let mut ours = LayerNorm::new(20, 1e-5, &device);
        let mut theirs = LayerNormConfig::new(20).with_epsilon(1e-5).init(&device);
        let gain: Tensor<1> = seeded::normal([20], 1.0, &mut rng, &device);
        let bias: Tensor<1> = seeded::normal([20], 1.0, &mut rng, &device);
        ours.gamma = Param::from_tensor(gain.clone());
        ours.beta = Param::from_tensor(bias.clone());
        theirs.gamma = Param::from_tensor(gain);
        theirs.beta = Some(Param::from_tensor(bias));
        let difference: f32 = (ours.forward(x.clone()) - theirs.forward(x))
            .abs()
            .max()
            .into_scalar();
        assert!(difference < 1e-5, "{difference}");
    }
}
