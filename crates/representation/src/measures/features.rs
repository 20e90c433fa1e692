//! How much of the patch features a token still holds, for a line and for a small network.

use anyhow::{Context, Result};
use burn::module::Module;
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor, TensorData};
use fused_ops::gelu;
use probe::optimize::OptimizerConfig;
use probe_statistics::linear_reconstruction::{LinearMap, Pairs};
use projector::{linear, seeded};
use rand::seq::SliceRandom;
use serde::{Deserialize, Serialize};

/// Hidden width of the network, its steps, its batch in tokens, and its learning rate.
const HIDDEN: usize = 256;
const STEPS: usize = 200;
const BATCH: usize = 256;
const RATE: f64 = 3e-3;

/// Tokens and the merged features that they were made of, row by row.
#[derive(Clone, Debug, Default)]
pub struct TokenPairs {
    /// `[n, d_token]`.
    pub tokens: Vec<f32>,
    /// `[n, d_features]`.
    pub features: Vec<f32>,
}

impl TokenPairs {
    fn pairs(&self) -> Pairs<'_> {
        Pairs {
            inputs: &self.tokens,
            targets: &self.features,
        }
    }
}

/// Shares of the features' variance that are found in tokens of other images; 0 for their mean.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeatureRecord {
    /// By ridge regression.
    pub linear: f64,
    /// By a network with one hidden layer.
    pub network: f64,
}

/// A line and a network that were fitted to the tokens of training images.
#[derive(Clone, Debug)]
pub struct FeatureMaps {
    line: LinearMap,
    network: FittedNetwork,
}

impl FeatureMaps {
    /// Fits both. The widths are those of a token and of a block of features.
    ///
    /// # Errors
    /// If there are too few tokens, or a number is not finite.
    pub fn fit(training: &TokenPairs, widths: [usize; 2], device: &Device) -> Result<Self> {
        let [d_token, d_features] = widths;
        let line = LinearMap::fit(training.pairs(), d_token, d_features);
        Ok(Self {
            line: line.context("the features cannot be predicted from the tokens")?,
            network: FittedNetwork::fit(training, widths, device),
        })
    }

    /// Measures both on tokens of other images.
    ///
    /// # Errors
    /// If there is no token, features do not vary, or a number is not finite.
    pub fn measure(&self, held_out: &TokenPairs, device: &Device) -> Result<FeatureRecord> {
        let line = self.line.measure(held_out.pairs());
        let line = line.context("the features cannot be predicted from the tokens")?;
        Ok(FeatureRecord {
            linear: line.r2,
            network: self.network.r2(held_out, device),
        })
    }
}

#[derive(Module, Debug)]
struct Network {
    first: Linear,
    second: Linear,
}

impl Network {
    fn forward(&self, tokens: Tensor<2>) -> Tensor<2> {
        linear::apply(&self.second, gelu(linear::apply(&self.first, tokens)))
    }
}

/// A trained network, on features that are shifted and scaled to unit variance as a whole; the scale leaves
/// `R²` as it is.
#[derive(Clone, Debug)]
struct FittedNetwork {
    network: Network,
    mean: Vec<f32>,
    scale: f32,
}

impl FittedNetwork {
    fn fit(training: &TokenPairs, [d_token, d_features]: [usize; 2], device: &Device) -> Self {
        let mean = column_means(&training.features, d_features);
        let scale = 1.0 / spread(&training.features, &mean).max(f32::MIN_POSITIVE);
        let training_device = device.clone().autodiff();
        let mut rng = seeded::stream(1, "feature network");
        let mut network = Network {
            first: seeded::linear(d_token, HIDDEN, true, &mut rng, &training_device),
            second: seeded::linear(HIDDEN, d_features, true, &mut rng, &training_device),
        };
        let config = OptimizerConfig::default();
        let mut optimizer = config.init(&network);
        let count = training.tokens.len() / d_token;
        let mut order: Vec<usize> = (0..count).collect();
        let mut next = count;
        for step in 0..STEPS {
            let size = BATCH.min(count);
            if next + size > count {
                order.shuffle(&mut rng);
                next = 0;
            }
            let items = &order[next..next + size];
            next += size;
            let tokens = rows(&training.tokens, d_token, items, &training_device);
            let wanted = standardised(training, items, &mean, scale, &training_device);
            let loss = (network.forward(tokens) - wanted).square().mean();
            let gradients = GradientsParams::from_grads(loss.backward(), &network);
            network = optimizer.step(config.learning_rate(RATE, step, STEPS), network, gradients);
        }
        Self {
            network: network.valid(),
            mean,
            scale,
        }
    }

