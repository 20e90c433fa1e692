//! Checkpoints as the field saves them: configurations re-saved by transformers 5, processors in
//! every file and form, quantised weights.
//!
//! References: transformers 5.23.0 on the same files (`Ovis2ImageProcessorPil`,
//! `Qwen2VLImageProcessorPil`).

#![allow(clippy::excessive_precision, reason = "as the reference printed them")]
#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used)]

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use checkpoint::Checkpoint;
use image_processor::decode_file;
use published_models::{ModelError, Pixels, Processor, VisionModel, config_of};
use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};
use serde_json::{Value, json};

const CONFIG: &str = "config.json";
const OLD: &str = "preprocessor_config.json";
const NEW: &str = "processor_config.json";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints")
}

fn read(layout: &str, file: &str) -> Value {
    let bytes = std::fs::read(fixtures().join(layout).join(file)).unwrap();
    serde_json::from_slice(&bytes).unwrap()
}

/// A copy of a checkpoint with other files in the place of its own; `None` takes one away.
fn with(layout: &str, files: &[(&str, Option<Value>)]) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(fixtures().join(layout)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    for (name, json) in files {
        let path = copy.path().join(name);
        match json {
            Some(json) => std::fs::write(path, json.to_string()).unwrap(),
            None => std::fs::remove_file(path).unwrap(),
        }
    }
    copy
}

fn message(error: ModelError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(inner) = source {
        text = format!("{text}: {inner}");
        source = inner.source();
    }
    text
}

/// Pixels of a picture and the notes of the processor.
fn pixels(folder: &Path, picture: &str) -> Result<(Pixels, Vec<String>), ModelError> {
    let checkpoint = Checkpoint::open(folder)?;
    let (processor, notes) = Processor::of(&checkpoint, &config_of(&checkpoint)?)?;
    let path = fixtures().join(format!("pictures/{picture}.png"));
    let image = decode_file(path, processor.transparency()).unwrap();
    Ok((processor.image(&image, &Device::flex())?, notes))
}

/// Layout, object that holds the setting, its two names.
const SYNONYMS: [(&str, &str, [&str; 2]); 7] = [
    ("qwen2_vl", "/vision_config", ["in_channels", "in_chans"]),
    ("qwen2_5_vl", "/vision_config", ["in_channels", "in_chans"]),
    (
        "qwen2_5_vl_in_memory",
        "/vision_config",
        ["in_channels", "in_chans"],
    ),
    ("qwen3_vl", "/vision_config", ["in_channels", "in_chans"]),
    ("ovis2_hf", "/vision_config", ["mlp_bias", "use_bias"]),
    (
        "ovis2_official",
        "/visual_tokenizer_config/backbone_config",
        ["mlp_bias", "use_bias"],
    ),
    ("ovis2_5", "", ["vit_config", "vision_config"]),
];

/// transformers 5 writes its own name beside that of the released file.
#[test]
fn a_setting_under_two_names_may_have_one_value_only() {
    for (layout, object, names) in SYNONYMS {
        let config = read(layout, CONFIG);
        let settings = config.pointer(object).unwrap();
        let found = names.iter().find_map(|name| settings.get(name)).cloned();
        let value = found.unwrap_or(json!(false));
        let load = |values: [Option<Value>; 2]| {
            let mut config = config.clone();
            let settings = config.pointer_mut(object).unwrap().as_object_mut().unwrap();
            for (name, value) in names.iter().zip(values) {
                settings.remove(*name);
                settings.extend(value.map(|value| ((*name).to_owned(), value)));
            }
            let folder = with(layout, &[(CONFIG, Some(config))]);
            let checkpoint = Checkpoint::open(folder.path()).unwrap();
            VisionModel::load(&checkpoint, &Device::flex()).map(|model| model.config().clone())
        };
        let expected = load([Some(value.clone()), None]).unwrap();
        for same in [
            [None, Some(value.clone())],
            [Some(value.clone()), Some(value.clone())],
            [Some(value.clone()), Some(Value::Null)],
        ] {
            assert_eq!(load(same.clone()).unwrap(), expected, "{layout}: {same:?}");
        }
        let other = match &value {
            Value::Bool(value) => json!(!value),
            Value::Number(_) => json!(7),
            value => {
                let mut other = value.clone();
                other["hidden_size"] = json!(7);
                other
            }
        };
        let error = message(load([Some(value), Some(other)]).unwrap_err());
        for name in names {
            assert!(
                error.contains(&format!("`{name}` is ")),
                "{layout}: {error}"
            );
        }
        assert!(error.contains(CONFIG), "{layout}: {error}");
    }
}

