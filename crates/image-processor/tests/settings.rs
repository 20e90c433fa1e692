//! Settings of processors, as files in the field spell them: obeyed, refused by name, or listed.
//!
//! What a setting does was read off transformers 5.23.0, `image_processing_pil_qwen2_vl.py` and
//! `image_processing_pil_ovis2.py`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use image::{Rgb, RgbImage};
use image_processor::{PackedConfig, TileConfig, TilingRule};
use serde_json::{Value, json};

fn qwen(json: Value) -> Result<(PackedConfig, Vec<String>), String> {
    PackedConfig::read(&json, PackedConfig::qwen2_5_vl()).map_err(|error| error.to_string())
}

fn ovis2(json: Value) -> Result<(TileConfig, Vec<String>), String> {
    TileConfig::read(&json, TileConfig::ovis2()).map_err(|error| error.to_string())
}

fn refused<T: std::fmt::Debug>(found: Result<T, String>, parts: &[&str]) {
    let error = found.unwrap_err();
    for part in parts {
        assert!(error.contains(part), "{part}: {error}");
    }
}

/// transformers: "`size` dict must contain 'shortest_edge' and 'longest_edge' keys".
#[test]
fn a_size_that_is_no_pair_of_areas_is_refused_for_qwen() {
    for size in [
        json!({"height": 112, "width": 112}),
        json!({"shortest_edge": 3136}),
        json!({"longest_edge": 12544}),
        json!({"shortest_edge": 3136, "longest_edge": 12544, "height": 112}),
        json!({}),
        json!(448),
        json!([448, 448]),
    ] {
        refused(
            qwen(json!({"size": size})),
            &["`size`", "shortest_edge and longest_edge"],
        );
    }
    // The older keys beside it complete it, and win.
    let mixed = json!({"size": {"shortest_edge": 3136}, "max_pixels": 12544});
    let config = qwen(mixed).unwrap().0;
    assert_eq!((config.min_pixels, config.max_pixels), (3136, 12544));
    let nulls = json!({"size": {"shortest_edge": 3136, "longest_edge": 12544, "height": null}});
    assert_eq!(qwen(nulls).unwrap().0.max_pixels, 12544);
}

/// The official code of Ovis2.5 replaces the `size` of its SigLIP processor.
#[test]
fn the_size_of_ovis2_5_is_that_of_its_own_rule() {
    let json = json!({"size": {"height": 512, "width": 512}, "max_pixels": 1_000_000});
    let (config, notes) = PackedConfig::read(&json, PackedConfig::ovis2_5_9b()).unwrap();
    assert_eq!(
        (config.min_pixels, config.max_pixels),
        (448 * 448, 1_000_000)
    );
    assert!(notes.is_empty());
}

#[test]
fn two_names_of_one_setting_may_agree_only() {
    let ovis = PackedConfig::ovis2_5_9b();
    let both = |stride: u32| json!({"merge_size": 2, "hidden_stride": stride});
    assert_eq!(PackedConfig::read(&both(2), ovis).unwrap().0.merge_size, 2);
    let error = PackedConfig::read(&both(4), ovis).map_err(|error| error.to_string());
    refused(error, &["`merge_size` (2)", "`hidden_stride` (4)"]);
    let size = json!({"size": {"shortest_edge": 1, "min_pixels": 2, "longest_edge": 9}});
    refused(qwen(size), &["`shortest_edge` (1)", "`min_pixels` (2)"]);
}

#[test]
fn a_step_that_is_not_done_here_is_refused_and_other_unknown_settings_are_listed() {
    for key in [
        "do_center_crop",
        "do_pad",
        "do_flip_channel_order",
        "do_anything",
    ] {
        refused(qwen(json!({key: true})), &[key]);
        refused(ovis2(json!({key: true})), &[key]);
        refused(qwen(json!({key: 1})), &[key]);
        assert_eq!(qwen(json!({key: false})).unwrap().1, [""; 0]);
        assert_eq!(ovis2(json!({key: null})).unwrap().1, [""; 0]);
    }
    for json in [
        json!({"do_convert_rgb": false}),
        json!({"data_format": "channels_last"}),
    ] {
        let key = json.as_object().unwrap().keys().next().unwrap().clone();
        refused(qwen(json.clone()), &[&key]);
        refused(ovis2(json), &[&key]);
    }
    let notes = qwen(json!({"crop_to_patches": true, "sharpen": 0.5}))
        .unwrap()
        .1;
    assert_eq!(notes, ["`crop_to_patches` = true", "`sharpen` = 0.5"]);
    let notes = ovis2(json!({"min_pixels": 3136})).unwrap().1;
    assert_eq!(notes, ["`min_pixels` = 3136"]);
}

