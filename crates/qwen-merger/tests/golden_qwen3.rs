//! Parity with `Qwen3VLVisionPatchMerger` of transformers 5.23.0 (see `tests/fixtures/README.md`), and
//! proof that the comparison notices a broken merger. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor, TensorData};
use projector::{Pass, PatchGrid, Projector, seeded};
use qwen_merger::{Qwen3Merger, Qwen3MergerConfig};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-5;
/// A broken merger must miss by at least this much.
const MARGIN: f32 = 1e-3;
const BYTES: &[u8] = include_bytes!("fixtures/qwen3_vl_mergers.safetensors");
const D_IN: usize = 24;
const D_OUT: usize = 20;
const PATCHES: usize = 208;

fn f32s(name: &str) -> (Vec<f32>, Vec<usize>) {
    let file = SafeTensors::deserialize(BYTES).unwrap();
    let view = file.tensor(name).unwrap();
    let values = view
        .data()
        .chunks_exact(4)
        .map(|bytes| f32::from_le_bytes(bytes.try_into().unwrap()))
        .collect();
    (values, view.shape().to_vec())
}

fn tensor<const D: usize>(name: &str) -> Tensor<D> {
    let (values, shape) = f32s(name);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// The merger that stands below `name` in the checkpoint.
fn read(name: &str, use_postshuffle_norm: bool) -> Qwen3Merger {
    let config = Qwen3MergerConfig {
        use_postshuffle_norm,
        ..Qwen3MergerConfig::new(D_IN, 2, D_OUT)
    };
    let mut rng = seeded::stream(0, "replaced");
    let mut merger = config.init(&mut rng, &Device::flex()).unwrap();
    let vector = |part: &str| tensor::<1>(&format!("w.{name}.{part}"));
    let matrix = |part: &str| tensor::<2>(&format!("w.{name}.{part}")).transpose();
    merger.norm.gamma = merger.norm.gamma.map(|_| vector("norm.weight"));
    merger.norm.beta = merger.norm.beta.map(|_| vector("norm.bias"));
    merger.fc1.weight = merger.fc1.weight.map(|_| matrix("linear_fc1.weight"));
    merger.fc1.bias = merger
        .fc1
        .bias
        .map(|b| b.map(|_| vector("linear_fc1.bias")));
    merger.fc2.weight = merger.fc2.weight.map(|_| matrix("linear_fc2.weight"));
    merger.fc2.bias = merger
        .fc2
        .bias
        .map(|b| b.map(|_| vector("linear_fc2.bias")));
    merger
}

/// All blocks of the fixture in merge order. Their places do not matter to the merger, so they stand
/// in one row of blocks here.
fn grid(features: Tensor<3>) -> PatchGrid {
    PatchGrid::new(features, 2, PATCHES / 2, 2).unwrap()
}

fn hidden() -> PatchGrid {
    grid(tensor::<2>("in.hidden").unsqueeze())
}

/// What the DeepStack merger of `level` reads, and what it makes of it.
fn level(level: usize) -> (PatchGrid, Vec<f32>) {
    let features = tensor::<3>("in.deepstack").slice_dim(0, level..level + 1);
    let expected = tensor::<3>("out.deepstack").slice_dim(0, level..level + 1);
    (grid(features), values(expected))
}

fn values(tokens: Tensor<3>) -> Vec<f32> {
    tokens.into_data().try_to_vec().unwrap()
}

/// Largest difference between the tokens of a merger and the reference.
fn error(merger: &Qwen3Merger, patches: &PatchGrid, expected: &[f32]) -> f32 {
    let tokens = merger.forward(patches, &mut Pass::deterministic());
    let found = values(tokens.embeddings);
    assert_eq!(found.len(), expected.len());
    found
        .iter()
        .zip(expected)
        .fold(0.0, |max, (a, b)| max.max((a - b).abs()))
}

#[test]
fn merged_tokens_agree_with_the_reference() {
    let error = error(&read("merger", false), &hidden(), &f32s("out.merged").0);
    assert!(error < TOLERANCE, "max abs error {error:e}");
}

#[test]
fn deepstack_tokens_agree_with_the_reference() {
    for index in 0..2 {
        let merger = read(&format!("deepstack_merger_list.{index}"), true);
        let (patches, expected) = level(index);
        let error = error(&merger, &patches, &expected);
        assert!(error < TOLERANCE, "level {index}: max abs error {error:e}");
    }
}

#[test]
fn parity_fails_with_dy_and_dx_swapped() {
    let swap = |features: Tensor<3>| {
        features
            .reshape([1, PATCHES / 4, 2, 2, D_IN])
            .swap_dims(2, 3)
            .reshape([1, PATCHES, D_IN])
    };
    let merged = f32s("out.merged").0;
    let error_of_merger = error(
        &read("merger", false),
        &hidden().map_features(swap),
        &merged,
    );
    assert!(
        error_of_merger > MARGIN,
        "max abs error {error_of_merger:e}"
    );
    let (patches, expected) = level(0);
    let merger = read("deepstack_merger_list.0", true);
    let error = error(&merger, &patches.map_features(swap), &expected);
    assert!(error > MARGIN, "max abs error {error:e}");
}

#[test]
fn parity_fails_with_the_norm_on_the_other_side_of_the_concat() {
    // Four copies of the gain of a patch make one of a block.
    let mut merger = read("merger", false);
    let behind = Qwen3MergerConfig::deepstack(D_IN, 2, D_OUT);
    let mut rng = seeded::stream(0, "replaced");
    let mut moved = behind.init(&mut rng, &Device::flex()).unwrap();
    moved.norm.gamma = (moved.norm.gamma).map(|_| merger.norm.gamma.val().repeat_dim(0, 4));
    moved.norm.beta = (moved.norm.beta).map(|_| merger.norm.beta.val().repeat_dim(0, 4));
    (moved.fc1, moved.fc2) = (merger.fc1.clone(), merger.fc2.clone());
    let merged = f32s("out.merged").0;
    let after = error(&moved, &hidden(), &merged);
    assert!(after > MARGIN, "max abs error {after:e}");
    // And without the bias of the norm.
    merger.norm.beta = merger.norm.beta.map(|beta| beta * 0.0);
    let unbiased = error(&merger, &hidden(), &merged);
    assert!(unbiased > MARGIN, "max abs error {unbiased:e}");
}
