//! The same operations in ordinary tensor operations: the twins that the kernels are tested
//! against, and what runs on every backend and float type without kernels.

use burn::tensor::{Int, Tensor, activation};

use crate::{AdamWStep, Rotation};

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

/// [`crate::linear`] with burn's operations.
#[must_use]
pub fn linear<const D: usize>(
    x: Tensor<D>,
    weight: Tensor<2>,
    bias: Option<Tensor<1>>,
) -> Tensor<D> {
    burn::tensor::module::linear(x, weight, bias)
}

/// [`crate::attention`] with burn's operations.
///
/// # Panics
/// If `packed` does not divide into three times `heads`.
#[must_use]
pub fn attention(packed: Tensor<3>, rotation: Option<&Rotation>, heads: usize) -> Tensor<3> {
    let [batch, patches, width] = packed.dims();
    let d_head = width / (3 * heads);
    let packed = packed
        .reshape([batch, patches, 3, heads, d_head])
        .permute([2, 0, 3, 1, 4]);
    let part = |index: usize| {
        packed
            .clone()
            .slice_dim(0, index..index + 1)
            .squeeze_dim::<4>(0)
    };
    let (mut query, mut key, value) = (part(0), part(1), part(2));
    if let Some(rotation) = rotation {
        query = rotate(query, rotation);
        key = rotate(key, rotation);
    }
    let scale = 1.0 / (d_head as f64).sqrt();
    let scores = query.mul_scalar(scale).matmul(key.transpose());
    softmax(scores)
        .matmul(value)
        .swap_dims(1, 2)
        .reshape([batch, patches, heads * d_head])
}

/// Rotates queries or keys, `[batch, heads, patches, d_head]`: `x cos + swapped(x) signed_sin`.
#[must_use]
pub fn rotate(x: Tensor<4>, rotation: &Rotation) -> Tensor<4> {
    let halves = x.clone().split(x.dims()[3] / 2, 3);
    let swapped = Tensor::cat(vec![halves[1].clone(), halves[0].clone()], 3);
    x * rotation.cos.clone().unsqueeze() + swapped * rotation.signed_sin.clone().unsqueeze()
}

/// [`crate::adamw`] with burn's operations.
#[must_use]
pub fn adamw<const D: usize>(
    weights: Tensor<D>,
    [moment_1, moment_2]: [Tensor<D>; 2],
    gradient: Tensor<D>,
    step: &AdamWStep,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let norm = gradient.clone().square().sum().sqrt();
    let clip = norm
        .add_scalar(f32::MIN_POSITIVE)
        .recip()
        .mul_scalar(step.clip_norm)
        .clamp_max(1.0);
    let gradient = gradient * clip.unsqueeze();
    let moment_1 =
        moment_1.mul_scalar(step.beta_1) + gradient.clone().mul_scalar(1.0 - step.beta_1);
    let moment_2 =
        moment_2.mul_scalar(step.beta_2) + gradient.square().mul_scalar(1.0 - step.beta_2);
    let time = i32::try_from(step.time).unwrap_or(i32::MAX);
    let corrected =
        |moment: &Tensor<D>, beta: f32| moment.clone().div_scalar(1.0 - beta.powi(time));
    let direction = corrected(&moment_1, step.beta_1)
        / corrected(&moment_2, step.beta_2)
            .sqrt()
            .add_scalar(step.epsilon);
    let decay = step.learning_rate * f64::from(step.weight_decay);
    let weights = weights.mul_scalar(1.0 - decay) - direction.mul_scalar(step.learning_rate);
    (weights, [moment_1, moment_2])
}
