//! The operations on contiguous f32 tensors of the Flex backend: kernels meet buffers.
//!
//! Forward functions return what their backward function needs besides the saved input.

mod adamw;
mod attention;
mod linear;
mod nearest;
mod segments;

pub(crate) use adamw::adamw;
pub(crate) use attention::{attention, attention_backward};
pub(crate) use linear::{
    linear, linear_bias_backward, linear_input_backward, linear_weight_backward,
};

pub(crate) use nearest::nearest;
pub(crate) use segments::segment_attention;

use std::sync::Arc;

use burn_flex::FlexTensor;

use crate::buffer::{
    columns_of, contiguous, numbers_per_block, rows_per_block, share, tensor, transform,
    transform_alone, values,
};
use crate::kernel;
use crate::kernel::layer_norm::Moments;

/// Elementwise operations have no rows; they are cut into full blocks of single numbers.
const SINGLE: usize = 1;
/// Largest number of partial sums over rows for the gradients of gain and bias.
const PARTIAL_SUMS: usize = 16;

pub(crate) fn gelu(x: FlexTensor) -> FlexTensor {
    transform_alone(x, SINGLE, |_, values| kernel::gelu::forward(values))
}

pub(crate) fn gelu_backward(gradient: FlexTensor, x: FlexTensor) -> FlexTensor {
    let x = contiguous(x);
    let (x, per_block) = (values(&x), rows_per_block(SINGLE));
    transform_alone(gradient, SINGLE, |block, gradient| {
        kernel::gelu::backward(gradient, share(x, block, per_block));
    })
}

pub(crate) fn quick_gelu(x: FlexTensor) -> FlexTensor {
    transform_alone(x, SINGLE, |_, values| {
        kernel::activation::quick_gelu(values)
    })
}

pub(crate) fn tanh_gelu(x: FlexTensor) -> FlexTensor {
    transform_alone(x, SINGLE, |_, values| kernel::activation::tanh_gelu(values))
}

pub(crate) fn silu_product(gate: FlexTensor, up: FlexTensor) -> FlexTensor {
    let up = contiguous(up);
    let (up, per_block) = (values(&up), rows_per_block(SINGLE));
    transform_alone(gate, SINGLE, |block, gate| {
        kernel::activation::silu_product(gate, share(up, block, per_block));
    })
}

pub(crate) fn softmax(x: FlexTensor) -> FlexTensor {
    let columns = columns_of(&x);
    transform_alone(x, columns, |_, values| {
        kernel::softmax::forward(values, columns)
    })
}

pub(crate) fn softmax_backward(gradient: FlexTensor, y: FlexTensor) -> FlexTensor {
    let columns = columns_of(&y);
    let per_block = numbers_per_block(columns);
    let y = values(&y);
    transform_alone(gradient, columns, |block, gradient| {
        kernel::softmax::backward(gradient, share(y, block, per_block), columns);
    })
}

pub(crate) fn layer_norm(
    x: FlexTensor,
    gain: FlexTensor,
    bias: FlexTensor,
    eps: f64,
) -> (FlexTensor, Arc<[Moments]>) {
    let (gain, bias) = (contiguous(gain), contiguous(bias));
    let (gain, bias) = (values(&gain), values(&bias));
    let columns = gain.len();
    let rows = x.layout().num_elements() / columns.max(1);
    let mut moments = vec![Moments::default(); rows];
    let y = transform(
        x,
        numbers_per_block(columns),
        &mut moments,
        rows_per_block(columns),
        |_, values, moments| {
            kernel::layer_norm::forward(values, moments, gain, bias, eps as f32);
        },
    );
    (y, moments.into())
}

