//! What is particular to InternVL: settings that are not known, tiles, transparency.

#![allow(clippy::unwrap_used)]

use std::path::Path;

use burn::tensor::Device;
use checkpoint::Checkpoint;
use image::RgbImage;
use image_processor::Transparency;
use projector::Pass;
use published_models::{Processor, SequenceEntry, VisionModel, config_of};
use serde_json::{Value, json};

/// A copy of a checkpoint with other values in one of its files; null takes an entry away.
fn with(layout: &str, file: &str, values: &[(&str, Value)]) -> tempfile::TempDir {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/checkpoints");
    let copy = tempfile::tempdir().unwrap();
    for entry in std::fs::read_dir(folder.join(layout)).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), copy.path().join(entry.file_name())).unwrap();
    }
    let path = copy.path().join(file);
    let mut json: Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for (pointer, value) in values {
        let (object, key) = pointer.rsplit_once('/').unwrap();
        let object = json.pointer_mut(object).unwrap().as_object_mut().unwrap();
        if value.is_null() {
            object.remove(key);
        } else {
            object.insert(key.to_owned(), value.clone());
        }
    }
    std::fs::write(path, json.to_string()).unwrap();
    copy
}

fn processor(folder: &Path) -> Result<(Processor, Vec<String>), String> {
    let checkpoint = Checkpoint::open(folder).map_err(|error| error.to_string())?;
    let config = config_of(&checkpoint).map_err(|error| error.to_string())?;
    Processor::of(&checkpoint, &config).map_err(|error| match std::error::Error::source(&error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    })
}

/// Tiles of an image.
fn tiles(folder: &Path, width: u32, height: u32) -> usize {
    let (processor, _) = processor(folder).unwrap();
    let image = RgbImage::new(width, height);
    processor.image(&image, &Device::flex()).unwrap().shape[0]
}

const CONFIG: &str = "config.json";
const SETTINGS: &str = "preprocessor_config.json";

#[test]
fn what_is_not_known_is_refused_by_name() {
    let chat = "internvl_chat";
    for (layout, pointer, value, parts) in [
        (chat, "/select_layer", json!(-4), ["select_layer", "-4"]),
        (chat, "/ps_version", json!("v1"), ["ps_version", "v2"]),
        // The default of the reference's class.
        (
            chat,
            "/ps_version",
            json!(null),
            ["ps_version", "v1 if missing"],
        ),
        (
            chat,
            "/force_image_size",
            json!(40),
            ["force_image_size", "image_size` is 20"],
        ),
        (chat, "/pad2square", json!(true), ["pad2square", "false"]),
        (
            chat,
            "/use_backbone_lora",
            json!(16),
            ["use_backbone_lora", "merge them"],
        ),
        (
            chat,
            "/flash_mode",
            json!(true),
            ["flash_mode", "without Flash"],
        ),
        (
            chat,
            "/flash_relative_threshold",
            json!(0.5),
            ["flash_relative_threshold", "without Flash"],
        ),
        (
            chat,
            "/downsample_ratio",
            json!(0.4),
            ["downsample_ratio", "0.4"],
        ),
        (
            chat,
            "/downsample_ratio",
            json!(0.0),
            ["downsample_ratio", "0.5 for tokens"],
        ),
        (
            chat,
            "/min_dynamic_patch",
            json!(7),
            ["min_dynamic_patch", "1 to 6"],
        ),
        (
            chat,
            "/max_dynamic_patch",
            json!(145),
            ["max_dynamic_patch", "145"],
        ),
        (
            chat,
            "/llm_config/hidden_size",
            json!(null),
            ["llm_config.hidden_size", "width"],
        ),
        (
            chat,
            "/vision_config/norm_type",
            json!("batch_norm"),
            ["norm_type", "rms_norm"],
        ),
        (
            chat,
            "/vision_config/norm_type",
            json!(null),
            ["norm1.bias", "norm2.bias"],
        ),
        (
            chat,
            "/vision_config/hidden_act",
            json!("relu"),
            ["hidden_act", "gelu"],
        ),
        (
            chat,
            "/vision_config/num_channels",
            json!(4),
            ["num_channels", "3"],
        ),
        (
            chat,
            "/vision_config/qk_normalization",
            json!(null),
            ["q_norm.weight", "no tensor"],
        ),
        (
            chat,
            "/vision_config/image_size",
            json!("20"),
            ["`image_size` is \"20\"", "usize"],
        ),
        (
            chat,
            "/vision_config",
            json!(null),
            ["vision_config", "vision tower"],
        ),
        (
            "internvl",
            "/vision_feature_layer",
            json!(-2),
            ["vision_feature_layer", "-1"],
        ),
        (
            "internvl",
            "/vision_feature_layer",
            json!([-1, -2]),
            ["vision_feature_layer", "[-1,-2]"],
        ),
        (
            "internvl",
            "/vision_feature_select_strategy",
            json!("full"),
            ["vision_feature_select_strategy", "default"],
        ),
        (
            "internvl",
            "/projector_hidden_act",
            json!("relu"),
            ["projector_hidden_act", "gelu"],
        ),
        (
            "internvl",
            "/vision_config/use_mask_token",
            json!(true),
            ["use_mask_token", "false"],
        ),
        (
            "internvl",
            "/vision_config/use_absolute_position_embeddings",
            json!(false),
            ["use_absolute_position_embeddings", "positions"],
        ),
        (
            "internvl",
            "/vision_config/use_mean_pooling",
            json!(false),
            ["use_mean_pooling", "norm"],
        ),
        (
            "internvl",
            "/vision_config/image_size",
            json!([16, 20]),
            ["[16, 20]", "squares"],
        ),
        (
            "internvl",
            "/vision_config/patch_size",
            json!([4]),
            ["`patch_size` is [4]", "height and width"],
        ),
        (
            "internvl",
            "/vision_config/image_size",
            json!(24),
            ["position_embeddings", "37"],
        ),
        (
            "internvl",
            "/text_config/hidden_size",
            json!(25),
            ["linear_1.weight", "25"],
        ),
    ] {
        let copy = with(layout, CONFIG, &[(pointer, value.clone())]);
        let checkpoint = Checkpoint::open(copy.path()).unwrap();
        let error = VisionModel::load(&checkpoint, &Device::flex()).unwrap_err();
        for part in parts {
            assert!(
                error.to_string().contains(part),
                "{pointer}, {value}: {error}"
            );
        }
    }
}

