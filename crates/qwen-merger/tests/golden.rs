//! Parity with transformers 5.23.0 (see `data/parity/README.md`), and proof that the comparison
//! notices a broken merger. Tolerance 1e-5, max abs, f32.

#![allow(clippy::unwrap_used)]

use burn::module::Param;
use burn::tensor::activation::gelu_approximate;
use burn::tensor::{Device, Tensor, TensorData};
use projector::{Pass, PatchGrid, Projector, seeded};
use qwen_merger::{PatchMerger, PatchMergerConfig};
use safetensors::SafeTensors;

const TOLERANCE: f32 = 1e-5;
/// A broken merger must miss by at least this much.
const MARGIN: f32 = 1e-3;
const BYTES: &[u8] = include_bytes!("../../../data/parity/qwen2_5_vl-golden.safetensors");

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

fn i64s(name: &str) -> Vec<usize> {
    let file = SafeTensors::deserialize(BYTES).unwrap();
    file.tensor(name)
        .unwrap()
        .data()
        .chunks_exact(8)
        .map(|bytes| i64::from_le_bytes(bytes.try_into().unwrap()) as usize)
        .collect()
}

fn tensor<const D: usize>(name: &str) -> Tensor<D> {
    let (values, shape) = f32s(name);
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

fn merger() -> PatchMerger {
    let config = PatchMergerConfig {
        d_in: 32,
        merge: 2,
        d_out: 24,
    };
    let mut rng = seeded::stream(0, "replaced");
    let mut merger = config.init(&mut rng, &Device::flex()).unwrap();
    merger.norm_gain = Param::from_tensor(tensor("w.merger.ln_q.weight"));
    merger.fc1.weight = Param::from_tensor(tensor::<2>("w.merger.mlp.0.weight").transpose());
    merger.fc1.bias = Some(Param::from_tensor(tensor("w.merger.mlp.0.bias")));
    merger.fc2.weight = Param::from_tensor(tensor::<2>("w.merger.mlp.2.weight").transpose());
    merger.fc2.bias = Some(Param::from_tensor(tensor("w.merger.mlp.2.bias")));
    merger
}

/// All blocks of the fixture in window order. Their places do not matter to the merger, so they
/// stand in one row of blocks here.
fn window_order() -> PatchGrid {
    let features = tensor::<2>("out.hidden_window_order").unsqueeze();
    PatchGrid::new(features, 2, 46, 2).unwrap()
}

/// `argsort(window_index)`: where the tokens of the image are found in window order.
fn image_order() -> Vec<usize> {
    let window_index = i64s("out.window_index");
    let mut order: Vec<usize> = (0..window_index.len()).collect();
    order.sort_by_key(|&i| window_index[i]);
    order
}

fn take(rows: &[f32], order: &[usize], width: usize) -> Vec<f32> {
    order
        .iter()
        .flat_map(|&row| rows[row * width..(row + 1) * width].to_vec())
        .collect()
}

fn values(tokens: Tensor<3>) -> Vec<f32> {
    tokens.into_data().try_to_vec().unwrap()
}

/// Largest difference between tokens in window order and the reference.
fn error(tokens_in_window_order: Tensor<3>) -> f32 {
    let found = take(&values(tokens_in_window_order), &image_order(), 24);
    max_abs_difference(&found, &f32s("out.merged").0)
}

fn max_abs_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .fold(0.0, |max, (a, b)| max.max((a - b).abs()))
}

fn forward(patches: &PatchGrid) -> Tensor<3> {
    merger()
        .forward(patches, &mut Pass::deterministic())
        .embeddings
}

#[test]
fn merged_tokens_agree_with_the_reference() {
    let error = error(forward(&window_order()));
    assert!(error < TOLERANCE, "max abs error {error:e}");
}

#[test]
fn sorting_before_or_after_the_merger_gives_the_same_tokens() {
    let (hidden, _) = f32s("out.hidden_window_order");
    let sorted = take(&hidden, &image_order(), 4 * 32);
    let (merged, _) = f32s("out.merged");
    // The image of 6 x 10 patches, then the two frames of 4 x 4, each with its true grid.
    let (mut patch, mut token) = (0, 0);
    for (rows, cols) in [(6, 10), (4, 4), (4, 4)] {
        let count = rows * cols;
        let features = sorted[patch * 32..(patch + count) * 32].to_vec();
        let features =
            Tensor::from_data(TensorData::new(features, [1, count, 32]), &Device::flex());
        let found = values(forward(&PatchGrid::new(features, rows, cols, 2).unwrap()));
        let expected = &merged[token * 24..(token + count / 4) * 24];
        let error = max_abs_difference(&found, expected);
        assert!(
            error < TOLERANCE,
            "{rows} x {cols}: max abs error {error:e}"
        );
        patch += count;
        token += count / 4;
    }
    assert_eq!((patch, token), (92, 23));
}

#[test]
fn the_inverse_order_takes_reference_tokens_back_to_window_order() {
    let found = values(forward(&window_order()));
    let expected = take(&f32s("out.merged").0, &i64s("out.window_index"), 24);
    let error = max_abs_difference(&found, &expected);
    assert!(error < TOLERANCE, "max abs error {error:e}");
}

#[test]
fn parity_fails_without_the_re_sort_and_with_its_inverse() {
    let found = values(forward(&window_order()));
    let expected = f32s("out.merged").0;
    let unsorted = max_abs_difference(&found, &expected);
    assert!(unsorted > MARGIN, "max abs error {unsorted:e}");
    let wrong_way = take(&found, &i64s("out.window_index"), 24);
    let wrong_way = max_abs_difference(&wrong_way, &expected);
    assert!(wrong_way > MARGIN, "max abs error {wrong_way:e}");
}

#[test]
fn parity_fails_without_the_norm() {
    let error = error(merger().mlp(window_order().merged()));
    assert!(error > MARGIN, "max abs error {error:e}");
}

#[test]
fn parity_fails_with_the_norm_behind_the_concat() {
    let merger = merger();
    let gain = merger.norm_gain.val().repeat_dim(0, 4).unsqueeze();
    let blocks = projector::rms_normalize(window_order().merged(), 1e-6) * gain;
    let error = error(merger.mlp(blocks));
    assert!(error > MARGIN, "max abs error {error:e}");
}

#[test]
fn parity_fails_with_dy_and_dx_swapped() {
    let swapped = window_order().map_features(|features| {
        features
            .reshape([1, 23, 2, 2, 32])
            .swap_dims(2, 3)
            .reshape([1, 92, 32])
    });
    let error = error(forward(&swapped));
    assert!(error > MARGIN, "max abs error {error:e}");
}

#[test]
fn parity_fails_with_tanh_gelu() {
    let merger = merger();
    let blocks = window_order()
        .map_features(|features| merger.normalize(features))
        .merged();
    let hidden = gelu_approximate(merger.fc1.forward(blocks));
    let error = error(merger.fc2.forward(hidden));
    assert!(error > MARGIN, "max abs error {error:e}");
}
