//! Matrix products and elementwise operations as JSON lines; the twin of
//! `benchmarks/pytorch/matmul.py`.
//!
//! `cargo bench --workspace --profile dev --bench versus_matmul -- --threads 2`

mod versus;

use burn::tensor::{Device, Tensor};
use projector::seeded;
use versus::{measure, report};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `(m, k, n)` of `[m, k] x [k, n]`: an MLP layer, the head of a table of 16,384 words, and a
/// product large enough to show what the machine can do.
const PRODUCTS: [(usize, usize, usize); 3] =
    [(512, 1024, 1024), (256, 1152, 16_384), (512, 4608, 16_384)];

fn main() -> anyhow::Result<()> {
    run_support::memory::keep_pages();
    let threads = versus::threads()?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    pool.install(|| {
        products(threads);
        elementwise(threads);
    });
    Ok(())
}

fn normal<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    let mut rng = seeded::stream(1, "benchmark/versus");
    seeded::normal(shape, 1.0, &mut rng, &Device::flex())
}

fn products(threads: usize) {
    for (m, k, n) in PRODUCTS {
        let (left, right) = (normal([m, k]), normal([k, n]));
        let timing = measure(|| left.clone().matmul(right.clone()));
        let flop = (2 * m * k * n) as f64;
        report(&format!("matmul {m}x{k}x{n}"), threads, timing, Some(flop));
    }
}

fn elementwise(threads: usize) {
    let x = normal([256, 16_384]);
    let timing = measure(|| fused_ops::softmax(x.clone()));
    report("softmax 256x16384", threads, timing, None);

    let x = normal([2048, 384]);
    let timing = measure(|| fused_ops::gelu(x.clone()));
    report("gelu 2048x384", threads, timing, None);

    let x = normal([2048, 128]);
    let (gain, bias): (Tensor<1>, Tensor<1>) = (
        Tensor::ones([128], &Device::flex()),
        Tensor::zeros([128], &Device::flex()),
    );
    let timing = measure(|| fused_ops::layer_norm(x.clone(), gain.clone(), bias.clone(), 1e-5));
    report("layer_norm 2048x128", threads, timing, None);
}
