//! The probe of the whole image: one answer from the mean of the visual tokens.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fused_ops::gelu;
use projector::{linear, seeded};
use rand_chacha::ChaCha8Rng;

/// Shape of a [`PooledReader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PooledReaderConfig {
    /// Width of a visual token.
    pub d_token: usize,
    /// Width of the layer that looks at each token by itself.
    pub d_look: usize,
    /// Number of classes.
    pub classes: usize,
    /// Width of the hidden layer, as that of the anchored reader.
    pub d_hidden: usize,
}

impl PooledReaderConfig {
    /// The size used throughout the study.
    #[must_use]
    pub fn new(d_token: usize, classes: usize) -> Self {
        Self {
            d_token,
            d_look: 128,
            classes,
            d_hidden: 256,
        }
    }

    /// A fresh reader.
    #[must_use]
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> PooledReader {
        PooledReader {
            look: seeded::linear(self.d_token, self.d_look, true, rng, device),
            hidden: seeded::linear(self.d_look, self.d_hidden, true, rng, device),
            classify: seeded::linear(self.d_hidden, self.classes, true, rng, device),
        }
    }
}

/// `Linear(GELU(Linear(mean over looks)))`, where a look is `GELU(Linear(token))`, with the same weights
/// for every token.
///
/// As in the flat reader, the looks give every arm a layer per token. A mean of the tokens themselves
/// keeps only what the projector made linear: through it, soft words named faces 6 points better than
/// `identity`, from whose features they are made.
#[derive(Module, Debug)]
pub struct PooledReader {
    look: Linear,
    hidden: Linear,
    classify: Linear,
}

impl PooledReader {
    /// Class scores of the image, as one slot.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`
    /// - output: `[batch, 1, classes]`
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let looks = gelu(linear::apply(&self.look, tokens));
        let hidden = gelu(linear::apply(&self.hidden, looks.mean_dim(1)));
        linear::apply(&self.classify, hidden)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_tokens_does_not_matter_and_their_mean_does() {
        let device = Device::flex();
        let config = PooledReaderConfig::new(6, 4);
        let probe = config.init(&mut seeded::stream(0, "probe"), &device);
        let tokens = seeded::normal([2, 3, 6], 1.0, &mut seeded::stream(0, "tokens"), &device);
        let read = |tokens: Tensor<3>| -> Vec<f32> {
            let scores = probe.forward(tokens);
            assert_eq!(scores.dims(), [2, 1, 4]);
            scores.into_data().try_to_vec().unwrap()
        };
        let largest_difference = |a: &[f32], b: &[f32]| {
            let pairs = a.iter().zip(b);
            pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max)
        };
        let straight = read(tokens.clone());
        let turned = read(tokens.clone().flip([1]));
        assert!(largest_difference(&straight, &turned) < 1e-5);
        let moved = read(tokens.add_scalar(1.0));
        assert!(largest_difference(&straight, &moved) > 1e-3);
    }
}
