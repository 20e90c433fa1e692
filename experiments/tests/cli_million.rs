//! Memory on a data set of a million images. Takes some minutes and 6 GB of disk, so it is run by hand:
//!
//! ```sh
//! cargo test -p experiments --test cli_million -- --ignored --nocapture
//! ```
//!
//! `RECORDS=100000` makes it smaller.

#![cfg(target_os = "linux")]
#![allow(clippy::unwrap_used)]

mod support;

use image::{ImageFormat, Rgb, RgbImage};
use scene_text::{DatasetWriter, Format};
use std::fs;
use std::io::Cursor;
use std::process::Stdio;
use std::time::{Duration, Instant};
use support::{Scratch, names};

/// Different images; records take turns.
const IMAGES: usize = 500;
/// Memory of its own that no command may take, whatever the number of records: labels of a million
/// images are the largest part.
const MOST_MIB: u64 = 1024;

fn records() -> usize {
    let wanted = std::env::var("RECORDS").ok();
    wanted.map_or(1_000_000, |records| records.parse().unwrap())
}

fn write_records(place: &Scratch) {
    let images: Vec<Vec<u8>> = (0..IMAGES)
        .map(|number| {
            let image = RgbImage::from_fn(48 + (number % 40) as u32, 16, |x, y| {
                let ink = (x as usize * 7 + y as usize * number) % 97 < 30;
                Rgb([if ink { 20 } else { 230 }; 3])
            });
            let mut png = Cursor::new(Vec::new());
            image.write_to(&mut png, ImageFormat::Png).unwrap();
            png.into_inner()
        })
        .collect();
    let mut writer = DatasetWriter::create(Format::Lmdb, place.path("set")).unwrap();
    for number in 0..records() {
        let label = format!("{}", 10_000 + number % 89_999);
        writer.push(&label, &images[number % IMAGES]).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), records());
}

/// Runs the binary; its largest memory of its own, and with the mapped file, in MiB.
fn peak(place: &Scratch, name: &str, arguments: &str) -> u64 {
    let clock = Instant::now();
    let mut command = place.binary();
    command.args(arguments.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    let mut process = command.spawn().unwrap();
    let status = format!("/proc/{}/status", process.id());
    let (mut own, mut all) = (0, 0);
    let ended = loop {
        if let Ok(text) = fs::read_to_string(&status) {
            let mib = |field: &str| -> u64 {
                let line = text.lines().find_map(|line| line.strip_prefix(field));
                let kib = line.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
                kib.unwrap_or(0_u64) / 1024
            };
            own = own.max(mib("RssAnon:"));
            all = all.max(mib("VmHWM:"));
        }
        match process.try_wait().unwrap() {
            Some(ended) => break ended,
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    };
    assert!(ended.success(), "{name}");
    println!(
        "{name}: {own} MiB of its own, {all} MiB with the pages of the data set that were mapped, \
         {:.0} s",
        clock.elapsed().as_secs_f64()
    );
    assert!(own < MOST_MIB, "{name}: {own} MiB");
    own
}

#[test]
#[ignore = "takes minutes and 6 GB of disk"]
fn memory_stays_bounded_on_a_million_records() {
    let place = Scratch::new();
    write_records(&place);
    let bytes = fs::metadata(place.path("set/data.mdb")).unwrap().len();
    println!("{} records, data.mdb of {} MiB", records(), bytes >> 20);
    peak(&place, "data check", "data check lmdb:set");
    peak(
        &place,
        "data import",
        "data import lmdb:set --out gt --to lmdb",
    );
    let probe = |flags: &str| {
        let flags = format!(
            "--layout strip --arms identity,blind --seeds 1 --train-dataset lmdb:set {flags}"
        );
        Scratch::probe_arguments(&flags).join(" ")
    };
    let thinned = probe("--run thinned");
    peak(&place, "ocr-probe, at most 50,000 images", &thinned);
    let all = probe(&format!("--run all --dataset-images {}", records()));
    peak(&place, "ocr-probe, all images", &all);
    let cache = place.path("data/cache");
    let files = names(&cache);
    let sizes = files
        .iter()
        .map(|name| fs::metadata(cache.join(name)).unwrap().len());
    println!("features on disk: {} MiB", sizes.sum::<u64>() >> 20);
}
