//! The frozen features of published checkpoints, and the projectors that come with them.

#![allow(clippy::unwrap_used)]

use arms::TokenizeOverride;
use burn::module::Module;
use burn::tensor::{Device, Tensor};
use checkpoint::Checkpoint;
use image::RgbImage;
use probe::{
    CellModel, CellSpec, Prepared, PreparedGroup, Preset, ProbeConfig, ReaderKind, SplitSizes,
    train_cell,
};
use probe_data::FeatureCache;
use probe_data::published::{Published, checkpoint_summary};
use projector::{Pass, Projector};
use published_models::{Processor, VisionModel};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use safetensors::SafeTensors;
use std::fs;
use std::path::{Path, PathBuf};
use text_images::Charset;
use vision_backbone::VisionTower;

const LAYOUTS: [&str; 6] = [
    "qwen2_5_vl",
    "qwen2_vl",
    "qwen3_5",
    "ovis2_hf",
    "ovis2_official",
    "ovis2_5",
];

fn folder(layout: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../published-models/tests/fixtures/checkpoints")
        .join(layout)
}

fn study(layout: &str) -> ProbeConfig {
    let mut config = Preset::Smoke.config();
    config.checkpoint = Some(folder(layout).display().to_string());
    config.arms = vec!["pretrained".parse().unwrap()];
    config.data.charset = Charset::Digits;
    config.data.densities = vec![1.0];
    config.data.images = SplitSizes {
        train: 70,
        validation: 2,
        test: 2,
        test_words: 2,
    };
    config.training.batch = 8;
    config.training.steps = 3;
    config
}

