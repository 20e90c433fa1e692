//! Tiles and grids are those of the references, bit for bit.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod support;

use image_processor::{Grid, Size, TileConfig, TilingRule};
use support::{cases, pair, pattern, sha256_f32, tensor, text};

fn preset(rule: &str) -> TileConfig {
    match rule {
        "official" => TileConfig::ovis2(),
        "transformers" => TileConfig::ovis2_transformers(),
        "internvl" => TileConfig::internvl(),
        other => panic!("no rule {other}"),
    }
}

#[test]
fn every_value_equals_the_reference() {
    for case in cases("tiles.json") {
        let mut config = preset(text(&case, "rule"));
        config.side = case["side"].as_u64().unwrap() as u32;
        let (width, height) = pair(&case["source"]);
        let image = pattern("noise", width, height);
        let tiles = config.check().unwrap().image(&image).unwrap();
        let (rows, columns) = pair(&case["grid"]);
        assert_eq!(tiles.grid, Grid::new(rows, columns), "{case}");
        assert_eq!(
            tiles.tiles as u64,
            case["tiles"].as_u64().unwrap(),
            "{case}"
        );
        assert_eq!(
            tiles.values.len(),
            tiles.tiles * 3 * tiles.side * tiles.side
        );
        assert_eq!(sha256_f32(&tiles.values), text(&case, "sha256"), "{case}");
    }
}

/// Rules differ wherever there is more than one tile, or padding.
#[test]
fn the_rules_are_told_apart() {
    let image = pattern("noise", 112, 56);
    let tiles = |rule| {
        let mut config = TileConfig::ovis2();
        (config.rule, config.side) = (rule, 56);
        config.check().unwrap().image(&image).unwrap()
    };
    let official = tiles(TilingRule::Official);
    let transformers = tiles(TilingRule::Transformers);
    assert_ne!(official.grid, transformers.grid);
    assert_ne!(official.values, transformers.values);
}

#[test]
fn grids_equal_the_references() {
    let (sides, _) = tensor("sizes.safetensors", "sides");
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let sides: Vec<u32> = sides.chunks(4).map(number).collect();
    let two_to_six = TileConfig {
        rule: TilingRule::ClosestRatio {
            min_tiles: 2,
            thumbnail: true,
        },
        max_tiles: 6,
        ..TileConfig::internvl()
    };
    for (name, config) in [
        ("ovis2", TileConfig::ovis2()),
        ("ovis2_transformers", TileConfig::ovis2_transformers()),
        ("internvl", TileConfig::internvl()),
        ("internvl_2_to_6", two_to_six),
    ] {
        let processor = config.check().unwrap();
        let (expected, shape) = tensor("sizes.safetensors", name);
        assert_eq!(shape, [sides.len(), sides.len(), 2]);
        let pairs = sides
            .iter()
            .flat_map(|h| sides.iter().map(move |w| (*h, *w)));
        for ((height, width), expected) in pairs.zip(expected.chunks(2)) {
            let size = Size::new(width, height);
            let expected = Grid::new(u32::from(expected[0]), u32::from(expected[1]));
            assert_eq!(processor.grid(size), expected, "{name} {size}");
        }
    }
}
