//! How fast a device multiplies matrices.

use anyhow::{Result, anyhow};
use burn::tensor::{Device, Tensor};
use projector::seeded;
use std::time::{Duration, Instant};

/// `[m, k] x [k, n]`, an MLP layer.
const SHAPE: [usize; 3] = [512, 1024, 1024];
/// Products are repeated for this long.
const TIME: Duration = Duration::from_secs(1);
/// Products between two looks at the clock, so that a device can work through a queue.
const QUEUE: usize = 4;

/// 10^9 multiplications and additions per second in the fastest of several rounds.
///
/// # Errors
/// If the device reports an error.
pub(super) fn matmul_gflops(device: &Device) -> Result<f64> {
    let [m, k, n] = SHAPE;
    let mut rng = seeded::stream(1, "survey/matmul");
    let left: Tensor<2> = seeded::normal([m, k], 1.0, &mut rng, device);
    let right: Tensor<2> = seeded::normal([k, n], 1.0, &mut rng, device);
    let round = || -> Result<f64> {
        let clock = Instant::now();
        for _ in 0..QUEUE {
            // Dropped unread: sync waits for it all the same.
            let _ = left.clone().matmul(right.clone());
        }
        device
            .sync()
            .map_err(|error| anyhow!("the device failed: {error:?}"))?;
        Ok(clock.elapsed().as_secs_f64() / QUEUE as f64)
    };
    // The first round compiles and touches memory.
    round()?;
    let clock = Instant::now();
    let mut fastest = f64::INFINITY;
    while clock.elapsed() < TIME || !fastest.is_finite() {
        fastest = fastest.min(round()?);
    }
    Ok((2 * m * k * n) as f64 / fastest / 1e9)
}
