//! What every projector must do, for each control.

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use control_projectors::{
    Blind, BlindConfig, ControlError, GeluMlp, GeluMlpConfig, Identity, LinearProjector,
    LinearProjectorConfig, MeanPool, Noisy, RandomLinear, RandomLinearConfig, Shuffled,
};
use ovis_vet::{Tokenize, VetConfig};
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

fn random() -> RandomLinear {
    let config = RandomLinearConfig {
        d_in: D_IN,
        merge: MERGE,
        d_out: D_OUT,
    };
    config
        .init(&mut seeded::stream(1, "random"), &Device::flex())
        .unwrap()
}

fn noisy(sigma: f64) -> Noisy<LinearProjector> {
    Noisy::new(linear(), sigma).unwrap()
}

fn shuffled() -> Shuffled<LinearProjector> {
    Shuffled::new(linear())
}

/// Tokens of a pass with noise of the given seed.
fn disturbed(projector: &impl Projector, seed: u64) -> Tensor<3> {
    let mut noise = seeded::stream(seed, "noise");
    let mut pass = Pass {
        progress: 1.0,
        noise: Some(&mut noise),
        distribution: false,
    };
    projector.forward(&patches(), &mut pass).embeddings
}

fn floats(tensor: Tensor<3>) -> Vec<f32> {
    tensor.into_data().try_to_vec().unwrap()
}

#[test]
fn shapes_batch_independence_and_seeds_hold() {
    let patches = patches();
    conformance::assert_conforms(random, &patches);
    conformance::assert_conforms(|| noisy(0.5), &patches);
    conformance::assert_conforms(shuffled, &patches);
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
    conformance::assert_trains(noisy(0.5), &patches, &[]);
    conformance::assert_trains(shuffled(), &patches, &[]);
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
    conformance::assert_true_gradient(random(), &patches);
    conformance::assert_true_gradient(noisy(0.5), &patches);
    conformance::assert_true_gradient(shuffled(), &patches);
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
fn the_plain_mlp_has_the_parameters_of_the_one_with_a_layer_norm() {
    for words in [1, 8, 60, 252, 1020] {
        let parameters = |config: GeluMlpConfig| {
            let mlp = config.init(&mut seeded::stream(0, "mlp"), &Device::flex());
            mlp.unwrap().cost().parameters as f64
        };
        let matched = parameters(GeluMlpConfig::matching_vet(16, MERGE, words, 32));
        let plain = parameters(GeluMlpConfig::plain(16, MERGE, words, 32));
        let unit = (64 + 32 + 1) as f64;
        assert!(
            (plain - matched).abs() <= unit / 2.0,
            "{words}: {plain}, {matched}"
        );
        assert!(
            words < 60
                || plain
                    != parameters(GeluMlpConfig {
                        hidden_layer_norm: false,
                        ..GeluMlpConfig::matching_vet(16, MERGE, words, 32)
                    })
        );
    }
}

#[test]
fn the_mlp_matched_to_a_look_up_costs_what_the_hard_table_costs() {
    for words in [60, 252, 1020] {
        let vet = VetConfig {
            tokenize: Tokenize::StArgmax,
            ..VetConfig::new(16, MERGE, words + 4, 4, 32)
        };
        let hard = vet.init(&mut seeded::stream(0, "vet"), &Device::flex());
        let hard = hard.unwrap().cost().multiply_adds_per_token as f64;
        let mlp = GeluMlpConfig::matching_look_up(16, MERGE, words, 32)
            .init(&mut seeded::stream(0, "mlp"), &Device::flex())
            .unwrap();
        let found = mlp.cost().multiply_adds_per_token as f64;
        assert!(
            (found - hard).abs() <= (64 + 32) as f64 / 2.0,
            "{found}, {hard}"
        );
        assert!(mlp.norm.is_some());
    }
}

#[test]
fn noise_has_its_size_and_its_seed_and_is_there_only_if_the_pass_brings_it() {
    let projector = noisy(0.5);
    let clean = projector
        .forward(&patches(), &mut Pass::deterministic())
        .embeddings;
    let scale: f32 = clean.clone().square().mean().into_scalar();
    assert!((scale - 1.0).abs() < 1e-4, "{scale}");
    // 300 passes of 2 images, 2 tokens, 7 numbers.
    let squares: Vec<f64> = (0..300)
        .map(|seed| {
            let noise = disturbed(&projector, seed) - clean.clone();
            f64::from(noise.square().mean().into_scalar::<f32>())
        })
        .collect();
    let sigma = (squares.iter().sum::<f64>() / squares.len() as f64).sqrt();
    assert!((sigma - 0.5).abs() < 0.02, "{sigma}");
    assert_eq!(
        floats(disturbed(&projector, 3)),
        floats(disturbed(&projector, 3))
    );
    assert_ne!(
        floats(disturbed(&projector, 3)),
        floats(disturbed(&projector, 4))
    );
    let error = Noisy::new(linear(), -1.0).unwrap_err().to_string();
    assert!(
        error.contains("-1") && error.contains("0 or more"),
        "{error}"
    );
}

#[test]
fn shuffling_changes_the_places_of_tokens_within_each_image_and_nothing_else() {
    let projector = shuffled();
    let clean = projector.forward(&patches(), &mut Pass::deterministic());
    let clean = floats(clean.embeddings);
    let tokens_of = |values: &[f32], image: usize| -> Vec<Vec<u32>> {
        let size = values.len() / 2;
        let tokens = values[image * size..(image + 1) * size].chunks(D_OUT);
        let bits = |token: &[f32]| token.iter().map(|x| x.to_bits()).collect();
        let mut tokens: Vec<Vec<u32>> = tokens.map(bits).collect();
        tokens.sort_unstable();
        tokens
    };
    let mut moved = 0;
    for seed in 0..40 {
        let found = floats(disturbed(&projector, seed));
        moved += usize::from(found != clean);
        for image in 0..2 {
            assert_eq!(tokens_of(&found, image), tokens_of(&clean, image));
        }
    }
    // Two tokens an image: each image keeps its order half of the time.
    assert!((20..40).contains(&moved), "{moved}");
}

#[test]
fn a_random_projector_has_nothing_to_train() {
    let random = random();
    assert_eq!((random.num_params(), random.cost().parameters), (0, 0));
    assert_eq!(random.cost().multiply_adds_per_token, 20 * D_OUT);
    let trained = random.train();
    let patches = patches().map_features(|features| features.autodiff().require_grad());
    let tokens = trained.forward(&patches, &mut Pass::deterministic());
    let gradients = tokens.embeddings.square().sum().backward();
    assert!(trained.weight.grad(&gradients).is_none());
    assert!(patches.features().grad(&gradients).is_some());
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
