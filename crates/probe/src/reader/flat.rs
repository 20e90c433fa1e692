//! The probe of the whole image that knows where its tokens are: an MLP on all of them.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fused_ops::gelu;
use projector::{linear, seeded};
use rand_chacha::ChaCha8Rng;

/// Shape of a [`FlatReader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FlatReaderConfig {
    /// Tokens of an image.
    pub tokens: usize,
    /// Width of a visual token.
    pub d_token: usize,
    /// Width of the layer that looks at each token by itself.
    pub d_look: usize,
    /// Number of classes.
    pub classes: usize,
    /// Width of the hidden layer over all tokens, as that of the anchored reader.
    pub d_hidden: usize,
}

impl FlatReaderConfig {
    /// The size used throughout the study.
    #[must_use]
    pub fn new(tokens: usize, d_token: usize, classes: usize) -> Self {
        Self {
            tokens,
            d_token,
            d_look: 128,
            classes,
            d_hidden: 256,
        }
    }

    /// A fresh reader.
    #[must_use]
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> FlatReader {
        let width = self.tokens * self.d_look;
        FlatReader {
            look: seeded::linear(self.d_token, self.d_look, true, rng, device),
            hidden: seeded::linear(width, self.d_hidden, true, rng, device),
            classify: seeded::linear(self.d_hidden, self.classes, true, rng, device),
        }
    }
}

/// `Linear(GELU(Linear(all looks one after the other)))`, where a look is `GELU(Linear(token))`, with
/// the same weights for every token.
///
/// Position and order count, as they do in questions such as which of two bars stands further left.
/// The looks give every arm a layer per token. Without them, what a projector's hidden layer adds to
/// the probe hides what the projector loses: `identity` then read worse than PatchMerger.
#[derive(Module, Debug)]
pub struct FlatReader {
    look: Linear,
    hidden: Linear,
    classify: Linear,
}

impl FlatReader {
    /// Class scores of the image, as one slot.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`
    /// - output: `[batch, 1, classes]`
    ///
    /// # Panics
    /// If there are more or fewer tokens than the reader was built for.
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>) -> Tensor<3> {
        let looks = gelu(linear::apply(&self.look, tokens));
        let [batch, count, d_look] = looks.dims();
        let all = looks.reshape([batch, 1, count * d_look]);
        linear::apply(&self.classify, gelu(linear::apply(&self.hidden, all)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_the_tokens_matters() {
        let device = Device::flex();
        let config = FlatReaderConfig::new(3, 6, 4);
        let probe = config.init(&mut seeded::stream(0, "probe"), &device);
        let tokens = seeded::normal([2, 3, 6], 1.0, &mut seeded::stream(0, "tokens"), &device);
        let read = |tokens: Tensor<3>| -> Vec<f32> {
            let scores = probe.forward(tokens);
            assert_eq!(scores.dims(), [2, 1, 4]);
            scores.into_data().try_to_vec().unwrap()
        };
        let (straight, turned) = (read(tokens.clone()), read(tokens.flip([1])));
        let pairs = straight.iter().zip(&turned);
        let largest = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        assert!(largest > 1e-2, "{largest}");
    }
}
