//! The anchored reader: one cross-attention from character places to tokens.

use super::geometry::{Anchors, WAVE_FEATURES};
use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::{Device, Tensor, TensorData};
use fused_ops::{gelu, softmax};
use projector::{linear, seeded};
use rand_chacha::ChaCha8Rng;

/// Shape of an [`AnchoredReader`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AnchoredReaderConfig {
    /// Width of a visual token.
    pub d_token: usize,
    /// Number of character classes.
    pub classes: usize,
    /// Width of the attention.
    pub d_model: usize,
    /// Attention heads.
    pub heads: usize,
    /// Width of the hidden layer of the classifier.
    pub d_hidden: usize,
}

impl AnchoredReaderConfig {
    /// The size used throughout the study.
    #[must_use]
    pub fn new(d_token: usize, classes: usize) -> Self {
        Self {
            d_token,
            classes,
            d_model: 128,
            heads: 8,
            d_hidden: 256,
        }
    }

    /// A fresh reader.
    ///
    /// # Panics
    /// If `heads` does not divide `d_model`.
    #[must_use]
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> AnchoredReader {
        assert!(
            self.d_model.is_multiple_of(self.heads),
            "heads must divide the width of the attention"
        );
        // Head widths from a fraction of a character to a whole token: with one single width the
        // reader stays at chance.
        let log_sigmas: Vec<f32> = (0..self.heads)
            .map(|h| {
                let fraction = h as f32 / (self.heads.max(2) - 1) as f32;
                (4.0_f32).ln() + fraction * (4.0_f32).ln()
            })
            .collect();
        let d = self.d_model;
        AnchoredReader {
            slot_query: seeded::linear(WAVE_FEATURES, d, true, rng, device),
            token_key: seeded::linear(self.d_token, d, false, rng, device),
            place_key: seeded::linear(WAVE_FEATURES, d, true, rng, device),
            token_value: seeded::linear(self.d_token, d, true, rng, device),
            log_sigma_px: Param::from_tensor(Tensor::from_data(
                TensorData::new(log_sigmas, [1, self.heads, 1, 1]),
                device,
            )),
            hidden: seeded::linear(d, self.d_hidden, true, rng, device),
            slot_gain: seeded::linear(WAVE_FEATURES, self.d_hidden, true, rng, device),
            slot_shift: seeded::linear(WAVE_FEATURES, self.d_hidden, false, rng, device),
            classify: seeded::linear(self.d_hidden, self.classes, true, rng, device),
            heads: self.heads,
        }
    }
}

/// Reads the character at each anchor from the tokens around it.
///
/// The query is made of the character's place, the key of the token and its place, and a Gaussian
/// bias `-dist² / (2 sigma²)` with a learned width per head keeps attention local. The attended
/// vector passes a GELU layer whose gain and shift depend on the place, which lets one token be
/// asked for each of the several characters it covers.
#[derive(Module, Debug)]
pub struct AnchoredReader {
    slot_query: Linear,
    token_key: Linear,
    place_key: Linear,
    token_value: Linear,
    log_sigma_px: Param<Tensor<4>>,
    hidden: Linear,
    slot_gain: Linear,
    slot_shift: Linear,
    classify: Linear,
    heads: usize,
}

impl AnchoredReader {
    /// Class scores for every slot.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`
    /// - output: `[batch, slots, classes]`
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>, anchors: &Anchors) -> Tensor<3> {
        let batch = tokens.dims()[0];
        let key = linear::apply(&self.token_key, tokens.clone())
            + linear::apply(&self.place_key, anchors.token_waves.clone());
        let query = linear::apply(&self.slot_query, anchors.slot_waves.clone());
        let [query_batch, slots, d_model] = query.dims();
        let d_head = d_model / self.heads;
        let query = self.split_heads(query.mul_scalar(1.0 / (d_head as f64).sqrt()));
        let query = if query_batch == batch {
            query
        } else {
            query.expand([batch, self.heads, slots, d_head])
        };
        let falloff = self
            .log_sigma_px
            .val()
            .mul_scalar(-2.0)
            .exp()
            .mul_scalar(-0.5);
        let bias = anchors.squared_distances.clone() * falloff;
        let scores = query.matmul(self.split_heads(key).transpose()) + bias;
        let value = self.split_heads(linear::apply(&self.token_value, tokens));
        let read = softmax(scores)
            .matmul(value)
            .swap_dims(1, 2)
            .reshape([batch, slots, d_model]);
        let gain = linear::apply(&self.slot_gain, anchors.slot_waves.clone());
        let shift = linear::apply(&self.slot_shift, anchors.slot_waves.clone());
        let hidden = gelu(linear::apply(&self.hidden, read) * gain.add_scalar(1.0) + shift);
        linear::apply(&self.classify, hidden)
    }

    /// `[batch, n, d_model]` to `[batch, heads, n, d_head]`.
    fn split_heads(&self, x: Tensor<3>) -> Tensor<4> {
        let [batch, n, d_model] = x.dims();
        x.reshape([batch, n, self.heads, d_model / self.heads])
            .swap_dims(1, 2)
    }
}
