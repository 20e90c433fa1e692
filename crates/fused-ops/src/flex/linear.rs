//! Linear layers on Flex tensors.
//!
//! The products go through `gemm`, as burn-flex's own do, but into memory that is not cleared first
//! and on top of the bias; all leading axes are one.

use burn::tensor::Shape;
use burn_flex::FlexTensor;
use rayon::prelude::*;

use crate::buffer::{columns_of, contiguous, filled, parallel, tensor, values};
use crate::kernel;

/// Multiplications from which a product is worth several threads.
const PARALLEL_FROM: usize = 192 * 192 * 192;
/// Largest number of partial sums over rows for the gradient of the bias.
const PARTIAL_SUMS: usize = 16;

/// A matrix in memory: `[rows, columns]` with the distance between neighbours along each.
#[derive(Clone, Copy)]
struct Matrix<'a> {
    values: &'a [f32],
    size: [usize; 2],
    steps: [usize; 2],
}

impl<'a> Matrix<'a> {
    /// All leading axes are rows; the tensor went through `contiguous`.
    fn of(tensor: &'a FlexTensor) -> Self {
        let shape = tensor.layout().shape();
        let columns = columns_of(tensor);
        Self {
            values: values(tensor),
            size: [shape[..shape.num_dims() - 1].iter().product(), columns],
            steps: [columns, 1],
        }
    }

    fn transposed(self) -> Self {
        let ([rows, columns], [down, right]) = (self.size, self.steps);
        Self {
            size: [columns, rows],
            steps: [right, down],
            ..self
        }
    }
}

/// `left · right`, on top of `bias` in every row.
fn product(left: Matrix<'_>, right: Matrix<'_>, bias: Option<&[f32]>, shape: Shape) -> FlexTensor {
    let ([rows, depth], [right_rows, columns]) = (left.size, right.size);
    assert_eq!(
        depth, right_rows,
        "linear: the inner sizes of a product differ"
    );
    assert!(
        bias.is_none_or(|bias| bias.len() == columns),
        "linear: the bias needs one number per output"
    );
    filled(shape, |output| {
        assert_eq!(
            output.len(),
            rows * columns,
            "linear: output of another size"
        );
        if output.is_empty() {
            return;
        }
        match bias {
            Some(bias) => {
                for row in output.chunks_exact_mut(columns) {
                    row.write_copy_of_slice(bias);
                }
            }
            None if depth == 0 => output.fill(std::mem::MaybeUninit::new(0.0)),
            None => {}
        }
        if depth == 0 {
            return;
        }
        let parallelism = if rows * columns * depth >= PARALLEL_FROM {
            gemm::Parallelism::Rayon(0)
        } else {
            gemm::Parallelism::None
        };
        let [left_down, left_right] = left.steps.map(|step| step as isize);
        let [right_down, right_right] = right.steps.map(|step| step as isize);
        // SAFETY: both matrices fill their slices and the output has `rows * columns` numbers. It
        // is read only where a bias has been written, and every number of it is written.
        unsafe {
            gemm::gemm(
                rows,
                columns,
                depth,
                output.as_mut_ptr().cast::<f32>(),
                1,
                columns as isize,
                bias.is_some(),
                left.values.as_ptr(),
                left_right,
                left_down,
                right.values.as_ptr(),
                right_right,
                right_down,
                1.0,
                1.0,
                false,
                false,
                false,
                parallelism,
            );
        }
    })
}

/// `x · weight + bias` over the last axis.
pub(crate) fn linear(x: FlexTensor, weight: FlexTensor, bias: Option<FlexTensor>) -> FlexTensor {
    let (x, weight, bias) = (contiguous(x), contiguous(weight), bias.map(contiguous));
    let columns = columns_of(&weight);
    let mut shape = x.layout().shape().clone();
    if let Some(last) = shape.last_mut() {
        *last = columns;
    }
    let (left, right) = (Matrix::of(&x), Matrix::of(&weight));
    product(left, right, bias.as_ref().map(values), shape)
}

/// Gradient of the input.
pub(crate) fn linear_input_backward(gradient: &FlexTensor, weight: FlexTensor) -> FlexTensor {
    let weight = contiguous(weight);
    let right = Matrix::of(&weight).transposed();
    let mut shape = gradient.layout().shape().clone();
    if let Some(last) = shape.last_mut() {
        *last = right.size[1];
    }
    product(Matrix::of(gradient), right, None, shape)
}

/// Gradient of the weight.
pub(crate) fn linear_weight_backward(gradient: &FlexTensor, x: FlexTensor) -> FlexTensor {
    let x = contiguous(x);
    let (left, right) = (Matrix::of(&x).transposed(), Matrix::of(gradient));
    product(left, right, None, [left.size[0], right.size[1]].into())
}

/// Gradient of the bias.
pub(crate) fn linear_bias_backward(gradient: &FlexTensor) -> FlexTensor {
    let columns = columns_of(gradient);
    let gradient = values(gradient);
    if gradient.is_empty() {
        return tensor(vec![0.0; columns], [columns]);
    }
    let rows = gradient.len() / columns;
    // The blocks do not depend on the number of threads, so neither does the order of the sum.
    let block = rows.div_ceil(PARTIAL_SUMS) * columns;
    let mut sums = vec![0.0; gradient.len().div_ceil(block) * columns];
    if parallel(gradient.len()) {
        sums.par_chunks_exact_mut(columns)
            .zip(gradient.par_chunks(block))
            .for_each(|(sums, gradient)| kernel::linear::add_rows(gradient, sums));
    } else {
        for (sums, gradient) in sums.chunks_exact_mut(columns).zip(gradient.chunks(block)) {
            kernel::linear::add_rows(gradient, sums);
        }
    }
    let (total, rest) = sums.split_at_mut(columns);
    kernel::linear::add_rows(rest, total);
    tensor(total.to_vec(), [columns])
}
