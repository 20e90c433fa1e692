//! The fused operation against its twin, the stages of the table, for every tokenize function:
//! values, words, and gradients of every operand.

#![allow(clippy::unwrap_used)]
#![cfg(feature = "flex")]

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Device, FloatDType, Tensor};
use ovis_vet::{Curriculum, KEPT_LOGITS_BYTES, Tau, Tokenize, Vet, VetConfig, tile};
use projector::{Pass, PatchGrid, Projector, VisualTokens, seeded};

const D_BLOCK: usize = 24;
const D_OUT: usize = 10;

/// Every function; `words` decides which numbers of best words are looked up and which multiplied.
fn every_function(words: usize) -> Vec<Tokenize> {
    let mut functions = vec![
        Tokenize::Softmax,
        Tokenize::StArgmax,
        Tokenize::StArgmaxRaw,
        Tokenize::GumbelArgmax { tau: Tau::OVIS },
        Tokenize::GumbelArgmax {
            tau: Tau::Fixed(0.7),
        },
        // At two fifths of training, where all is run, the first is soft and the second hard.
        Tokenize::Curriculum(Curriculum::STANDARD),
        Tokenize::Curriculum(Curriculum {
            tau: Tau::Fixed(0.7),
            hard_from: 0.4,
        }),
    ];
    functions
        .extend([1, 2, 5, words / 2, words - 1, words, 2 * words].map(|k| Tokenize::TopK { k }));
    functions
}

fn vet(words: usize, tokenize: Tokenize, device: &Device) -> Vet {
    let config = VetConfig {
        tokenize,
        ..VetConfig::new(D_BLOCK / 4, 2, words + 4, 4, D_OUT)
    };
    let mut rng = seeded::stream(1, "vet");
    let mut vet = config.init(&mut rng, device).unwrap();
    // A gain and bias that a mistake would show, and a table larger than its start.
    let gain: Tensor<1> = seeded::normal([words], 0.5, &mut rng, device);
    vet.norm.gamma = Param::from_tensor(gain.add_scalar(1.2));
    vet.norm.beta = Param::from_tensor(seeded::normal([words], 0.5, &mut rng, device));
    vet.table = Param::from_tensor(seeded::normal([words + 4, D_OUT], 1.0, &mut rng, device));
    vet
}

fn blocks(tokens: usize, device: &Device) -> Tensor<3> {
    let mut rng = seeded::stream(2, "blocks");
    seeded::normal([1, tokens, D_BLOCK], 1.5, &mut rng, device)
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Largest difference relative to the largest number.
fn deviation(found: &[f64], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(1e-30_f64, |max, x| max.max(x.abs()));
    let difference = found.iter().zip(expected).map(|(a, b)| (a - b).abs());
    difference.fold(0.0, f64::max) / scale
}

struct ToDouble;

impl ModuleMapper for ToDouble {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        param.map(|tensor| tensor.cast(FloatDType::F64))
    }
}