fn prepare(config: &ProbeConfig) -> Prepared {
    let lanes = Lanes::open(2).unwrap();
    Prepared::new(config, None, &lanes, &Device::flex(), &Stop::default()).unwrap()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Tokens of one image as `encode` makes them.
fn encoded(layout: &str, grey: &[u8], width: u32) -> Vec<f32> {
    let device = Device::flex();
    let checkpoint = Checkpoint::open(&folder(layout)).unwrap();
    let model = VisionModel::load(&checkpoint, &device).unwrap();
    let processor = Processor::new(model.config(), checkpoint.preprocessor()).unwrap();
    let colour = grey.iter().flat_map(|&level| [level; 3]).collect();
    let image = RgbImage::from_raw(width, grey.len() as u32 / width, colour).unwrap();
    let pixels = processor.image(&image, &device).unwrap();
    let features = model.features(&pixels.patches).unwrap();
    let tokens = model.tokens(&features, &mut Pass::deterministic()).unwrap();
    values(tokens.embeddings)
}

#[test]
fn tokens_of_a_batch_are_those_of_each_image_alone() {
    for layout in LAYOUTS {
        let prepared = prepare(&study(layout));
        let data = &prepared.train[0];
        let image = data.group.layout;
        let projector = prepared.pretrained(TokenizeOverride::Own).unwrap().valid();
        // The last images stand in another chunk than the first.
        let items = [0, 1, data.group.len() - 1];
        let batch = data.features.batch(&items, &Device::flex()).unwrap();
        let found = projector.forward(&batch, &mut Pass::deterministic());
        let [images, tokens, d] = found.embeddings.dims();
        assert_eq!((images, tokens), (3, image.tokens()), "{layout}");
        let found = values(found.embeddings);
        for (item, found) in items.into_iter().zip(found.chunks(tokens * d)) {
            let width = (image.cols * image.patch) as u32;
            let expected = encoded(layout, &data.group.images(&[item]).unwrap(), width);
            assert_eq!(found.len(), expected.len(), "{layout}: resized?");
            for (found, expected) in found.iter().zip(&expected) {
                assert!((found - expected).abs() < 1e-5, "{layout}, image {item}");
            }
        }
    }
}

#[test]
fn images_differ_so_that_there_is_something_to_read() {
    for layout in LAYOUTS {
        let prepared = prepare(&study(layout));
        let batch = prepared.train[0]
            .features
            .batch(&[0, 1], &Device::flex())
            .unwrap();
        let both = values(batch.features().clone());
        let (first, second) = both.split_at(both.len() / 2);
        let apart = first.iter().zip(second).map(|(a, b)| (a - b).abs());
        assert!(apart.fold(0.0, f32::max) > 1e-2, "{layout}");
    }
}

/// Tokens and levels of one image as `encode` makes them.
fn encoded_levels(layout: &str, grey: &[u8], width: u32) -> (Vec<f32>, Vec<Vec<f32>>) {
    let device = Device::flex();
    let checkpoint = Checkpoint::open(&folder(layout)).unwrap();
    let model = VisionModel::load(&checkpoint, &device).unwrap();
    let processor = Processor::new(model.config(), checkpoint.preprocessor()).unwrap();
    let colour = grey.iter().flat_map(|&level| [level; 3]).collect();
    let image = RgbImage::from_raw(width, grey.len() as u32 / width, colour).unwrap();
    let pixels = processor.image(&image, &device).unwrap();
    let output = model.tower.forward(&pixels.patches).unwrap();
    let pass = &mut Pass::deterministic();
    let tokens = model.tokens(&output.pre_norm, pass).unwrap();
    let levels = model.deepstack_tokens(&output, pass).unwrap();
    (
        values(tokens.embeddings),
        levels.into_iter().map(values).collect(),
    )
}

fn distance(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    let apart = a.iter().zip(b).map(|(a, b)| (a - b).abs());
    apart.fold(0.0, f32::max)
}

/// Levels that are dropped, or that come from another depth than their merger, are seen.
#[test]
fn tokens_of_qwen3_vl_come_with_the_levels_of_the_checkpoint() {
    const CLOSE: f32 = 1e-5;
    const APART: f32 = 1e-3;
    let prepared = prepare(&study("qwen3_vl"));
    let device = Device::flex();
    let data = &prepared.train[0];
    let image = data.group.layout;
    let projector = prepared.pretrained(TokenizeOverride::Own).unwrap().valid();
    let last = data.group.len() - 1;
    for item in [0, last] {
        let width = (image.cols * image.patch) as u32;
        let grey = data.group.images(&[item]).unwrap();
        let (tokens, levels) = encoded_levels("qwen3_vl", &grey, width);
        assert_eq!(levels.len(), 2);
        assert!(distance(&levels[0], &levels[1]) > APART);

        let batch = data.batch(&[item], &device).unwrap();
        let found = projector.forward(&batch, &mut Pass::deterministic());
        assert!(distance(&values(found.embeddings.clone()), &tokens) < CLOSE);
        assert_eq!(found.levels.len(), levels.len());
        for (found, expected) in found.levels.iter().zip(&levels) {
            assert!(distance(&values(found.clone()), expected) < CLOSE);
        }

        // Summed, as readers of one layer take them.
        let mut sum = tokens.clone();
        for level in &levels {
            sum.iter_mut().zip(level).for_each(|(sum, x)| *sum += x);
        }
        assert!(distance(&values(found.summed().embeddings), &sum) < CLOSE);
        assert!(distance(&tokens, &sum) > APART, "dropped levels go unseen");
        let mut swapped = batch.levels().to_vec();
        swapped.reverse();
        let swapped = batch.clone().with_levels(swapped);
        let wrong = projector.forward(&swapped, &mut Pass::deterministic());
        for (wrong, expected) in wrong.levels.iter().zip(&levels) {
            assert!(distance(&values(wrong.clone()), expected) > APART);
        }
        assert!(distance(&values(wrong.summed().embeddings), &sum) > APART);
    }
}

#[test]
fn readers_of_several_blocks_take_the_levels_of_a_checkpoint_apart() {
    let device = Device::flex();
    for (reader, apart) in [
        (ReaderKind::Causal, 2),
        (ReaderKind::Attention, 2),
        (ReaderKind::Anchored, 0),
    ] {
        let config = ProbeConfig {
            reader,
            ..study("qwen3_vl")
        };
        let prepared = prepare(&config);
        let model = CellModel::init(&config, &prepared, config.arms[0], 1, &device).unwrap();
        let batch = prepared.train[0].batch(&[0, 1], &device).unwrap();
        let tokens = model.tokens(batch, &mut Pass::deterministic());
        assert_eq!(tokens.levels.len(), apart, "{reader:?}");
    }
}

/// Levels lie in the cache beside the last block, and are those that were computed.
#[test]
fn levels_are_cached() {
    let place = tempfile::tempdir().unwrap();
    let cache = FeatureCache::new(place.path());
    let config = study("qwen3_vl");
    let lanes = Lanes::open(2).unwrap();
    let (device, stop) = (Device::flex(), Stop::default());
    let prepared = |cache| Prepared::new(&config, cache, &lanes, &device, &stop).unwrap();
    let computed = prepared(None);
    let stored = prepared(Some(&cache));
    let files = fs::read_dir(place.path()).unwrap().count();
    assert_eq!(files % 3, 0, "{files}");
    let found = prepared(Some(&cache));
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), files);
    for other in [&stored, &found] {
        for (one, other) in computed.test.iter().zip(&other.test) {
            assert_eq!(one.levels.len(), 2);
            let hashes = |group: &PreparedGroup| -> Vec<String> {
                group.levels.iter().map(|level| level.hash()).collect()
            };
            assert_eq!(hashes(one), hashes(other));
            assert_ne!(hashes(one)[0], hashes(one)[1]);
            assert_eq!(one.features.hash(), other.features.hash());
        }
    }
}

