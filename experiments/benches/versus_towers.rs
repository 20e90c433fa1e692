//! Forward passes of the published vision towers, as JSON lines; the twin of
//! `benchmarks/pytorch/towers.py`.
//!
//! Released widths with 4 blocks, random weights, one still image of 32 x 32 and of 64 x 64 patches:
//! rows of pixels in, state of the last block out. Peak memory is that of an image of 112 x 112
//! patches, 1792² px for Qwen3-VL and Ovis2.5, for which the scores of all heads would take 10 GB.
//!
//! - times: `cargo bench --workspace --profile dev --bench versus_towers -- --threads 2`
//! - peak memory of one call: `... -- --memory ovis2.5 112`

mod versus;

use anyhow::{Context, Result, bail, ensure};
use burn::tensor::{Device, Tensor, TensorData};
use versus::{measure, peak_mib, report_peak, report_with};
use vision_backbone::{
    GridThw, Navit, NavitConfig, PackedPatches, Qwen3Vit, Qwen3VitConfig, QwenGeneration, QwenVit,
    QwenVitConfig, RandomSource, VisionTower,
};

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Blocks of a tower; the released ones have 32, 27 and 27.
const DEPTH: usize = 4;
const SIDES: [usize; 2] = [32, 64];
const TOWERS: [&str; 3] = ["qwen2.5-vl", "qwen3-vl", "ovis2.5"];

/// A tower. Ovis2.5's norms its last state as well, which PyTorch's twin leaves out.
enum Tower {
    Qwen(Box<QwenVit>),
    Qwen3(Box<Qwen3Vit>),
    Ovis(Box<Navit>),
}

impl Tower {
    fn random(name: &str) -> Result<Self> {
        let (source, device) = (&mut RandomSource { seed: 1 }, &Device::flex());
        Ok(match name {
            "qwen2.5-vl" => {
                let config = QwenVitConfig {
                    depth: DEPTH,
                    generation: QwenGeneration::Qwen2_5 {
                        window: 112,
                        full_attention: vec![DEPTH - 1],
                    },
                    ..QwenVitConfig::qwen2_5_vl_3b()
                };
                Self::Qwen(Box::new(config.load(source, device)?))
            }
            // DeepStack levels are states that are kept, and cost nothing here.
            "qwen3-vl" => {
                let config = Qwen3VitConfig {
                    depth: DEPTH,
                    deepstack: Vec::new(),
                    ..Qwen3VitConfig::qwen3_vl()
                };
                Self::Qwen3(Box::new(config.load(source, device)?))
            }
            "ovis2.5" => {
                let config = NavitConfig {
                    depth: DEPTH,
                    ..NavitConfig::ovis2_5()
                };
                Self::Ovis(Box::new(config.load(source, device)?))
            }
            other => bail!("tower `{other}`; known: {TOWERS:?}"),
        })
    }

    fn forward(&self, pixels: &PackedPatches) -> Result<Tensor<2>> {
        let output = match self {
            Self::Qwen(tower) => tower.forward(pixels)?,
            Self::Qwen3(tower) => tower.forward(pixels)?,
            Self::Ovis(tower) => tower.forward(pixels)?,
        };
        Ok(output.pre_norm.features().clone())
    }

    fn pixels(&self, side: usize) -> Result<PackedPatches> {
        let (d_patch, merge) = match self {
            Self::Qwen(tower) => (tower.d_patch(), tower.merge_size()),
            Self::Qwen3(tower) => (tower.d_patch(), tower.merge_size()),
            Self::Ovis(tower) => (tower.d_patch(), tower.merge_size()),
        };
        let values = numbers([side * side, d_patch]);
        let grid = GridThw::still(side, side);
        Ok(PackedPatches::new(values, vec![grid], merge)?)
    }

    fn d_model(&self) -> usize {
        match self {
            Self::Qwen(tower) => tower.d_model(),
            Self::Qwen3(tower) => tower.d_model(),
            Self::Ovis(tower) => tower.d_model(),
        }
    }

    /// Multiply-adds of one image that the method needs; what windows leave out is not counted.
    fn multiply_adds(&self, patches: usize) -> usize {
        match self {
            Self::Qwen(tower) => {
                let config = tower.config();
                let d = config.d_model;
                let linear = DEPTH * (4 * d * d + 3 * d * config.d_mlp);
                let window = config.window_blocks().unwrap_or(0) * config.merge;
                let seen = patches + (DEPTH - 1) * window * window;
                patches * (linear + d * tower.d_patch() + 2 * d * seen)
            }
            Self::Qwen3(tower) => {
                let config = tower.config();
                plain_multiply_adds(patches, config.d_model, config.d_mlp, tower.d_patch())
            }
            Self::Ovis(tower) => {
                let config = tower.config();
                plain_multiply_adds(patches, config.d_model, config.d_mlp, tower.d_patch())
            }
        }
    }
}

/// Of a tower whose blocks have a plain MLP and see the whole image.
fn plain_multiply_adds(patches: usize, d: usize, d_mlp: usize, d_patch: usize) -> usize {
    let block = 4 * d * d + 2 * d * d_mlp + 2 * d * patches;
    patches * (DEPTH * block + d * d_patch)
}

fn main() -> Result<()> {
    run_support::memory::keep_pages();
    let threads = versus::threads()?;
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads)
        .build()?;
    let arguments: Vec<String> = std::env::args().collect();
    let memory = arguments.iter().position(|argument| argument == "--memory");
    pool.install(|| match memory {
        Some(place) => match &arguments[place + 1..] {
            [name, side, ..] => memory_of(name, side, threads),
            _ => bail!("--memory needs a tower and the side of an image in patches"),
        },
        None => times(
            threads,
            arguments.iter().any(|argument| argument == "--quick"),
        ),
    })
}

fn times(threads: usize, quick: bool) -> Result<()> {
    for name in TOWERS {
        let tower = Tower::random(name)?;
        for &side in if quick { &SIDES[..1] } else { &SIDES[..] } {
            let pixels = tower.pixels(side)?;
            tower.forward(&pixels)?;
            let timing = measure(|| tower.forward(&pixels));
            let flop = 2.0 * tower.multiply_adds(side * side) as f64;
            report_with(&work(name), threads, timing, Some(flop), fields(side));
        }
    }
    Ok(())
}

fn memory_of(name: &str, side: &str, threads: usize) -> Result<()> {
    let side: usize = side.parse().context("the side of an image in patches")?;
    ensure!(
        side > 0 && side.is_multiple_of(8),
        "a side of {side} patches; give a multiple of 8, which windows divide"
    );
    let tower = Tower::random(name)?;
    let pixels = tower.pixels(side)?;
    // Nothing may run before: freed pages are kept, and would be there already.
    let kept = side * side * tower.d_model();
    let peak = peak_mib(|| tower.forward(&pixels))? - (4 * kept) as f64 / f64::from(1 << 20);
    report_peak(&work(name), threads, peak, fields(side));
    Ok(())
}

fn work(name: &str) -> String {
    format!("{name} tower")
}

fn fields(side: usize) -> serde_json::Value {
    serde_json::json!({"mode": "forward", "tokens": side * side / 4})
}

/// Numbers in `-1..1`.
fn numbers(shape: [usize; 2]) -> Tensor<2> {
    let values: Vec<f32> = (0..shape.iter().product::<usize>() as u64)
        .map(|index| {
            let mixed = (index + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let mixed = (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            ((mixed >> 40) as f32) / 8_388_608.0 - 1.0
        })
        .collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}