#[derive(Debug)]
struct Found {
    tokens: Vec<f64>,
    ids: Option<Vec<i64>>,
    /// Name and gradient, `None` where there is none.
    gradients: Vec<(&'static str, Option<Vec<f64>>)>,
}

/// Tokens and the gradients of a random projection of them.
fn run(
    vet: &Vet,
    blocks: &Tensor<3>,
    noisy: bool,
    forward: impl Fn(&Vet, Tensor<3>, &mut Pass<'_>) -> VisualTokens,
) -> Found {
    let mut noise = seeded::stream(9, "noise");
    let mut pass = Pass {
        progress: 0.4,
        noise: noisy.then_some(&mut noise),
        distribution: false,
        words: None,
    };
    let found = forward(vet, blocks.clone(), &mut pass);
    let dims = found.embeddings.dims();
    let mut rng = seeded::stream(3, "directions");
    let directions: Tensor<3> = seeded::normal(dims, 1.0, &mut rng, &blocks.device());
    let gradients = (found.embeddings.clone() * directions).sum().backward();
    Found {
        tokens: floats(found.embeddings.clone().without_autodiff()),
        ids: found
            .first_words()
            .and_then(|words| words.ids)
            .map(|ids| ids.into_data().iter::<i64>().collect()),
        gradients: vec![
            ("blocks", blocks.grad(&gradients).map(floats)),
            ("head", vet.head.weight.val().grad(&gradients).map(floats)),
            ("gain", vet.norm.gamma.val().grad(&gradients).map(floats)),
            ("bias", vet.norm.beta.val().grad(&gradients).map(floats)),
            ("table", vet.table.val().grad(&gradients).map(floats)),
        ],
    }
}

fn fused(vet: &Vet, blocks: Tensor<3>, pass: &mut Pass<'_>) -> VisualTokens {
    vet.forward_fused(blocks, pass).expect("f32 on Flex")
}

fn assert_twins(words: usize, tokens: usize, tokenize: Tokenize, noisy: bool) {
    let device = Device::flex().autodiff();
    let vet = vet(words, tokenize, &device);
    let blocks = blocks(tokens, &device).require_grad();
    let stages = run(&vet, &blocks, noisy, Vet::forward_in_stages);
    let fused = run(&vet, &blocks, noisy, fused);
    let case = format!("{tokenize:?}, {words} words, {tokens} tokens, noise {noisy}");
    assert_eq!(fused.ids, stages.ids, "{case}");
    let difference = deviation(&fused.tokens, &stages.tokens);
    assert!(difference < 1e-5, "{case}: tokens differ by {difference:e}");
    for ((name, found), (_, expected)) in fused.gradients.iter().zip(&stages.gradients) {
        match (found, expected) {
            (Some(found), Some(expected)) => {
                let difference = deviation(found, expected);
                assert!(
                    difference < 1e-4,
                    "{case}: gradient of {name}: {difference:e}"
                );
            }
            (None, None) => {}
            _ => panic!("{case}: only one of the twins has a gradient of {name}"),
        }
    }
}

#[test]
fn every_function_agrees_with_its_stages_in_one_tile() {
    for words in [3, 16, 37, 200] {
        for tokenize in every_function(words) {
            for noisy in [false, true] {
                assert_twins(words, 21, tokenize, noisy);
            }
        }
    }
}

#[test]
fn every_function_agrees_with_its_stages_over_several_tiles_and_panels() {
    let (words, tokens) = (120_000_usize, 90_usize);
    assert!(tokens.div_ceil(tile::tokens_per_tile(tokens, words)) > 1);
    for tokenize in [
        Tokenize::Softmax,
        Tokenize::StArgmax,
        Tokenize::StArgmaxRaw,
        Tokenize::GumbelArgmax { tau: Tau::OVIS },
        Tokenize::TopK { k: 1 },
        Tokenize::TopK { k: 50 },
    ] {
        assert_twins(words, tokens, tokenize, true);
    }
}

#[test]
fn frozen_operands_get_no_gradient_and_change_none_of_the_others() {
    let device = Device::flex().autodiff();
    let blocks = blocks(9, &Device::flex()).autodiff();
    for tokenize in every_function(40) {
        let mut table_only = vet(40, tokenize, &device);
        table_only.head.weight = table_only.head.weight.set_require_grad(false);
        table_only.norm.gamma = table_only.norm.gamma.set_require_grad(false);
        table_only.norm.beta = table_only.norm.beta.set_require_grad(false);
        let mut head_only = vet(40, tokenize, &device);
        head_only.table = head_only.table.set_require_grad(false);
        let all = run(&vet(40, tokenize, &device), &blocks, true, fused);
        let table_only = run(&table_only, &blocks, true, fused);
        let of = |found: &Found, index: usize| found.gradients[index].1.clone();
        assert_eq!(of(&all, 0), None, "features behind a frozen tower");
        assert_eq!(of(&table_only, 4), of(&all, 4), "{tokenize:?}");
        assert_eq!([1, 2, 3].map(|i| of(&table_only, i)), [None, None, None]);
        if tokenize != (Tokenize::TopK { k: 1 }) {
            let head_only = run(&head_only, &blocks, true, fused);
            assert_eq!(of(&head_only, 4), None);
            assert_eq!(
                [1, 2, 3].map(|i| of(&head_only, i)),
                [1, 2, 3].map(|i| of(&all, i))
            );
        }
    }
}

#[test]
fn a_low_rank_head_is_reduced_in_front_of_the_operation() {
    let device = Device::flex().autodiff();
    let blocks = blocks(9, &device);
    let mut rng = seeded::stream(4, "reduction");
    for tokenize in every_function(40) {
        let mut vet = vet(40, tokenize, &device);
        vet.head = seeded::linear(5, 40, false, &mut rng, &device);
        let reduction = seeded::linear(D_BLOCK, 5, false, &mut rng, &device);
        let vet = vet.with_reduction(reduction);
        let gradient = |forward: fn(&Vet, Tensor<3>, &mut Pass<'_>) -> VisualTokens| {
            let mut pass = Pass {
                progress: 0.4,
                noise: None,
                distribution: false,
                words: None,
            };
            let tokens = forward(&vet, blocks.clone(), &mut pass).embeddings;
            let gradients = tokens.clone().square().sum().backward();
            let weight = vet.reduction.as_ref().unwrap().weight.val();
            (floats(tokens), weight.grad(&gradients).map(floats))
        };
        let (found, expected) = (gradient(fused), gradient(Vet::forward_in_stages));
        assert!(deviation(&found.0, &expected.0) < 1e-5, "{tokenize:?}");
        match (found.1, expected.1) {
            (Some(found), Some(expected)) => {
                assert!(deviation(&found, &expected) < 1e-4, "{tokenize:?}");
            }
            (found, expected) => assert_eq!(found, expected, "{tokenize:?}"),
        }
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let device = Device::flex().autodiff();
    let blocks = blocks(70, &device).require_grad();
    for tokenize in [
        Tokenize::Softmax,
        Tokenize::GumbelArgmax { tau: Tau::OVIS },
        Tokenize::TopK { k: 9 },
    ] {
        let vet = vet(5000, tokenize, &device);
        let on = |threads: usize| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.unwrap()
                .install(|| format!("{:?}", run(&vet, &blocks, true, fused)))
        };
        assert!(on(1) == on(3), "{tokenize:?}");
    }
}

#[test]
fn logits_that_are_kept_give_the_bits_of_those_made_again() {
    let device = Device::flex().autodiff();
    let (words, tokens) = (120_000_usize, 90_usize);
    let bytes = 4 * words * tokens;
    assert!(bytes <= KEPT_LOGITS_BYTES, "kept if nothing else is said");
    let blocks = blocks(tokens, &device).require_grad();
    for tokenize in [
        Tokenize::Softmax,
        Tokenize::StArgmax,
        Tokenize::StArgmaxRaw,
        Tokenize::GumbelArgmax { tau: Tau::OVIS },
        Tokenize::TopK { k: 50 },
    ] {
        let found = |kept: usize| {
            let vet = vet(words, tokenize, &device).with_kept_logits(kept);
            format!("{:?}", run(&vet, &blocks, true, fused))
        };
        assert!(found(bytes) == found(bytes - 1), "{tokenize:?}");
    }
}

#[test]
fn what_has_no_kernels_goes_through_the_stages_some_tokens_at_a_time() {
    let device = Device::flex();
    let (words, tokens) = (120_000, 90);
    let blocks = blocks(tokens, &device).cast(FloatDType::F64);
    assert!(tile::pays(tokens, words) && tile::tokens_per_tile(tokens, words) < tokens);
    for tokenize in [Tokenize::Softmax, Tokenize::GumbelArgmax { tau: Tau::OVIS }] {
        let vet = vet(words, tokenize, &device).map(&mut ToDouble);
        let patches = PatchGrid::new(
            blocks.clone().reshape([1, 4 * tokens, D_BLOCK / 4]),
            2,
            2 * tokens,
            2,
        );
        let patches = patches.unwrap();
        let of = |distribution: bool| {
            let mut noise = seeded::stream(9, "noise");
            let mut pass = Pass {
                progress: 0.4,
                noise: Some(&mut noise),
                distribution,
                words: None,
            };
            let found = vet.forward(&patches, &mut pass);
            let words = found.clone().first_words().unwrap();
            assert_eq!(words.probabilities.is_some(), distribution);
            let ids = words
                .ids
                .map(|ids| ids.into_data().iter::<i64>().collect::<Vec<_>>());
            (floats(found.embeddings), ids)
        };
        let (in_tiles, whole) = (of(false), of(true));
        assert_eq!(in_tiles.1, whole.1);
        assert!(deviation(&in_tiles.0, &whole.0) < 1e-12);
    }
}

#[test]
fn what_has_no_kernels_is_given_back() {
    let device = Device::flex();
    let vet = vet(12, Tokenize::Softmax, &device);
    let mut pass = Pass::deterministic();
    let double = blocks(4, &device).cast(FloatDType::F64);
    assert!(vet.forward_fused(double, &mut pass).is_none());
    let nothing = Tensor::<3>::zeros([1, 0, D_BLOCK], &device);
    assert!(vet.forward_fused(nothing, &mut pass).is_none());
}

#[test]
fn logits_that_are_no_numbers_make_tokens_that_are_none() {
    let device = Device::flex();
    let blocks = blocks(4, &device).mul_scalar(f32::NAN);
    for tokenize in every_function(40) {
        let vet = vet(40, tokenize, &device);
        let tokens = fused(&vet, blocks.clone(), &mut Pass::deterministic());
        let tokens = floats(tokens.embeddings);
        assert!(tokens.iter().all(|value| value.is_nan()), "{tokenize:?}");
    }
}

/// Moments over 65,536 words in single precision lose little: both ways are compared with
/// arithmetic in double precision.
#[test]
fn single_precision_moments_of_a_released_vocabulary_are_those_of_double_precision() {
    let device = Device::flex();
    let vet = vet(65_532, Tokenize::Softmax, &device);
    let blocks = blocks(5, &device);
    let double = |tensor: Tensor<2>| tensor.cast(FloatDType::F64);
    let vector = |tensor: Tensor<1>| tensor.cast(FloatDType::F64).unsqueeze::<2>();
    let x = double(blocks.clone().squeeze_dim::<2>(0));
    let logits = x.matmul(double(vet.head.weight.val()));
    let centred = logits.clone() - logits.mean_dim(1);
    let deviation_of = centred
        .clone()
        .square()
        .mean_dim(1)
        .add_scalar(vet.norm.epsilon());
    let scores =
        centred / deviation_of.sqrt() * vector(vet.norm.gamma.val()) + vector(vet.norm.beta.val());
    let exact = burn::tensor::activation::softmax(scores, 1)
        .matmul(double(vet.table.val().slice_dim(0, 0..65_532)));
    let exact = floats(exact);
    let mut pass = Pass::deterministic();
    let fused = deviation(
        &floats(fused(&vet, blocks.clone(), &mut pass).embeddings),
        &exact,
    );
    let stages = vet.forward_in_stages(blocks, &mut pass).embeddings;
    let stages = deviation(&floats(stages), &exact);
    println!("relative to f64: fused {fused:.1e}, stages {stages:.1e}");
    assert!(
        fused < 2e-6 && stages < 2e-6,
        "fused {fused:e}, stages {stages:e}"
    );
}