    fn r2(&self, held_out: &TokenPairs, device: &Device) -> f64 {
        let (mean, scale) = (&self.mean, self.scale);
        let d_token = self.network.first.weight.dims()[0];
        let (mut left, mut total) = (0.0, 0.0);
        let items: Vec<usize> = (0..held_out.tokens.len() / d_token).collect();
        for items in items.chunks(BATCH) {
            let found = self
                .network
                .forward(rows(&held_out.tokens, d_token, items, device));
            let wanted = standardised(held_out, items, mean, scale, device);
            let sum = |x: Tensor<2>| f64::from(x.square().sum().into_scalar::<f32>());
            left += sum(found - wanted.clone());
            total += sum(wanted);
        }
        1.0 - left / total
    }
}

fn standardised(
    pairs: &TokenPairs,
    items: &[usize],
    mean: &[f32],
    scale: f32,
    device: &Device,
) -> Tensor<2> {
    let d = mean.len();
    let mean = Tensor::<1>::from_floats(mean, device).reshape([1, d]);
    (rows(&pairs.features, d, items, device) - mean) * scale
}

fn rows(values: &[f32], d: usize, items: &[usize], device: &Device) -> Tensor<2> {
    let taken = items
        .iter()
        .flat_map(|&item| &values[item * d..(item + 1) * d]);
    let data = TensorData::new(taken.copied().collect::<Vec<f32>>(), [items.len(), d]);
    Tensor::from_data(data, device)
}

fn column_means(values: &[f32], d: usize) -> Vec<f32> {
    let mut sums = vec![0.0_f64; d];
    for row in values.chunks_exact(d) {
        for (sum, &x) in sums.iter_mut().zip(row) {
            *sum += f64::from(x);
        }
    }
    let count = (values.len() / d.max(1)).max(1) as f64;
    sums.into_iter().map(|sum| (sum / count) as f32).collect()
}

/// Root mean square distance of an entry from its column's mean.
fn spread(values: &[f32], mean: &[f32]) -> f32 {
    let squares = values
        .iter()
        .zip(mean.iter().cycle())
        .map(|(x, m)| f64::from(x - m).powi(2));
    (squares.sum::<f64>() / values.len().max(1) as f64).sqrt() as f32
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens of 4 numbers, and features that `of` makes of them.
    fn pairs(name: &str, of: impl Fn(&[f32]) -> Vec<f32>) -> TokenPairs {
        let device = Device::flex();
        let tokens: Tensor<2> =
            seeded::normal([2000, 4], 1.0, &mut seeded::stream(1, name), &device);
        let tokens: Vec<f32> = tokens.into_data().iter::<f32>().collect();
        let features = tokens.chunks_exact(4).flat_map(of).collect();
        TokenPairs { tokens, features }
    }

    fn record(of: impl Fn(&[f32]) -> Vec<f32> + Copy) -> FeatureRecord {
        let (train, test) = (pairs("train", of), pairs("test", of));
        let d_features = train.features.len() / 2000;
        let maps = FeatureMaps::fit(&train, [4, d_features], &Device::flex()).unwrap();
        maps.measure(&test, &Device::flex()).unwrap()
    }

    #[test]
    fn a_line_finds_what_is_linear() {
        let found = record(|t| vec![t[0] - 2.0 * t[3], 100.0 + t[1], 3.0 * t[2]]);
        assert!(found.linear > 0.9999 && found.network > 0.98, "{found:?}");
    }

    #[test]
    fn the_network_finds_what_is_bent_and_the_line_does_not() {
        let found = record(|t| vec![t[0].abs(), t[1] * t[1]]);
        assert!(found.linear < 0.05 && found.network > 0.8, "{found:?}");
    }

    #[test]
    fn neither_finds_what_is_not_there() {
        let (train, test) = (
            pairs("train", |t| t.to_vec()),
            pairs("test", |t| t.to_vec()),
        );
        let other = |name: &str, of: &TokenPairs| TokenPairs {
            features: pairs(name, |t| t.to_vec()).features,
            tokens: of.tokens.clone(),
        };
        let (train, test) = (other("a", &train), other("b", &test));
        let maps = FeatureMaps::fit(&train, [4, 4], &Device::flex()).unwrap();
        let found = maps.measure(&test, &Device::flex()).unwrap();
        assert!(
            found.linear.abs() < 0.02 && found.network < 0.02,
            "{found:?}"
        );
    }
}
