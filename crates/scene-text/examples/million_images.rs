//! How much memory does a data set of a million images take?
//!
//! ```sh
//! cargo run -p scene-text --example million_images -- 1000000
//! ```
//!
//! Writes so many small images as LMDB and a list of so many names as `gt.txt`, reads the former
//! from end to end and the latter at places all over it, and prints the peak of the memory that is
//! the process's own (pages of the mapped file belong to the system's cache). Linux only.

use std::error::Error;
use std::fs;
use std::io::{Cursor, Write};

use scene_text::{DatasetWriter, Format, GtDataset, LmdbDataset, TextDataset};

fn main() -> Result<(), Box<dyn Error>> {
    let count: usize = std::env::args()
        .nth(1)
        .map_or(Ok(100_000), |count| count.parse())?;
    let folder = tempfile::tempdir_in(".")?;
    let mut png = Cursor::new(Vec::new());
    image::GrayImage::new(32, 8).write_to(&mut png, image::ImageFormat::Png)?;

    let lmdb = folder.path().join("lmdb");
    let mut writer = DatasetWriter::create(Format::Lmdb, &lmdb)?;
    let mut highest = 0;
    for number in 0..count {
        writer.push(&format!("word-{number}"), png.get_ref())?;
        if number % 10_000 == 0 {
            highest = highest.max(own_kib()?);
        }
    }
    writer.finish()?;
    println!("write LMDB, {count} images: peak {highest} KiB");

    let dataset = LmdbDataset::open(&lmdb, "lmdb")?;
    let mut highest = 0;
    let mut bytes = 0;
    for index in 0..dataset.len() {
        bytes += dataset.label(index)?.len() + dataset.encoded(index)?.len();
        if index % 10_000 == 0 {
            highest = highest.max(own_kib()?);
        }
    }
    println!("read LMDB, {bytes} bytes: peak {highest} KiB");
    drop(dataset);

    let mut list = std::io::BufWriter::new(fs::File::create(folder.path().join("gt.txt"))?);
    for number in 0..count {
        writeln!(list, "images/{number:09}.png\tword-{number}")?;
    }
    list.flush()?;
    let before = own_kib()?;
    let dataset = GtDataset::open(folder.path())?;
    for step in 0..1000 {
        dataset.label(step * 7919 % dataset.len())?;
    }
    println!(
        "gt.txt, {} lines: {} KiB more than before",
        dataset.len(),
        own_kib()? - before
    );
    Ok(())
}

/// Resident memory that is not part of a file.
fn own_kib() -> Result<i64, Box<dyn Error>> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("RssAnon:"));
    let number = line.and_then(|line| line.split_whitespace().next());
    Ok(number.ok_or("no RssAnon in /proc/self/status")?.parse()?)
}
