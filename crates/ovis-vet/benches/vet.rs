//! The visual embedding table at the size of the study, from 256 to 4,096 words and with three
//! tokenize functions, and at that of Ovis2.5-2B, on one thread.
//!
//! `cargo bench --workspace --profile dev --bench vet` measures what `cargo run` runs.
//! Items are visual tokens. Floating-point operations of head and table are counted as cycles,
//! because divan has no counter of their own: read GHz as GFLOP/s. LayerNorm, softmax, the search
//! for the best word and Gumbel noise take time but count no operations.

use burn::tensor::{Device, Tensor};
use divan::Bencher;
use divan::counter::{CyclesCount, ItemsCount};
use ovis_vet::{Tau, Tokenize, Vet, VetConfig};
use projector::{Pass, PatchGrid, Projector, seeded};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// `mi_option_purge_delay`, which the bindings do not name.
const PURGE_DELAY: libmimalloc_sys::mi_option_t = 15;

/// A batch of 64 images of the study.
const TOKENS: usize = 512;

/// Rows of the table `K`, indicator rows included.
const VOCABULARIES: [usize; 3] = [256, 1024, 4096];

/// Rows kept for image boundaries, as in Ovis2.5.
const INDICATORS: usize = 4;

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
            eprintln!("item: one visual token; GHz: GFLOP/s of head and table");
            pool.install(divan::main);
        }
        Err(error) => eprintln!("cannot start the thread that runs the benchmarks: {error}"),
    }
}

fn study(vocabulary: usize, tokenize: Tokenize) -> VetConfig {
    VetConfig {
        tokenize,
        ..VetConfig::new(128, 2, vocabulary, INDICATORS, 128)
    }
}

fn table(config: &VetConfig, device: &Device) -> Vet {
    let mut rng = seeded::stream(1, "benchmark/table");
    config
        .init(&mut rng, device)
        .expect("the sizes in this file")
}

/// One image whose tokens stand in a single row; a table does not look across blocks.
fn patches(config: &VetConfig, tokens: usize, device: &Device) -> PatchGrid {
    let (rows, cols) = (config.merge, config.merge * tokens);
    let mut rng = seeded::stream(1, "benchmark/patches");
    let features: Tensor<3> = seeded::normal([1, rows * cols, config.d_in], 1.0, &mut rng, device);
    PatchGrid::new(features, rows, cols, config.merge).expect("a row of whole blocks")
}

/// Tokens alone, sampled where the function samples.
fn forward(bencher: Bencher, config: &VetConfig, tokens: usize) {
    let device = Device::flex();
    let vet = table(config, &device);
    let patches = patches(config, tokens, &device);
    let mut noise = seeded::stream(1, "benchmark/noise");
    bencher
        .counter(ItemsCount::new(tokens))
        .counter(CyclesCount::new(
            2 * vet.cost().multiply_adds_per_token * tokens,
        ))
        .bench_local(|| {
            let mut pass = Pass {
                progress: 0.5,
                noise: Some(&mut noise),
                distribution: true,
                words: None,
            };
            vet.forward(&patches, &mut pass)
        });
}

/// Forward and backward from a gradient of ones; features stay without, as behind a frozen tower.
fn gradient(bencher: Bencher, config: &VetConfig, tokens: usize) {
    let device = Device::flex().autodiff();
    let vet = table(config, &device);
    let patches = patches(config, tokens, &device);
    let mut noise = seeded::stream(1, "benchmark/noise");
    let [d_block, words] = vet.head.weight.dims();
    // The head's product comes once more, for its weights. A soft token's comes twice more, for
    // table and words; a hard token's table gets its gradient from the row that was looked up.
    let mixtures = if config.tokenize.is_hard() { 2 } else { 3 };
    let products = 2 * d_block * words + mixtures * words * vet.d_out();
    bencher
        .counter(ItemsCount::new(tokens))
        .counter(CyclesCount::new(2 * products * tokens))
        .bench_local(|| {
            let mut pass = Pass {
                progress: 0.5,
                noise: Some(&mut noise),
                distribution: true,
                words: None,
            };
            let output = vet.forward(&patches, &mut pass);
            // Gradients are freed within the measured time, as in a training step.
            drop(output.embeddings.backward());
        });
}

/// A group for one tokenize function at the size of the study.
macro_rules! tokenize {
    ($group:ident, $tokenize:expr) => {
        #[divan::bench_group(max_time = 2)]
        mod $group {
            use super::*;

            #[divan::bench(args = VOCABULARIES)]
            fn forward(bencher: Bencher, vocabulary: usize) {
                super::forward(bencher, &study(vocabulary, $tokenize), TOKENS);
            }

            #[divan::bench(args = VOCABULARIES)]
            fn gradient(bencher: Bencher, vocabulary: usize) {
                super::gradient(bencher, &study(vocabulary, $tokenize), TOKENS);
            }
        }
    };
}

tokenize!(softmax, Tokenize::Softmax);
tokenize!(st_argmax, Tokenize::StArgmax);
tokenize!(
    gumbel,
    Tokenize::GumbelArgmax {
        tau: Tau::Fixed(1.0)
    }
);

/// 65,536 rows, width 1152 to 2048: 1.7 GB of weights.
#[divan::bench(args = [16], max_time = 4)]
fn ovis2_5_2b_forward(bencher: Bencher, tokens: usize) {
    forward(bencher, &VetConfig::ovis2_5_2b(), tokens);
}
