//! What the readers that write know of the language: without pixels, all of it and no more.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use probe::{CellSpec, Prepared, Preset, ProbeConfig, ReaderKind, SplitSizes, train_cell};
use projector::seeded;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use std::path::Path;
use text_images::{Charset, Content};
use vision_backbone::weights::WeightsWriter;
use vision_backbone::{Positions, SmallVitConfig};

/// Characters of an image: two per token.
const CHARACTERS: usize = 16;

fn config(folder: &Path, reader: ReaderKind, source: &str) -> ProbeConfig {
    let tower_config = SmallVitConfig {
        d_model: 16,
        depth: 1,
        heads: 2,
        d_mlp: 16,
        positions: Positions::Rotary { base: 100.0 },
        ..SmallVitConfig::default()
    };
    let backbone = folder.join("tower.safetensors");
    let mut rng = seeded::stream(3, "tower");
    let tower = tower_config.init(&mut rng, &Device::flex()).unwrap();
    WeightsWriter::default()
        .with_about("config", serde_json::to_value(&tower_config).unwrap())
        .with_module("tower.", &tower)
        .write(&backbone)
        .unwrap();
    let mut config = Preset::Smoke.config();
    let content: Content = source.parse().unwrap();
    config.backbone = backbone;
    config.reader = reader;
    config.reader_size.width = 64;
    config.d_token = 8;
    config.data.charset = Charset::Digits;
    config.data.densities = vec![2.0];
    config.data.train_contents = vec![content];
    config.data.test_contents = vec![content];
    config.data.images = SplitSizes {
        train: 4000,
        validation: 600,
        test: 2,
        test_words: 2,
    };
    config.training.steps = 250;
    config.training.batch = 32;
    config.training.evaluations = 1;
    config.training.evaluation_images = 2;
    config
}

/// Loss on validation images of a cell behind `blind`, in bits per character.
fn bits_without_pixels(reader: ReaderKind, source: &str) -> f64 {
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), reader, source);
    let (lanes, device, stop) = (Lanes::open(2).unwrap(), Device::flex(), Stop::default());
    let prepared = Prepared::new(&config, None, &lanes, &device, &stop).unwrap();
    let spec = CellSpec {
        arm: "blind".parse().unwrap(),
        seed: 1,
        learning_rate: 4e-3,
    };
    let trained = train_cell(&config, &prepared, &spec, &device, &stop, None, |_| {}).unwrap();
    trained.outcome.validation_loss.unwrap() / std::f64::consts::LN_2
}

/// Entropy per character of the text of an image.
fn entropy(source: &str) -> f64 {
    let content: Content = source.parse().unwrap();
    let bits = content.entropy_bits(Charset::Digits, CHARACTERS).unwrap();
    bits.unwrap() / CHARACTERS as f64
}

#[test]
fn the_causal_reader_without_pixels_reaches_the_entropy_of_the_source_and_no_less() {
    let bits = bits_without_pixels(ReaderKind::Causal, "markov:1");
    let least = entropy("markov:1");
    // 9,600 characters: what they happen to be is worth about a hundredth of a bit.
    assert!(
        bits > least - 0.04 && bits < least + 0.15,
        "{bits} bits, the source has {least}"
    );
}

#[test]
fn the_attention_reader_without_pixels_knows_no_language() {
    let bits = bits_without_pixels(ReaderKind::Attention, "markov:1");
    // Every digit is as frequent as any other.
    let uniform = 10_f64.log2();
    assert!((bits - uniform).abs() < 0.05, "{bits} bits, not {uniform}");
}
