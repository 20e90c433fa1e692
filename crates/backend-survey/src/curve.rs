//! Twenty steps of training of a tiny cell, by the code that trains the study.

use super::Finding;
use anyhow::{Context, Result};
use arms::ArmSpec;
use burn::tensor::Device;
use probe::{CellSpec, Prepared, Preset, ProbeConfig, SplitSizes, TrainingConfig, train_cell};
use projector::seeded;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use text_images::{Charset, Content};
use vision_backbone::SmallVitConfig;
use vision_backbone::weights::WeightsWriter;

/// Steps of training.
const STEPS: usize = 20;
/// A connector without words, a soft vocabulary, hard words, sampled words.
const ARMS: [&str; 4] = [
    "patch-merger",
    "vet-softmax@64",
    "vet-st-argmax@64+usage",
    "vet-gumbel@64",
];

/// Trains on both devices, on the same features, and compares the losses of every step.
///
/// # Errors
/// If training cannot start or `emit` fails.
pub(super) fn compare(
    reference: &Device,
    device: &Device,
    stop: &Stop,
    emit: &mut dyn FnMut(Finding) -> Result<()>,
) -> Result<()> {
    let folder = tempfile::tempdir().context("no temporary folder")?;
    let config = tiny(folder.path().join("tower.safetensors"));
    // Untrained weights give features as good as any to compare by.
    let tower_config = SmallVitConfig::default();
    let tower = tower_config.init(&mut seeded::stream(1, "survey/tower"), reference)?;
    WeightsWriter::default()
        .with_about("config", serde_json::to_value(&tower_config)?)
        .with_module("tower.", &tower)
        .write(&config.backbone)?;
    let prepared = Prepared::new(&config, None, &Lanes::open(1)?, reference, stop)?;
    for arm in ARMS {
        let arm: ArmSpec = arm.parse()?;
        let expected = losses(&config, &prepared, arm, reference, stop)?;
        let found = losses(&config, &prepared, arm, device, stop)?;
        let (Some(first), Some(last)) = (expected.first(), expected.last()) else {
            anyhow::bail!("training of {arm} left no losses on flex");
        };
        emit(Finding::Curve {
            arm: arm.to_string(),
            difference: largest_difference(&expected, &found),
            losses: [*first, *last],
        })?;
    }
    Ok(())
}

/// 16 digits per image, 8 images per step, and an evaluation after every step, which is where
/// losses are kept.
fn tiny(backbone: std::path::PathBuf) -> ProbeConfig {
    let mut config = Preset::Smoke.config();
    config.backbone = backbone;
    config.d_token = 32;
    config.hardening_images = 0;
    config.data.charset = Charset::Digits;
    config.data.densities = vec![1.0];
    config.data.test_contents = vec![Content::Random];
    config.data.images = SplitSizes {
        train: 32,
        validation: 2,
        test: 2,
        test_words: 2,
    };
    config.training = TrainingConfig {
        steps: STEPS,
        batch: 16,
        learning_rates: vec![2e-3],
        evaluations: STEPS,
        evaluation_images: 2,
        ..config.training
    };
    config
}

/// Loss of every step, in nats per character; fewer if training broke down.
fn losses(
    config: &ProbeConfig,
    prepared: &Prepared,
    arm: ArmSpec,
    device: &Device,
    stop: &Stop,
) -> Result<Vec<f64>> {
    let spec = CellSpec {
        arm,
        seed: 1,
        learning_rate: config.training.learning_rates[0],
    };
    let cell = train_cell(config, prepared, &spec, device, stop, None, |_| {})?;
    let history = cell.outcome.history.iter();
    Ok(history.filter_map(|point| point.train_loss).collect())
}

fn largest_difference(expected: &[f64], found: &[f64]) -> Option<f64> {
    (expected.len() == STEPS && found.len() == STEPS).then(|| {
        expected
            .iter()
            .zip(found)
            .map(|(a, b)| (a - b).abs())
            .fold(0.0, f64::max)
    })
}
