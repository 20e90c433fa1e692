//! Whatever comes in: a result within its limits or an error, never a panic.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use image_processor::{
    Error, Filter, PackedConfig, PassOrder, Resampling, Size, SizingRule, SmartResize, TileConfig,
    Transparency, decode_bytes, resize,
};
use proptest::prelude::*;
use support::{pattern, tensor};

/// Sides of all magnitudes.
fn side() -> impl Strategy<Value = u32> {
    prop_oneof![
        0_u32..=3,
        1_u32..300,
        1_u32..20_000,
        any::<u32>(),
        Just(u32::MAX),
    ]
}

fn rule() -> impl Strategy<Value = SizingRule> {
    prop_oneof![Just(SizingRule::Qwen), Just(SizingRule::Ovis2_5)]
}

fn released() -> impl Strategy<Value = PackedConfig> {
    prop_oneof![
        Just(PackedConfig::qwen2_5_vl()),
        Just(PackedConfig::qwen3_vl()),
        Just(PackedConfig::ovis2_5_2b()),
        Just(PackedConfig::ovis2_5_9b()),
    ]
}

const FILES: [&str; 6] = [
    "rgb.png",
    "palette-transparent.png",
    "rgba16.png",
    "half.jpg",
    "progressive.jpg",
    "turned.jpg",
];

proptest! {
    #[test]
    fn released_targets_are_whole_blocks_within_limits(
        config in released(), width in side(), height in side(),
    ) {
        let processor = config.check().unwrap();
        let size = Size::new(width, height);
        match processor.target(size) {
            Ok(target) => {
                prop_assert!(target.width.is_multiple_of(processor.factor()));
                prop_assert!(target.height.is_multiple_of(processor.factor()));
                prop_assert!(target.pixels() >= config.min_pixels);
                prop_assert!(target.pixels() <= config.max_pixels);
            }
            Err(Error::NoPixels { .. }) => prop_assert_eq!(size.pixels(), 0),
            Err(Error::AspectRatio { .. } | Error::TooThin { .. }) => {
                let (long, short) = (width.max(height), width.min(height));
                prop_assert!(u64::from(long) > 200 * u64::from(short));
            }
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        }
    }

    #[test]
    fn any_rule_gives_whole_blocks_or_an_error(
        rule in rule(), factor in side(), min_pixels in any::<u64>(), max_pixels in any::<u64>(),
        width in side(), height in side(),
    ) {
        let rule = SmartResize { rule, factor, min_pixels, max_pixels };
        if let Ok(target) = rule.target(Size::new(width, height)) {
            prop_assert!(target.width > 0 && target.width.is_multiple_of(factor));
            prop_assert!(target.height > 0 && target.height.is_multiple_of(factor));
        }
    }

    #[test]
    fn a_resized_image_has_the_target_size_and_turns_with_its_source(
        width in 1_u32..40, height in 1_u32..40, to in (1_u32..60, 1_u32..60),
        bicubic in any::<bool>(),
    ) {
        let filter = if bicubic { Filter::Bicubic } else { Filter::Bilinear };
        let source = pattern("noise", width, height);
        let target = Size::new(to.0, to.1);
        let resized = resize(&source, target, filter).unwrap();
        prop_assert_eq!(Size::of(&resized), target);
        // Upside down in, upside down out: the weights are symmetric.
        let flipped = image::imageops::flip_vertical(&source);
        let flipped = resize(&flipped, target, filter).unwrap();
        let back = image::imageops::flip_vertical(&flipped);
        prop_assert!(support::largest_difference(back.as_raw(), resized.as_raw()) <= 1);
    }

    #[test]
    fn any_target_is_an_image_or_an_error(
        width in 1_u32..6, height in 1_u32..6, to_width in side(), to_height in side(),
    ) {
        let target = Size::new(to_width, to_height);
        // Large ones that are allowed take too long here.
        prop_assume!(target.pixels() < 1 << 20 || target.pixels() > 1 << 28);
        prop_assume!(!(1 << 18..=1 << 20).contains(&to_width));
        let resampling = Resampling { filter: Filter::Bicubic, order: PassOrder::Pillow13 };
        if let Ok(resized) = resize(&pattern("noise", width, height), target, resampling) {
            prop_assert_eq!(Size::of(&resized), target);
        }
    }

    #[test]
    fn any_bytes_are_an_image_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = decode_bytes(&bytes, Transparency::Dropped);
        // Behind a signature, so that the decoders are reached.
        for signature in [&b"\x89PNG\r\n\x1a\n"[..], b"\xff\xd8\xff"] {
            let _ = decode_bytes(&[signature, &bytes].concat(), Transparency::Dropped);
        }
    }

    #[test]
    fn damaged_files_are_an_image_or_an_error(
        name in prop::sample::select(&FILES[..]),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
    ) {
        let (mut bytes, _) = tensor("files.safetensors", &format!("file.{name}"));
        for (index, byte) in damage {
            let at = index.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = decode_bytes(&bytes, Transparency::Dropped);
    }

    #[test]
    fn tiles_are_complete_or_an_error(width in 0_u32..400, height in 0_u32..400) {
        let mut config = TileConfig::ovis2();
        config.side = 28;
        let processor = config.check().unwrap();
        let Ok(tiles) = processor.image(&pattern("ramp", width, height)) else {
            let (long, short) = (width.max(height), width.min(height));
            prop_assert!(short == 0 || long > 27 * short);
            return Ok(());
        };
        prop_assert_eq!(tiles.values.len(), tiles.tiles * 3 * 28 * 28);
        prop_assert!(tiles.grid.cells() <= 9);
        let atoms = tiles.tokens().into_iter();
        let atoms = atoms.filter(|token| matches!(token, image_processor::TileToken::Tile(_)));
        prop_assert_eq!(atoms.count(), tiles.tiles);
    }
}
