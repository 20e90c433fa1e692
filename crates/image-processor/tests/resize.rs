//! Resized images and target sizes are those of Pillow, transformers and Ovis.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use image::RgbImage;
use image_processor::{
    Filter, PackedConfig, PassOrder, Resampling, Size, SizingRule, SmartResize, resize,
};
use support::{cases, largest_difference, pair, pattern, sha256, tensor, text};

fn size(pair: (u32, u32)) -> Size {
    Size::new(pair.0, pair.1)
}

/// Number of cases, and those that differ from the fixture.
fn compare(fixture: &str, order: PassOrder) -> (usize, Vec<String>) {
    let cases = cases(fixture);
    let differs = |case: &&serde_json::Value| {
        let (width, height) = pair(&case["source"]);
        let source = pattern(text(case, "pattern"), width, height);
        let filter = match text(case, "filter") {
            "bilinear" => Filter::Bilinear,
            _ => Filter::Bicubic,
        };
        let resampling = Resampling { filter, order };
        let resized = resize(&source, size(pair(&case["target"])), resampling).unwrap();
        sha256(resized.as_raw()) != text(case, "sha256")
    };
    let wrong = cases.iter().filter(differs).map(ToString::to_string);
    (cases.len(), wrong.collect())
}

#[test]
fn every_pixel_equals_pillow_11() {
    let (count, wrong) = compare("resize.json", PassOrder::HorizontalFirst);
    assert!(
        wrong.is_empty(),
        "{} of {count} differ: {wrong:#?}",
        wrong.len()
    );
}

#[test]
fn every_pixel_equals_pillow_13_in_its_order_of_passes() {
    let (count, wrong) = compare("resize_pillow13.json", PassOrder::Pillow13);
    assert!(
        wrong.is_empty(),
        "{} of {count} differ: {wrong:#?}",
        wrong.len()
    );
}

/// Or the two fixtures would not tell the orders apart.
#[test]
fn the_order_of_passes_matters() {
    let (_, wrong) = compare("resize.json", PassOrder::Pillow13);
    assert!(wrong.len() > 10);
    let (_, wrong) = compare("resize_pillow13.json", PassOrder::HorizontalFirst);
    assert!(wrong.len() > 10);
}

/// Expected pixels with their source image and target size.
fn images(filter: &str) -> Vec<(RgbImage, Size, Vec<u8>)> {
    let image = |(width, height): (u32, u32)| {
        let (pixels, shape) = tensor("resize.safetensors", &format!("{filter}.{width}x{height}"));
        let target = Size::new(shape[1] as u32, shape[0] as u32);
        (pattern("contrast", width, height), target, pixels)
    };
    [(70, 70), (42, 98), (333, 77)].map(image).to_vec()
}

#[test]
fn whole_images_equal_pillow() {
    for (name, filter) in [("bilinear", Filter::Bilinear), ("bicubic", Filter::Bicubic)] {
        for (source, target, expected) in images(name) {
            let resized = resize(&source, target, filter).unwrap();
            assert_eq!(
                largest_difference(resized.as_raw(), &expected),
                0,
                "{name} {target}"
            );
        }
    }
}

/// What a mistake in the kernel, the channels or the axes would do to the same comparison.
#[test]
fn wrong_kernels_channels_and_axes_are_noticed() {
    for (source, target, expected) in images("bicubic") {
        let difference = |pixels: &[u8]| largest_difference(pixels, &expected);
        let nearest = image::imageops::resize(
            &source,
            target.width,
            target.height,
            image::imageops::FilterType::Nearest,
        );
        assert!(difference(nearest.as_raw()) > 5);

        let bilinear = resize(&source, target, Filter::Bilinear).unwrap();
        assert!(difference(bilinear.as_raw()) > 5);

        let mut swapped = resize(&source, target, Filter::Bicubic).unwrap();
        swapped.pixels_mut().for_each(|pixel| pixel.0.swap(0, 2));
        assert!(difference(swapped.as_raw()) > 5);

        let turned = image::imageops::rotate90(&image::imageops::flip_horizontal(&source));
        let turned = resize(&turned, target, Filter::Bicubic).unwrap();
        assert!(difference(turned.as_raw()) > 5);
    }
}

