//! What the tests share: computed source images, and the expected pixels of `fixtures/`.

#![allow(dead_code, reason = "no test uses all of it")]
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::fs;
use std::path::PathBuf;

use image::{Rgb, RgbImage};
use safetensors::SafeTensors;
use serde_json::Value;
use sha2::{Digest, Sha256};

pub fn fixture(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures")
        .join(name)
}

/// The list `cases` of a fixture.
pub fn cases(name: &str) -> Vec<Value> {
    let json: Value = serde_json::from_slice(&fs::read(fixture(name)).unwrap()).unwrap();
    let cases = json["cases"].as_array().unwrap().clone();
    assert!(!cases.is_empty());
    cases
}

pub fn text<'a>(case: &'a Value, key: &str) -> &'a str {
    case[key].as_str().unwrap()
}

pub fn pair(value: &Value) -> (u32, u32) {
    let number = |index: usize| u32::try_from(value[index].as_u64().unwrap()).unwrap();
    (number(0), number(1))
}

/// Bytes and shape of one tensor of a fixture.
pub fn tensor(file: &str, name: &str) -> (Vec<u8>, Vec<usize>) {
    let bytes = fs::read(fixture(file)).unwrap();
    let tensors = SafeTensors::deserialize(&bytes).unwrap();
    let view = tensors.tensor(name).unwrap();
    (view.data().to_vec(), view.shape().to_vec())
}

/// As `pattern` of `tools/image_fixtures.py`.
pub fn pattern(name: &str, width: u32, height: u32) -> RgbImage {
    let level = |x: u32, y: u32, channel: u32| {
        let mut mixed = x.wrapping_mul(73_856_093)
            ^ y.wrapping_mul(19_349_663)
            ^ channel.wrapping_mul(83_492_791);
        mixed = (mixed ^ (mixed >> 15)).wrapping_mul(2_654_435_761);
        let noise = (mixed >> 24) as u8;
        match name {
            "ramp" => (3 * x + 5 * y + 40 * channel) as u8,
            "noise" => noise,
            "contrast" if noise < 128 => 0,
            "contrast" => 255,
            other => panic!("no pattern {other}"),
        }
    };
    RgbImage::from_fn(width, height, |x, y| {
        Rgb([0, 1, 2].map(|channel| level(x, y, channel)))
    })
}

pub fn sha256(bytes: &[u8]) -> String {
    let digest = Sha256::digest(bytes);
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub fn sha256_f32(values: &[f32]) -> String {
    let bytes: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    sha256(&bytes)
}

/// Largest difference between two images of one size.
pub fn largest_difference(a: &[u8], b: &[u8]) -> u8 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| a.abs_diff(*b)).max().unwrap()
}
