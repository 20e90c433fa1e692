//! Parameter initialisers driven by an explicit generator.
//!
//! burn draws initial values from a generator that belongs to the device and is shared by all
//! threads. Cells of a study run side by side, so they would disturb one another; here every
//! module is built from a generator that its caller seeded.

use crate::LayerNorm;
use burn::module::Param;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use rand_distr::{Distribution, StandardNormal};

/// A generator for one named purpose within one seed; distinct names give independent streams.
///
/// The name is hashed with FNV-1a, which is stable across platforms and releases.
#[must_use]
pub fn stream(seed: u64, name: &str) -> ChaCha8Rng {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in name.bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    rng.set_stream(hash);
    rng
}

/// A tensor of independent `N(0, std²)` values.
#[must_use]
pub fn normal<const D: usize>(
    shape: [usize; D],
    std: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    fill(shape, device, || {
        let z: f64 = StandardNormal.sample(rng);
        (z * std) as f32
    })
}

/// A tensor of independent values uniform in `[-bound, bound)`.
#[must_use]
pub fn uniform<const D: usize>(
    shape: [usize; D],
    bound: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Tensor<D> {
    fill(shape, device, || {
        ((rng.random::<f64>() * 2.0 - 1.0) * bound) as f32
    })
}

fn fill<const D: usize>(
    shape: [usize; D],
    device: &Device,
    mut draw: impl FnMut() -> f32,
) -> Tensor<D> {
    let values: Vec<f32> = (0..shape.iter().product()).map(|_| draw()).collect();
    Tensor::from_data(TensorData::new(values, shape), device)
}

/// A linear layer with PyTorch's default start: weight and bias uniform in `±1/sqrt(d_in)`.
#[must_use]
pub fn linear(
    d_in: usize,
    d_out: usize,
    bias: bool,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Linear {
    let bound = 1.0 / (d_in as f64).sqrt();
    Linear {
        weight: Param::from_tensor(uniform([d_in, d_out], bound, rng, device)),
        bias: bias.then(|| Param::from_tensor(uniform([d_out], bound, rng, device))),
    }
}

/// A linear layer with `N(0, std²)` weights and zero bias, the usual start inside a ViT.
#[must_use]
pub fn linear_normal(
    d_in: usize,
    d_out: usize,
    std: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Linear {
    Linear {
        weight: Param::from_tensor(normal([d_in, d_out], std, rng, device)),
        bias: Some(Param::from_tensor(Tensor::zeros([d_out], device))),
    }
}

/// A layer norm with gain 1 and bias 0.
#[must_use]
pub fn layer_norm(d: usize, eps: f64, device: &Device) -> LayerNorm {
    LayerNorm::new(d, eps, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(seed: u64, name: &str) -> Vec<f32> {
        let device = Device::flex();
        normal([64], 1.0, &mut stream(seed, name), &device)
            .into_data()
            .try_to_vec()
            .unwrap()
    }

    #[test]
    fn the_same_seed_and_name_give_the_same_values_and_others_do_not() {
        assert_eq!(values(1, "table"), values(1, "table"));
        assert_ne!(values(1, "table"), values(2, "table"));
        assert_ne!(values(1, "table"), values(1, "head"));
    }

    #[test]
    fn linear_starts_within_the_default_bound() {
        let device = Device::flex();
        let layer = linear(16, 400, true, &mut stream(0, "layer"), &device);
        let weights: Vec<f32> = layer.weight.val().into_data().try_to_vec().unwrap();
        assert!(weights.iter().all(|w| w.abs() <= 0.25));
        let mean_square = weights.iter().map(|w| w * w).sum::<f32>() / weights.len() as f32;
        assert!((mean_square - 0.25 * 0.25 / 3.0).abs() < 1e-3);
    }
}
