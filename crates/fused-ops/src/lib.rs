//! The operations of a transformer in one pass forward and one backward.
//!
//! burn's Flex backend computes GELU and softmax with scalar library functions and differentiates
//! LayerNorm, softmax and cross-entropy through chains of elementwise operations that each read and
//! write a whole tensor; around a matrix product it clears and copies. The functions here do the
//! same mathematics on the same tensors with vectorised kernels and hand-written gradients, as a
//! burn backend extension.
//!
//! | operation | formula |
//! |---|---|
//! | [`gelu`] | `x Φ(x)` with the exact normal distribution |
//! | [`softmax`] | last axis |
//! | [`layer_norm`] | last axis, biased variance, gain and bias |
//! | [`rms_normalize`] | last axis, no parameters |
//! | [`cross_entropy`] | `-log softmax(logits)[target]` per row |
//! | [`linear`] | `x W + b` |
//! | [`attention`] | `softmax(Q Kᵀ / sqrt(d_head)) V` with rotary positions |
//! | [`adamw`] | one optimiser step with clipping |
//! | [`nearest`] | `argmin ‖point − row‖²`, without a matrix of points by rows |
//! | [`segment_attention`] | attention within segments of packed tokens, of any length |
//! | [`quick_gelu`], [`tanh_gelu`], [`silu_product`] | `x σ(1.702 x)`, GELU by tanh, `SiLU(gate) · up` |
//!
//! The last two rows serve frozen towers: their kernels have no gradient, and tensors that are
//! tracked take the plain twins. [`nearest`] has no gradient at all.
//!
//! The kernels take f32 tensors on Flex. Everything else (other backends, other float types, builds
//! without the feature `flex`) runs the plain twin in [`plain`]. Results do not depend on the number
//! of threads or on the instruction set; they differ from burn's own in the last bits.
//!
//! Files: [`plain`] the twins, `nearest` the search among rows, `extension` the routing, `autodiff` the
//! gradients, `flex` the operations on Flex tensors, `buffer` in-place and blocked execution, `kernel/`
//! the loops.

#[cfg(feature = "flex")]
mod autodiff;
#[cfg(feature = "flex")]
pub mod buffer;
#[cfg(feature = "flex")]
mod extension;
#[cfg(feature = "flex")]
mod flex;
#[cfg(feature = "flex")]
pub mod kernel;
mod nearest;
pub mod plain;
#[cfg(test)]
#[cfg(feature = "flex")]
mod tests;

use burn::tensor::{Int, Tensor};

#[cfg(feature = "flex")]
use burn::backend::Dispatch;
#[cfg(feature = "flex")]
pub use extension::takes;
#[cfg(feature = "flex")]
use extension::{FusedOps, FusedSteps, takes_untracked};
pub use nearest::nearest;

/// Gaussian error linear unit, `x Φ(x)`, with an error of at most `2e-7 max(1, |x|)`.
///
/// # Shapes
/// - `x`: any, output the same
#[must_use]
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    let x = {
        let x = x.into_dispatch();
        if takes(&x) {
            return Tensor::from_dispatch(Dispatch::fused_gelu(x));
        }
        Tensor::from_dispatch(x)
    };
    plain::gelu(x)
}

/// Softmax over the last axis. Entries of -inf get exactly zero; a row of nothing else, or with NaN
/// or +inf, becomes NaN.
///
/// # Shapes
/// - `x`: `[.., columns]`, output the same
#[must_use]
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    #[cfg(feature = "flex")]
    let x = {
        let x = x.into_dispatch();
        if takes(&x) {
            return Tensor::from_dispatch(Dispatch::fused_softmax(x));
        }
        Tensor::from_dispatch(x)
    };
    plain::softmax(x)
}

/// Layer normalisation over the last axis, `(x - mean) / sqrt(variance + eps) · gain + bias`.
///
/// The variance is the biased one, as in burn's `LayerNorm`.
///
/// # Shapes
/// - `x`: `[.., d]`, output the same
/// - `gain`, `bias`: `[d]`
///
/// # Panics
/// If gain or bias are not as long as the last axis of `x`.
///
/// # Source
/// arXiv:1607.06450 §3.
#[must_use]
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gain: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    let d = x.dims()[D - 1];
    assert_eq!(
        [gain.dims(), bias.dims()],
        [[d]; 2],
        "layer_norm: gain and bias need d numbers"
    );
    #[cfg(feature = "flex")]
    let (x, gain, bias) = {
        let (x, gain, bias) = (
            x.into_dispatch(),
            gain.into_dispatch(),
            bias.into_dispatch(),
        );
        if takes(&x) && takes(&gain) && takes(&bias) {
            return Tensor::from_dispatch(Dispatch::fused_layer_norm(x, gain, bias, eps));
        }
        (
            Tensor::from_dispatch(x),
            Tensor::from_dispatch(gain),
            Tensor::from_dispatch(bias),
        )
    };
    plain::layer_norm(x, gain, bias, eps)
}

