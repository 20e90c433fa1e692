//! What every projector must do, for the mergers.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use projector::{Pass, PatchGrid, Projector, conformance, seeded};
use qwen_merger::{PatchMerger, PatchMergerConfig, Qwen3Merger, Qwen3MergerConfig};

fn build() -> PatchMerger {
    let config = PatchMergerConfig {
        d_in: 5,
        merge: 2,
        d_out: 7,
    };
    let mut rng = seeded::stream(1, "merger");
    config.init(&mut rng, &Device::flex()).unwrap()
}

fn qwen3(use_postshuffle_norm: bool) -> Qwen3Merger {
    let config = Qwen3MergerConfig {
        use_postshuffle_norm,
        ..Qwen3MergerConfig::new(5, 2, 7)
    };
    let mut rng = seeded::stream(1, "merger");
    config.init(&mut rng, &Device::flex()).unwrap()
}

fn patches() -> PatchGrid {
    let features = seeded::normal([2, 8, 5], 1.5, &mut seeded::stream(2, "x"), &Device::flex());
    PatchGrid::new(features, 2, 4, 2).unwrap()
}

#[test]
fn shapes_batch_independence_and_seeds_hold() {
    conformance::assert_conforms(build, &patches());
    conformance::assert_conforms(|| qwen3(false), &patches());
    conformance::assert_conforms(|| qwen3(true), &patches());
}

#[test]
fn every_parameter_gets_a_gradient() {
    conformance::assert_trains(build(), &patches(), &[]);
    conformance::assert_trains(qwen3(false), &patches(), &[]);
    conformance::assert_trains(qwen3(true), &patches(), &[]);
}

#[test]
fn gradients_agree_with_finite_differences() {
    conformance::assert_true_gradient(build(), &patches());
    conformance::assert_true_gradient(qwen3(false), &patches());
    conformance::assert_true_gradient(qwen3(true), &patches());
}

#[test]
fn a_fresh_merger_starts_at_the_scale_the_other_arms_are_matched_to() {
    let config = PatchMergerConfig {
        d_in: 64,
        merge: 2,
        d_out: 64,
    };
    let mut rng = seeded::stream(3, "merger");
    let merger = config.init(&mut rng, &Device::flex()).unwrap();
    let features = seeded::normal(
        [1, 256, 64],
        1.0,
        &mut seeded::stream(4, "x"),
        &Device::flex(),
    );
    let patches = PatchGrid::new(features, 16, 16, 2).unwrap();
    let tokens = merger
        .forward(&patches, &mut Pass::deterministic())
        .embeddings;
    let std: f32 = tokens.square().mean().sqrt().into_scalar();
    assert!((std - 0.20).abs() < 0.02, "{std}");
}

#[test]
#[should_panic(expected = "PatchMerger was built for another (d_in, merge)")]
fn patches_of_another_width_are_refused() {
    let features = seeded::normal([1, 4, 6], 1.0, &mut seeded::stream(2, "x"), &Device::flex());
    let patches = PatchGrid::new(features, 2, 2, 2).unwrap();
    let _ = build().forward(&patches, &mut Pass::deterministic());
}
