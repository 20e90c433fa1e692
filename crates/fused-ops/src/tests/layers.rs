//! Linear layers, attention and the optimiser's step against their plain twins.

use burn::tensor::{DType, Device, Tensor};

use super::*;
use crate::buffer::TRANSFORMED;
use crate::{AdamWStep, Mask, Rotation, adamw, attention, linear, masked_attention, plain};

/// Rows, inputs and outputs of linear layers.
const LAYERS: [[usize; 3]; 6] = [
    [1, 1, 1],
    [7, 3, 5],
    [5, 130, 17],
    [130, 16, 33],
    [300, 128, 384],
    [2048, 64, 96],
];

/// Images, patches, heads and width of a head.
const HEADS: [[usize; 4]; 6] = [
    [1, 1, 1, 2],
    [2, 5, 1, 4],
    [3, 17, 2, 6],
    [2, 64, 4, 32],
    [1, 100, 3, 20],
    [40, 16, 2, 8],
];

fn layer_inputs([rows, d_in, d_out]: [usize; 3], dtype: DType) -> [Tensor<2>; 3] {
    [
        tensor(&numbers(rows * d_in, 1), [rows, d_in], dtype),
        tensor(&numbers(d_in * d_out, 2), [d_in, d_out], dtype),
        tensor(&numbers(d_out, 3), [1, d_out], dtype),
    ]
}

fn packed_inputs([images, patches, heads, d_head]: [usize; 4], dtype: DType) -> [Tensor<2>; 1] {
    let size = [images * patches, 3 * heads * d_head];
    [tensor(&numbers(size[0] * size[1], 1), size, dtype)]
}

fn rotation([_, patches, _, d_head]: [usize; 4], dtype: DType) -> Rotation {
    let angles = numbers(patches * d_head, 4);
    let size = [patches, d_head];
    let of = |function: fn(f32) -> f32| {
        let values: Vec<f32> = angles.iter().map(|&x| function(x)).collect();
        tensor(&values, size, dtype)
    };
    Rotation {
        cos: of(f32::cos),
        signed_sin: of(f32::sin),
    }
}

type Attention = fn(Tensor<3>, Option<&Rotation>, usize) -> Tensor<3>;

fn attend(
    operation: impl Fn(Tensor<3>, Option<&Rotation>, usize) -> Tensor<3>,
    packed: Tensor<2>,
    rotation: Option<&Rotation>,
    [images, patches, heads, d_head]: [usize; 4],
) -> Tensor<2> {
    let packed = packed.reshape([images, patches, 3 * heads * d_head]);
    operation(packed, rotation, heads).reshape([images * patches, heads * d_head])
}

#[test]
fn linear_layers_agree_with_their_plain_twin() {
    for size in LAYERS {
        let fused = differentiate(
            |[x, w, b]| linear(x, w, Some(b.squeeze_dim(0))),
            layer_inputs(size, DType::F32),
        );
        let plain = differentiate(
            |[x, w, b]| plain::linear(x, w, Some(b.squeeze_dim(0))),
            layer_inputs(size, DType::F64),
        );
        assert_close("linear", &fused.0, &plain.0, 1e-6);
        for (name, (found, expected)) in ["dx", "dweight", "dbias"]
            .iter()
            .zip(fused.1.iter().zip(&plain.1))
        {
            assert_close(name, found, expected, 1e-5);
        }
    }
}

#[test]
fn linear_layers_without_bias_and_over_several_axes_agree_with_their_plain_twin() {
    let over_axes = |operation: fn(Tensor<3>, Tensor<2>, Option<Tensor<1>>) -> Tensor<3>| {
        move |[x, weight]: [Tensor<2>; 2]| {
            operation(x.reshape([2, 3, 7]), weight, None).reshape([6, 5])
        }
    };
    let inputs = |dtype| {
        let [x, weight, _] = layer_inputs([6, 7, 5], dtype);
        [x, weight]
    };
    let fused = differentiate(over_axes(linear), inputs(DType::F32));
    let plain = differentiate(over_axes(plain::linear), inputs(DType::F64));
    assert_close("linear", &fused.0, &plain.0, 1e-6);
    for (found, expected) in fused.1.iter().zip(&plain.1) {
        assert_close("gradient", found, expected, 1e-5);
    }
}

#[test]
fn attention_agrees_with_its_plain_twin_with_and_without_rotation() {
    for size in HEADS {
        for rotated in [false, true] {
            let run = |operation: Attention, dtype| {
                let angles = rotated.then(|| rotation(size, dtype));
                differentiate(
                    |[packed]| attend(operation, packed, angles.as_ref(), size),
                    packed_inputs(size, dtype),
                )
            };
            let (y, [dx]) = run(attention, DType::F32);
            let (y_plain, [dx_plain]) = run(plain::attention, DType::F64);
            let name = format!("attention {size:?}, rotated: {rotated}");
            assert_close(&name, &y, &y_plain, 1e-5);
            assert_close(&name, &dx, &dx_plain, 1e-5);
        }
    }
}