/// Gradients of input, gain and bias.
pub(crate) fn layer_norm_backward(
    gradient: FlexTensor,
    x: FlexTensor,
    gain: FlexTensor,
    moments: &[Moments],
) -> [FlexTensor; 3] {
    let (x, gain) = (contiguous(x), contiguous(gain));
    let (x, gain) = (values(&x), values(&gain));
    let columns = gain.len();
    // Every block has its own sums over rows, so wide rows must not have a block each.
    let rows = rows_per_block(columns).max(moments.len().div_ceil(PARTIAL_SUMS));
    let mut sums = vec![0.0; moments.len().div_ceil(rows) * 2 * columns];
    let dx = transform(
        gradient,
        rows * columns.max(1),
        &mut sums,
        2 * columns,
        |block, gradient, sums| {
            let (gain_sum, bias_sum) = sums.split_at_mut(columns);
            let x = share(x, block, rows * columns);
            let moments = share(moments, block, rows);
            kernel::layer_norm::backward(gradient, x, moments, gain, gain_sum, bias_sum);
        },
    );
    let mut total = vec![0.0; 2 * columns];
    for block in sums.chunks_exact((2 * columns).max(1)) {
        for (total, part) in total.iter_mut().zip(block) {
            *total += part;
        }
    }
    let bias_total = total.split_off(columns);
    [dx, tensor(total, [columns]), tensor(bias_total, [columns])]
}

pub(crate) fn rms_normalize(x: FlexTensor, eps: f64) -> (FlexTensor, Arc<[f32]>) {
    let columns = columns_of(&x);
    let mut factors = vec![0.0; x.layout().num_elements() / columns.max(1)];
    let y = transform(
        x,
        numbers_per_block(columns),
        &mut factors,
        rows_per_block(columns),
        |_, values, factors| {
            kernel::rms_norm::forward(values, factors, columns, eps as f32);
        },
    );
    (y, factors.into())
}

pub(crate) fn rms_normalize_backward(
    gradient: FlexTensor,
    x: FlexTensor,
    factors: &[f32],
) -> FlexTensor {
    let columns = columns_of(&x);
    let rows = rows_per_block(columns);
    let x = contiguous(x);
    let x = values(&x);
    transform_alone(gradient, columns, |block, gradient| {
        let x = share(x, block, rows * columns);
        kernel::rms_norm::backward(gradient, x, share(factors, block, rows), columns);
    })
}

/// Losses `[n]` and the softmax of the logits.
pub(crate) fn cross_entropy(logits: FlexTensor, targets: &[usize]) -> (FlexTensor, FlexTensor) {
    let columns = columns_of(&logits);
    let rows = rows_per_block(columns);
    let mut losses = vec![0.0; targets.len()];
    let probabilities = transform(
        logits,
        numbers_per_block(columns),
        &mut losses,
        rows,
        |block, values, losses| {
            kernel::cross_entropy::forward(values, losses, share(targets, block, rows), columns);
        },
    );
    (tensor(losses, [targets.len()]), probabilities)
}

pub(crate) fn cross_entropy_backward(
    gradient: FlexTensor,
    probabilities: FlexTensor,
    targets: &[usize],
) -> FlexTensor {
    let columns = columns_of(&probabilities);
    let rows = rows_per_block(columns);
    let gradient = contiguous(gradient);
    let gradient = values(&gradient);
    transform_alone(probabilities, columns, |block, probabilities| {
        let targets = share(targets, block, rows);
        let gradient = share(gradient, block, rows);
        kernel::cross_entropy::backward(probabilities, gradient, targets, columns);
    })
}

/// Class numbers as indices.
///
/// # Panics
/// If one is not in `0..columns`.
pub(crate) fn targets_of(targets: FlexTensor, columns: usize) -> Arc<[usize]> {
    let targets = contiguous(targets);
    let index = |class: i64| match usize::try_from(class) {
        Ok(class) if class < columns => class,
        _ => panic!("cross_entropy: target {class} is not one of {columns} classes; relabel it"),
    };
    if let Some(targets) = targets.as_slice::<i64>() {
        targets.iter().map(|&class| index(class)).collect()
    } else if let Some(targets) = targets.as_slice::<i32>() {
        targets
            .iter()
            .map(|&class| index(i64::from(class)))
            .collect()
    } else {
        panic!(
            "cross_entropy: targets are {:?}; cast them to i32 or i64",
            targets.dtype()
        )
    }
}
