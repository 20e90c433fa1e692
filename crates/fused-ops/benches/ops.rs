//! Each operation with these kernels and with burn's own, forward and with its gradient, on one
//! thread.
//!
//! `cargo bench --workspace --profile dev --bench ops` measures what `cargo run` runs.

use burn::tensor::{Device, Int, Tensor, TensorData};
use divan::Bencher;
use fused_ops::{AdamWStep, Rotation, plain};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

const EPS: f64 = 1e-5;

fn main() {
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    match pool {
        Ok(pool) => pool.install(divan::main),
        Err(error) => eprintln!("cannot start the thread that runs the benchmarks: {error}"),
    }
}

fn input<const D: usize>(shape: [usize; D], device: &Device) -> Tensor<D> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let numbers: Vec<f32> = (0..shape.iter().product())
        .map(|_| rng.random_range(-4.0..4.0))
        .collect();
    Tensor::from_data(TensorData::new(numbers, shape), device)
}

/// Forward only, on a tensor that somebody else still holds.
fn forward(bencher: Bencher, shape: [usize; 2], operation: impl Fn(Tensor<2>) -> Tensor<2> + Sync) {
    let x = input(shape, &Device::flex());
    bencher
        .with_inputs(|| x.clone())
        .bench_local_values(operation);
}

/// Forward and backward from a gradient of ones.
fn gradient(
    bencher: Bencher,
    shape: [usize; 2],
    operation: impl Fn(Tensor<2>) -> Tensor<2> + Sync,
) {
    let x = input(shape, &Device::flex().autodiff());
    bencher
        .with_inputs(|| x.clone().require_grad())
        .bench_local_values(|x| operation(x).backward());
}

/// A group of four benchmarks of one operation over `$shapes`.
macro_rules! compare {
    ($group:ident, $shapes:expr, $fused:expr, $burn:expr) => {
        mod $group {
            use super::*;

            #[divan::bench(args = $shapes)]
            fn forward_fused(bencher: Bencher, shape: (usize, usize)) {
                forward(bencher, shape.into(), $fused(shape));
            }

            #[divan::bench(args = $shapes)]
            fn forward_burn(bencher: Bencher, shape: (usize, usize)) {
                forward(bencher, shape.into(), $burn(shape));
            }

            #[divan::bench(args = $shapes)]
            fn gradient_fused(bencher: Bencher, shape: (usize, usize)) {
                gradient(bencher, shape.into(), $fused(shape));
            }

            #[divan::bench(args = $shapes)]
            fn gradient_burn(bencher: Bencher, shape: (usize, usize)) {
                gradient(bencher, shape.into(), $burn(shape));
            }
        }
    };
}

/// Gain and bias as trained parameters of a layer over `d` numbers.
fn affine(d: usize) -> [Tensor<1>; 2] {
    [0, 1].map(|_| input([d], &Device::flex().autodiff()).require_grad())
}

fn labels((items, classes): (usize, usize)) -> Tensor<1, Int> {
    let labels: Vec<i64> = (0..items).map(|i| (i % classes) as i64).collect();
    Tensor::from_data(TensorData::new(labels, [items]), &Device::flex())
}

compare!(
    gelu,
    [(512, 1024), (2048, 384)],
    |_| |x| fused_ops::gelu(x),
    |_| |x| plain::gelu(x)
);
compare!(
    softmax,
    [(8192, 32), (8192, 64), (256, 16384)],
    |_| |x| fused_ops::softmax(x),
    |_| |x| plain::softmax(x)
);
compare!(
    rms_normalize,
    [(2048, 128)],
    |_| |x| fused_ops::rms_normalize(x, EPS),
    |_| |x| plain::rms_normalize(x, EPS)
);
compare!(
    layer_norm,
    [(2048, 128)],
    |(_, d)| {
        let [gain, bias] = affine(d);
        move |x| fused_ops::layer_norm(x, gain.clone(), bias.clone(), EPS)
    },
    |(_, d)| {
        let [gain, bias] = affine(d);
        move |x| plain::layer_norm(x, gain.clone(), bias.clone(), EPS)
    }
);
compare!(
    cross_entropy,
    [(2048, 64), (256, 1024)],
    |shape| {
        let labels = labels(shape);
        move |x| fused_ops::cross_entropy(x, labels.clone()).unsqueeze_dim(1)
    },
    |shape| {
        let labels = labels(shape);
        move |x| plain::cross_entropy(x, labels.clone()).unsqueeze_dim(1)
    }
);

