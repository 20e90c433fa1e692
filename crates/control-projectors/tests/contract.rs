//! What every projector must do, for each control.

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Int, Tensor};
use control_projectors::{
    Blind, BlindConfig, ControlError, GeluMlp, GeluMlpConfig, Identity, LinearProjector,
    LinearProjectorConfig, MeanPool, Noisy, OracleWords, OracleWordsConfig, RandomLinear,
    RandomLinearConfig, Shuffled,
};
use ovis_vet::{Tokenize, VetConfig};
use projector::{Pass, PatchGrid, Projector, StartSample, conformance, rms_normalize, seeded};

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

fn oracle(told: bool) -> OracleWords {
    let config = OracleWordsConfig {
        d_in: D_IN,
        merge: MERGE,
        words: 6,
        d_out: D_OUT,
        told,
    };
    config
        .init(&mut seeded::stream(1, "oracle"), &Device::flex())
        .unwrap()
}

/// Tokens of a pass with noise of the given seed.
fn disturbed(projector: &impl Projector, seed: u64) -> Tensor<3> {
    let mut noise = seeded::stream(seed, "noise");
    let mut pass = Pass {
        progress: 1.0,
        noise: Some(&mut noise),
        distribution: false,
        words: None,
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
    conformance::assert_conforms(|| oracle(false), &patches);
    conformance::assert_conforms(|| oracle(true), &patches);
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
    conformance::assert_trains(oracle(false), &patches, &[]);
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

fn ids(tokens: Tensor<2, Int>) -> Vec<i64> {
    tokens.into_data().iter::<i64>().collect()
}

#[test]
fn told_words_are_the_tokens_in_training_and_the_heads_words_otherwise() {
    let arm = oracle(true);
    let told = Tensor::<2, Int>::from_ints([[5, 0], [3, 3]], &Device::flex());
    let pass = || Pass {
        words: Some(told.clone()),
        ..Pass::deterministic()
    };
    let trained = arm.clone().train();
    let input = patches().map_features(|features| features.autodiff());
    let tokens = trained.forward(&input, &mut pass());
    assert_eq!(ids(tokens.words[0].ids.clone().unwrap()), [5, 0, 3, 3]);
    let rows = floats(tokens.embeddings.clone());
    let table: Vec<f32> = arm.table.val().into_data().try_to_vec().unwrap();
    for (row, word) in rows.chunks(D_OUT).zip([5, 0, 3, 3]) {
        assert_eq!(row, &table[word * D_OUT..(word + 1) * D_OUT]);
    }
    // The loss is the cross-entropy of the head, and the only gradient that it gets.
    let loss = tokens.auxiliary_loss.unwrap();
    let blocks = rms_normalize(patches().merged(), 1e-6).reshape([4, 20]);
    let scores = fused_ops::softmax(arm.head.forward(blocks));
    let shares: Vec<f32> = scores.into_data().iter::<f32>().collect();
    let expected = [5, 0, 3, 3].iter().enumerate();
    let expected = expected.map(|(token, word)| -shares[token * 6 + word].ln() / 4.0);
    let found: f32 = loss.clone().into_scalar();
    assert!((found - expected.sum::<f32>()).abs() < 1e-5, "{found}");
    let task = tokens.embeddings.sum().backward();
    assert!(trained.head.weight.val().grad(&task).is_none());
    assert!(trained.head.weight.val().grad(&loss.backward()).is_some());
    // Without gradients the head names the words, whatever the pass says.
    let tokens = arm.forward(&patches(), &mut pass());
    let best = shares.chunks(6).map(|shares| {
        let largest = shares.iter().copied().fold(0.0, f32::max);
        shares.iter().position(|&share| share == largest).unwrap() as i64
    });
    assert!(tokens.auxiliary_loss.is_none());
    let named = ids(tokens.words[0].ids.clone().unwrap());
    assert_eq!(named, best.collect::<Vec<_>>());
}

#[test]
fn the_teacher_of_a_sample_is_its_k_means_and_rows_start_there() {
    let grid = |seed: u64| {
        let mut rng = seeded::stream(seed, "sample");
        let features = seeded::normal([30, 8, D_IN], 1.0, &mut rng, &Device::flex());
        PatchGrid::new(features, 2, 4, MERGE).unwrap()
    };
    let mut arm = oracle(false);
    let rng = || seeded::stream(5, "start");
    arm.start_from(
        StartSample::new(120, [grid(1), grid(2)].into_iter()),
        &mut rng(),
    );
    let blocks =
        [grid(1), grid(2)].map(|grid| rms_normalize(grid.merged(), 1e-6).reshape([60, 20]));
    let blocks: Tensor<2> = Tensor::cat(blocks.to_vec(), 0);
    let values: Vec<f32> = blocks.into_data().try_to_vec().unwrap();
    let expected = projector::k_means(&values, 20, 6, &mut rng(), &Device::flex());
    let centres = arm.centres.as_ref().unwrap().val();
    let found: Vec<f32> = centres.clone().into_data().try_to_vec().unwrap();
    for (found, expected) in found.iter().zip(&expected) {
        assert!((found - expected).abs() < 1e-6);
    }
    assert_ne!(
        floats(arm.table.val().unsqueeze()),
        floats(oracle(false).table.val().unsqueeze())
    );
    // In training, tokens are called by the nearest centre.
    let trained = arm.clone().train();
    let input = grid(3).map_features(|features| features.autodiff());
    let tokens = trained.forward(&input, &mut Pass::deterministic());
    let blocks = rms_normalize(grid(3).merged(), 1e-6).reshape([60, 20]);
    let nearest = fused_ops::nearest(blocks, centres);
    let called = ids(tokens.words[0].ids.clone().unwrap());
    assert_eq!(called, ids(nearest.unsqueeze()));
    // Centres are saved and not trained; an arm that is told its words has none.
    assert_eq!(
        projector::contract::trainable_parameters(&arm),
        arm.cost().parameters
    );
    let read = oracle(false).try_load_record(arm.into_record()).unwrap();
    let again: Vec<f32> = read
        .centres
        .unwrap()
        .val()
        .into_data()
        .try_to_vec()
        .unwrap();
    assert_eq!(again, found);
    let mut told = oracle(true);
    told.start_from(StartSample::new(60, std::iter::once(grid(1))), &mut rng());
    assert!(told.centres.is_none());
}
