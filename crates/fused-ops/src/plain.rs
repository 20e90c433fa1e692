//! The same operations in ordinary tensor operations: the twins that the kernels are tested
//! against, and what runs on every backend and float type without kernels.

use burn::tensor::{Bool, Device, Int, Tensor, TensorData, activation};

use crate::{AdamWStep, Mask, Rotation};

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
    masked_attention(packed, rotation, Mask::None, heads)
}

/// [`crate::masked_attention`] with burn's operations.
///
/// # Panics
/// If `packed` does not divide into three times `heads`.
#[must_use]
pub fn masked_attention(
    packed: Tensor<3>,
    rotation: Option<&Rotation>,
    mask: Mask,
    heads: usize,
) -> Tensor<3> {
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
    let scores = match hidden(mask, patches, &scores.device()) {
        Some(hidden) => scores.mask_fill(hidden.unsqueeze(), f32::NEG_INFINITY),
        None => scores,
    };
    softmax(scores)
        .matmul(value)
        .swap_dims(1, 2)
        .reshape([batch, patches, heads * d_head])
}

/// `[tokens, tokens]`, true where a query (row) does not see a key (column); nothing without a mask.
fn hidden(mask: Mask, tokens: usize, device: &Device) -> Option<Tensor<2, Bool>> {
    (mask != Mask::None).then(|| {
        let pairs = (0..tokens).flat_map(|query| (0..tokens).map(move |key| (query, key)));
        let hidden: Vec<bool> = pairs.map(|(query, key)| !mask.sees(query, key)).collect();
        Tensor::from_data(TensorData::new(hidden, [tokens, tokens]), device)
    })
}

/// Rotates queries or keys, `[batch, heads, patches, d_head]`: `x cos + swapped(x) signed_sin`.
#[must_use]
pub fn rotate(x: Tensor<4>, rotation: &Rotation) -> Tensor<4> {
    let halves = x.clone().split(x.dims()[3] / 2, 3);
    let swapped = Tensor::cat(vec![halves[1].clone(), halves[0].clone()], 3);
    x * rotation.cos.clone().unsqueeze() + swapped * rotation.signed_sin.clone().unsqueeze()
}

/// [`crate::quick_gelu`] with burn's operations.
#[must_use]
pub fn quick_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    x.clone() * activation::sigmoid(x.mul_scalar(1.702))
}

/// [`crate::tanh_gelu`] with burn's operations.
#[must_use]
pub fn tanh_gelu<const D: usize>(x: Tensor<D>) -> Tensor<D> {
    let inner = (x.clone() + x.clone().powi_scalar(3).mul_scalar(0.044_715))
        .mul_scalar((2.0 / std::f64::consts::PI).sqrt());
    x.mul_scalar(0.5) * inner.tanh().add_scalar(1.0)
}

/// [`crate::silu_product`] with burn's operations.
#[must_use]
pub fn silu_product<const D: usize>(gate: Tensor<D>, up: Tensor<D>) -> Tensor<D> {
    activation::silu(gate) * up
}

/// Scores of so many queries with all their keys are made at a time, 256 MiB of them.
const SCORES: usize = 1 << 26;

/// [`crate::segment_attention`] with burn's operations: neighbouring segments of one length go
/// together, long ones a slice of queries at a time.
///
/// # Panics
/// If the segments do not cover the tokens.
#[must_use]
pub fn segment_attention(
    packed: Tensor<2>,
    rotation: Option<&Rotation>,
    segments: &[usize],
    heads: usize,
) -> Tensor<2> {
    let [tokens, width] = packed.dims();
    let d_head = width / (3 * heads);
    let parts = packed.reshape([tokens, 3, heads, d_head]).split(1, 1);
    let part = |index: usize| parts[index].clone().squeeze_dim::<3>(1);
    let (mut query, mut key, value) = (part(0), part(1), part(2));
    if let Some(rotation) = rotation {
        // The heads of a token share its angles.
        let turn = |x: Tensor<3>| {
            let turned = rotate(x.swap_dims(0, 1).unsqueeze(), rotation);
            turned.squeeze_dim::<3>(0).swap_dims(0, 1)
        };
        (query, key) = (turn(query), turn(key));
    }
    query = query.mul_scalar(1.0 / (d_head as f64).sqrt());
    let mut attended = Vec::new();
    let mut start = 0;
    for run in segments.chunk_by(|a, b| a == b) {
        let (count, length) = (run.len(), run[0]);
        // `[count, heads, length, d_head]`
        let of = |x: &Tensor<3>| {
            x.clone()
                .slice_dim(0, start..start + count * length)
                .reshape([count, length, heads, d_head])
                .swap_dims(1, 2)
        };
        if length == 0 {
            continue;
        }
        let (query, key, value) = (of(&query), of(&key).transpose(), of(&value));
        start += count * length;
        let at_a_time = (SCORES / (count * heads * length)).clamp(1, length);
        let slices: Vec<Tensor<4>> = query
            .split(at_a_time, 2)
            .into_iter()
            .map(|query| softmax(query.matmul(key.clone())).matmul(value.clone()))
            .collect();
        attended.push(
            Tensor::cat(slices, 2)
                .swap_dims(1, 2)
                .reshape([count * length, heads * d_head]),
        );
    }
    assert_eq!(start, tokens, "segments must cover the tokens");
    Tensor::cat(attended, 0)
}

/// Scores of points and rows held at a time, 32 MiB.
const NEAREST_SCORES: usize = 1 << 23;

/// [`crate::nearest`] with burn's operations; `half_norms` are `‖e‖²/2`, `[rows, 1]`.
///
/// # Panics
/// If a size does not fit.
#[must_use]
pub fn nearest(points: Tensor<2>, codes: Tensor<2>, half_norms: Tensor<2>) -> Tensor<1, Int> {
    let ([n, _], [rows, _]) = (points.dims(), codes.dims());
    let (codes, half_norms) = (codes.transpose(), half_norms.transpose());
    let tile = (NEAREST_SCORES / rows).max(1);
    let ids: Vec<Tensor<1, Int>> = (0..n)
        .step_by(tile)
        .map(|first| {
            let some = points.clone().slice_dim(0, first..n.min(first + tile));
            let scores = some.matmul(codes.clone()) - half_norms.clone();
            scores.argmax(1).squeeze_dim(1)
        })
        .collect();
    Tensor::cat(ids, 0)
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
