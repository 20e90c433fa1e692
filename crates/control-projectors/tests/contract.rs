//! What every projector must do, for each control.

#![allow(clippy::unwrap_used)]

use burn::tensor::{Device, Tensor};
use control_projectors::{
    Blind, BlindConfig, ControlError, GeluMlp, GeluMlpConfig, Identity, LinearProjector,
    LinearProjectorConfig, MeanPool,
};
use ovis_vet::VetConfig;
use projector::{Pass, PatchGrid, Projector, conformance, seeded};

const D_IN: usize = 5;
const MERGE: usize = 2;
const D_OUT: usize = 7;

fn patches() -> PatchGrid {
    let mut rng = seeded::stream(2, "patches");
    let features = seeded::normal([2, 8, D_IN], 1.5, &mut rng, &Device::flex());
    PatchGrid::new(features, 2, 4, MERGE).unwrap()
}

fn identity() -> Identity {
    Identity::new(D_IN, MERGE).unwrap()
}

fn mean_pool() -> MeanPool {
    MeanPool::new(D_IN, MERGE).unwrap()
}

fn linear() -> LinearProjector {
    let config = LinearProjectorConfig {
        d_in: D_IN,
        merge: MERGE,
        d_out: D_OUT,
    };
    config
        .init(&mut seeded::stream(1, "linear"), &Device::flex())
        .unwrap()
}

fn blind() -> Blind {
    let config = BlindConfig {
        d_in: D_IN,
        merge: MERGE,
        d_out: D_OUT,
    };
    config
        .init(&mut seeded::stream(1, "blind"), &Device::flex())
        .unwrap()
}

fn mlp(hidden_layer_norm: bool, bias: bool) -> GeluMlp {
    let config = GeluMlpConfig {
        d_in: D_IN,
        merge: MERGE,
        hidden: 9,
        d_out: D_OUT,
        hidden_layer_norm,
        bias,
    };
    config
        .init(&mut seeded::stream(1, "mlp"), &Device::flex())
        .unwrap()
}

#[test]
fn shapes_batch_independence_and_seeds_hold() {
    let patches = patches();
    conformance::assert_conforms(identity, &patches);
    conformance::assert_conforms(mean_pool, &patches);
    conformance::assert_conforms(linear, &patches);
    conformance::assert_conforms(blind, &patches);
    conformance::assert_conforms(|| mlp(true, false), &patches);
    conformance::assert_conforms(|| mlp(false, true), &patches);
}

#[test]
fn every_parameter_gets_a_gradient() {
    let patches = patches();
    conformance::assert_trains(linear(), &patches, &[]);
    conformance::assert_trains(blind(), &patches, &[]);
    conformance::assert_trains(mlp(true, true), &patches, &[]);
    conformance::assert_trains(mlp(false, true), &patches, &[]);
}

#[test]
fn gradients_agree_with_finite_differences() {
    let patches = patches();
    conformance::assert_true_gradient(identity(), &patches);
    conformance::assert_true_gradient(mean_pool(), &patches);
    conformance::assert_true_gradient(linear(), &patches);
    conformance::assert_true_gradient(blind(), &patches);
    conformance::assert_true_gradient(mlp(true, true), &patches);
    conformance::assert_true_gradient(mlp(false, true), &patches);
}

#[test]
fn identity_keeps_every_block_up_to_its_scale() {
    let patches = patches();
    let tokens = identity()
        .forward(&patches, &mut Pass::deterministic())
        .embeddings;
    let scale = patches.merged().square().mean_dim(2).sqrt();
    let error: f32 = (tokens * scale - patches.merged())
        .abs()
        .max()
        .into_scalar();
    assert!(error < 1e-5, "max abs error {error:e}");
}

#[test]
fn blind_tokens_do_not_depend_on_the_image() {
    let blind = blind();
    let tokens = blind
        .forward(&patches(), &mut Pass::deterministic())
        .embeddings;
    let expected: Tensor<3> = blind.token.val().unsqueeze::<3>().expand(tokens.dims());
    assert_eq!(
        tokens.into_data().try_to_vec::<f32>().unwrap(),
        expected.into_data().try_to_vec::<f32>().unwrap()
    );
}

#[test]
fn the_matched_mlp_has_the_width_and_the_parameters_of_the_table() {
    let vet = VetConfig::new(D_IN, MERGE, 32, 4, D_OUT);
    let vet_cost = vet
        .init(&mut seeded::stream(0, "vet"), &Device::flex())
        .unwrap()
        .cost();
    let matched = GeluMlpConfig::matching_vet(D_IN, MERGE, vet.words(), D_OUT);
    let mlp_cost = matched
        .init(&mut seeded::stream(0, "mlp"), &Device::flex())
        .unwrap()
        .cost();
    assert_eq!(mlp_cost.parameters + 4 * D_OUT, vet_cost.parameters);
    assert_eq!(
        mlp_cost.multiply_adds_per_token,
        vet_cost.multiply_adds_per_token
    );
}

#[test]
fn empty_axes_are_named() {
    let error = Identity::new(0, 2).unwrap_err();
    assert_eq!(
        error.to_string(),
        "identity: d_in is 0; set it to 1 or more"
    );
    let config = GeluMlpConfig {
        hidden: 0,
        ..GeluMlpConfig::matching_vet(D_IN, MERGE, 8, D_OUT)
    };
    let error = config
        .init(&mut seeded::stream(0, "mlp"), &Device::flex())
        .unwrap_err();
    assert_eq!(
        error,
        ControlError::EmptyAxis {
            control: "gelu-mlp",
            axis: "hidden"
        }
    );
}
