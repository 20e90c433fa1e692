//! Tiny checkpoint folders in every published layout, from PNG to embeddings (see
//! `tools/fixtures/README.md`).

#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};

use burn::tensor::{Device, Tensor};
use checkpoint::{Checkpoint, Tensors};
use image_processor::decode_file;
use ovis_vet::Tokenize;
use projector::Pass;
use published_models::{Family, FeatureState, Processor, VisionModel};
use vision_backbone::{PackedPatches, VisionTower};

const PICTURES: [&str; 4] = ["odd", "grey", "alpha", "small"];
const LAYOUTS: [(&str, Family, f32); 11] = [
    ("qwen2_5_vl", Family::Qwen2_5Vl, 1e-4),
    ("qwen2_5_vl_in_memory", Family::Qwen2_5Vl, 1e-4),
    ("qwen2_vl", Family::Qwen2Vl, 1e-4),
    ("qwen3_vl", Family::Qwen3Vl, 1e-4),
    ("qwen3_5", Family::Qwen3_5, 1e-4),
    ("ovis2_hf", Family::Ovis2, 1e-4),
    ("ovis2_official", Family::Ovis2, 1e-4),
    ("ovis2_5", Family::Ovis2_5, 1e-4),
    ("ovis2_6", Family::Ovis2_6, 1e-4),
    ("internvl", Family::InternVl, 1e-4),
    ("internvl_chat", Family::InternVl, 1e-4),
];

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/checkpoints")
        .join(name)
}

struct Expected(Tensors);

impl Expected {
    fn of(layout: &str) -> Self {
        let path = folder(layout).join("expected.safetensors");
        Self(Tensors::open_file(&path).unwrap())
    }

    fn values(&self, name: &str) -> Option<Vec<f32>> {
        let shape = self.0.shape(name).ok()?.to_vec();
        Some(self.0.read(name, &shape).unwrap())
    }
}

fn max_abs(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    found
        .iter()
        .zip(expected)
        .fold(0.0, |max, (a, b)| max.max((a - b).abs()))
}

fn load(layout: &str) -> (Checkpoint, VisionModel, Processor) {
    let checkpoint = Checkpoint::open(&folder(layout)).unwrap();
    let model = VisionModel::load(&checkpoint, &Device::flex()).unwrap();
    let processor = Processor::new(model.config(), checkpoint.preprocessor()).unwrap();
    (checkpoint, model, processor)
}

fn pixel_values(processor: &Processor, picture: &str) -> published_models::Pixels {
    let path = folder("pictures").join(format!("{picture}.png"));
    let image = decode_file(path, processor.transparency()).unwrap();
    processor.image(&image, &Device::flex()).unwrap()
}

fn embeddings(model: &VisionModel, processor: &Processor, picture: &str) -> Vec<f32> {
    let pixels = pixel_values(processor, picture);
    let features = model.features(&pixels.patches).unwrap();
    let tokens = model.tokens(&features, &mut Pass::deterministic()).unwrap();
    tokens.embeddings.into_data().try_to_vec().unwrap()
}

#[test]
fn every_layout_goes_from_picture_to_embeddings() {
    for (layout, family, tolerance) in LAYOUTS {
        let (_, model, processor) = load(layout);
        assert_eq!(model.family(), family);
        let expected = Expected::of(layout);
        for picture in PICTURES {
            let Some(expected_pixels) = expected.values(&format!("{picture}.pixel_values")) else {
                continue;
            };
            let pixels = pixel_values(&processor, picture);
            let error = max_abs(&pixels.values, &expected_pixels);
            assert!(
                error < 1e-5,
                "{layout}, {picture}: pixels differ by {error:e}"
            );
            let found = embeddings(&model, &processor, picture);
            let reference = expected.values(&format!("{picture}.embeddings")).unwrap();
            let error = max_abs(&found, &reference);
            assert!(error < tolerance, "{layout}, {picture}: {error:e}");
            if let Some(half) = expected.values(&format!("{picture}.embeddings_bf16")) {
                // The reference computes in bf16 as well, with 8 bits: its own error is the bound.
                let scale = half.iter().fold(0.0_f32, |max, x| max.max(x.abs()));
                let error = max_abs(&found, &half);
                assert!(error < 0.05 * scale, "{layout}, {picture}, bf16: {error:e}");
            }
        }
    }
}

