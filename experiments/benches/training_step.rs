//! One optimiser step of pre-training and of a cell of the study, on one thread.
//!
//! `cargo bench --workspace --profile dev --bench training_step` measures what `cargo run` runs:
//! forward, loss, gradients, clipping and AdamW, but neither rendering nor evaluation. Items are
//! visual tokens.

use anyhow::{Context, Result};
use arms::ArmSpec;
use burn::module::Module;
use burn::optim::GradientsParams;
use burn::tensor::{Device, Tensor};
use divan::Bencher;
use divan::counter::ItemsCount;
use probe::optimize::OptimizerConfig;
use probe::pretrain::{PatchReader, PretrainConfig, ReadingTask, allowed_classes};
use probe::reader::{Anchors, weighted_slot_loss};
use probe::{CellModel, Place, Prepared, Preset, SplitSizes};
use probe_data::{pixel_batch, render_group};
use projector::{Pass, seeded};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use text_images::{Charset, Content, Fonts, Split};
use vision_backbone::SmallVitConfig;
use vision_backbone::weights::WeightsWriter;

/// The allocator of the study.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Small enough that a model is the same after thousands of steps, so that each measures the same.
const RATE: f64 = 1e-9;

fn main() {
    run_support::memory::keep_pages();
    match Lanes::open(1) {
        Ok(lanes) => {
            eprintln!("item: one visual token");
            lanes.map(1, |_, _| divan::main());
        }
        Err(error) => eprintln!("{error}"),
    }
}

/// Measures steps of `model` on a loss that covers `tokens` visual tokens.
fn steps<M: Module>(
    bencher: Bencher,
    model: M,
    optimizer: OptimizerConfig,
    tokens: usize,
    loss: impl Fn(&M) -> Tensor<1>,
) {
    let mut optimizer = optimizer.init(&model);
    // The optimiser takes the model and gives it back: a second handle would make it copy.
    let mut current = Some(model);
    bencher.counter(ItemsCount::new(tokens)).bench_local(|| {
        let model = current.take()?;
        let loss = loss(&model);
        let value: f32 = loss.clone().into_scalar();
        let gradients = GradientsParams::from_grads(loss.backward(), &model);
        current = Some(optimizer.step(RATE, model, gradients));
        Some(value)
    });
}

/// A shard of the pre-training: 32 lines of 128 x 32 px, which are 64 patches and 16 tokens each.
#[divan::bench(max_time = 6)]
fn pretraining(bencher: Bencher) {
    if let Err(error) = measure_pretraining(bencher) {
        eprintln!("pretraining: {error:#}");
    }
}

fn measure_pretraining(bencher: Bencher) -> Result<()> {
    let config = PretrainConfig::default();
    let task = ReadingTask {
        charset: Charset::Alnum36,
        density: None,
        weight: 1,
    };
    let plan = config.plan(task, Split::Train, 0, config.batch / config.shards);
    let group = render_group(&plan, &Fonts::embedded(), &Lanes::open(1)?)?;
    let device = Device::flex().autodiff();
    let model = PatchReader::init(&config.backbone, config.seed, &device)?;
    let items: Vec<usize> = (0..group.len()).collect();
    let tokens = group.len() * group.layout.tokens();
    steps(bencher, model, config.optimizer, tokens, |model| {
        // All within the step, as in training, where every batch is a new one.
        let places = group.layout.patch_centres_px();
        let anchors = Anchors::of_group(&group, &items, &places, 1.0, &device)
            .expect("rendered characters have places");
        let pixels = pixel_batch(&group, &items, &device).expect("pixels in memory");
        let allowed = allowed_classes(task.charset, &device);
        weighted_slot_loss(
            model.forward(&pixels, &anchors, allowed),
            // Numbers of the small alphabet, which the head has classes enough for.
            group.targets(&items, 0, &device),
            group.target_weights(&items, &device),
        )
    });
    Ok(())
}

/// A step of the default study behind a frozen tower: 64 images of 64 x 32 px, 8 tokens each, at
/// 2 characters per token.
#[divan::bench(args = ["identity", "patch-merger", "vet-softmax@1024"], max_time = 4)]
fn cell(bencher: Bencher, arm: &str) {
    if let Err(error) = measure_cell(bencher, arm) {
        eprintln!("cell {arm}: {error:#}");
    }
}

fn measure_cell(bencher: Bencher, arm: &str) -> Result<()> {
    let arm: ArmSpec = arm.parse()?;
    let mut config = Preset::Quick.config();
    config.data.densities = vec![2.0];
    config.data.test_contents = vec![Content::Random];
    config.data.images = SplitSizes {
        train: config.training.batch,
        validation: 2,
        test: 2,
        ..config.data.images
    };
    // A step takes as long behind fresh weights as behind trained ones.
    let folder = tempfile::tempdir()?;
    config.backbone = folder.path().join("tower.safetensors");
    let tower_config = SmallVitConfig::default();
    let tower = tower_config.init(&mut seeded::stream(1, "benchmark/tower"), &Device::flex())?;
    WeightsWriter::default()
        .with_about("config", serde_json::to_value(&tower_config)?)
        .with_module("tower.", &tower)
        .write(&config.backbone)?;
    let (lanes, stop) = (Lanes::open(1)?, Stop::default());
    let prepared = Prepared::new(&config, None, &lanes, &Device::flex(), &stop)?;

    let device = Device::flex().autodiff();
    let model = CellModel::init(&config, &prepared, arm, config.seeds[0], &device)?;
    let data = prepared.train.first().context("no training images")?;
    let place = Place::of(config.reader, &model.arm, data, &device)?;
    let items: Vec<usize> = (0..data.group.len()).collect();
    let tokens = data.group.len() * data.group.layout.tokens();
    steps(bencher, model, config.training.optimizer, tokens, |model| {
        let features = data.batch(&items, &device).expect("features in memory");
        let tokens = model.tokens(features, &mut Pass::deterministic());
        let scores = model.read(&tokens, &place, (data, &items));
        model.loss(scores, data, &items, &device)
    });
    Ok(())
}