/// Divides every vector of the last axis by its root mean square, `x / sqrt(mean(x²) + eps)`.
///
/// # Shapes
/// - `x`: `[.., d]`, output the same
///
/// # Source
/// arXiv:1910.07467 §3, without the gain.
#[must_use]
pub fn rms_normalize<const D: usize>(x: Tensor<D>, eps: f64) -> Tensor<D> {
    #[cfg(feature = "flex")]
    let x = {
        let x = x.into_dispatch();
        if takes(&x) {
            return Tensor::from_dispatch(Dispatch::fused_rms_normalize(x, eps));
        }
        Tensor::from_dispatch(x)
    };
    plain::rms_normalize(x, eps)
}

/// Cross-entropy of every row, `-log softmax(logits)[target]`, in nats.
///
/// # Shapes
/// - `logits`: `[items, classes]`
/// - `targets`: `[items]`, each in `0..classes`
/// - output: `[items]`
///
/// # Panics
/// If there is not one target per row or a target is not a class.
#[must_use]
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let [items, _] = logits.dims();
    assert_eq!(
        targets.dims(),
        [items],
        "cross_entropy: one target per row of logits"
    );
    #[cfg(feature = "flex")]
    let (logits, targets) = {
        let (logits, targets) = (logits.into_dispatch(), targets.into_dispatch());
        if takes(&logits) {
            return Tensor::from_dispatch(Dispatch::fused_cross_entropy(logits, targets));
        }
        (
            Tensor::from_dispatch(logits),
            Tensor::from_dispatch(targets),
        )
    };
    plain::cross_entropy(logits, targets)
}

/// A linear layer over the last axis, `x W + b`.
///
/// # Shapes
/// - `x`: `[.., d_in]`
/// - `weight`: `[d_in, d_out]`
/// - `bias`: `[d_out]`
/// - output: `[.., d_out]`
///
/// # Panics
/// If the sizes do not fit one another.
#[must_use]
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    let [d_in, d_out] = weight.dims();
    assert_eq!(
        x.dims().last(),
        Some(&d_in),
        "linear: the last axis of the input needs as many numbers as the weight has rows"
    );
    assert!(
        bias.as_ref().is_none_or(|bias| bias.dims() == [d_out]),
        "linear: the bias needs as many numbers as the weight has columns"
    );
    #[cfg(feature = "flex")]
    let (x, weight, bias) = {
        let (x, weight) = (x.into_dispatch(), weight.into_dispatch());
        let bias = bias.map(Tensor::into_dispatch);
        if takes(&x) && takes(&weight) && bias.as_ref().is_none_or(takes) {
            return Tensor::from_dispatch(match bias {
                Some(bias) => Dispatch::fused_linear(x, weight, bias),
                None => Dispatch::fused_linear_without_bias(x, weight),
            });
        }
        (
            Tensor::from_dispatch(x),
            Tensor::from_dispatch(weight),
            bias.map(Tensor::from_dispatch),
        )
    };
    plain::linear(x, weight, bias)
}

/// Cosines and sines that rotate queries and keys before they meet.
#[derive(Clone, Debug)]
pub struct Rotation {
    /// `[patches, d_head]`
    pub cos: Tensor<2>,
    /// `[patches, d_head]`; negated in the first half, where rotate-half subtracts.
    pub signed_sin: Tensor<2>,
}

/// Which tokens a token attends to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mask {
    /// All of them.
    None,
    /// Itself and those before it.
    Causal,
    /// The first `prefix` tokens and itself.
    PrefixAndSelf {
        /// Number of tokens that all attend to.
        prefix: usize,
    },
}

impl Mask {
    /// Whether token `query` attends to token `key`.
    #[must_use]
    pub fn sees(self, query: usize, key: usize) -> bool {
        match self {
            Self::None => true,
            Self::Causal => key <= query,
            Self::PrefixAndSelf { prefix } => key < prefix || key == query,
        }
    }
}

