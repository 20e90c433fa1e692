//! The draws themselves. Draw `i` has its own random stream, so draws do not depend on each other.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

use super::sample::Sample;
use super::{BootstrapPlan, Design};
use crate::random_stream::stream;

/// One ratio for each draw, in draw order.
pub(super) fn draw_ratios(sample: &Sample, plan: &BootstrapPlan) -> Vec<f64> {
    let mut weights = vec![0.0; sample.fewest_units()];
    (0..plan.draws as u64)
        .map(|draw| {
            let mut rng = stream(plan.seed, "bootstrap", draw);
            loop {
                let (numerator, denominator) = match plan.design {
                    Design::Crossed => draw_crossed(sample, &mut weights, &mut rng),
                    Design::Nested => draw_nested(sample, &mut rng),
                };
                // A draw of empty references only has no ratio; every sample holds others.
                if denominator > 0.0 {
                    break numerator / denominator;
                }
            }
        })
        .collect()
}

/// Draws seeds, and one set of units for all of them.
fn draw_crossed(sample: &Sample, weights: &mut [f64], rng: &mut ChaCha8Rng) -> (f64, f64) {
    let mut seed_weights = vec![0.0; sample.seeds.len()];
    draw_weights(&mut seed_weights, rng);
    draw_weights(weights, rng);
    // Seeds share their items and with them the denominators.
    let denominator = sample.seeds.len() as f64 * dot(weights, &sample.seeds[0].denominators);
    let seeds = sample.seeds.iter().zip(&seed_weights);
    let numerator = seeds
        .filter(|(_, weight)| **weight > 0.0)
        .map(|(seed, weight)| weight * dot(weights, &seed.numerators))
        .sum();
    (numerator, denominator)
}

/// Draws seeds, and units anew for each drawn seed.
fn draw_nested(sample: &Sample, rng: &mut ChaCha8Rng) -> (f64, f64) {
    let (mut numerator, mut denominator) = (0.0, 0.0);
    for _ in 0..sample.seeds.len() {
        let seed = &sample.seeds[draw_index(sample.seeds.len(), rng)];
        let units = seed.numerators.len();
        for _ in 0..units {
            let unit = draw_index(units, rng);
            numerator += seed.numerators[unit];
            denominator += seed.denominators[unit];
        }
    }
    (numerator, denominator)
}

/// Replaces `weights` by how often each index comes up in `weights.len()` draws.
fn draw_weights(weights: &mut [f64], rng: &mut ChaCha8Rng) {
    weights.fill(0.0);
    for _ in 0..weights.len() {
        weights[draw_index(weights.len(), rng)] += 1.0;
    }
}

/// A uniform index below `len`.
fn draw_index(len: usize, rng: &mut ChaCha8Rng) -> usize {
    rng.random_range(0..len)
}

/// Sum of products. The parallel partial sums let the compiler use vector registers; they cannot
/// change the result, because sums of whole numbers are exact.
fn dot(weights: &[f64], values: &[f64]) -> f64 {
    const LANES: usize = 8;
    let mut lanes = [0.0; LANES];
    let (weight_chunks, value_chunks) = (weights.chunks_exact(LANES), values.chunks_exact(LANES));
    let tail: f64 = weight_chunks
        .remainder()
        .iter()
        .zip(value_chunks.remainder())
        .map(|(w, v)| w * v)
        .sum();
    for (weights, values) in weight_chunks.zip(value_chunks) {
        for lane in 0..LANES {
            lanes[lane] += weights[lane] * values[lane];
        }
    }
    lanes.iter().sum::<f64>() + tail
}
