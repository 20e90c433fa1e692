#![allow(dead_code)] // every benchmark uses a part

//! Timing of one piece of work, and the JSON line that says how long it took.
//!
//! The twins in `benchmarks/pytorch` measure in the same way and print the same fields.

use std::hint::black_box;
use std::time::{Duration, Instant};

use anyhow::Context;

/// Name of burn's default backend in the JSON lines.
pub const IMPLEMENTATION: &str = "burn-flex";

const WARM_UP_SHARE: f64 = 0.2;
const FEWEST_SAMPLES: usize = 3;
/// One sample is enough of calls that take longer.
const LONG_MS: f64 = 2000.0;

/// Median time of a call.
#[derive(Clone, Copy, Debug)]
pub struct Timing {
    /// Median in milliseconds.
    pub median_ms: f64,
    /// Number of calls timed.
    pub samples: usize,
}

/// Calls `work` for about 3 seconds, or for those in the environment variable `VERSUS_SECONDS`.
///
/// A fifth of the time, and one call at least, warms up.
pub fn measure<T>(work: impl FnMut() -> T) -> Timing {
    measure_for(3.0, work)
}

/// As [`measure`], for about `seconds` unless the variable is set.
pub fn measure_for<T>(seconds: f64, mut work: impl FnMut() -> T) -> Timing {
    let seconds = std::env::var("VERSUS_SECONDS")
        .ok()
        .and_then(|text| text.parse::<f64>().ok())
        .filter(|seconds| seconds.is_finite() && *seconds >= 0.0)
        .unwrap_or(seconds);
    let warm_up = repeat(&mut work, WARM_UP_SHARE * seconds, 1);
    let long = warm_up.iter().all(|&ms| ms > LONG_MS);
    let fewest = if long { 1 } else { FEWEST_SAMPLES };
    let mut samples = repeat(&mut work, seconds, fewest);
    samples.sort_by(f64::total_cmp);
    let middle = samples.len() / 2;
    let median_ms = if samples.len().is_multiple_of(2) {
        f64::midpoint(samples[middle - 1], samples[middle])
    } else {
        samples[middle]
    };
    Timing {
        median_ms,
        samples: samples.len(),
    }
}

/// Times of single calls in milliseconds.
fn repeat<T>(work: &mut impl FnMut() -> T, seconds: f64, fewest: usize) -> Vec<f64> {
    let mut samples = Vec::new();
    let end = Instant::now() + Duration::from_secs_f64(seconds);
    while samples.len() < fewest || Instant::now() < end {
        let start = Instant::now();
        let result = black_box(work());
        samples.push(1e3 * start.elapsed().as_secs_f64());
        drop(result);
    }
    samples
}

/// Prints a measurement as one JSON line; `flop` are the operations of one call.
pub fn report(work: &str, threads: usize, timing: Timing, flop: Option<f64>) {
    report_with(work, threads, timing, flop, serde_json::json!({}));
}

/// As [`report`], with the members of an object in addition.
pub fn report_with(
    work: &str,
    threads: usize,
    timing: Timing,
    flop: Option<f64>,
    fields: serde_json::Value,
) {
    let mut row = serde_json::json!({
        "work": work,
        "impl": IMPLEMENTATION,
        "threads": threads,
        "ms": timing.median_ms,
        "samples": timing.samples,
    });
    if let Some(flop) = flop {
        row["gflops"] = (flop / timing.median_ms / 1e6).into();
    }
    if let (Some(row), serde_json::Value::Object(fields)) = (row.as_object_mut(), fields) {
        row.extend(fields);
    }
    println!("{row}");
}

/// MiB of resident memory that a call takes at most beyond what was there before, from the kernel's
/// own books.
///
/// # Errors
/// If there are none: they are read on Linux only.
pub fn peak_mib<T>(call: impl FnOnce() -> T) -> anyhow::Result<f64> {
    // Resets the high-water mark.
    std::fs::write("/proc/self/clear_refs", "5").context("peak memory is read on Linux only")?;
    let before = status_mib("VmRSS")?;
    let result = call();
    let peak = status_mib("VmHWM")? - before;
    drop(result);
    Ok(peak)
}

/// A line of the kernel's books about this process, in MiB.
fn status_mib(field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find(|line| line.starts_with(field));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    let kib: f64 = kib.context("a field of /proc/self/status")?.parse()?;
    Ok(kib / 1024.0)
}

/// Prints the most memory that a call took, as one JSON line without a time.
pub fn report_peak(work: &str, threads: usize, peak_mib: f64, mut fields: serde_json::Value) {
    fields["work"] = work.into();
    fields["impl"] = IMPLEMENTATION.into();
    fields["threads"] = threads.into();
    fields["ms"] = serde_json::Value::Null;
    fields["peak_mib"] = ((10.0 * peak_mib).round() / 10.0).into();
    println!("{fields}");
}

/// The number after `--threads`, or all the machine has.
///
/// # Errors
/// If what follows is not a number above 0.
pub fn threads() -> anyhow::Result<usize> {
    let mut arguments = std::env::args().skip_while(|argument| argument != "--threads");
    if arguments.next().is_none() {
        return Ok(rayon::current_num_threads());
    }
    let given = arguments.next().unwrap_or_default();
    match given.parse() {
        Ok(threads) if threads > 0 => Ok(threads),
        _ => anyhow::bail!("--threads {given:?} is not a number above 0; write --threads 2"),
    }
}
