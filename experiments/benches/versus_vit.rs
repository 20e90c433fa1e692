//! One training step of the small ViT, against eager PyTorch: the twin of
//! benchmarks/pytorch/vit_step.py.
//!
//! Both sides train the tower with a linear classifier on every patch, from the same weights and on
//! the same numbers: forward, cross-entropy, gradients, clipping, AdamW. They print the loss after
//! the first steps, which must agree, and the median time of a step as a JSON line.
//!
//! `cargo bench --workspace --profile dev --bench versus_vit -- --threads 2`. Every thread is a lane
//! with its share of the batch, as in pre-training. Without `--threads`, one and two are measured.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use burn::module::{Module, ModuleMapper, Param};
use burn::nn::Linear;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Int, Tensor, TensorData};
use probe::optimize::{OptimizerConfig, sum_gradients};
use projector::{PatchGrid, linear, seeded};
use run_support::lanes::Lanes;
use vision_backbone::{SmallVit, SmallVitConfig};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const BATCH: usize = 32;
const SIDE: usize = 8;
const PATCHES: usize = SIDE * SIDE;
const PIXELS: usize = 64;
const CLASSES: usize = 94;
const RATE: f64 = 1e-3;
/// Small enough that every measured step computes the same.
const MEASURED_RATE: f64 = 1e-9;
const CHECKED_STEPS: usize = 10;

fn main() {
    run_support::memory::keep_pages();
    if let Err(error) = run() {
        eprintln!("{error:#}");
        std::process::exit(1);
    }
}

fn run() -> Result<()> {
    let (mut threads, mut seconds) = (vec![1, 2], 6.0);
    let mut arguments = std::env::args().skip(1);
    while let Some(argument) = arguments.next() {
        let mut number = |what: &str| -> Result<f64> {
            let value = arguments
                .next()
                .with_context(|| format!("{what} needs a number"))?;
            value
                .parse()
                .with_context(|| format!("{what}: `{value}` is not a number"))
        };
        match argument.as_str() {
            "--threads" => threads = vec![number("--threads")?.max(1.0) as usize],
            "--seconds" => seconds = number("--seconds")?,
            // What cargo passes to every benchmark.
            "--bench" => {}
            other => anyhow::bail!("unknown argument `{other}`; there are --threads and --seconds"),
        }
    }
    for threads in threads {
        // What runs between the shards must have no more threads than the lanes.
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()?;
        let lanes = Lanes::open(threads)?;
        println!("{}", pool.install(|| measure(&lanes, seconds))?);
    }
    Ok(())
}

/// Tower, final norm, and a class for every patch.
#[derive(Module, Debug)]
struct Classifier {
    tower: SmallVit,
    head: Linear,
}

impl Classifier {
    fn init(device: &Device) -> Result<Self> {
        let config = SmallVitConfig::default();
        let mut rng = seeded::stream(0, "benchmark");
        let model = Self {
            tower: config.init(&mut rng, device)?,
            head: seeded::linear(config.d_model, CLASSES, true, &mut rng, device),
        };
        Ok(model.map(&mut KnownWeights::default()))
    }

    fn loss(&self, pixels: &PatchGrid, targets: Tensor<1, Int>) -> Tensor<1> {
        let state = self
            .tower
            .run_blocks(self.tower.embed(pixels), 0..self.tower.depth());
        let features = self.tower.final_norm(&state).features().clone();
        let logits = linear::apply(&self.head, features).flatten::<2>(0, 1);
        fused_ops::cross_entropy(logits, targets).mean()
    }
}

/// Gives every matrix numbers that the PyTorch side reproduces, and every bias zeros.
#[derive(Default)]
struct KnownWeights {
    matrices: u64,
    path: Vec<String>,
}

impl ModuleMapper for KnownWeights {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        if D == 2 {
            let stream = self.matrices;
            self.matrices += 1;
            return param.map(|weight| {
                let known = numbers(stream, weight.shape().num_elements(), 0.05);
                let data = TensorData::new(known, weight.shape());
                Tensor::from_data(data, &weight.device()).require_grad()
            });
        }
        if self.path.last().is_some_and(|name| name == "bias") {
            return param.map(|bias| bias.zeros_like().require_grad());
        }
        param
    }
}

