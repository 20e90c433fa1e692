//! How long k-means of many points into many centres takes, and how far the points are from them.
//!
//! ```sh
//! cargo run -p projector --example k_means -- 1000000 512 65536
//! ```
//!
//! Points are normal, with axes that differ in spread as those of features do. Distances are of 10,000
//! points, spread evenly.

use burn::tensor::Device;
use projector::k_means::{distortion, k_means};
use projector::seeded;
use rand_distr::{Distribution, StandardNormal};
use std::time::Instant;

/// Points whose distance from the centres is measured.
const MEASURED: usize = 10_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<usize> = std::env::args()
        .skip(1)
        .map(|text| text.parse())
        .collect::<Result<_, _>>()?;
    let &[n, d, words] = &arguments[..] else {
        return Err("give three numbers: points, their width, centres".into());
    };
    if n == 0 || d == 0 || words == 0 {
        return Err("each number is 1 or more".into());
    }
    let mut rng = seeded::stream(1, "k-means example");
    let scales: Vec<f32> = (0..d)
        .map(|axis| 1.0 / (1.0 + axis as f32).sqrt())
        .collect();
    let mut points = Vec::with_capacity(n * d);
    for _ in 0..n {
        points.extend(scales.iter().map(|scale| {
            let z: f32 = StandardNormal.sample(&mut rng);
            scale * z
        }));
    }
    let device = Device::flex();
    let started = Instant::now();
    let centres = k_means(&points, d, words, &mut rng, &device);
    let seconds = started.elapsed().as_secs_f64();
    let measured: Vec<f32> = (0..n.min(MEASURED))
        .map(|place| place * n / n.min(MEASURED))
        .flat_map(|place| &points[place * d..(place + 1) * d])
        .copied()
        .collect();
    let spread: f64 = scales.iter().map(|&scale| f64::from(scale).powi(2)).sum();
    let left = distortion(&measured, &centres, d, &device);
    println!(
        "{n} points of width {d}, {words} centres: {seconds:.1} s, mean squared distance {left:.5} \
         ({:.2}% of the variance)",
        100.0 * left / spread
    );
    Ok(())
}
