//! K-means level by level against Lloyd's algorithm on all centres at once.

use burn::tensor::Device;
use discretisers::k_means::k_means as lloyd;
use projector::k_means::{distortion, k_means};
use projector::seeded;

/// Normal points whose axes differ in spread, as features do.
fn points(n: usize, d: usize) -> Vec<f32> {
    let mut rng = seeded::stream(1, "points");
    let values = seeded::normal([n, d], 1.0, &mut rng, &Device::flex());
    let scale = |place: usize| 1.0 / (1.0 + (place % d) as f32).sqrt();
    let values = values.into_data();
    let values = values.iter::<f32>().enumerate();
    values.map(|(place, x)| x * scale(place)).collect()
}

/// Distortion of ours and of Lloyd's.
fn lost(n: usize, d: usize, words: usize) -> [f64; 2] {
    let (points, device) = (points(n, d), Device::flex());
    let ours = k_means(&points, d, words, &mut seeded::stream(1, "ours"), &device);
    let theirs = lloyd(&points, d, words, &mut seeded::stream(1, "theirs"));
    [ours, theirs].map(|centres| distortion(&points, &centres, d, &device))
}

#[test]
fn two_levels_lose_less_than_a_tenth() {
    let [ours, theirs] = lost(8000, 6, 600);
    assert!(ours < 1.1 * theirs, "{ours} against {theirs}");
}

#[test]
fn one_split_is_as_good() {
    let [ours, theirs] = lost(3000, 4, 64);
    assert!(ours < 1.05 * theirs, "{ours} against {theirs}");
}