#[test]
fn at_least_three_pictures_were_compared_in_every_layout() {
    for (layout, ..) in LAYOUTS {
        let expected = Expected::of(layout);
        let count = PICTURES
            .iter()
            .filter(|picture| expected.values(&format!("{picture}.embeddings")).is_some())
            .count();
        assert!(count >= 2, "{layout}: {count}");
    }
}

#[test]
fn the_state_after_the_norm_is_that_of_transformers() {
    let (_, mut model, processor) = load("ovis2_hf");
    model.state = FeatureState::PostNorm;
    let expected = Expected::of("ovis2_hf");
    let reference = expected.values("odd.embeddings_after_norm").unwrap();
    let error = max_abs(&embeddings(&model, &processor, "odd"), &reference);
    assert!(error < 1e-4, "{error:e}");
    let official = expected.values("odd.embeddings").unwrap();
    assert!(max_abs(&official, &reference) > 1e-3);
}

/// What the language model adds behind its first layers, all pictures in one batch.
#[test]
fn deepstack_levels_are_those_of_the_reference() {
    let (_, model, processor) = load("qwen3_vl");
    let expected = Expected::of("qwen3_vl");
    let pixels = PICTURES.map(|picture| pixel_values(&processor, picture).patches);
    let features = pixels.iter().map(|p| p.features().clone()).collect();
    let grids = pixels.iter().flat_map(|p| p.grids().to_vec()).collect();
    let batch = PackedPatches::new(Tensor::cat(features, 0), grids, 2).unwrap();
    let output = model.tower.forward(&batch).unwrap();
    let pass = &mut Pass::deterministic();
    let levels = model.deepstack_tokens(&output, pass).unwrap();
    assert_eq!((output.inner.len(), levels.len()), (2, 2));
    let mut first = 0;
    for picture in PICTURES {
        let name = format!("{picture}.deepstack");
        let [_, tokens, d] = expected.0.shape(&name).unwrap()[..] else {
            panic!("{name} is no list of matrices");
        };
        let reference = expected.values(&name).unwrap();
        for (level, reference) in levels.iter().zip(reference.chunks_exact(tokens * d)) {
            let found = level.clone().slice_dim(1, first..first + tokens);
            let found: Vec<f32> = found.into_data().try_to_vec().unwrap();
            let error = max_abs(&found, reference);
            assert!(error < 1e-4, "{name}: {error:e}");
        }
        first += tokens;
    }
    assert_eq!(levels[0].dims(), [1, first, 24]);
    let (_, model, processor) = load("qwen3_5");
    let output = model
        .tower
        .forward(&pixel_values(&processor, "odd").patches);
    assert!(output.unwrap().inner.is_empty());
    assert_eq!(model.projector.levels(), 0);
}

/// The towers of the mixtures of experts are those of the dense models.
#[test]
fn models_with_another_language_model_have_the_same_vision_side() {
    for (layout, own, other) in [
        ("qwen3_vl", "qwen3_vl", "qwen3_vl_moe"),
        ("qwen3_5", "qwen3_5", "qwen3_5_moe"),
        ("ovis2_6", "ovis2_6_moe", "ovis2_6_next"),
    ] {
        let model_type = |name: &str| format!("\n  \"model_type\": \"{name}\"");
        let copy = with_config(layout, &model_type(own), &model_type(other));
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        let found = VisionModel::load(&checkpoint, &Device::flex()).unwrap();
        assert_eq!(found.config(), load(layout).1.config());
    }
}

/// Ovis2.6 was released without the final norm of its tower, which Ovis2.5 has.
#[test]
fn the_final_norm_may_be_missing_in_ovis2_6_only() {
    let (_, model, processor) = load("ovis2_6");
    let output = model
        .tower
        .forward(&pixel_values(&processor, "odd").patches);
    assert!(output.unwrap().post_norm.is_none());
    let mut post_norm = model;
    post_norm.state = FeatureState::PostNorm;
    let error = post_norm.features(&pixel_values(&processor, "odd").patches);
    let error = error.unwrap_err().to_string();
    assert!(error.contains("has no final norm"), "{error}");
    let copy = with_config(
        "ovis2_6",
        r#""model_type": "ovis2_6_moe""#,
        r#""model_type": "ovis2_5""#,
    );
    let checkpoint = Checkpoint::open(copy.path()).unwrap();
    let error = VisionModel::load(&checkpoint, &Device::flex()).unwrap_err();
    assert!(
        error.to_string().contains("post_layernorm.weight"),
        "{error}"
    );
    // Where it is stored, as by code that saves the model again, it is read.
    let copy = with_config(
        "ovis2_5",
        r#""model_type": "ovis2_5""#,
        r#""model_type": "ovis2_6_next""#,
    );
    let checkpoint = Checkpoint::open(copy.path()).unwrap();
    let model = VisionModel::load(&checkpoint, &Device::flex()).unwrap();
    let (_, _, processor) = load("ovis2_5");
    let output = model
        .tower
        .forward(&pixel_values(&processor, "odd").patches);
    let output = output.unwrap();
    let data = |state: PackedPatches| state.features().clone().into_data();
    assert_ne!(data(output.pre_norm), data(output.post_norm.unwrap()));
}

