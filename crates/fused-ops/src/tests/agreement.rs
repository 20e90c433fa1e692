//! Values and gradients of the kernels against the twins, and of the twins against differences.

use burn::tensor::{DType, Tensor};

use super::*;
use crate::{cross_entropy, layer_norm, plain};

#[test]
fn unary_kernels_agree_with_their_plain_twins() {
    for (name, fused, plain) in UNARY {
        for [rows, columns] in SIZES {
            let x = numbers(rows * columns, 1);
            let at = |dtype| [tensor(&x, [rows, columns], dtype)];
            let (y, [dx]) = differentiate(|[x]| fused(x), at(DType::F32));
            let (y_plain, [dx_plain]) = differentiate(|[x]| plain(x), at(DType::F64));
            assert_close(name, &y, &y_plain, 1e-6);
            // A single number per row leaves rounding errors only: softmax and RMSNorm are constant.
            if columns > 1 {
                assert_close(name, &dx, &dx_plain, 1e-5);
            }
        }
    }
}

#[test]
fn layer_norm_agrees_with_its_plain_twin() {
    for size in SIZES.into_iter().filter(|[_, columns]| *columns > 1) {
        let fused = differentiate(|i| normalise(layer_norm, i), norm_inputs(size, DType::F32));
        let plain = differentiate(
            |i| normalise(plain::layer_norm, i),
            norm_inputs(size, DType::F64),
        );
        assert_close("layer_norm", &fused.0, &plain.0, 1e-6);
        for (name, (found, expected)) in ["dx", "dgain", "dbias"]
            .iter()
            .zip(fused.1.iter().zip(&plain.1))
        {
            assert_close(name, found, expected, 1e-5);
        }
    }
}

#[test]
fn cross_entropy_agrees_with_its_plain_twin() {
    for [items, classes] in SIZES {
        let logits = numbers(items * classes, 1);
        let column = |losses: Tensor<1>| losses.unsqueeze_dim(1);
        let (loss, [dx]) = differentiate(
            |[x]| column(cross_entropy(x, labels(items, classes))),
            [tensor(&logits, [items, classes], DType::F32)],
        );
        let (loss_plain, [dx_plain]) = differentiate(
            |[x]| column(plain::cross_entropy(x, labels(items, classes))),
            [tensor(&logits, [items, classes], DType::F64)],
        );
        assert_close("loss", &loss, &loss_plain, 1e-6);
        assert_close("logits", &dx, &dx_plain, 1e-5);
    }
}

#[test]
fn plain_twins_have_the_slopes_of_finite_differences() {
    let step = 1e-5_f32;
    let size = [3, 5];
    let shifted = |inputs: &[Tensor<2>; 3], which: usize, element: usize, by: f32| {
        let mut inputs = inputs.clone();
        let columns = inputs[which].dims()[1];
        let mut shift = vec![0.0; inputs[which].shape().num_elements()];
        shift[element] = by;
        let rows = shift.len() / columns;
        inputs[which] = inputs[which].clone() + tensor(&shift, [rows, columns], DType::F64);
        inputs
    };
    type Ternary = fn([Tensor<2>; 3]) -> Tensor<2>;
    // Operations with one input add the others with weight zero, so that all have a gradient.
    let operations: [(&str, Ternary); 5] = [
        ("gelu", |[x, a, b]| plain::gelu(x) + (a + b) * 0.0),
        ("softmax", |[x, a, b]| plain::softmax(x) + (a + b) * 0.0),
        ("rms", |[x, a, b]| {
            plain::rms_normalize(x, EPS) + (a + b) * 0.0
        }),
        ("layer_norm", |inputs| normalise(plain::layer_norm, inputs)),
        ("cross_entropy", |[x, a, b]| {
            plain::cross_entropy(x, labels(3, 5)).unsqueeze_dim::<2>(1) + (a + b) * 0.0
        }),
    ];
    for (name, operation) in operations {
        let inputs = norm_inputs(size, DType::F64);
        let (y, gradients) = differentiate(operation, inputs.clone());
        let weights = numbers(y.len(), 99);
        let objective = |inputs: [Tensor<2>; 3]| -> f64 {
            vector(operation(inputs))
                .iter()
                .zip(&weights)
                .map(|(y, &w)| y * f64::from(w))
                .sum()
        };
        for (which, gradient) in gradients.iter().enumerate() {
            for (element, &slope) in gradient.iter().enumerate() {
                let above = objective(shifted(&inputs, which, element, step));
                let below = objective(shifted(&inputs, which, element, -step));
                let expected = (above - below) / (2.0 * f64::from(step));
                assert!(
                    (slope - expected).abs() < 1e-6 * expected.abs().max(1.0),
                    "{name}, input {which}[{element}]: {slope} is not {expected}"
                );
            }
        }
    }
}
