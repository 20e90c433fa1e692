//! Patch rows are those of the reference processors, bit for bit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use image::RgbImage;
use image_processor::{Arithmetic, PackedConfig, PassOrder, PatchRows};
use serde_json::Value;
use support::{cases, pair, pattern, sha256_f32, tensor, text};

fn preset(case: &Value) -> PackedConfig {
    match text(case, "family") {
        "qwen2_5_vl" => PackedConfig::qwen2_5_vl(),
        "qwen3_vl" => PackedConfig::qwen3_vl(),
        "ovis2_5_2b" => PackedConfig::ovis2_5_2b(),
        "ovis2_5_9b" => PackedConfig::ovis2_5_9b(),
        other => panic!("no family {other}"),
    }
}

fn frames(case: &Value) -> Vec<RgbImage> {
    let patterns = ["noise", "contrast", "ramp"];
    let frames = case["frames"].as_array().unwrap().iter().zip(patterns);
    let frame = |(size, name): (&Value, &str)| pattern(name, pair(size).0, pair(size).1);
    frames.map(frame).collect()
}

fn process(case: &Value, config: PackedConfig) -> PatchRows {
    let frames = frames(case);
    let processor = config.check().unwrap();
    match frames.as_slice() {
        [still] => processor.image(still),
        clip => processor.video(clip),
    }
    .unwrap()
}

#[test]
fn every_value_equals_the_reference() {
    for case in cases("packed.json") {
        let config = preset(&case);
        let rows = process(&case, config);
        assert_eq!(rows.grid_thw.to_vec(), numbers(&case["grid"]), "{case}");
        assert_eq!(
            vec![rows.rows, rows.columns],
            numbers(&case["shape"]),
            "{case}"
        );
        assert_eq!(rows.values.len(), rows.rows * rows.columns);
        let merge = config.merge_size as usize;
        assert_eq!(rows.tokens * merge * merge, rows.rows);
        assert_eq!(sha256_f32(&rows.values), text(&case, "sha256"), "{case}");
    }
}

fn numbers(value: &Value) -> Vec<usize> {
    let values = value.as_array().unwrap();
    values
        .iter()
        .map(|value| value.as_u64().unwrap() as usize)
        .collect()
}

/// Rows 0, 1, 2 and the last, stored in full: a failure shows by how much.
fn largest_difference(case: &Value, rows: &PatchRows) -> f32 {
    let name = format!("{}.{}", text(case, "family"), frames(case).len());
    let (bytes, shape) = tensor("packed.safetensors", &name);
    assert_eq!(shape, [4, rows.columns]);
    let expected = bytes
        .chunks(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()));
    let first = &rows.values[..3 * rows.columns];
    let last = &rows.values[(rows.rows - 1) * rows.columns..];
    let found = first.iter().chain(last);
    found
        .zip(expected)
        .map(|(a, b)| (a - b).abs())
        .fold(0.0, f32::max)
}

fn stored_cases() -> Vec<Value> {
    let stored = |case: &Value| {
        let frames = frames(case);
        let size = (frames[0].width(), frames[0].height());
        let known = size == (70, 70) && frames.len() == 1 || size == (90, 50);
        known && text(case, "family") != "ovis2_5_9b"
    };
    let cases: Vec<Value> = cases("packed.json").into_iter().filter(stored).collect();
    assert_eq!(cases.len(), 4);
    cases
}

#[test]
fn stored_rows_are_equal_and_fused_arithmetic_is_close() {
    for case in stored_cases() {
        let mut config = preset(&case);
        assert_eq!(largest_difference(&case, &process(&case, config)), 0.0);
        config.normalisation.arithmetic = Arithmetic::Fused;
        let fused = largest_difference(&case, &process(&case, config));
        assert!(fused < 1e-6, "{fused}");
    }
}

/// Plausible mistakes are far from the stored rows.
#[test]
fn wrong_settings_are_noticed() {
    for case in stored_cases() {
        let right = preset(&case);
        let mut filter = right;
        filter.resampling.filter = match text(&case, "family") {
            "qwen2_5_vl" | "qwen3_vl" => image_processor::Filter::Bilinear,
            _ => image_processor::Filter::Bicubic,
        };
        let mut channels = right;
        let (mut mean, mut std) = channels.normalisation.mean_std.unwrap();
        mean.swap(0, 2);
        std[1] += 0.001;
        channels.normalisation.mean_std = Some((mean, std));
        let mut factor = right;
        factor.normalisation.rescale_factor = Some(1.0 / 256.0);
        for (name, wrong) in [
            ("filter", filter),
            ("channels", channels),
            ("factor", factor),
        ] {
            let difference = largest_difference(&case, &process(&case, wrong));
            assert!(difference > 1e-3, "{name}: {difference}");
        }

        let mut rows = process(&case, right);
        rows.values.swap(0, 13);
        assert!(largest_difference(&case, &rows) > 1e-3, "columns swapped");
        let mut rows = process(&case, right);
        let columns = rows.columns;
        let (first, second) = rows.values.split_at_mut(columns);
        first.swap_with_slice(&mut second[..columns]);
        assert!(largest_difference(&case, &rows) > 1e-3, "rows swapped");
    }
}

#[test]
fn pillow_13_gives_other_rows_for_tall_images() {
    let tall = pattern("contrast", 100, 1000);
    let mut config = PackedConfig::qwen2_5_vl();
    config.max_pixels = 40_000;
    let older = config.check().unwrap().image(&tall).unwrap();
    config.resampling.order = PassOrder::Pillow13;
    let newer = config.check().unwrap().image(&tall).unwrap();
    assert_eq!(older.grid_thw, newer.grid_thw);
    assert_ne!(older.values, newer.values);
}
