//! The same operations in ordinary tensor operations: the twins that the kernels are tested
//! against, and what runs on every backend and float type without kernels.

use burn::tensor::{Int, Tensor, activation};

/// [`crate::gelu`] with burn's operations.
#[must_use]
pub fn gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::gelu(x)
}

/// [`crate::softmax`] with burn's operations.
#[must_use]
pub fn softmax<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    activation::softmax(x, D - 1)
}

/// [`crate::layer_norm`] with burn's operations.
///
/// # Panics
/// If gain or bias are not as long as the last axis of `x`.
#[must_use]
pub fn layer_norm<const D: usize>(
    x: Tensor<D>,
    gain: Tensor<1>,
    bias: Tensor<1>,
    eps: f64,
) -> Tensor<D> {
    burn::tensor::module::layer_norm(x, gain, Some(bias), eps)
}

/// [`crate::rms_normalize`] with burn's operations.
#[must_use]
pub fn rms_normalize<const D: usize>(x: Tensor<D>, eps: f64) -> Tensor<D> {
    let mean_square = x.clone().square().mean_dim(D - 1);
    x.div(mean_square.add_scalar(eps).sqrt())
}

/// [`crate::cross_entropy`] with burn's operations.
///
/// # Panics
/// If there is not one target per row.
#[must_use]
pub fn cross_entropy(logits: Tensor<2>, targets: Tensor<1, Int>) -> Tensor<1> {
    let targets = targets.unsqueeze_dim::<2>(1);
    activation::log_softmax(logits, 1)
        .gather(1, targets)
        .squeeze_dim::<1>(1)
        .neg()
}