#[test]
fn the_language_model_is_left_alone() {
    for (layout, ..) in LAYOUTS {
        let (checkpoint, _, _) = load(layout);
        let unused = checkpoint.tensors().unused("");
        assert!(
            !unused.is_empty(),
            "{layout}: no language model to leave alone"
        );
        for name in unused {
            assert!(
                !published_models::is_wanted(name),
                "{layout}: {name} was left out"
            );
        }
    }
}

#[test]
fn a_shard_without_vision_tensors_is_not_needed() {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder("qwen2_5_vl")).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() != "model-00003-of-00003.safetensors" {
            std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
        }
    }
    let checkpoint = Checkpoint::open(copy.path()).unwrap();
    VisionModel::load(&checkpoint, &Device::flex()).unwrap();
    std::fs::remove_file(copy.path().join("model-00001-of-00003.safetensors")).unwrap();
    let checkpoint = Checkpoint::open(copy.path()).unwrap();
    let error = VisionModel::load(&checkpoint, &Device::flex())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("model-00001-of-00003.safetensors"),
        "{error}"
    );
}

/// A copy of a folder with one replacement in its configuration.
fn with_config(layout: &str, from: &str, to: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder(layout)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let path = copy.path().join("config.json");
    let config = std::fs::read_to_string(&path).unwrap();
    assert!(config.contains(from), "{from} in {config}");
    std::fs::write(&path, config.replace(from, to)).unwrap();
    copy
}