/// What transformers 5 saves beside the settings, and older versions of it.
#[test]
fn names_and_layouts_are_not_listed() {
    let json = json!({
        "image_processor_type": "Qwen2VLImageProcessorFast", "processor_class": "X",
        "crop_size": {"height": 9, "width": 9}, "do_center_crop": false, "do_pad": null,
        "data_format": "channels_first", "default_to_square": false, "device": null,
        "disable_grouping": null, "input_data_format": null, "pad_size": null,
        "return_tensors": null, "video_processor": {"do_pad": true}, "do_sample_frames": true,
        "fps": 2, "do_convert_rgb": true, "do_resize": true, "do_rescale": true,
        "do_normalize": true, "resample": 3, "rescale_factor": 0.00392156862745098,
    });
    let (config, notes) = qwen(json).unwrap();
    assert_eq!(notes, [""; 0]);
    assert_eq!(config.max_pixels, PackedConfig::qwen2_5_vl().max_pixels);
}

#[test]
fn ovis2_obeys_its_own_settings_or_refuses_them() {
    for (json, rule, max_tiles) in [
        (json!({"crop_to_patches": true}), TilingRule::Official, 9),
        (
            json!({"crop_to_patches": true, "max_patches": 4}),
            TilingRule::Official,
            4,
        ),
        (
            json!({"crop_to_patches": false}),
            TilingRule::Transformers,
            1,
        ),
        (
            json!({"crop_to_patches": false, "max_patches": 4}),
            TilingRule::Transformers,
            1,
        ),
        (json!({"max_patches": 1}), TilingRule::Transformers, 1),
        // No grid is looked for, so its kind has no effect.
        (
            json!({"crop_to_patches": false, "use_covering_area_grid": false}),
            TilingRule::Transformers,
            1,
        ),
        (
            json!({"min_patches": 3, "use_covering_area_grid": true}),
            TilingRule::Official,
            9,
        ),
    ] {
        let (config, notes) = ovis2(json.clone()).unwrap();
        assert_eq!((config.rule, config.max_tiles), (rule, max_tiles), "{json}");
        assert_eq!(notes, [""; 0], "{json}");
    }
    assert_eq!(ovis2(json!({"size": 56})).unwrap().0.side, 56);
    refused(
        ovis2(json!({"use_covering_area_grid": false})),
        &["`use_covering_area_grid`"],
    );
    refused(ovis2(json!({"do_resize": false})), &["`do_resize`"]);
    refused(
        ovis2(json!({"crop_to_patches": "no"})),
        &["`crop_to_patches`"],
    );
    refused(
        ovis2(json!({"size": {"longest_edge": 9}})),
        &["`size`", "height and width"],
    );
}

/// `Ovis2ImageProcessorPil(crop_to_patches=False)`: one view, stretched whatever its shape.
#[test]
fn without_cropping_the_whole_image_is_stretched_to_one_tile() {
    let json = json!({"crop_to_patches": false, "size": {"height": 8, "width": 8}});
    let processor = ovis2(json).unwrap().0.check().unwrap();
    // Twice as wide as high: letterboxed by the official code, stretched here.
    let image = RgbImage::from_pixel(64, 32, Rgb([255; 3]));
    let tiles = processor.image(&image).unwrap();
    assert_eq!(
        (tiles.tiles, tiles.grid.rows, tiles.grid.columns),
        (1, 1, 1)
    );
    let white = tiles.values[0];
    assert!(white > 1.0 && tiles.values[..64].iter().all(|&value| value == white));
}