#[test]
fn masked_attention_agrees_with_its_plain_twin() {
    for size in HEADS {
        let prefix = size[1] / 2;
        for mask in [Mask::Causal, Mask::PrefixAndSelf { prefix }] {
            let run = |dtype, fused: bool| {
                differentiate(
                    |[packed]| {
                        let operation = |packed, rotation: Option<&Rotation>, heads| match fused {
                            true => masked_attention(packed, rotation, mask, heads),
                            false => plain::masked_attention(packed, rotation, mask, heads),
                        };
                        attend(operation, packed, None, size)
                    },
                    packed_inputs(size, dtype),
                )
            };
            let (y, [dx]) = run(DType::F32, true);
            let (y_plain, [dx_plain]) = run(DType::F64, false);
            let name = format!("attention {size:?}, {mask:?}");
            assert_close(&name, &y, &y_plain, 1e-5);
            assert_close(&name, &dx, &dx_plain, 1e-5);
        }
    }
}

#[test]
fn a_token_does_not_depend_on_those_it_does_not_see() {
    let size @ [_, tokens, heads, d_head] = [1, 6, 2, 4];
    let [packed] = packed_inputs(size, DType::F32);
    let packed = packed.reshape([1, tokens, 3 * heads * d_head]);
    let rows = |packed: Tensor<3>, mask| -> Vec<f32> {
        let attended = masked_attention(packed, None, mask, heads);
        attended.into_data().iter::<f32>().collect()
    };
    for mask in [Mask::Causal, Mask::PrefixAndSelf { prefix: 2 }] {
        let before = rows(packed.clone(), mask);
        for key in 0..tokens {
            let changed = packed.clone().slice_dim(1, key..key + 1).add_scalar(1.0);
            let changed = packed
                .clone()
                .slice_assign([0..1, key..key + 1, 0..24], changed);
            let after = rows(changed, mask);
            let width = heads * d_head;
            for query in 0..tokens {
                let row = query * width..(query + 1) * width;
                let same = before[row.clone()] == after[row];
                assert_eq!(same, !mask.sees(query, key), "{mask:?} {query} {key}");
            }
        }
    }
}

#[test]
fn attention_with_extreme_scores_stays_finite() {
    let size = [1, 20, 2, 16];
    let [packed] = packed_inputs(size, DType::F32);
    let (y, [dx]) = differentiate(
        |[packed]| attend(attention, packed, None, size),
        [packed * 100.0],
    );
    assert!(y.iter().chain(&dx).all(|x| x.is_finite()));
}

#[test]
fn steps_of_adamw_agree_with_their_plain_twin() {
    for clip_norm in [0.5, 1e9] {
        let run = |dtype| {
            let device = Device::flex();
            let at = |seed| tensor::<2>(&numbers(7 * 30, seed), [7, 30], dtype).inner();
            let zeros = || Tensor::<2>::zeros([7, 30], (&device, dtype));
            let (mut weights, mut moments) = (at(1), [zeros(), zeros()]);
            for time in 1..=4 {
                let step = AdamWStep {
                    learning_rate: 0.01,
                    beta_1: 0.9,
                    beta_2: 0.98,
                    epsilon: 1e-8,
                    weight_decay: 0.05,
                    clip_norm,
                    time,
                };
                (weights, moments) = adamw(weights, moments, at(time as u64 + 1), &step);
            }
            let [moment_1, moment_2] = moments;
            [weights, moment_1, moment_2].map(vector)
        };
        let before = TRANSFORMED.get();
        for (found, expected) in run(DType::F32).iter().zip(&run(DType::F64)) {
            assert_close("adamw", found, expected, 1e-6);
        }
        assert_eq!(TRANSFORMED.get() - before, 4, "kernels for f32 only");
    }
}

#[test]
fn a_step_of_adamw_leaves_tensors_alone_that_somebody_else_holds() {
    let at = |seed| tensor::<1>(&numbers(40, seed), [40], DType::F32).inner();
    let (weights, moments, gradient) = (at(1), [at(2), at(2).abs()], at(4));
    let held = (weights.clone(), moments.clone(), gradient.clone());
    let step = AdamWStep {
        learning_rate: 0.1,
        beta_1: 0.9,
        beta_2: 0.98,
        epsilon: 1e-8,
        weight_decay: 0.0,
        clip_norm: 1.0,
        time: 1,
    };
    let (moved, _) = adamw(weights, moments, gradient, &step);
    assert_ne!(vector(moved), vector(at(1)));
    assert_eq!(vector(held.0), vector(at(1)));
    let [moment_1, moment_2] = held.1;
    assert_eq!(vector(moment_1), vector(at(2)));
    assert_eq!(vector(moment_2), vector(at(2).abs()));
    assert_eq!(vector(held.2), vector(at(4)));
}

