//! Pre-LN transformer block.

use crate::RotaryAngles;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fused_ops::{gelu, softmax};
use projector::{LayerNorm, seeded};
use rand_chacha::ChaCha8Rng;

const NORM_EPS: f64 = 1e-6;
const INIT_STD: f64 = 0.02;

/// `x + attention(norm(x))`, then `x + mlp(norm(x))`, bidirectional, erf-GELU.
#[derive(Module, Debug)]
pub struct Block {
    norm1: LayerNorm,
    qkv: Linear,
    out: Linear,
    norm2: LayerNorm,
    fc1: Linear,
    fc2: Linear,
    heads: usize,
}

impl Block {
    /// A fresh block for a tower of `depth` blocks.
    ///
    /// Weights start at `N(0, 0.02²)`; the two layers that write into the residual stream at
    /// `0.02 / sqrt(2 depth)`, so that its variance does not grow with depth.
    #[must_use]
    pub fn init(
        d_model: usize,
        heads: usize,
        d_mlp: usize,
        depth: usize,
        rng: &mut ChaCha8Rng,
        device: &Device,
    ) -> Self {
        let residual_std = INIT_STD / (2.0 * depth as f64).sqrt();
        Self {
            norm1: seeded::layer_norm(d_model, NORM_EPS, device),
            qkv: seeded::linear_normal(d_model, 3 * d_model, INIT_STD, rng, device),
            out: seeded::linear_normal(d_model, d_model, residual_std, rng, device),
            norm2: seeded::layer_norm(d_model, NORM_EPS, device),
            fc1: seeded::linear_normal(d_model, d_mlp, INIT_STD, rng, device),
            fc2: seeded::linear_normal(d_mlp, d_model, residual_std, rng, device),
            heads,
        }
    }

    /// Runs the block.
    ///
    /// # Shapes
    /// - `x`: `[batch, patches, d_model]`, output the same
    #[must_use]
    pub fn forward(&self, x: Tensor<3>, rotary: Option<&RotaryAngles>) -> Tensor<3> {
        let x = x.clone() + self.attention(self.norm1.forward(x), rotary);
        let hidden = gelu(self.fc1.forward(self.norm2.forward(x.clone())));
        x + self.fc2.forward(hidden)
    }

    fn attention(&self, x: Tensor<3>, rotary: Option<&RotaryAngles>) -> Tensor<3> {
        let [batch, patches, d_model] = x.dims();
        let d_head = d_model / self.heads;
        let qkv = self
            .qkv
            .forward(x)
            .reshape([batch, patches, 3, self.heads, d_head])
            .permute([2, 0, 3, 1, 4]);
        let part = |index: usize| {
            qkv.clone()
                .slice_dim(0, index..index + 1)
                .squeeze_dim::<4>(0)
        };
        let (mut query, mut key, value) = (part(0), part(1), part(2));
        if let Some(rotary) = rotary {
            query = rotary.rotate(query);
            key = rotary.rotate(key);
        }
        let scale = 1.0 / (d_head as f64).sqrt();
        let scores = query.mul_scalar(scale).matmul(key.transpose());
        let mixed = softmax(scores).matmul(value);
        self.out
            .forward(mixed.swap_dims(1, 2).reshape([batch, patches, d_model]))
    }
}