/// Multi-head self-attention without a mask, `softmax(Q Kᵀ / sqrt(d_head)) V`, from packed queries,
/// keys and values.
///
/// With a rotation, queries and keys become `x cos + swapped(x) signed_sin` first, where `swapped`
/// exchanges the halves of the head (arXiv:2104.09864 in its rotate-half form). Angles are
/// constants: no gradient reaches them.
///
/// # Shapes
/// - `packed`: `[batch, patches, 3 * heads * d_head]`: all queries, all keys, all values, head by
///   head
/// - output: `[batch, patches, heads * d_head]`
///
/// # Panics
/// If `packed` does not divide into three times `heads`, or the angles have another size.
///
/// # Source
/// arXiv:1706.03762 §3.2. The backward pass computes the weights again instead of keeping them.
#[must_use]
pub fn attention(packed: Tensor<3>, rotation: Option<&Rotation>, heads: usize) -> Tensor<3> {
    masked_attention(packed, rotation, Mask::None, heads)
}

/// [`attention`] in which a token sees what `mask` says.
///
/// # Shapes
/// As [`attention`].
///
/// # Panics
/// As [`attention`].
#[must_use]
pub fn masked_attention(
    packed: Tensor<3>,
    rotation: Option<&Rotation>,
    mask: Mask,
    heads: usize,
) -> Tensor<3> {
    let [_, patches, width] = packed.dims();
    assert!(
        heads > 0 && width.is_multiple_of(3 * heads),
        "attention: a width of {width} does not divide into queries, keys and values of {heads} heads"
    );
    let d_head = width / (3 * heads);
    assert!(
        rotation.is_none_or(|r| {
            d_head.is_multiple_of(2)
                && [r.cos.dims(), r.signed_sin.dims()] == [[patches, d_head]; 2]
        }),
        "attention: the angles need the size [{patches}, {d_head}], the second number even"
    );
    #[cfg(feature = "flex")]
    let packed = {
        let angles = match rotation {
            Some(rotation) => [rotation.cos.clone(), rotation.signed_sin.clone()],
            None => [0; 2].map(|_| Tensor::zeros([0, d_head], &packed.device())),
        }
        .map(Tensor::into_dispatch);
        let packed = packed.into_dispatch();
        if takes(&packed) && angles.iter().all(takes) && patches > 0 && d_head > 0 {
            let [cos, signed_sin] = angles;
            let attended = Dispatch::fused_attention(packed, cos, signed_sin, mask, heads);
            return Tensor::from_dispatch(attended);
        }
        Tensor::from_dispatch(packed)
    };
    plain::masked_attention(packed, rotation, mask, heads)
}

/// Numbers of one optimiser step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AdamWStep {
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay rate of the first moment.
    pub beta_1: f32,
    /// Decay rate of the second moment.
    pub beta_2: f32,
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Decoupled weight decay.
    pub weight_decay: f32,
    /// Largest norm of the gradient; a longer one is scaled down to it.
    pub clip_norm: f32,
    /// Number of this step, from 1.
    pub time: usize,
}

/// One step of AdamW on one parameter, after clipping its gradient's norm: the new weights and
/// moments.
///
/// # Shapes
/// - all tensors: the parameter's shape; the moments are zeros before the first step
///
/// # Panics
/// If the shapes differ.
///
/// # Source
/// arXiv:1711.05101, algorithm 2, with the schedule in the learning rate.
#[must_use]
pub fn adamw<const D: usize>(
    weights: Tensor<D>,
    moments: [Tensor<D>; 2],
    gradient: Tensor<D>,
    step: &AdamWStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let [moment_1, moment_2] = moments;
    assert_eq!(
        [moment_1.dims(), moment_2.dims(), gradient.dims()],
        [weights.dims(); 3],
        "adamw: moments and gradient need the shape of the weights"
    );
    #[cfg(feature = "flex")]
    let [weights, moment_1, moment_2, gradient] = {
        let tensors = [weights, moment_1, moment_2, gradient].map(Tensor::into_dispatch);
        if tensors.iter().all(takes_untracked) {
            let [weights, moment_1, moment_2, gradient] = tensors;
            let (weights, moment_1, moment_2) =
                Dispatch::fused_adamw(weights, moment_1, moment_2, gradient, *step);
            let moments = [moment_1, moment_2].map(Tensor::from_dispatch);
            return (Tensor::from_dispatch(weights), moments);
        }
        tensors.map(Tensor::from_dispatch)
    };
    plain::adamw(weights, [moment_1, moment_2], gradient, step)
}