/// Numbers in `[-bound, bound)`: SplitMix64 of stream and index.
fn numbers(stream: u64, count: usize, bound: f64) -> Vec<f32> {
    (0..count as u64)
        .map(|index| {
            let mut z = (index + (stream << 32) + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
            z ^= z >> 31;
            let unit = (z >> 40) as f64 / f64::from(1 << 24);
            ((unit * 2.0 - 1.0) * bound) as f32
        })
        .collect()
}

/// The share of a lane.
struct Shard {
    pixels: PatchGrid,
    targets: Tensor<1, Int>,
    share: f64,
}

fn shards(count: usize, device: &Device) -> Result<Vec<Shard>> {
    let pixels = numbers(100, BATCH * PATCHES * PIXELS, 1.7);
    let size = BATCH.div_ceil(count);
    (0..BATCH)
        .step_by(size)
        .map(|first| {
            let images = size.min(BATCH - first);
            let places = first * PATCHES..(first + images) * PATCHES;
            let values = pixels[places.start * PIXELS..places.end * PIXELS].to_vec();
            let values = TensorData::new(values, [images, PATCHES, PIXELS]);
            let targets: Vec<i64> = places.map(|i| (i * 7 % CLASSES) as i64).collect();
            let length = targets.len();
            Ok(Shard {
                pixels: PatchGrid::new(Tensor::from_data(values, device), SIDE, SIDE, 2)?,
                targets: Tensor::from_data(TensorData::new(targets, [length]), device),
                share: images as f64 / BATCH as f64,
            })
        })
        .collect()
}

fn measure(lanes: &Lanes, seconds: f64) -> Result<serde_json::Value> {
    let device = Device::flex().autodiff();
    let shards = shards(lanes.count(), &device)?;
    let model = Classifier::init(&device)?;
    let mut optimizer = OptimizerConfig::default().init(&model);
    // The optimiser takes the model and gives it back: a second handle would make it copy.
    let mut current = Some(model);
    let mut step = |rate: f64| -> Option<f64> {
        let model = current.take()?;
        let parts = lanes.map(shards.len(), |_, part| {
            let shard = &shards[part];
            // A fork has an autodiff graph of its own, so shards do not wait for each other.
            let model = model.clone().fork(&device);
            let loss = model
                .loss(&shard.pixels, shard.targets.clone())
                .mul_scalar(shard.share);
            let value = f64::from(loss.clone().into_scalar::<f32>());
            (value, GradientsParams::from_grads(loss.backward(), &model))
        });
        let (losses, gradients): (Vec<f64>, Vec<_>) = parts.into_iter().unzip();
        let gradients = sum_gradients(&model, gradients);
        current = Some(optimizer.step(rate, model, gradients));
        Some(losses.iter().sum())
    };
    let losses: Vec<f64> = (0..CHECKED_STEPS).filter_map(|_| step(RATE)).collect();
    let mut times = Vec::new();
    let started = Instant::now();
    while started.elapsed() < Duration::from_secs_f64(seconds) || times.len() < 5 {
        let start = Instant::now();
        step(MEASURED_RATE).context("the model was lost")?;
        times.push(1e3 * start.elapsed().as_secs_f64());
    }
    times.sort_by(f64::total_cmp);
    let [first, .., last] = losses[..] else {
        anyhow::bail!("too few steps");
    };
    Ok(serde_json::json!({
        "work": "vit-step",
        "impl": "burn-flex",
        "threads": lanes.count(),
        "ms": (1e3 * times[times.len() / 2]).round() / 1e3,
        "samples": times.len(),
        "note": format!(
            "batch {BATCH}, loss {first:.5} -> {last:.5} in {CHECKED_STEPS} steps, fastest {:.2} ms",
            times[0]
        ),
    }))
}