#[test]
fn layers_take_the_kernels_for_f32_and_not_for_f64() {
    let size = [2, 5, 1, 4];
    let kernels_run = |dtype| {
        let before = TRANSFORMED.get();
        differentiate(
            |[x, w, b]| linear(x, w, Some(b.squeeze_dim(0))),
            layer_inputs([3, 4, 5], dtype),
        );
        differentiate(
            |[packed]| attend(attention, packed, None, size),
            packed_inputs(size, dtype),
        );
        TRANSFORMED.get() - before
    };
    // Linear: output, input and weight. Attention: output and input.
    assert_eq!(kernels_run(DType::F32), 5);
    assert_eq!(kernels_run(DType::F64), 0);
}

#[test]
fn layers_do_not_depend_on_the_number_of_threads() {
    let size = [40, 64, 2, 16];
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let angles = rotation(size, DType::F32);
            let attended = differentiate(
                |[packed]| attend(attention, packed, Some(&angles), size),
                packed_inputs(size, DType::F32),
            );
            let mapped = differentiate(
                |[x, w, b]| linear(x, w, Some(b.squeeze_dim(0))),
                layer_inputs([2000, 128, 200], DType::F32),
            );
            (attended, mapped)
        })
    };
    assert!(run(1) == run(3));
}

#[test]
fn a_frozen_weight_or_input_gets_no_gradient_and_does_not_disturb_the_others() {
    let [x, weight, bias] = layer_inputs([5, 6, 7], DType::F32);
    let bias = bias.squeeze_dim::<1>(0);
    for frozen_input in [false, true] {
        let run = |operation: fn(Tensor<2>, Tensor<2>, Option<Tensor<1>>) -> Tensor<2>| {
            let (x, weight) = if frozen_input {
                (x.clone(), weight.clone().require_grad())
            } else {
                (x.clone().require_grad(), weight.clone())
            };
            let y = operation(x.clone(), weight.clone(), Some(bias.clone()));
            let gradients = y.square().sum().backward();
            [x.grad(&gradients), weight.grad(&gradients)].map(|g| g.map(vector))
        };
        let (found, expected) = (run(linear), run(plain::linear));
        assert_eq!(
            [found[0].is_none(), found[1].is_none()],
            [frozen_input, !frozen_input]
        );
        for (found, expected) in found.iter().flatten().zip(expected.iter().flatten()) {
            assert_close("gradient", found, expected, 1e-5);
        }
    }
}

#[test]
fn transposed_inputs_of_layers_give_the_values_of_copies() {
    let x = tensor::<2>(&numbers(40 * 30, 5), [40, 30], DType::F32);
    let weight = tensor::<2>(&numbers(40 * 8, 6), [8, 40], DType::F32).transpose();
    let copy = |x: Tensor<2>| {
        let values: Vec<f32> = x.clone().into_data().try_to_vec().unwrap();
        tensor::<2>(&values, x.dims(), DType::F32)
    };
    let views = linear(x.clone().transpose(), weight.clone(), None);
    let copies = linear(copy(x.transpose()), copy(weight), None);
    assert_eq!(vector(views), vector(copies));
}

#[test]
fn layers_without_rows_or_inputs_have_the_bias_for_an_output() {
    let bias = || tensor::<1>(&[1.0, 2.0], [2], DType::F32);
    let empty = |size| tensor::<2>(&[], size, DType::F32);
    assert!(
        vector(linear(
            empty([0, 3]),
            tensor(&[0.0; 6], [3, 2], DType::F32),
            Some(bias())
        ))
        .is_empty()
    );
    assert_eq!(
        vector(linear(empty([2, 0]), empty([0, 2]), Some(bias()))),
        [1.0, 2.0, 1.0, 2.0]
    );
    assert_eq!(vector(linear(empty([2, 0]), empty([0, 2]), None)), [0.0; 4]);
    for size in [[0, 3, 2], [2, 0, 2], [2, 3, 0]] {
        let (_, gradients) = differentiate(
            |[x, w, b]| linear(x, w, Some(b.squeeze_dim(0))),
            layer_inputs(size, DType::F32),
        );
        assert_eq!(
            gradients.map(|g| g.len()),
            [size[0] * size[1], size[1] * size[2], size[2]]
        );
    }
}

#[test]
#[should_panic(expected = "does not divide into queries, keys and values of 2 heads")]
fn a_packed_width_that_does_not_divide_is_refused() {
    let _ = attention(Tensor::zeros([1, 2, 9], &Device::flex()), None, 2);
}

#[test]
#[should_panic(expected = "the bias needs as many numbers as the weight has columns")]
fn a_short_bias_is_refused() {
    let device = Device::flex();
    let weight = Tensor::zeros([3, 4], &device);
    let _ = linear(
        Tensor::<2>::zeros([2, 3], &device),
        weight,
        Some(Tensor::zeros([3], &device)),
    );
}