/// Arms that are trained read the last block, and nothing is kept for them.
#[test]
fn levels_are_computed_for_the_arm_that_reads_them_only() {
    let mut config = study("qwen3_vl");
    config.arms = vec!["linear".parse().unwrap()];
    assert!(prepare(&config).train[0].levels.is_empty());
}

#[test]
fn training_leaves_the_published_projector_as_it_is() {
    for layout in ["qwen2_5_vl", "ovis2_5"] {
        let config = study(layout);
        let prepared = prepare(&config);
        let spec = CellSpec {
            arm: config.arms[0],
            seed: 1,
            learning_rate: 0.5,
        };
        let device = Device::flex();
        let trained = train_cell(
            &config,
            &prepared,
            &spec,
            &device,
            &Stop::default(),
            None,
            |_| (),
        );
        let model = trained.unwrap().model.unwrap();
        let batch = || prepared.train[0].features.batch(&[0], &device).unwrap();
        let own = prepared.pretrained(TokenizeOverride::Own);
        let own = own.unwrap().valid();
        let before = own.forward(&batch(), &mut Pass::deterministic());
        let after = model.arm.forward(&batch(), &mut Pass::deterministic());
        assert_eq!(values(before.embeddings), values(after.embeddings));
    }
}

/// A copy of a checkpoint that a test may change.
fn copy(layout: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for entry in fs::read_dir(folder(layout)).unwrap() {
        let path = entry.unwrap().path();
        fs::copy(&path, place.path().join(path.file_name().unwrap())).unwrap();
    }
    place
}

fn hash(folder: &Path) -> String {
    let name = folder.display().to_string();
    let published = Published::load(&name, &Device::flex()).unwrap();
    published.hash().to_owned()
}

#[test]
fn the_hash_follows_weights_and_image_processor() {
    let place = copy("ovis2_5");
    let before = hash(place.path());
    assert_eq!(before, hash(&folder("ovis2_5")), "not where it lies");

    let settings = place.path().join("preprocessor_config.json");
    let text = fs::read_to_string(&settings).unwrap();
    fs::write(&settings, text.replacen("0.5", "0.25", 1)).unwrap();
    let other_mean = hash(place.path());
    assert_ne!(before, other_mean);
    fs::write(&settings, text).unwrap();
    assert_eq!(before, hash(place.path()));

    let mut changed = 0;
    for entry in fs::read_dir(place.path()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "safetensors")
            || path.ends_with("expected.safetensors")
        {
            continue;
        }
        let bytes = fs::read(&path).unwrap();
        let file = SafeTensors::deserialize(&bytes).unwrap();
        for name in ["vte.weight", "visual_tokenizer.head.0.weight"] {
            let Ok(view) = file.tensor(name) else {
                continue;
            };
            let start = view.data().as_ptr() as usize - bytes.as_ptr() as usize;
            let mut other = bytes.clone();
            // The lowest bit of a fraction.
            other[start] ^= 1;
            fs::write(&path, &other).unwrap();
            assert_ne!(before, hash(place.path()), "{name}");
            fs::write(&path, &bytes).unwrap();
            changed += 1;
        }
    }
    assert_eq!(changed, 2);
}

#[test]
fn images_have_the_size_that_the_processor_leaves_alone() {
    for (layout, tokens, has_vocabulary) in [
        ("qwen2_5_vl", (4, 2), false),
        ("ovis2_5", (4, 2), true),
        ("ovis2_official", (2, 2), true),
    ] {
        let checkpoint_summary = checkpoint_summary(&folder(layout).display().to_string()).unwrap();
        let image = checkpoint_summary.layout;
        let merge = image.merge;
        assert_eq!((image.cols / merge, image.rows / merge), tokens, "{layout}");
        assert_eq!(checkpoint_summary.has_vocabulary, has_vocabulary);
    }
}
