//! The merger at the size of the study and at that of Qwen2.5-VL-3B: tokens alone, and tokens with
//! all gradients, on one thread.
//!
//! `cargo bench --workspace --profile dev --bench merger` measures what `cargo run` runs.
//! Items are visual tokens. Floating-point operations of the two linear layers are counted as
//! cycles, because divan has no counter of their own: read GHz as GFLOP/s.

use burn::tensor::{Device, Tensor};
use divan::Bencher;
use divan::counter::{CyclesCount, ItemsCount};
use projector::{Pass, PatchGrid, Projector, seeded};
use qwen_merger::{PatchMerger, PatchMergerConfig};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// Of a forward pass: each product comes once more for the gradient of its weights and once more
/// for that of its input, which the first layer passes on to the gain of the norm.
const PRODUCTS_WITH_GRADIENT: usize = 3;

fn main() {
    // As the study does: freed pages are kept, so that steps do not wait for fresh ones.
    // SAFETY: sets a global option of the allocator by its number; any value is allowed.
    #[allow(unsafe_code)]
    unsafe {
        libmimalloc_sys::mi_option_set(PURGE_DELAY, -1);
    }
    let pool = rayon::ThreadPoolBuilder::new().num_threads(1).build();
    match pool {
        Ok(pool) => {
            eprintln!("item: one visual token; GHz: GFLOP/s of the linear layers");
            pool.install(divan::main);
        }
        Err(error) => eprintln!("cannot start the thread that runs the benchmarks: {error}"),
    }
}

/// One image whose tokens stand in a single row; the merger does not look across blocks.
fn patches(config: &PatchMergerConfig, tokens: usize, device: &Device) -> PatchGrid {
    let (rows, cols) = (config.merge, config.merge * tokens);
    let mut rng = seeded::stream(1, "benchmark/patches");
    let features: Tensor<3> = seeded::normal([1, rows * cols, config.d_in], 1.0, &mut rng, device);
    PatchGrid::new(features, rows, cols, config.merge).expect("a row of whole blocks")
}

fn merger(config: &PatchMergerConfig, device: &Device) -> PatchMerger {
    let mut rng = seeded::stream(1, "benchmark/merger");
    config.init(&mut rng, device).expect("sound sizes")
}

/// Operations of one forward pass: a multiplication and an addition per weight and token.
fn operations(merger: &impl Projector, tokens: usize) -> usize {
    2 * merger.cost().multiply_adds_per_token * tokens
}

fn forward(bencher: Bencher, config: &PatchMergerConfig, tokens: usize) {
    let device = Device::flex();
    let merger = merger(config, &device);
    let patches = patches(config, tokens, &device);
    bencher
        .counter(ItemsCount::new(tokens))
        .counter(CyclesCount::new(operations(&merger, tokens)))
        .bench_local(|| merger.forward(&patches, &mut Pass::deterministic()));
}

/// Forward and backward from a gradient of ones; features stay without, as behind a frozen tower.
fn gradient(bencher: Bencher, config: &PatchMergerConfig, tokens: usize) {
    let device = Device::flex().autodiff();
    let merger = merger(config, &device);
    let patches = patches(config, tokens, &device);
    let operations = PRODUCTS_WITH_GRADIENT * operations(&merger, tokens);
    bencher
        .counter(ItemsCount::new(tokens))
        .counter(CyclesCount::new(operations))
        .bench_local(|| {
            let output = merger.forward(&patches, &mut Pass::deterministic());
            // Gradients are freed within the measured time, as in a training step.
            drop(output.embeddings.backward());
        });
}

/// Width 128 on both sides; 512 tokens are a batch of 64 images.
#[divan::bench_group(max_time = 2)]
mod study {
    use super::*;

    const CONFIG: PatchMergerConfig = PatchMergerConfig {
        d_in: 128,
        merge: 2,
        d_out: 128,
    };

    #[divan::bench(args = [512])]
    fn forward(bencher: Bencher, tokens: usize) {
        super::forward(bencher, &CONFIG, tokens);
    }

    #[divan::bench(args = [512])]
    fn gradient(bencher: Bencher, tokens: usize) {
        super::gradient(bencher, &CONFIG, tokens);
    }
}

/// Width 1280 to 2048.
#[divan::bench_group(max_time = 4)]
mod qwen2_5_vl_3b {
    use super::*;

    #[divan::bench(args = [64, 256])]
    fn forward(bencher: Bencher, tokens: usize) {
        super::forward(bencher, &PatchMergerConfig::qwen2_5_vl_3b(), tokens);
    }

    #[divan::bench(args = [64, 256])]
    fn gradient(bencher: Bencher, tokens: usize) {
        super::gradient(bencher, &PatchMergerConfig::qwen2_5_vl_3b(), tokens);
    }
}