/// An image of 3 x 2 tiles.
#[test]
fn the_official_layout_counts_tiles_by_its_configuration() {
    let chat = |values: &[(&str, Value)]| {
        let copy = with("internvl_chat", CONFIG, values);
        tiles(copy.path(), 60, 40)
    };
    assert_eq!(chat(&[]), 7);
    assert_eq!(chat(&[("/use_thumbnail", json!(false))]), 6);
    assert_eq!(chat(&[("/max_dynamic_patch", json!(5))]), 5);
    assert_eq!(chat(&[("/dynamic_image_size", json!(false))]), 1);
    // The defaults of the reference's class: the whole image, stretched.
    assert_eq!(chat(&[("/dynamic_image_size", json!(null))]), 1);
    let most = [
        ("/max_dynamic_patch", json!(8)),
        ("/min_dynamic_patch", json!(7)),
    ];
    assert_eq!(chat(&most), 9);
    // The file of the image processor is that of CLIP, and does not count tiles.
    let copy = with("internvl_chat", SETTINGS, &[("/max_patches", json!(1))]);
    assert_eq!(tiles(copy.path(), 60, 40), 7);
}

#[test]
fn transformers_counts_tiles_by_the_file_of_its_image_processor() {
    let settings = |values: &[(&str, Value)]| with("internvl", SETTINGS, values);
    // `crop_to_patches` is false in the file, as released.
    assert_eq!(tiles(settings(&[]).path(), 48, 32), 5);
    let copy = settings(&[("/max_patches", json!(6))]);
    assert_eq!(tiles(copy.path(), 48, 32), 7);
    let copy = settings(&[("/max_patches", json!(1))]);
    assert_eq!(tiles(copy.path(), 48, 32), 1);
    for (pointer, value, part) in [
        ("/min_patches", json!(5), "min_patches"),
        ("/size", json!({"height": 20, "width": 20}), "20"),
        ("/do_center_crop", json!(true), "do_center_crop"),
        ("/do_resize", json!(false), "do_resize"),
    ] {
        let copy = settings(&[(pointer, value)]);
        let error = processor(copy.path()).unwrap_err();
        assert!(error.contains(part) && error.contains(SETTINGS), "{error}");
    }
    // Without the file, 12 tiles as released.
    let copy = settings(&[]);
    std::fs::remove_file(copy.path().join(SETTINGS)).unwrap();
    let (_, notes) = processor(copy.path()).unwrap();
    assert!(
        notes[0].contains("at most 12 tiles of 16 px, bicubic, mean [0.485"),
        "{notes:?}"
    );
}

#[test]
fn released_settings_leave_nothing_to_note() {
    for (layout, transparency) in [
        ("internvl", Transparency::OverWhite),
        ("internvl_chat", Transparency::Dropped),
    ] {
        let copy = with(layout, SETTINGS, &[]);
        let (processor, notes) = processor(copy.path()).unwrap();
        assert_eq!(notes, Vec::<String>::new(), "{layout}");
        assert_eq!(processor.transparency(), transparency, "{layout}");
    }
}

/// Tiles row by row, then the whole image; no boundary rows.
#[test]
fn the_language_model_reads_the_tokens_in_the_order_of_the_tiles() {
    let copy = with("internvl_chat", SETTINGS, &[]);
    let checkpoint = Checkpoint::open(copy.path()).unwrap();
    let model = VisionModel::load(&checkpoint, &Device::flex()).unwrap();
    let (processor, _) = Processor::of(&checkpoint, model.config()).unwrap();
    // The right half is white, and so is the right half of the last tile.
    let halves = RgbImage::from_fn(40, 20, |x, _| image::Rgb([if x < 20 { 0 } else { 255 }; 3]));
    let pixels = processor.image(&halves, &Device::flex()).unwrap();
    assert_eq!(pixels.shape, [3, 3, 20, 20]);
    let corners: Vec<bool> = pixels
        .values
        .chunks(1200)
        .flat_map(|tile| [tile[0] > 0.0, tile[19] > 0.0])
        .collect();
    assert_eq!(corners, [false, false, true, true, false, true]);
    assert!(pixels.tokens.is_empty());
    let features = model.features(&pixels.patches).unwrap();
    let tokens = model.tokens(&features, &mut Pass::deterministic()).unwrap();
    assert_eq!(tokens.embeddings.dims(), [1, 3 * 4, 24]);
    let sequence = model.sequence(&pixels.tokens, 12);
    assert_eq!(
        sequence,
        (0..12).map(SequenceEntry::Token).collect::<Vec<_>>()
    );
    assert_eq!(model.indicator(0).map(|_| ()), None);
}

#[test]
fn tensors_of_the_vision_side_are_wanted_and_no_others() {
    for name in ["mlp1.2.weight", "vision_model.post_layernorm.weight"] {
        assert!(published_models::is_wanted(name), "{name}");
    }
    for name in [
        "language_model.model.norm.weight",
        "lm_head.weight",
        "mlp10.weight",
    ] {
        assert!(!published_models::is_wanted(name), "{name}");
    }
}