/// Weight and bias of a layer with three times as many outputs as inputs.
fn layer(d: usize) -> (Tensor<2>, Tensor<1>) {
    let device = Device::flex().autodiff();
    let weight = input([d, 3 * d], &device).require_grad();
    (weight, input([3 * d], &device).require_grad())
}

compare!(
    linear,
    [(2048, 128), (512, 512)],
    |(_, d)| {
        let (weight, bias) = layer(d);
        move |x| fused_ops::linear(x, weight.clone(), Some(bias.clone()))
    },
    |(_, d)| {
        let (weight, bias) = layer(d);
        move |x| plain::linear(x, weight.clone(), Some(bias.clone()))
    }
);

const HEADS: usize = 4;

/// Packed queries, keys and values of images of 64 patches.
fn images(x: Tensor<2>) -> Tensor<3> {
    let [rows, width] = x.dims();
    x.reshape([rows / 64, 64, width])
}

fn rotation(width: usize) -> Rotation {
    let [cos, signed_sin] =
        [0, 1].map(|_| input([64, width / (3 * HEADS)], &Device::flex().autodiff()));
    Rotation { cos, signed_sin }
}

// The small ViT: 32 images, 4 heads of 32.
compare!(
    attention,
    [(2048, 384)],
    |(_, width)| {
        let rotation = rotation(width);
        move |x| fused_ops::attention(images(x), Some(&rotation), HEADS).flatten(0, 1)
    },
    |(_, width)| {
        let rotation = rotation(width);
        move |x| plain::attention(images(x), Some(&rotation), HEADS).flatten(0, 1)
    }
);

mod nearest {
    use super::*;
    use burn::tensor::Int;

    type Search = fn(Tensor<2>, Tensor<2>) -> Tensor<1, Int>;

    fn search(bencher: Bencher, (points, rows): (usize, usize), operation: Search) {
        let device = Device::flex();
        let (points, rows) = (input([points, 16], &device), input([rows, 16], &device));
        bencher.bench_local(|| operation(points.clone(), rows.clone()));
    }

    #[divan::bench(args = [(512, 1024), (512, 65_536)])]
    fn nearest_fused(bencher: Bencher, sizes: (usize, usize)) {
        search(bencher, sizes, fused_ops::nearest);
    }

    #[divan::bench(args = [(512, 1024), (512, 65_536)])]
    fn nearest_burn(bencher: Bencher, sizes: (usize, usize)) {
        search(bencher, sizes, |points, rows| {
            let half_norms = rows.clone().square().sum_dim(1).mul_scalar(0.5);
            plain::nearest(points, rows, half_norms)
        });
    }
}

mod adamw {
    use super::*;

    type Step = fn(Tensor<2>, [Tensor<2>; 2], Tensor<2>, &AdamWStep) -> (Tensor<2>, [Tensor<2>; 2]);

    fn steps(bencher: Bencher, shape: [usize; 2], operation: Step) {
        let device = Device::flex();
        let numbers = AdamWStep {
            learning_rate: 1e-9,
            beta_1: 0.9,
            beta_2: 0.98,
            epsilon: 1e-8,
            weight_decay: 0.05,
            clip_norm: 1.0,
            time: 10,
        };
        let gradient = input(shape, &device);
        // Nobody else holds weights and moments, as in training.
        let mut state = Some((
            input(shape, &device),
            [0; 2].map(|_| input(shape, &device).abs()),
        ));
        bencher.bench_local(|| {
            let (weights, moments) = state.take()?;
            state = Some(operation(weights, moments, gradient.clone(), &numbers));
            Some(())
        });
    }

    #[divan::bench(args = [(384, 128), (1024, 1024)])]
    fn step_fused(bencher: Bencher, shape: (usize, usize)) {
        steps(bencher, shape.into(), fused_ops::adamw);
    }

    #[divan::bench(args = [(384, 128), (1024, 1024)])]
    fn step_burn(bencher: Bencher, shape: (usize, usize)) {
        steps(bencher, shape.into(), plain::adamw);
    }
}
