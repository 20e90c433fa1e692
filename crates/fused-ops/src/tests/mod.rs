//! Kernels against their plain twins, which run in f64 and are themselves held against finite
//! differences.

mod agreement;
mod edge_cases;
mod layers;
mod nearest;
mod routing;
mod towers;

use burn::tensor::{DType, Device, Int, Tensor, TensorData};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::{gelu, plain, rms_normalize, softmax};

const EPS: f64 = 1e-5;
/// Row and column counts: shorter and longer than a register, odd, larger than a block.
const SIZES: [[usize; 2]; 9] = [
    [1, 1],
    [1, 7],
    [7, 1],
    [3, 7],
    [5, 130],
    [33, 128],
    [600, 130],
    [3, 1024],
    [2, 16384],
];

/// An operation with one input, and its plain twin.
type Unary = (
    &'static str,
    fn(Tensor<2>) -> Tensor<2>,
    fn(Tensor<2>) -> Tensor<2>,
);

const UNARY: [Unary; 3] = [
    ("gelu", |x| gelu(x), |x| plain::gelu(x)),
    ("softmax", |x| softmax(x), |x| plain::softmax(x)),
    (
        "rms",
        |x| rms_normalize(x, EPS),
        |x| plain::rms_normalize(x, EPS),
    ),
];

fn numbers(count: usize, seed: u64) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    (0..count).map(|_| rng.random_range(-4.0..4.0)).collect()
}

fn tensor<const D: usize>(numbers: &[f32], shape: [usize; D], dtype: DType) -> Tensor<D> {
    let data = TensorData::new(numbers.to_vec(), shape).convert_dtype(dtype);
    Tensor::from_data(data, (&Device::flex().autodiff(), dtype))
}

fn vector<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().convert::<f64>().try_to_vec().unwrap()
}

fn assert_close(name: &str, found: &[f64], expected: &[f64], relative: f64) {
    assert_eq!(found.len(), expected.len(), "{name}");
    let scale = expected.iter().fold(0.0_f64, |m, x| m.max(x.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let bound = relative * scale.max(1e-30);
        assert!(
            (found - expected).abs() <= bound,
            "{name}[{i}]: {found} is not {expected}"
        );
    }
}

/// Values of `operation` and the gradient of its weighted sum with respect to every input.
fn differentiate<const N: usize>(
    operation: impl Fn([Tensor<2>; N]) -> Tensor<2>,
    inputs: [Tensor<2>; N],
) -> (Vec<f64>, [Vec<f64>; N]) {
    let inputs = inputs.map(Tensor::require_grad);
    let y = operation(inputs.clone());
    let weights = tensor(&numbers(y.shape().num_elements(), 99), y.dims(), y.dtype());
    let gradients = (y.clone() * weights).sum().backward();
    (
        vector(y),
        inputs.map(|x| vector(x.grad(&gradients).unwrap())),
    )
}

fn normalise(
    operation: fn(Tensor<2>, Tensor<1>, Tensor<1>, f64) -> Tensor<2>,
    inputs: [Tensor<2>; 3],
) -> Tensor<2> {
    let [x, gain, bias] = inputs;
    operation(x, gain.squeeze_dim(0), bias.squeeze_dim(0), EPS)
}

fn norm_inputs([rows, columns]: [usize; 2], dtype: DType) -> [Tensor<2>; 3] {
    [
        tensor(&numbers(rows * columns, 1), [rows, columns], dtype),
        tensor(&numbers(columns, 2), [1, columns], dtype),
        tensor(&numbers(columns, 3), [1, columns], dtype),
    ]
}

fn labels(items: usize, classes: usize) -> Tensor<1, Int> {
    let labels: Vec<i64> = (0..items).map(|i| ((i * 7 + 3) % classes) as i64).collect();
    Tensor::from_data(TensorData::new(labels, [items]), &Device::flex().autodiff())
}
