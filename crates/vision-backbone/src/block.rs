//! Pre-LN transformer block.

use crate::RotaryAngles;
use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Tensor};
use fused_ops::gelu;
use projector::{LayerNorm, linear, seeded};
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
        let hidden = gelu(linear::apply(&self.fc1, self.norm2.forward(x.clone())));
        x + linear::apply(&self.fc2, hidden)
    }

    fn attention(&self, x: Tensor<3>, rotary: Option<&RotaryAngles>) -> Tensor<3> {
        let packed = linear::apply(&self.qkv, x);
        let attended = fused_ops::attention(packed, rotary.map(RotaryAngles::rotation), self.heads);
        linear::apply(&self.out, attended)
    }
}
