//! The memory that reading a vision tower out of a large checkpoint takes.
//!
//! ```sh
//! cargo run -p checkpoint --example tower_memory -- [GiB of the checkpoint] [MiB of the tower]
//! ```
//!
//! Writes a checkpoint of bf16 (8 GiB unless said otherwise, sparse, so that it takes no more disk
//! than its tower of 300 MiB), reads the tower, turned, and prints the peak of resident memory
//! beside the bytes of f32 that came out.

use std::error::Error;
use std::fs::File;
use std::io::{BufWriter, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Instant;

use checkpoint::Tensors;

/// Width of the tower's matrices, as in Qwen2.5-VL.
const WIDTH: usize = 1280;
const MIB: usize = 1 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let total = numbers.next().transpose()?.unwrap_or(8) * 1024 * MIB;
    let tower = numbers.next().transpose()?.unwrap_or(300) * MIB;
    let matrices = tower / (WIDTH * WIDTH * 2);

    let folder = tempfile::tempdir()?;
    let path = folder.path().join("model.safetensors");
    write(&path, matrices, total)?;

    let before = peak_resident();
    let start = Instant::now();
    let tensors = Tensors::open_file(&path)?;
    let mut kept = Vec::new();
    for i in 0..matrices {
        kept.push(tensors.read_transposed(&format!("visual.{i}"), &[WIDTH, WIDTH])?);
    }
    let seconds = start.elapsed().as_secs_f64();
    for (i, matrix) in kept.iter().enumerate() {
        // Row 2, column 1 of the file.
        assert_eq!(matrix[WIDTH + 2], value(i, 2 * WIDTH + 1));
    }

    let bytes: usize = kept
        .iter()
        .map(|matrix| matrix.len() * size_of::<f32>())
        .sum();
    println!(
        "checkpoint      {:8} MiB",
        path.metadata()?.len() as usize / MIB
    );
    println!("tower, as f32   {:8} MiB in {seconds:.2} s", bytes / MIB);
    match (before, peak_resident()) {
        (Some(before), Some(peak)) => {
            println!("peak before     {:8} MiB", before / MIB);
            println!("peak after      {:8} MiB", peak / MIB);
            println!("peak / tower    {:8.3}", peak as f64 / bytes as f64);
        }
        _ => println!("peak            not available on this system"),
    }
    Ok(())
}

/// A number that bf16 holds exactly, different from place to place.
fn value(matrix: usize, element: usize) -> f32 {
    ((matrix * 31 + element * 7) % 255) as f32
}

/// Matrices of the tower, with a part of the language model behind each of them.
fn write(path: &Path, matrices: usize, total: usize) -> Result<(), Box<dyn Error>> {
    let size = WIDTH * WIDTH * 2;
    let gap = total.saturating_sub(matrices * size) / matrices.max(1) / 2 * 2;
    let entries: Vec<String> = (0..matrices)
        .map(|i| {
            let start = i * (size + gap);
            let (middle, end) = (start + size, start + size + gap);
            format!(
                r#""visual.{i}":{{"dtype":"BF16","shape":[{WIDTH},{WIDTH}],"data_offsets":[{start},{middle}]}},
                "model.{i}":{{"dtype":"BF16","shape":[{}],"data_offsets":[{middle},{end}]}}"#,
                gap / 2
            )
        })
        .collect();
    let header = format!("{{{}}}", entries.join(","));
    let mut file = BufWriter::new(File::create(path)?);
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(header.as_bytes())?;
    let data_start = 8 + header.len();
    for i in 0..matrices {
        file.seek(SeekFrom::Start((data_start + i * (size + gap)) as u64))?;
        for element in 0..WIDTH * WIDTH {
            // The upper half of a small whole number's f32 is its bf16.
            file.write_all(&value(i, element).to_le_bytes()[2..])?;
        }
    }
    let file = file.into_inner()?;
    file.set_len((data_start + matrices * (size + gap)) as u64)?;
    Ok(())
}

/// The most memory that this process ever had, in bytes.
fn peak_resident() -> Option<usize> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: usize = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib * 1024)
}