#[test]
fn two_widths_of_the_language_model_must_agree() {
    let mut config = read("ovis2_hf", CONFIG);
    config["hidden_size"] = json!(24);
    config["text_config"]["hidden_size"] = json!(24);
    let folder = with("ovis2_hf", &[(CONFIG, Some(config.clone()))]);
    config_of(&Checkpoint::open(folder.path()).unwrap()).unwrap();
    config["text_config"]["hidden_size"] = json!(25);
    let folder = with("ovis2_hf", &[(CONFIG, Some(config))]);
    let error = message(config_of(&Checkpoint::open(folder.path()).unwrap()).unwrap_err());
    for part in ["`hidden_size` is 24", "`text_config.hidden_size` is 25"] {
        assert!(error.contains(part), "{error}");
    }
}

/// As code that runs the tower alone saves it, and as releases of the whole model name it.
#[test]
fn qwen3_vl_is_read_below_visual_and_below_model_visual() {
    let layout = "qwen3_vl";
    let folder = with(layout, &[]);
    let path = folder.path().join("model.safetensors");
    let bytes = std::fs::read(&path).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let renamed = file.tensors().into_iter().map(|(name, view)| {
        let name = name.replace("model.visual.", "visual.");
        (name, view)
    });
    std::fs::write(&path, serialize(renamed, None).unwrap()).unwrap();
    let load = |folder: &Path| {
        let checkpoint = Checkpoint::open(folder).unwrap();
        VisionModel::load(&checkpoint, &Device::flex()).unwrap()
    };
    let pixels = pixels(folder.path(), "odd").unwrap().0.patches;
    let [found, expected] = [folder.path(), &fixtures().join(layout)].map(|folder| {
        let features = load(folder).features(&pixels).unwrap();
        features.features().clone().into_data()
    });
    assert_eq!(found, expected);
}

/// The released files of Qwen3.5 say that they have no levels.
#[test]
fn an_empty_list_of_levels_is_none() {
    let mut config = read("qwen3_5", CONFIG);
    config["vision_config"]["deepstack_visual_indexes"] = json!([]);
    let folder = with("qwen3_5", &[(CONFIG, Some(config))]);
    let found = config_of(&Checkpoint::open(folder.path()).unwrap()).unwrap();
    let own = config_of(&Checkpoint::open(&fixtures().join("qwen3_5")).unwrap()).unwrap();
    assert_eq!(found, own);
    assert_eq!(found.tower.inner_levels(), 0);
}

/// The same settings give the same pixels wherever they stand; a stale file beside them has no say.
#[test]
fn processors_are_read_from_every_file_and_form() {
    for layout in [
        "qwen2_vl",
        "qwen2_5_vl",
        "qwen3_vl",
        "ovis2_5",
        "ovis2_hf",
        "ovis2_official",
    ] {
        let settings = read(layout, OLD);
        let expected = pixels(&fixtures().join(layout), "odd").unwrap();
        assert_eq!(expected.1, [""; 0], "{layout}");
        let nested = json!({
            "image_processor": settings, "processor_class": "P",
            "video_processor": {"max_pixels": 1, "do_center_crop": true},
        });
        let mut stale = settings.clone();
        stale["image_mean"] = json!([0.1, 0.1, 0.1]);
        for files in [
            vec![(OLD, None), (NEW, Some(nested.clone()))],
            vec![(OLD, Some(stale)), (NEW, Some(nested.clone()))],
            vec![(OLD, Some(nested))],
            vec![
                (OLD, Some(settings)),
                (NEW, Some(json!({"processor_class": "P"}))),
            ],
        ] {
            let found = pixels(with(layout, &files).path(), "odd").unwrap();
            assert_eq!(found.0.shape, expected.0.shape, "{layout}: {files:?}");
            assert_eq!(found.0.values, expected.0.values, "{layout}: {files:?}");
            assert_eq!(found.1, [""; 0], "{layout}");
        }
    }
}

