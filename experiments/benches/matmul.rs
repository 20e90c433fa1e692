//! The ceiling of everything else: one matrix product of burn's default backend, on one thread and
//! on all.
//!
//! `cargo bench --workspace --profile dev --bench matmul` measures what `cargo run` runs.
//! Floating-point operations are counted as cycles, because divan has no counter of their own:
//! read GHz as GFLOP/s.

use burn::tensor::{Device, Tensor};
use divan::Bencher;
use divan::counter::CyclesCount;
use projector::seeded;
use rayon::ThreadPoolBuilder;

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `(m, k, n)` of `[m, k] x [k, n]`: an MLP layer, and the head of a VET of 16,384 words.
const SHAPES: [(usize, usize, usize); 2] = [(512, 1024, 1024), (256, 1152, 16_384)];

fn main() {
    run_support::memory::keep_pages();
    eprintln!(
        "GHz: GFLOP/s; all threads: {}",
        rayon::current_num_threads()
    );
    divan::main();
}

/// A product on `threads` threads; 0 stands for all that the machine has.
fn product(bencher: Bencher, (m, k, n): (usize, usize, usize), threads: usize) {
    let pool = match ThreadPoolBuilder::new().num_threads(threads).build() {
        Ok(pool) => pool,
        Err(error) => {
            eprintln!("cannot start the threads that run the product: {error}");
            return;
        }
    };
    let device = Device::flex();
    let mut rng = seeded::stream(1, "benchmark/matmul");
    let left: Tensor<2> = seeded::normal([m, k], 1.0, &mut rng, &device);
    let right: Tensor<2> = seeded::normal([k, n], 1.0, &mut rng, &device);
    bencher
        .counter(CyclesCount::new(2 * m * k * n))
        .bench_local(|| pool.install(|| left.clone().matmul(right.clone())));
}

#[divan::bench(args = SHAPES, max_time = 3)]
fn one_thread(bencher: Bencher, shape: (usize, usize, usize)) {
    product(bencher, shape, 1);
}

#[divan::bench(args = SHAPES, max_time = 3)]
fn all_threads(bencher: Bencher, shape: (usize, usize, usize)) {
    product(bencher, shape, 0);
}
