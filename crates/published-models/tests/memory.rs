//! How much memory a whole vision side takes to load beside a large language model, measured in a
//! process of its own.

#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use burn::module::Module;
use burn::tensor::Device;
use checkpoint::Checkpoint;
use published_models::VisionModel;
use serde_json::{Map, Value, json};

/// The variable that turns the test below into the child.
const CHILD: &str = "PUBLISHED_MODELS_MEMORY_CHILD";
/// The language model of a 7B checkpoint in bf16.
const LLM_BYTES: u64 = 14 << 30;
const WIDTH: usize = 1280;
const D_MLP: usize = 3420;
const D_OUT: usize = 2048;

/// Names and shapes of a tower of the width of Qwen2.5-VL-3B with one block, and its merger.
fn vision_side() -> Vec<(String, Vec<usize>)> {
    let mut tensors = vec![(
        "visual.patch_embed.proj.weight".to_owned(),
        vec![WIDTH, 3, 2, 14, 14],
    )];
    let mut add = |name: &str, shape: &[usize]| {
        tensors.push((format!("visual.{name}"), shape.to_vec()));
    };
    for norm in ["norm1", "norm2"] {
        add(&format!("blocks.0.{norm}.weight"), &[WIDTH]);
    }
    for (name, [rows, columns]) in [
        ("blocks.0.attn.qkv", [3 * WIDTH, WIDTH]),
        ("blocks.0.attn.proj", [WIDTH, WIDTH]),
        ("blocks.0.mlp.gate_proj", [D_MLP, WIDTH]),
        ("blocks.0.mlp.up_proj", [D_MLP, WIDTH]),
        ("blocks.0.mlp.down_proj", [WIDTH, D_MLP]),
        ("merger.mlp.0", [4 * WIDTH, 4 * WIDTH]),
        ("merger.mlp.2", [D_OUT, 4 * WIDTH]),
    ] {
        add(&format!("{name}.weight"), &[rows, columns]);
        add(&format!("{name}.bias"), &[rows]);
    }
    add("merger.ln_q.weight", &[WIDTH]);
    tensors
}

/// A checkpoint in bf16, all zeros and without disk space.
fn write_sparse(folder: &Path) {
    let config = json!({
        "model_type": "qwen2_5_vl",
        "vision_config": {
            "depth": 1, "hidden_size": WIDTH, "intermediate_size": D_MLP, "num_heads": 16,
            "out_hidden_size": D_OUT, "patch_size": 14, "fullatt_block_indexes": [0],
        },
    });
    std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
    let mut header = Map::new();
    let mut end = 0_u64;
    let mut add = |name: String, shape: Vec<u64>| {
        let start = end;
        end += 2 * shape.iter().product::<u64>();
        let entry = json!({"dtype": "BF16", "shape": shape, "data_offsets": [start, end]});
        header.insert(name, entry);
    };
    let vision = vision_side();
    // The language model lies between the parts of the vision side.
    let share = LLM_BYTES / vision.len() as u64 / 2;
    for (index, (name, shape)) in vision.into_iter().enumerate() {
        add(name, shape.into_iter().map(|side| side as u64).collect());
        add(format!("model.layers.{index}.weight"), vec![share]);
    }
    let header = Value::Object(header).to_string();
    let mut file = File::create(folder.join("model.safetensors")).unwrap();
    file.write_all(&(header.len() as u64).to_le_bytes())
        .unwrap();
    file.write_all(header.as_bytes()).unwrap();
    file.set_len(8 + header.len() as u64 + end).unwrap();
}

/// The most memory that this process ever had, in bytes.
fn peak_resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.unwrap().split_whitespace().nth(1).unwrap();
    kib.parse::<usize>().unwrap() * 1024
}

#[test]
fn a_vision_side_loads_in_less_than_one_and_a_half_times_its_f32_bytes() {
    if let Ok(folder) = std::env::var(CHILD) {
        let checkpoint = Checkpoint::open(folder.as_ref()).unwrap();
        let model = VisionModel::load(&checkpoint, &Device::flex()).unwrap();
        let parameters = model.tower.num_params() + model.projector.num_params();
        println!("parameters {parameters}");
        println!("ratio {}", peak_resident() as f64 / (4 * parameters) as f64);
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    write_sparse(folder.path());
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--nocapture", "--test-threads=1"])
        .env(CHILD, folder.path())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let number = |name: &str| -> f64 {
        let found = text.lines().find_map(|line| line.split_once(name));
        let (_, number) = found.unwrap_or_else(|| panic!("{text}\n{output:?}"));
        number.trim().parse().unwrap()
    };
    let expected: usize = vision_side()
        .iter()
        .map(|(_, shape)| shape.iter().product::<usize>())
        .sum();
    assert_eq!(number("parameters ") as usize, expected);
    let ratio = number("ratio ");
    println!("peak / f32 bytes: {ratio:.3}");
    assert!((1.0..1.5).contains(&ratio), "{ratio:.3}");
}