/// Applies an operation of frozen towers where its kernel can run.
macro_rules! untracked {
    ($name:ident, $plain:path, $($tensor:ident),+) => {{
        #[cfg(feature = "flex")]
        let ($($tensor,)+) = {
            let ($($tensor,)+) = ($($tensor.into_dispatch(),)+);
            if $(takes_untracked(&$tensor))&&+ {
                return Tensor::from_dispatch(Dispatch::$name($($tensor),+));
            }
            ($(Tensor::from_dispatch($tensor),)+)
        };
        $plain($($tensor),+)
    }};
}

/// `x σ(1.702 x)`, the approximation of GELU in CLIP and Qwen2-VL.
///
/// # Shapes
/// - `x`: any, output the same
#[must_use]
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    untracked!(fused_quick_gelu, plain::quick_gelu, x)
}

/// GELU by its tanh approximation, `½ x (1 + tanh(√(2/π) (x + 0.044715 x³)))`
/// (`gelu_pytorch_tanh`).
///
/// # Shapes
/// - `x`: any, output the same
#[must_use]
pub fn tanh_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    untracked!(fused_tanh_gelu, plain::tanh_gelu, x)
}

/// `SiLU(gate) · up`, the hidden layer of a gated MLP (arXiv:2002.05202).
///
/// # Shapes
/// - `gate`, `up`: any one shape, output the same
///
/// # Panics
/// If the shapes differ.
#[must_use]
pub fn silu_product<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    assert_eq!(gate.dims(), up.dims(), "silu_product: two shapes");
    untracked!(fused_silu_product, plain::silu_product, gate, up)
}

/// Multi-head self-attention in which a token sees the tokens of its own segment only: windows,
/// frames, or images of several sizes in one batch.
///
/// Otherwise as [`attention`]. Scores are made tile by tile: a segment of 12,544 tokens needs no
/// matrix of 12,544² numbers.
///
/// # Shapes
/// - `packed`: `[tokens, 3 * heads * d_head]`: all queries, all keys, all values, head by head
/// - `rotation`: `[tokens, d_head]` each
/// - `segments`: lengths of consecutive segments, which cover the tokens
/// - output: `[tokens, heads * d_head]`
///
/// # Panics
/// If a size does not fit.
///
/// # Source
/// arXiv:1706.03762 §3.2, computed as in arXiv:2205.14135.
#[must_use]
pub fn segment_attention(
    packed: Tensor<2>,
    rotation: Option<&Rotation>,
    segments: &[usize],
    heads: usize,
) -> Tensor<2> {
    let [tokens, width] = packed.dims();
    assert!(
        heads > 0 && width.is_multiple_of(3 * heads),
        "attention: a width of {width} does not divide into queries, keys and values of {heads} heads"
    );
    let d_head = width / (3 * heads);
    assert!(
        rotation.is_none_or(|r| {
            d_head.is_multiple_of(2) && [r.cos.dims(), r.signed_sin.dims()] == [[tokens, d_head]; 2]
        }),
        "attention: the angles need the size [{tokens}, {d_head}], the second number even"
    );
    assert_eq!(
        segments.iter().sum::<usize>(),
        tokens,
        "attention: the segments must cover the tokens"
    );
    if tokens == 0 {
        return Tensor::zeros([0, heads * d_head], &packed.device());
    }
    #[cfg(feature = "flex")]
    let packed = {
        let angles = match rotation {
            Some(rotation) => [rotation.cos.clone(), rotation.signed_sin.clone()],
            None => [0; 2].map(|_| Tensor::zeros([0, d_head], &packed.device())),
        }
        .map(Tensor::into_dispatch);
        let packed = packed.into_dispatch();
        if takes_untracked(&packed) && angles.iter().all(takes_untracked) && d_head > 0 {
            let [cos, signed_sin] = angles;
            let segments = segments.into();
            let attended =
                Dispatch::fused_segment_attention(packed, cos, signed_sin, segments, heads);
            return Tensor::from_dispatch(attended);
        }
        Tensor::from_dispatch(packed)
    };
    plain::segment_attention(packed, rotation, segments, heads)
}