/// `Qwen2VLImageProcessorPil(size={"shortest_edge": 400, "longest_edge": 1024})`: grid (1, 6, 8),
/// 48 patches of 96 values with the sum 811.22365.
#[test]
fn the_areas_of_a_nested_size_are_those_of_transformers() {
    let mut settings = read("qwen2_5_vl", OLD);
    let object = settings.as_object_mut().unwrap();
    object.remove("min_pixels");
    object.remove("max_pixels");
    object.insert(
        "size".to_owned(),
        json!({"shortest_edge": 400, "longest_edge": 1024}),
    );
    let nested = json!({"image_processor": settings});
    let folder = with("qwen2_5_vl", &[(OLD, None), (NEW, Some(nested))]);
    let found = pixels(folder.path(), "odd").unwrap().0;
    assert_eq!(found.shape, [48, 96]);
    assert_eq!(
        (found.patches.grids()[0].rows, found.patches.grids()[0].cols),
        (6, 8)
    );
    let sum: f64 = found.values.iter().map(|&value| f64::from(value)).sum();
    assert!((sum - 811.223_647).abs() < 1e-2, "{sum}");
}

/// `Ovis2ImageProcessorPil(crop_to_patches=False)`: one view, grid (1, 1), values at 0, 17, 256 and
/// 767 of channels, rows and columns.
#[test]
fn without_cropping_ovis2_sees_one_view_of_the_whole_image() {
    for (key, value) in [("crop_to_patches", json!(false)), ("max_patches", json!(1))] {
        let mut settings = read("ovis2_hf", OLD);
        settings[key] = value;
        let folder = with("ovis2_hf", &[(OLD, Some(settings))]);
        for (picture, expected) in [
            (
                "odd",
                [0.017_942_33, 0.309_910_95, 0.604_122_58, 0.425_269_19],
            ),
            (
                "small",
                [0.120_131_42, 0.441_296_76, 0.544_091_46, 0.226_188_15],
            ),
        ] {
            let found = pixels(folder.path(), picture).unwrap().0;
            assert_eq!(found.shape, [1, 3, 16, 16]);
            assert_eq!(found.patches.grids().len(), 1);
            assert_eq!(found.tokens.len(), 4, "start, view, grid, end");
            for (index, expected) in [0, 17, 256, 767].into_iter().zip(expected) {
                let found: f32 = found.values[index];
                assert!(
                    (found - expected).abs() < 1e-5,
                    "{picture} {index}: {found}"
                );
            }
        }
    }
}

#[test]
fn settings_that_cannot_be_obeyed_name_their_file_and_key() {
    for (layout, key, value) in [
        ("qwen2_5_vl", "size", json!({"height": 112, "width": 112})),
        ("qwen2_5_vl", "size", json!(448)),
        ("qwen2_5_vl", "do_center_crop", json!(true)),
        ("qwen2_5_vl", "do_convert_rgb", json!(false)),
        ("qwen2_vl", "patch_size", json!(14)),
        ("qwen2_vl", "merge_size", json!(4)),
        ("qwen2_vl", "temporal_patch_size", json!(1)),
        ("qwen3_vl", "size", json!({"height": 112, "width": 112})),
        ("qwen3_vl", "patch_size", json!(16)),
        ("ovis2_5", "do_pad", json!(true)),
        ("ovis2_hf", "size", json!({"height": 20, "width": 20})),
        ("ovis2_hf", "use_covering_area_grid", json!(false)),
        ("ovis2_hf", "do_resize", json!(false)),
        ("ovis2_hf", "do_center_crop", json!(true)),
    ] {
        let mut settings = read(layout, OLD);
        settings[key] = value;
        for (file, json) in [
            (OLD, settings.clone()),
            (NEW, json!({"image_processor": settings.clone()})),
        ] {
            let folder = with(layout, &[(file, Some(json))]);
            let error = message(pixels(folder.path(), "odd").unwrap_err());
            assert!(error.contains(file), "{layout} {key}: {error}");
            assert!(
                error.contains(&format!("`{key}`")),
                "{layout} {key}: {error}"
            );
        }
    }
    // The official code switches it off.
    let mut settings = read("ovis2_official", OLD);
    settings["do_center_crop"] = json!(true);
    let folder = with("ovis2_official", &[(OLD, Some(settings))]);
    let found = pixels(folder.path(), "odd").unwrap().0;
    let expected = pixels(&fixtures().join("ovis2_official"), "odd").unwrap().0;
    assert_eq!(found.values, expected.values);
}

