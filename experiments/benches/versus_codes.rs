//! The nearest words of a codebook, and the k-means that it starts from, as JSON lines; the twin of
//! `benchmarks/pytorch/codes.py`.
//!
//! `cargo bench --workspace --profile dev --bench versus_codes -- --threads 2`

mod versus;

use anyhow::Result;
use burn::tensor::{Device, Tensor};
use projector::k_means::{distortion, k_means};
use projector::seeded;
use versus::{measure, report_with};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Tokens of a training batch.
const TOKENS: usize = 512;
/// Words and their width: the codes of `vq`, and of an arm without a narrow space for them.
const CODEBOOKS: [(usize, usize); 3] = [(1024, 16), (65_536, 16), (65_536, 128)];
/// Points, their width, and centres.
const CLUSTERED: [usize; 3] = [131_072, 64, 4096];
const SMALL: [usize; 3] = [4096, 16, 64];

fn main() -> Result<()> {
    run_support::memory::keep_pages();
    let threads = versus::threads()?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let quick = std::env::args().any(|argument| argument == "--quick");
    pool.install(|| {
        nearest(threads);
        clustered(threads, if quick { SMALL } else { CLUSTERED });
    });
    Ok(())
}

/// Rows of which each number has less variance than the one before, as features have.
fn points(rows: usize, d: usize, stream: &str) -> Tensor<2> {
    let device = Device::flex();
    let scales: Vec<f32> = (0..d).map(|i| (1.0 + i as f32).powf(-0.5)).collect();
    let scales = Tensor::<1>::from_floats(scales.as_slice(), &device);
    let mut rng = seeded::stream(1, stream);
    seeded::normal([rows, d], 1.0, &mut rng, &device) * scales.unsqueeze()
}

fn nearest(threads: usize) {
    for (words, d) in CODEBOOKS {
        let tokens = points(TOKENS, d, "benchmark/tokens");
        let codes = points(words, d, "benchmark/codes");
        let timing = measure(|| fused_ops::nearest(tokens.clone(), codes.clone()));
        // One measurement, which two baselines are set against.
        for baseline in ["", ", faiss"] {
            report_with(
                &format!("nearest of width {d}{baseline}"),
                threads,
                timing,
                Some((2 * TOKENS * words * d) as f64),
                serde_json::json!({"tokens": TOKENS, "words": words}),
            );
        }
    }
}

fn clustered(threads: usize, [count, d, words]: [usize; 3]) {
    let points: Vec<f32> = points(count, d, "benchmark/points")
        .into_data()
        .iter()
        .collect();
    let mut centres = Vec::new();
    let timing = measure(|| {
        let rng = &mut seeded::stream(1, "benchmark/k-means");
        centres = k_means(&points, d, words, rng, &Device::flex());
    });
    let lost = distortion(&points, &centres, d, &Device::flex());
    report_with(
        &format!("k-means of width {d}, faiss"),
        threads,
        timing,
        None,
        serde_json::json!({"tokens": count, "words": words, "distortion": lost}),
    );
}
