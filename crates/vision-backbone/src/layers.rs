//! Layers of the published towers: norms, MLPs, and the pre-norm block they all share.

use burn::module::{Module, Param};
use burn::nn::Linear;
use burn::tensor::Tensor;
use fused_ops::{Rotation, gelu, quick_gelu, segment_attention, silu_product, tanh_gelu};
use projector::{LayerNorm, linear, rms_normalize};

/// Root-mean-square normalisation with a gain (arXiv:1910.07467).
#[derive(Module, Debug)]
pub struct RmsNorm {
    /// Gain, `[d]`.
    pub gamma: Param<Tensor<1>>,
    epsilon: f64,
}

impl RmsNorm {
    /// A norm with this gain.
    #[must_use]
    pub fn new(gamma: Param<Tensor<1>>, epsilon: f64) -> Self {
        Self { gamma, epsilon }
    }

    /// Normalises the last axis.
    ///
    /// # Shapes
    /// - `x`: `[..., d]`, output the same
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        rms_normalize(x, self.epsilon) * self.gamma.val().unsqueeze()
    }
}

/// The norm of a tower.
#[derive(Module, Debug)]
pub enum Norm {
    /// Qwen2.5-VL and AIMv2.
    Rms(RmsNorm),
    /// Qwen2-VL, Qwen3-VL and SigLIP.
    Layer(LayerNorm),
}

impl Norm {
    /// Normalises the last axis.
    ///
    /// # Shapes
    /// - `x`: `[..., d]`, output the same
    #[must_use]
    pub fn forward<const D: usize>(&self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Rms(norm) => norm.forward(x),
            Self::Layer(norm) => norm.forward(x),
        }
    }
}

/// The nonlinearity of a plain MLP.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Activation {
    /// `x Φ(x)`; `gelu` in the references.
    Gelu,
    /// GELU by its tanh approximation; `gelu_pytorch_tanh`.
    TanhGelu,
    /// `x σ(1.702 x)`; `quick_gelu`.
    QuickGelu,
}

impl Activation {
    /// Applies it to every number.
    #[must_use]
    pub fn apply<const D: usize>(self, x: Tensor<D>) -> Tensor<D> {
        match self {
            Self::Gelu => gelu(x),
            Self::TanhGelu => tanh_gelu(x),
            Self::QuickGelu => quick_gelu(x),
        }
    }

    /// The activation that the references call `name`.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "gelu" => Some(Self::Gelu),
            "gelu_pytorch_tanh" | "gelu_new" => Some(Self::TanhGelu),
            "quick_gelu" => Some(Self::QuickGelu),
            _ => None,
        }
    }
}

/// `fc2(activation(fc1(x)))`.
#[derive(Module, Debug)]
pub struct PlainMlp {
    /// `d -> d_mlp`
    pub fc1: Linear,
    /// `d_mlp -> d`
    pub fc2: Linear,
    /// Between them.
    #[module(skip)]
    pub activation: Activation,
}

/// `down(SiLU(gate(x)) · up(x))` (arXiv:2002.05202).
#[derive(Module, Debug)]
pub struct GatedMlp {
    /// `d -> d_mlp`, behind the SiLU.
    pub gate: Linear,
    /// `d -> d_mlp`
    pub up: Linear,
    /// `d_mlp -> d`
    pub down: Linear,
}

/// The MLP of a tower.
#[derive(Module, Debug)]
pub enum Mlp {
    /// Qwen2-VL, Qwen3-VL and SigLIP.
    Plain(PlainMlp),
    /// Qwen2.5-VL and AIMv2.
    Gated(GatedMlp),
}

impl Mlp {
    fn forward(&self, x: Tensor<2>) -> Tensor<2> {
        match self {
            Self::Plain(mlp) => {
                let hidden = mlp.activation.apply(linear::apply(&mlp.fc1, x));
                linear::apply(&mlp.fc2, hidden)
            }
            Self::Gated(mlp) => {
                let gate = linear::apply(&mlp.gate, x.clone());
                let hidden = silu_product(gate, linear::apply(&mlp.up, x));
                linear::apply(&mlp.down, hidden)
            }
        }
    }
}

/// `x + attention(norm1(x))`, then `x + mlp(norm2(x))`.
#[derive(Module, Debug)]
pub struct EncoderBlock {
    /// In front of the attention.
    pub norm1: Norm,
    /// `d -> 3 d`: queries, keys, values.
    pub qkv: Linear,
    /// `d -> d`, behind the attention.
    pub out: Linear,
    /// In front of the MLP.
    pub norm2: Norm,
    /// The MLP.
    pub mlp: Mlp,
    #[module(skip)]
    heads: usize,
}

impl EncoderBlock {
    /// Puts a block together.
    #[must_use]
    pub fn new(
        [norm1, norm2]: [Norm; 2],
        qkv: Linear,
        out: Linear,
        mlp: Mlp,
        heads: usize,
    ) -> Self {
        Self {
            norm1,
            qkv,
            out,
            norm2,
            mlp,
            heads,
        }
    }

    /// Runs the block on packed patches that attend within `segments` of consecutive ones.
    ///
    /// # Shapes
    /// - `x`: `[patches, d]`, output the same
    #[must_use]
    pub fn forward(
        &self,
        x: Tensor<2>,
        rotation: Option<&Rotation>,
        segments: &[usize],
    ) -> Tensor<2> {
        let packed = linear::apply(&self.qkv, self.norm1.forward(x.clone()));
        let attended = segment_attention(packed, rotation, segments, self.heads);
        let x = x + linear::apply(&self.out, attended);
        let hidden = self.mlp.forward(self.norm2.forward(x.clone()));
        x + hidden
    }
}