/// The kernel of Keys with any `a`, in floating point and without rounding between the passes.
fn keys(source: &RgbImage, target: Size, a: f64) -> Vec<u8> {
    let weight = |x: f64| match x.abs() {
        x if x < 1.0 => ((a + 2.0) * x - (a + 3.0)) * x * x + 1.0,
        x if x < 2.0 => a * (((x - 5.0) * x + 8.0) * x - 4.0),
        _ => 0.0,
    };
    let weights = |from: u32, to: u32, at: u32| -> Vec<f64> {
        let scale = f64::from(from) / f64::from(to);
        let centre = (f64::from(at) + 0.5) * scale - 0.5;
        let raw = (0..from).map(|x| weight((f64::from(x) - centre) / scale.max(1.0)));
        let raw: Vec<f64> = raw.collect();
        let sum: f64 = raw.iter().sum();
        raw.iter().map(|weight| weight / sum).collect()
    };
    let clip = |value: f64| (value + 0.5).floor().clamp(0.0, 255.0);
    let mut pixels = Vec::new();
    let columns: Vec<Vec<f64>> = (0..target.width)
        .map(|x| weights(source.width(), target.width, x))
        .collect();
    for y in 0..target.height {
        let rows = weights(source.height(), target.height, y);
        for columns in &columns {
            for channel in 0..3 {
                let line = |y: u32| {
                    let level = |x: u32| f64::from(source.get_pixel(x, y).0[channel]);
                    clip((0..).zip(columns).map(|(x, w)| w * level(x)).sum())
                };
                let sum = (0..).zip(&rows).filter(|(_, w)| **w != 0.0);
                pixels.push(clip(sum.map(|(y, w)| w * line(y)).sum()) as u8);
            }
        }
    }
    pixels
}

#[test]
fn the_cubic_coefficient_is_minus_one_half() {
    let source = pattern("contrast", 42, 98);
    let (expected, _) = tensor("resize.safetensors", "bicubic.42x98");
    let difference = |a| largest_difference(&keys(&source, Size::new(56, 112), a), &expected);
    assert!(difference(-0.5) <= 1);
    // PyTorch's interpolation of position tables, and a Catmull-Rom that is a little off.
    assert!(difference(-0.75) > 10);
    assert!(difference(-0.6) > 5);
}

#[test]
fn target_sizes_equal_the_references() {
    let (sides, _) = tensor("sizes.safetensors", "sides");
    let numbers = |bytes: &[u8]| -> Vec<u32> {
        let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
        bytes.chunks(4).map(number).collect()
    };
    let sides = numbers(&sides);
    let config = |config: PackedConfig| SmartResize {
        rule: config.sizing,
        factor: config.patch_size * config.merge_size,
        min_pixels: config.min_pixels,
        max_pixels: config.max_pixels,
    };
    let qwen = config(PackedConfig::qwen2_5_vl());
    let class_defaults = SmartResize {
        max_pixels: 1_003_520,
        ..qwen
    };
    for (name, rule) in [
        ("qwen2_5_vl", qwen),
        ("qwen_class_defaults", class_defaults),
        ("qwen3_vl", config(PackedConfig::qwen3_vl())),
        ("ovis2_5_2b", config(PackedConfig::ovis2_5_2b())),
        ("ovis2_5_9b", config(PackedConfig::ovis2_5_9b())),
    ] {
        let (expected, shape) = tensor("sizes.safetensors", name);
        assert_eq!(shape, [sides.len(), sides.len(), 2]);
        let expected = numbers(&expected);
        let pairs = sides
            .iter()
            .flat_map(|h| sides.iter().map(move |w| (*h, *w)));
        let mut refused = 0;
        for ((height, width), expected) in pairs.zip(expected.chunks(2)) {
            let size = Size::new(width, height);
            // The fixture holds 0 where the reference refuses.
            let found = rule
                .target(size)
                .map_or([0, 0], |size| [size.height, size.width]);
            assert_eq!(found, expected, "{name} {size}");
            refused += usize::from(found == [0, 0]);
        }
        assert!(refused > 0 && refused < sides.len() * sides.len() / 2);
    }
    assert_ne!(qwen.rule, SizingRule::Ovis2_5);
}
