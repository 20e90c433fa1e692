//! Checkpoints for the tests, written by the `safetensors` crate or by hand.

#![allow(dead_code, reason = "each test file uses a part of it")]

use std::collections::HashMap;
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{TensorView, serialize};

/// A tensor to write: name, type, shape, little-endian bytes.
pub type Spec = (String, Dtype, Vec<usize>, Vec<u8>);

pub fn f32_tensor(name: &str, shape: &[usize], values: &[f32]) -> Spec {
    let bytes = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    (name.to_owned(), Dtype::F32, shape.to_vec(), bytes)
}

/// 0, 1, 2, ... in this shape.
pub fn counting(name: &str, shape: &[usize]) -> Spec {
    let count: usize = shape.iter().product();
    let values: Vec<f32> = (0..count).map(|i| i as f32).collect();
    f32_tensor(name, shape, &values)
}

pub fn bytes_of(tensors: &[Spec], metadata: &[(&str, &str)]) -> Vec<u8> {
    let notes: HashMap<String, String> = metadata
        .iter()
        .map(|&(key, value)| (key.to_owned(), value.to_owned()))
        .collect();
    let views = tensors.iter().map(|(name, dtype, shape, bytes)| {
        let view = TensorView::new(*dtype, shape.clone(), bytes).unwrap();
        (name.as_str(), view)
    });
    serialize(views, (!notes.is_empty()).then_some(notes)).unwrap()
}

pub fn write_file(path: &Path, tensors: &[Spec]) {
    std::fs::write(path, bytes_of(tensors, &[])).unwrap();
}

/// A file with this header and so many zero bytes behind it.
pub fn raw_bytes(header: &str, data_bytes: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.as_bytes());
    bytes.resize(bytes.len() + data_bytes, 0);
    bytes
}

/// A folder with two shards: the vision part in the first, the language model in the second.
pub fn write_sharded(folder: &Path) {
    std::fs::write(
        folder.join("config.json"),
        r#"{"model_type": "qwen2_5_vl", "architectures": ["A", "B"],
            "vision_config": {"depth": 2, "name": "x"}}"#,
    )
    .unwrap();
    write_file(
        &folder.join("model-00001-of-00002.safetensors"),
        &[counting("visual.a", &[2, 3]), counting("visual.b", &[4])],
    );
    write_file(
        &folder.join("model-00002-of-00002.safetensors"),
        &[counting("model.embed", &[10, 3])],
    );
    std::fs::write(
        folder.join("model.safetensors.index.json"),
        r#"{"metadata": {"total_size": 160}, "weight_map": {
            "visual.a": "model-00001-of-00002.safetensors",
            "visual.b": "model-00001-of-00002.safetensors",
            "model.embed": "model-00002-of-00002.safetensors"}}"#,
    )
    .unwrap();
}

/// The error and its sources in one line, as a program would print them.
pub fn message(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(inner) = source {
        text.push_str(": ");
        text.push_str(&inner.to_string());
        source = inner.source();
    }
    text
}
