//! Configurations may come from anywhere: whatever they say, loading ends in a model or an error.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::tensor::Device;
use checkpoint::Checkpoint;
use proptest::prelude::*;
use proptest::sample::select;
use published_models::{Processor, VisionModel};
use serde_json::{Value, json};

const LAYOUTS: [&str; 11] = [
    "qwen2_5_vl",
    "qwen2_5_vl_in_memory",
    "qwen2_vl",
    "qwen3_vl",
    "qwen3_5",
    "ovis2_hf",
    "ovis2_official",
    "ovis2_5",
    "ovis2_6",
    "internvl",
    "internvl_chat",
];

/// Places of all entries of a JSON document, as pointers.
fn pointers(value: &Value, at: &str, all: &mut Vec<String>) {
    let Value::Object(entries) = value else {
        return;
    };
    for (key, value) in entries {
        let place = format!("{at}/{key}");
        all.push(place.clone());
        pointers(value, &place, all);
    }
}

fn hostile() -> impl Strategy<Value = Value> {
    select(vec![
        json!(0),
        json!(1),
        json!(3),
        json!(-1),
        json!(1.5),
        json!(4096),
        json!(1 << 20),
        json!((1_u64 << 32) - 1),
        json!(u64::MAX),
        json!(1e300),
        json!(""),
        json!("softmax"),
        json!(null),
        json!(true),
        json!([]),
        json!([u64::MAX]),
        json!({}),
    ])
}

/// A folder whose files are links to those of a layout, but for one.
fn with(layout: &str, file: &str, content: &Value) -> tempfile::TempDir {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/checkpoints")
        .join(layout);
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    std::fs::write(copy.path().join(file), content.to_string()).unwrap();
    copy
}

fn read(layout: &str, file: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/checkpoints")
        .join(layout)
        .join(file);
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// Loads and, where that succeeds, encodes one small image.
fn use_it(folder: &Path) {
    let device = Device::flex();
    let Ok(checkpoint) = Checkpoint::open(folder) else {
        return;
    };
    let Ok(model) = VisionModel::load(&checkpoint, &device) else {
        return;
    };
    let Ok(processor) = Processor::new(model.config(), checkpoint.preprocessor()) else {
        return;
    };
    let Ok(pixels) = processor.image(&image::RgbImage::new(30, 21), &device) else {
        return;
    };
    let _ = model.features(&pixels.patches);
}

/// Found by the test below: patches of 4096 px took gigabytes before the tower refused them.
#[test]
fn an_image_processor_of_another_tower_is_refused() {
    for (layout, key) in [
        ("qwen2_5_vl", "patch_size"),
        ("qwen2_5_vl", "merge_size"),
        ("qwen2_vl", "temporal_patch_size"),
        ("ovis2_5", "hidden_stride"),
    ] {
        let mut settings = read(layout, "preprocessor_config.json");
        settings[key] = json!(1000);
        let folder = with(layout, "preprocessor_config.json", &settings);
        let checkpoint = Checkpoint::open(folder.path()).unwrap();
        let config = published_models::config_of(&checkpoint).unwrap();
        let error = Processor::new(&config, checkpoint.preprocessor()).unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("preprocessor_config.json") && error.contains("is 1000"),
            "{error}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn no_configuration_makes_loading_panic(
        layout in select(LAYOUTS.to_vec()),
        place in any::<prop::sample::Index>(),
        value in hostile(),
    ) {
        let mut config = read(layout, "config.json");
        let mut places = Vec::new();
        pointers(&config, "", &mut places);
        let place = &places[place.index(places.len())];
        *config.pointer_mut(place).unwrap() = value;
        use_it(with(layout, "config.json", &config).path());
    }

    #[test]
    fn no_image_processor_makes_encoding_panic(
        layout in select(LAYOUTS.to_vec()),
        place in any::<prop::sample::Index>(),
        value in hostile(),
    ) {
        let mut config = read(layout, "preprocessor_config.json");
        let mut places = Vec::new();
        pointers(&config, "", &mut places);
        let place = &places[place.index(places.len())];
        // An image of as many pixels as allowed takes minutes.
        if place.ends_with("_pixels") && value.as_u64().is_some_and(|v| v > 4096) {
            return Ok(());
        }
        *config.pointer_mut(place).unwrap() = value;
        use_it(with(layout, "preprocessor_config.json", &config).path());
    }
}
