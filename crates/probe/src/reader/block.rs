//! The transformer block of the readers that write, and how large the transformer is.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::activation::silu;
use burn::tensor::{Device, Tensor};
use fused_ops::{Mask, masked_attention, softmax};
use projector::{LayerNorm, linear, seeded};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

pub(super) const NORM_EPS: f64 = 1e-6;
pub(super) const INIT_STD: f64 = 0.02;
/// Largest width and number of blocks; a language model in miniature has less.
const MOST_WIDE: usize = 4096;
const MOST_BLOCKS: usize = 64;
/// Width of an attention head.
pub(super) const D_HEAD: usize = 32;

/// Size of the transformer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SequenceSize {
    /// Width of its residual stream, a multiple of 32 up to 4,096.
    pub width: usize,
    /// Number of its blocks, up to 64.
    pub blocks: usize,
}

impl Default for SequenceSize {
    fn default() -> Self {
        Self {
            width: 128,
            blocks: 2,
        }
    }
}

impl SequenceSize {
    /// Whether it is the default.
    #[must_use]
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Width of the hidden layer of every MLP: with its gate it has as many parameters as one without and
    /// four times the width.
    fn hidden(self) -> usize {
        (8 * self.width).div_ceil(3).next_multiple_of(D_HEAD)
    }

    /// Heads of every block.
    fn heads(self) -> usize {
        self.width / D_HEAD
    }

    /// Whether a transformer can be built of it.
    #[must_use]
    pub fn is_sound(self) -> bool {
        (D_HEAD..=MOST_WIDE).contains(&self.width)
            && self.width.is_multiple_of(D_HEAD)
            && (1..=MOST_BLOCKS).contains(&self.blocks)
    }
}

/// Keys and values of the places so far, `[batch, heads, places, d_head]`.
#[derive(Clone, Debug)]
pub(super) struct Past {
    keys: Tensor<4>,
    values: Tensor<4>,
}

/// Pre-LN transformer block with the gated MLP of language models (SwiGLU, arXiv:2002.05202): which of
/// the characters of a token is asked for can multiply what the token holds.
#[derive(Module, Debug)]
pub(super) struct ReaderBlock {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    gate: Linear,
    up: Linear,
    down: Linear,
    heads: usize,
}

impl ReaderBlock {
    pub(super) fn init(size: SequenceSize, rng: &mut ChaCha8Rng, device: &Device) -> Self {
        let width = size.width;
        // The variance of the residual stream does not grow with depth.
        let residual_std = INIT_STD / (2.0 * size.blocks as f64).sqrt();
        Self {
            norm1: seeded::layer_norm(width, NORM_EPS, device),
            qkv: seeded::linear_normal(width, 3 * width, INIT_STD, rng, device),
            out: seeded::linear_normal(width, width, residual_std, rng, device),
            norm2: seeded::layer_norm(width, NORM_EPS, device),
            gate: seeded::linear_normal(width, size.hidden(), INIT_STD, rng, device),
            up: seeded::linear_normal(width, size.hidden(), INIT_STD, rng, device),
            down: seeded::linear_normal(size.hidden(), width, residual_std, rng, device),
            heads: size.heads(),
        }
    }

    pub(super) fn forward(&self, x: Tensor<3>, mask: Mask) -> Tensor<3> {
        let packed = self.packed(x.clone());
        let attended = masked_attention(packed, None, mask, self.heads);
        self.finish(x, attended)
    }

    /// As [`forward`](Self::forward) with a causal mask, and the keys and values for what follows.
    pub(super) fn begin(&self, x: Tensor<3>) -> (Tensor<3>, Past) {
        let packed = self.packed(x.clone());
        let [_, keys, values] = self.parts(packed.clone());
        let attended = masked_attention(packed, None, Mask::Causal, self.heads);
        (self.finish(x, attended), Past { keys, values })
    }

    /// One more place, `[batch, 1, width]`, which sees all before it and itself.
    pub(super) fn go_on(&self, x: Tensor<3>, past: &mut Past) -> Tensor<3> {
        let [batch, _, width] = x.dims();
        let [query, key, value] = self.parts(self.packed(x.clone()));
        past.keys = Tensor::cat(vec![past.keys.clone(), key], 2);
        past.values = Tensor::cat(vec![past.values.clone(), value], 2);
        let scale = 1.0 / (D_HEAD as f64).sqrt();
        let scores = query
            .mul_scalar(scale)
            .matmul(past.keys.clone().transpose());
        let attended = softmax(scores).matmul(past.values.clone());
        self.finish(x, attended.swap_dims(1, 2).reshape([batch, 1, width]))
    }

    fn packed(&self, x: Tensor<3>) -> Tensor<3> {
        linear::apply(&self.qkv, self.norm1.forward(x))
    }

    /// Queries, keys and values, `[batch, heads, places, d_head]`.
    fn parts(&self, packed: Tensor<3>) -> [Tensor<4>; 3] {
        let [batch, places, _] = packed.dims();
        let packed = packed.reshape([batch, places, 3, self.heads, D_HEAD]);
        let packed = packed.permute([2, 0, 3, 1, 4]);
        [0, 1, 2].map(|part| packed.clone().slice_dim(0, part..part + 1).squeeze_dim(0))
    }

    fn finish(&self, x: Tensor<3>, attended: Tensor<3>) -> Tensor<3> {
        let x = x + linear::apply(&self.out, attended);
        let normed = self.norm2.forward(x.clone());
        let gate = silu(linear::apply(&self.gate, normed.clone()));
        let hidden = gate * linear::apply(&self.up, normed);
        x + linear::apply(&self.down, hidden)
    }
}
