//! Sizes of images and tokens that a backbone can be given.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use probe::{ImageSize, Prepared, Preset, ProbeConfig};
use projector::seeded;
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use std::path::Path;
use vision_backbone::weights::WeightsWriter;
use vision_backbone::{Positions, SmallVitConfig};

/// A run in front of a tower that has learned the places of 8 x 4 patches in blocks of 2 x 2.
fn config(folder: &Path) -> ProbeConfig {
    let tower_config = SmallVitConfig {
        d_model: 8,
        depth: 1,
        heads: 1,
        d_mlp: 8,
        positions: Positions::Learned { rows: 4, cols: 8 },
        ..SmallVitConfig::default()
    };
    let mut config = Preset::Smoke.config();
    config.backbone = folder.join("tower.safetensors");
    let mut rng = seeded::stream(3, "tower");
    let tower = tower_config.init(&mut rng, &Device::flex()).unwrap();
    WeightsWriter::default()
        .with_about("config", serde_json::to_value(&tower_config).unwrap())
        .with_module("tower.", &tower)
        .write(&config.backbone)
        .unwrap();
    config.data.densities = vec![2.0];
    config.data.images.train = 4;
    config
}

fn prepare(config: &ProbeConfig) -> anyhow::Result<Prepared> {
    let (lanes, stop) = (Lanes::open(1).unwrap(), Stop::default());
    Prepared::new(config, None, &lanes, &Device::flex(), &stop)
}

#[test]
fn a_backbone_that_has_learned_its_places_takes_no_other_size() {
    let folder = tempfile::tempdir().unwrap();
    let own = config(folder.path());
    prepare(&own).unwrap();
    let mut merged = own.clone();
    merged.data.merge = Some(4);
    let mut wide = own;
    wide.data.image_px = Some(ImageSize {
        width: 128,
        height: 32,
    });
    for other in [merged, wide] {
        let error = prepare(&other).unwrap_err().to_string();
        for part in ["8 x 4 patches", "--image-size", "--merge"] {
            assert!(error.contains(part), "{error}");
        }
    }
}
