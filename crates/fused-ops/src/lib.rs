//! The elementwise and row-wise operations of a transformer in one pass forward and one backward.
//!
//! burn's Flex backend computes GELU and softmax with scalar library functions and differentiates
//! LayerNorm, softmax and cross-entropy through chains of elementwise operations that each read and
//! write a whole tensor. The functions here do the same mathematics on the same tensors with
//! vectorised kernels and hand-written gradients, as a burn backend extension.
//!
//! | operation | formula |
//! |---|---|
//! | [`gelu`] | `x Φ(x)` with the exact normal distribution |
//! | [`softmax`] | last axis |
//! | [`layer_norm`] | last axis, biased variance, gain and bias |
//! | [`rms_normalize`] | last axis, no parameters |
//! | [`cross_entropy`] | `-log softmax(logits)[target]` per row |
//!
//! The kernels take f32 tensors on Flex. Everything else (other backends, other float types, builds
//! without the feature `flex`) runs the plain twin in [`plain`]. Results do not depend on the number
//! of threads or on the instruction set; they differ from burn's own in the last bits.
//!
//! Files: [`plain`] the twins, `extension` the routing, `autodiff` the gradients, `flex` the
//! operations on Flex tensors, `buffer` in-place and blocked execution, `kernel/` the loops.

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
pub mod plain;
#[cfg(test)]
#[cfg(feature = "flex")]
mod tests;

use burn::tensor::{Int, Tensor};

#[cfg(feature = "flex")]
use burn::backend::Dispatch;
#[cfg(feature = "flex")]
use extension::FusedOps;
#[cfg(feature = "flex")]
pub use extension::takes;

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
