//! Which tensors take the kernels, on which threads, in which buffers, with which gradients.

use burn::tensor::{DType, Device, GradientCheckpointingStrategy, Tensor, TensorData};
use burn_flex::FlexTensor;

use super::*;
use crate::buffer::TRANSFORMED;
use crate::{cross_entropy, flex, gelu, layer_norm, plain, rms_normalize, softmax};

#[test]
fn flex_f32_tensors_take_the_kernels_and_f64_tensors_do_not() {
    let kernels_run = |dtype| {
        let before = TRANSFORMED.get();
        for (_, fused, _) in UNARY {
            differentiate(|[x]| fused(x), [tensor(&numbers(12, 1), [3, 4], dtype)]);
        }
        differentiate(|i| normalise(layer_norm, i), norm_inputs([3, 4], dtype));
        differentiate(
            |[x]| cross_entropy(x, labels(3, 4)).unsqueeze_dim(1),
            [tensor(&numbers(12, 1), [3, 4], dtype)],
        );
        TRANSFORMED.get() - before
    };
    // Five operations, forward and backward.
    assert_eq!(kernels_run(DType::F32), 10);
    assert_eq!(kernels_run(DType::F64), 0);
}

#[test]
fn inference_without_gradients_takes_the_kernels() {
    let before = TRANSFORMED.get();
    let x = tensor::<2>(&numbers(12, 1), [3, 4], DType::F32).inner();
    let y = gelu(x.clone());
    assert_eq!(TRANSFORMED.get() - before, 1);
    assert_close("gelu", &vector(y), &vector(plain::gelu(x)), 1e-6);
}

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let size = [300, 1000];
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        pool.install(|| {
            let x = norm_inputs(size, DType::F32);
            let norm = differentiate(|i| normalise(layer_norm, i), norm_inputs(size, DType::F32));
            let entropy = differentiate(
                |[x]| cross_entropy(x, labels(300, 1000)).unsqueeze_dim(1),
                [x[0].clone()],
            );
            let unary = UNARY.map(|(_, fused, _)| differentiate(|[x]| fused(x), [x[0].clone()]));
            (norm, entropy, unary)
        })
    };
    assert!(run(1) == run(3));
}

#[test]
fn frozen_parameters_get_no_gradient_and_do_not_disturb_the_others() {
    let [x, gain, bias] = norm_inputs([5, 6], DType::F32);
    let x = x.require_grad();
    let inputs = [x.clone(), gain.clone(), bias];
    let gradients = normalise(layer_norm, inputs.clone())
        .powi_scalar(2)
        .sum()
        .backward();
    assert!(gain.grad(&gradients).is_none());
    let found = vector(x.grad(&gradients).unwrap());
    let gradients = normalise(plain::layer_norm, inputs)
        .powi_scalar(2)
        .sum()
        .backward();
    assert_close("dx", &found, &vector(x.grad(&gradients).unwrap()), 1e-5);
}

#[test]
fn a_buffer_is_reused_only_where_nobody_else_holds_it() {
    let address = |tensor: &FlexTensor| tensor.as_slice::<f32>().unwrap().as_ptr();
    let fresh = || FlexTensor::from_data(TensorData::new(numbers(12, 1), [3, 4]));

    let alone = fresh();
    let before = address(&alone);
    assert_eq!(address(&flex::softmax(alone)), before);

    let shared = fresh();
    let result = flex::softmax(shared.clone());
    assert_ne!(address(&result), address(&shared));
    assert_eq!(shared.as_slice::<f32>().unwrap(), numbers(12, 1));
}

#[test]
fn gradients_survive_checkpointing() {
    let gradient = |strategy| {
        let device = Device::flex().autodiff();
        let data = TensorData::new(numbers(12, 1), [3, 4]);
        let x = Tensor::<2>::from_data(data, &device)
            .with_gradient_checkpointing_strategy(strategy)
            .require_grad();
        // Operations that checkpointing recomputes, before and after the kernels.
        let y = rms_normalize(softmax(gelu(x.clone().mul_scalar(0.5).tanh())).tanh(), EPS).tanh();
        vector(x.grad(&y.square().sum().backward()).unwrap())
    };
    let kept = gradient(GradientCheckpointingStrategy::Disabled);
    assert!(
        kept.iter().all(|slope| slope.is_finite() && *slope != 0.0),
        "{kept:?}"
    );
    assert_eq!(gradient(GradientCheckpointingStrategy::Balanced), kept);
}