#[test]
fn defaults_and_unknown_settings_are_told() {
    for (layout, part) in [
        (
            "qwen2_5_vl",
            "3136 to 12845056 px², bicubic, mean [0.48145466",
        ),
        (
            "qwen3_vl",
            "65536 to 16777216 px², bicubic, mean [0.5, 0.5, 0.5]",
        ),
        ("ovis2_5", "200704 to 3211264 px², bilinear, mean [0.5"),
        ("ovis2_6", "200704 to 8294400 px², bilinear, mean [0.5"),
        ("ovis2_hf", "at most 9 tiles of 16 px"),
    ] {
        let folder = with(layout, &[(OLD, None)]);
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let config = config_of(&checkpoint).unwrap();
        let (_, notes) = Processor::of(&checkpoint, &config).unwrap();
        assert_eq!(notes.len(), 1);
        for part in [part, OLD, NEW, config.family.name()] {
            assert!(notes[0].contains(part), "{part}: {}", notes[0]);
        }
    }
    let mut settings = read("qwen2_5_vl", OLD);
    settings["sharpen"] = json!(2);
    settings["image_processor_type"] = json!("PixtralImageProcessor");
    let folder = with("qwen2_5_vl", &[(OLD, Some(settings))]);
    let notes = pixels(folder.path(), "odd").unwrap().1;
    assert_eq!(notes.len(), 2);
    assert!(
        notes[0].contains("`sharpen` = 2") && notes[0].contains(OLD),
        "{}",
        notes[0]
    );
    assert!(notes[1].contains("PixtralImageProcessor"), "{}", notes[1]);
}

/// One file with the tensors of a checkpoint, one of them replaced by others.
fn rewrite(layout: &str, replaced: &str, by: &[(&str, Dtype, Vec<usize>)]) -> tempfile::TempDir {
    let folder = with(layout, &[]);
    let bytes = std::fs::read(folder.path().join("model.safetensors")).unwrap();
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let zeros = vec![0; 1 << 16];
    let mut views: HashMap<String, TensorView<'_>> = HashMap::new();
    for (name, view) in file.tensors() {
        if name != replaced {
            views.insert(name, view);
        }
    }
    for (name, dtype, shape) in by {
        let bytes = shape.iter().product::<usize>() * dtype.bitsize() / 8;
        let view = TensorView::new(*dtype, shape.clone(), &zeros[..bytes]).unwrap();
        views.insert((*name).to_owned(), view);
    }
    let bytes = serialize(views, None).unwrap();
    std::fs::write(folder.path().join("model.safetensors"), bytes).unwrap();
    folder
}

/// What bitsandbytes, GPTQ or AWQ, and fp8 put in the place of a weight.
#[test]
fn a_quantised_vision_side_is_named_as_one() {
    let layout = "qwen2_5_vl_in_memory";
    let checkpoint = Checkpoint::open(&fixtures().join(layout)).unwrap();
    let weight = checkpoint
        .tensors()
        .names()
        .find(|name| name.contains("visual") && name.ends_with("blocks.0.attn.qkv.weight"))
        .unwrap()
        .to_owned();
    let part = |end: &str| format!("{weight}.{end}");
    let stem = weight.trim_end_matches("weight").to_owned();
    let cases = [
        (
            "bitsandbytes",
            vec![
                (weight.clone(), Dtype::U8, vec![1536, 1]),
                (part("absmax"), Dtype::F32, vec![48]),
            ],
        ),
        (
            "gptq",
            vec![
                (format!("{stem}qweight"), Dtype::I32, vec![4, 96]),
                (format!("{stem}scales"), Dtype::F16, vec![1, 96]),
            ],
        ),
        (
            "fp8",
            vec![
                (weight.clone(), Dtype::F8_E4M3, vec![96, 32]),
                (format!("{stem}weight_scale"), Dtype::F32, vec![1]),
            ],
        ),
    ];
    for (method, tensors) in cases {
        let tensors: Vec<(&str, Dtype, Vec<usize>)> = tensors
            .iter()
            .map(|(name, dtype, shape)| (name.as_str(), *dtype, shape.clone()))
            .collect();
        let folder = rewrite(layout, &weight, &tensors);
        let mut config = read(layout, CONFIG);
        config["quantization_config"] = json!({"quant_method": method});
        std::fs::write(folder.path().join(CONFIG), config.to_string()).unwrap();
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let error = message(VisionModel::load(&checkpoint, &Device::flex()).unwrap_err());
        for part in ["quantised", method, "model.safetensors", "qkv"] {
            assert!(error.contains(part), "{method}: {error}");
        }
    }
    // Quantised language models with a vision side in floating point are read, as before.
    let mut config = read(layout, CONFIG);
    config["quantization_config"] =
        json!({"quant_method": "awq", "modules_to_not_convert": ["visual"]});
    let folder = with(layout, &[(CONFIG, Some(config))]);
    let checkpoint = Checkpoint::open(folder.path()).unwrap();
    VisionModel::load(&checkpoint, &Device::flex()).unwrap();
}
