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
    /// Qwen2.5-VL, AIMv2 and InternViT-6B.
    Rms(RmsNorm),
    /// Qwen2-VL, Qwen3-VL, SigLIP and InternViT-300M.
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
    /// Qwen2-VL, Qwen3-VL, SigLIP and InternViT.
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

/// Norms of queries and of keys, each over all heads together: InternViT-6B.
#[derive(Module, Debug)]
pub struct QueryKeyNorms {
    /// Of the queries.
    pub query: RmsNorm,
    /// Of the keys.
    pub key: RmsNorm,
}

impl QueryKeyNorms {
    /// Normalises queries and keys and leaves the values as they are.
    ///
    /// # Shapes
    /// - `packed`: `[patches, 3 d]`, queries, keys, values; output the same
    fn forward(&self, packed: Tensor<2>) -> Tensor<2> {
        let [_, width] = packed.dims();
        let d = width / 3;
        let query = self.query.forward(packed.clone().slice_dim(1, 0..d));
        let key = self.key.forward(packed.clone().slice_dim(1, d..2 * d));
        Tensor::cat(vec![query, key, packed.slice_dim(1, 2 * d..width)], 1)
    }
}

/// Gains on what attention and MLP add, a number per channel (LayerScale, arXiv:2103.17239).
#[derive(Module, Debug)]
pub struct LayerScales {
    /// Of the attention, `[d]`.
    pub attention: Param<Tensor<1>>,
    /// Of the MLP, `[d]`.
    pub mlp: Param<Tensor<1>>,
}

/// `x + attention(norm1(x))`, then `x + mlp(norm2(x))`; both sums scaled and queries and keys normalised
/// where the tower has it.
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
    /// On queries and keys.
    pub query_key_norms: Option<QueryKeyNorms>,
    /// On what is added.
    pub scales: Option<LayerScales>,
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
            query_key_norms: None,
            scales: None,
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
        let packed = match &self.query_key_norms {
            Some(norms) => norms.forward(packed),
            None => packed,
        };
        let attended = segment_attention(packed, rotation, segments, self.heads);
        let scaled =
            |added: Tensor<2>, gain: fn(&LayerScales) -> &Param<Tensor<1>>| match &self.scales {
                Some(scales) => added * gain(scales).val().unsqueeze(),
                None => added,
            };
        let x = x + scaled(linear::apply(&self.out, attended), |s| &s.attention);
        let hidden = self.mlp.forward(self.norm2.forward(x.clone()));
        x + scaled(hidden, |s| &s.mlp)
    }
}