#[test]
fn bad_configurations_are_refused_by_name() {
    for (layout, from, to, parts) in [
        (
            "ovis2_5",
            r#""model_type": "ovis2_5""#,
            r#""model_type": "ovis7""#,
            ["ovis7", "qwen2_5_vl"],
        ),
        (
            "ovis2_5",
            r#""intermediate_size": 40"#,
            r#""intermediate_size": 41"#,
            ["mlp.fc1.weight", "41"],
        ),
        (
            "ovis2_5",
            r#""visual_vocab_size": 64"#,
            r#""visual_vocab_size": 65"#,
            ["vte.weight", "65"],
        ),
        (
            "ovis2_5",
            r#""num_attention_heads": 2,
    "num_channels""#,
            r#""num_attention_heads": 5,
    "num_channels""#,
            ["5 heads", "32"],
        ),
        (
            "ovis2_6",
            r#""model_type": "siglip2_navit""#,
            r#""model_type": "siglip3_navit""#,
            ["vit_config.model_type", "siglip3_navit"],
        ),
        (
            "ovis2_hf",
            r#""tokenize_function": "softmax""#,
            r#""tokenize_function": "hard""#,
            ["hard", "st_argmax"],
        ),
        (
            "ovis2_official",
            "aimv2_visual_tokenizer",
            "siglip_visual_tokenizer",
            ["siglip_visual_tokenizer", "Ovis 1.x"],
        ),
        (
            "ovis2_official",
            r#""drop_cls_token": false"#,
            r#""drop_cls_token": true"#,
            ["drop_cls_token", "set it to false"],
        ),
        (
            "qwen2_5_vl",
            r#""patch_size": 4"#,
            r#""patch_size": 0"#,
            ["patch_size", "0"],
        ),
        (
            "qwen2_5_vl",
            r#""depth": 2"#,
            r#""depth": 3"#,
            ["blocks.2", "no tensor"],
        ),
        (
            "qwen2_5_vl",
            r#""depth": 2"#,
            r#""depth": 1"#,
            ["blocks.1", "visual."],
        ),
        (
            "qwen2_5_vl",
            r#""depth": 2"#,
            r#""depth": "two""#,
            ["vision tower", "`depth` is \"two\""],
        ),
        (
            "qwen3_vl",
            r#""num_position_embeddings": 25"#,
            r#""num_position_embeddings": 26"#,
            ["num_position_embeddings", "square"],
        ),
        (
            "qwen3_vl",
            r#""num_position_embeddings": 25"#,
            r#""num_position_embeddings": 36"#,
            ["pos_embed.weight", "[25, 24]"],
        ),
        (
            "qwen3_vl",
            r#""patch_size": 4"#,
            r#""patch_size": [4, 4]"#,
            ["`patch_size` is [4,4]", "sequence"],
        ),
        (
            "ovis2_6",
            r#""intermediate_size": 40"#,
            r#""intermediate_size": null"#,
            ["`intermediate_size` is null", "expected usize"],
        ),
        (
            "qwen3_vl",
            r#""num_heads": 2"#,
            r#""num_heads": 5"#,
            ["5 heads", "24"],
        ),
        (
            "qwen3_vl",
            r#""spatial_merge_size": 2"#,
            r#""spatial_merge_size": 3"#,
            ["merger.linear_fc1.weight", "216"],
        ),
        (
            "qwen3_vl",
            "    \"deepstack_visual_indexes\": [\n      0,\n      1\n    ]",
            r#"    "deepstack_visual_indexes": [0, 1, 2]"#,
            ["deepstack_merger_list.2", "no tensor"],
        ),
        (
            "qwen3_vl",
            "    \"deepstack_visual_indexes\": [\n      0,\n      1\n    ]",
            r#"    "deepstack_visual_indexes": [1]"#,
            ["deepstack_merger_list.1", "model.visual."],
        ),
        (
            "qwen3_vl",
            "    \"deepstack_visual_indexes\": [\n      0,\n      1\n    ]",
            r#"    "deepstack_visual_indexes": [0, 3]"#,
            ["deepstack_visual_indexes", "block 3"],
        ),
        (
            // The default of the reference names blocks that this small tower does not have.
            "qwen3_vl",
            "    \"deepstack_visual_indexes\": [\n      0,\n      1\n    ],",
            "",
            ["deepstack_visual_indexes", "block 8"],
        ),
        (
            "qwen3_5",
            r#""depth": 2"#,
            r#""deepstack_visual_indexes": [1], "depth": 2"#,
            ["Qwen3.5 has no DeepStack", "qwen3_vl"],
        ),
        (
            "qwen3_5",
            r#""rope_type": "axial""#,
            r#""rope_type": "yarn""#,
            ["rope_type", "yarn"],
        ),
        (
            "qwen2_vl",
            r#""depth": 2"#,
            r#""rope_parameters": {"rope_theta": 100.0, "rope_type": "axial"}, "depth": 2"#,
            ["rope_theta", "100"],
        ),
        (
            "qwen2_5_vl",
            r#""depth": 2"#,
            r#""rope_parameters": {"rope_theta": 10000.0, "rope_type": "yarn"}, "depth": 2"#,
            ["rope_type", "yarn"],
        ),
        (
            "qwen2_vl",
            r#""mlp_ratio": 4"#,
            r#""mlp_ratio": -4"#,
            ["mlp_ratio", "-4"],
        ),
    ] {
        let copy = with_config(layout, from, to);
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        let error = VisionModel::load(&checkpoint, &Device::flex())
            .unwrap_err()
            .to_string();
        for part in parts {
            assert!(error.contains(part), "{layout}, {to}: {error}");
        }
    }
}

#[test]
fn a_tokenize_function_can_be_swapped_only_where_there_are_words() {
    let (_, model, processor) = load("ovis2_5");
    let soft = embeddings(&model, &processor, "odd");
    let all = model
        .clone()
        .with_tokenize(Tokenize::TopK { k: 64 })
        .unwrap();
    assert!(max_abs(&embeddings(&all, &processor, "odd"), &soft) < 1e-5);
    let hard = model.with_tokenize(Tokenize::StArgmax).unwrap();
    assert!(max_abs(&embeddings(&hard, &processor, "odd"), &soft) > 1e-3);
    let (_, qwen, _) = load("qwen2_5_vl");
    let error = qwen.with_tokenize(Tokenize::Softmax).unwrap_err();
    assert!(error.to_string().contains("Qwen2.5-VL"), "{error}");
}
