//! Views, extreme values, NaN, empty tensors and wrong arguments.

use burn::tensor::{DType, Device, Tensor, Tolerance};

use super::*;
use crate::{cross_entropy, gelu, layer_norm, plain, rms_normalize, softmax};

#[test]
fn expanded_inputs_give_the_values_of_copies() {
    let row = numbers(30, 5);
    for (name, fused, _) in UNARY {
        let expanded = tensor::<2>(&row, [1, 30], DType::F32).expand([4, 30]);
        let copy = tensor::<2>(&row.repeat(4), [4, 30], DType::F32);
        assert_eq!(vector(fused(expanded)), vector(fused(copy)), "{name}");
    }
}

#[test]
fn transposed_and_sliced_inputs_give_the_values_of_copies() {
    let x = tensor::<2>(&numbers(40 * 30, 5), [40, 30], DType::F32);
    for (name, fused, _) in UNARY {
        let views = [
            x.clone().transpose(),
            x.clone().slice([3..17, 2..29]),
            x.clone().narrow(0, 5, 4),
        ];
        for view in views {
            let copy = tensor(
                &view.clone().into_data().try_to_vec::<f32>().unwrap(),
                view.dims(),
                DType::F32,
            );
            let (y, [dx]) = differentiate(|[x]| fused(x), [view.detach()]);
            let (y_copy, [dx_copy]) = differentiate(|[x]| fused(x), [copy]);
            assert_eq!((y, dx), (y_copy, dx_copy), "{name}");
        }
    }
    assert_eq!(
        x.into_data().try_to_vec::<f32>().unwrap(),
        numbers(40 * 30, 5),
        "input changed"
    );
}

#[test]
fn strided_gradients_are_read_in_the_right_order() {
    let x = numbers(6 * 9, 6);
    let weights = numbers(6 * 9, 7);
    let gradient = |operation: fn(Tensor<2>) -> Tensor<2>| {
        let x = tensor::<2>(&x, [6, 9], DType::F32).require_grad();
        let weights = tensor::<2>(&weights, [9, 6], DType::F32);
        let gradients = (operation(x.clone()).transpose() * weights)
            .sum()
            .backward();
        vector(x.grad(&gradients).unwrap())
    };
    for (name, fused, plain) in UNARY {
        assert_close(name, &gradient(fused), &gradient(plain), 1e-5);
    }
}

#[test]
fn extreme_logits_give_the_softmax_of_burn() {
    let masked = f32::NEG_INFINITY;
    let rows = [
        [1e4, -1e4, 0.0, 1e4],
        [-1e4, -1e4, -1e4, -1e4],
        [3.0, 3.0, 3.0, 3.0],
        [masked, 1.0, masked, 2.0],
        [masked, masked, masked, masked],
        [f32::NAN, 1.0, 2.0, 3.0],
        [f32::INFINITY, 1.0, 2.0, 3.0],
    ];
    for row in rows {
        let x = tensor::<2>(&row, [1, 4], DType::F32);
        let expected = plain::softmax(x.clone()).into_data();
        softmax(x)
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }
    let masked_row = tensor::<2>(&rows[3], [1, 4], DType::F32);
    assert_eq!(
        vector(softmax(masked_row))[..3]
            .iter()
            .filter(|y| **y == 0.0)
            .count(),
        2
    );
}

#[test]
fn norms_of_large_and_of_constant_rows_stay_finite() {
    let rows = [
        [1e4, -1e4, 1e4, -1e4],
        [5.0, 5.0, 5.0, 5.0],
        [0.0, 0.0, 0.0, 0.0],
    ];
    for row in rows {
        let x = tensor::<2>(&row, [1, 4], DType::F32);
        let unit = || tensor::<1>(&[1.0; 4], [4], DType::F32);
        let expected = plain::layer_norm(x.clone(), unit(), unit(), EPS).into_data();
        let found = layer_norm(x.clone(), unit(), unit(), EPS).into_data();
        found.assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
        let expected = plain::rms_normalize(x.clone(), EPS).into_data();
        rms_normalize(x, EPS)
            .into_data()
            .assert_approx_eq::<f32>(&expected, Tolerance::absolute(1e-6));
    }
}

#[test]
fn nan_reaches_every_output_that_depends_on_it() {
    let mut values = numbers(2 * 20, 8);
    values[23] = f32::NAN;
    let x = tensor::<2>(&values, [2, 20], DType::F32);
    let unit = || tensor::<1>(&[1.0; 20], [20], DType::F32);
    let normed = layer_norm(x.clone(), unit(), unit(), EPS);
    for y in [softmax(x.clone()), rms_normalize(x.clone(), EPS), normed] {
        let y = vector(y);
        assert!(y[..20].iter().all(|y| y.is_finite()) && y[20..].iter().all(|y| y.is_nan()));
    }
    let y = vector(gelu(x.clone()));
    assert_eq!(y.iter().position(|y| y.is_nan()), Some(23));
    let loss = vector(cross_entropy(x, labels(2, 20)));
    assert!(loss[0].is_finite() && loss[1].is_nan());
}

#[test]
fn empty_tensors_pass_through() {
    for shape in [[0, 4], [4, 0]] {
        for (_, fused, _) in UNARY {
            let (y, [dx]) = differentiate(|[x]| fused(x), [tensor(&[], shape, DType::F32)]);
            assert!(y.is_empty() && dx.is_empty());
        }
        let (y, _) = differentiate(|i| normalise(layer_norm, i), norm_inputs(shape, DType::F32));
        assert!(y.is_empty());
    }
}

#[test]
#[should_panic(expected = "target 9 is not one of 4 classes")]
fn unknown_class_is_refused() {
    let x = tensor::<2>(&[0.0; 4], [1, 4], DType::F32);
    let _ = cross_entropy(x, Tensor::from_data([9], &Device::flex().autodiff()));
}

#[test]
#[should_panic(expected = "gain and bias need d numbers")]
fn short_gain_is_refused() {
    let x = tensor::<2>(&[0.0; 4], [1, 4], DType::F32);
    let short = || tensor::<1>(&[1.0; 3], [3], DType::F32);
    let _ = layer_norm(x, short(), short(), EPS);
}
