//! How much memory reading takes, measured in a process of its own.

#![allow(clippy::unwrap_used)]
#![cfg(target_os = "linux")]

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use checkpoint::Tensors;

/// The variable that turns the test below into the child.
const CHILD: &str = "CHECKPOINT_MEMORY_CHILD";

/// Two matrices of 32 MiB as f32, so that mapping one as a whole would already be too much.
const VISION: usize = 2;
const ROWS: usize = 4096;
const COLS: usize = 2048;
/// 2 GiB of language model beside 64 MiB of f32.
const LLM_BYTES: u64 = 2 << 30;

/// Vision tensors with the language model's between them, all zero and without disk space.
fn write_sparse(path: &Path, dtype: &str, size: u64) {
    let vision_bytes = (ROWS * COLS) as u64 * size;
    let llm_bytes = LLM_BYTES / VISION as u64;
    let mut entries = Vec::new();
    let mut end = 0;
    for i in 0..VISION {
        for (name, bytes, shape) in [
            ("visual", vision_bytes, format!("[{ROWS},{COLS}]")),
            ("model", llm_bytes, format!("[{}]", llm_bytes / size)),
        ] {
            let start = end;
            end += bytes;
            entries.push(format!(
                r#""{name}.{i}":{{"dtype":"{dtype}","shape":{shape},"data_offsets":[{start},{end}]}}"#
            ));
        }
    }
    let header = format!("{{{}}}", entries.join(","));
    let mut file = File::create(path).unwrap();
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

/// In the child: reads the vision part and prints the ratio of peak memory to bytes read.
fn read_vision(path: &Path, turned: bool) {
    let tensors = Tensors::open_file(path).unwrap();
    let shape = [ROWS, COLS];
    let values: Vec<Vec<f32>> = (0..VISION)
        .map(|i| {
            let name = format!("visual.{i}");
            if turned {
                tensors.read_transposed(&name, &shape).unwrap()
            } else {
                tensors.read(&name, &shape).unwrap()
            }
        })
        .collect();
    let bytes: usize = values.iter().map(|v| v.len() * size_of::<f32>()).sum();
    assert_eq!(bytes, 64 << 20);
    println!("ratio {}", peak_resident() as f64 / bytes as f64);
}

#[test]
fn reading_a_tower_takes_less_than_one_and_a_half_times_its_f32_bytes() {
    if let Ok(arguments) = std::env::var(CHILD) {
        let (kind, path) = arguments.split_once(' ').unwrap();
        read_vision(Path::new(path), kind == "turned");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("model.safetensors");
    for (dtype, size) in [("F32", 4), ("BF16", 2)] {
        write_sparse(&path, dtype, size);
        for kind in ["plain", "turned"] {
            let output = Command::new(std::env::current_exe().unwrap())
                .args(["--nocapture", "--test-threads=1"])
                .env(CHILD, format!("{kind} {}", path.display()))
                .output()
                .unwrap();
            let text = String::from_utf8_lossy(&output.stdout);
            let ratio = text.lines().find_map(|line| line.split_once("ratio "));
            let (_, ratio) = ratio.unwrap_or_else(|| panic!("{text}\n{output:?}"));
            let ratio: f64 = ratio.trim().parse().unwrap();
            println!("{dtype} {kind}: {ratio:.3}");
            assert!((1.0..1.5).contains(&ratio), "{dtype} {kind}: {ratio:.3}");
        }
    }
}
