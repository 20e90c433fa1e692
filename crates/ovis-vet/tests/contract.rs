//! What every projector must do, for each tokenize function, and true gradients where there are
//! any.

#![allow(clippy::wildcard_enum_match_arm, reason = "a test looks at one case")]
#![allow(clippy::unwrap_used)]

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use ovis_vet::{
    Curriculum, HeadInit, MultiVet, TableInit, Tau, Tokenize, Vet, VetConfig, usage_penalty,
};
use projector::{Pass, PatchGrid, Projector, conformance, seeded};

const WORDS: usize = 9;

const EVERY_FUNCTION: [Tokenize; 11] = [
    Tokenize::Softmax,
    Tokenize::StArgmax,
    Tokenize::StArgmaxRaw,
    Tokenize::GumbelArgmax { tau: Tau::OVIS },
    Tokenize::GumbelArgmax {
        tau: Tau::Fixed(1.0),
    },
    Tokenize::TopK { k: 1 },
    Tokenize::TopK { k: 3 },
    Tokenize::TopK { k: WORDS },
    Tokenize::TopK { k: 1000 },
    Tokenize::Curriculum(Curriculum::STANDARD),
    Tokenize::Curriculum(HARD_SOON),
];

/// Hard at half of the training, where the checks look.
const HARD_SOON: Curriculum = Curriculum {
    tau: Tau::Fixed(0.5),
    hard_from: 0.25,
};

fn config(tokenize: Tokenize) -> VetConfig {
    VetConfig {
        tokenize,
        ..VetConfig::new(5, 2, WORDS + 4, 4, 7)
    }
}

fn build(tokenize: Tokenize) -> Vet {
    config(tokenize)
        .init(&mut seeded::stream(1, "vet"), &Device::flex())
        .unwrap()
}

fn low_rank(tokenize: Tokenize) -> Vet {
    let config = VetConfig {
        rank: Some(3),
        ..config(tokenize)
    };
    config
        .init(&mut seeded::stream(1, "vet"), &Device::flex())
        .unwrap()
}

fn multi(tokenize: Tokenize, codes: usize) -> MultiVet {
    MultiVet::init(
        &config(tokenize),
        codes,
        &mut seeded::stream(1, "vet"),
        &Device::flex(),
    )
    .unwrap()
}

fn patches() -> PatchGrid {
    let mut rng = seeded::stream(2, "patches");
    let features = seeded::normal([2, 24, 5], 1.5, &mut rng, &Device::flex());
    PatchGrid::new(features, 4, 6, 2).unwrap()
}

#[test]
fn shapes_batch_independence_and_seeds_hold() {
    for tokenize in EVERY_FUNCTION {
        conformance::assert_conforms(|| build(tokenize), &patches());
        conformance::assert_conforms(|| low_rank(tokenize), &patches());
        conformance::assert_conforms(|| multi(tokenize, 3), &patches());
    }
}

#[test]
fn every_parameter_gets_a_gradient() {
    for tokenize in EVERY_FUNCTION {
        // One kept word has weight 1 whatever its logit, so nothing in front of it learns.
        let without: &[&str] = match tokenize {
            Tokenize::TopK { k: 1 } => &["head.weight", "norm.gamma", "norm.beta"],
            _ => &[],
        };
        conformance::assert_trains(build(tokenize), &patches(), without);
        if without.is_empty() {
            conformance::assert_trains(low_rank(tokenize), &patches(), without);
            conformance::assert_trains(multi(tokenize, 3), &patches(), without);
        }
    }
}

#[test]
fn a_low_rank_head_is_a_head_of_the_product_of_its_matrices() {
    let factored = low_rank(Tokenize::Softmax);
    let mut whole = factored.clone();
    let reduction = whole.reduction.take().unwrap();
    let product = reduction.weight.val().matmul(factored.head.weight.val());
    whole.head.weight = Param::from_tensor(product);
    let tokens = |vet: &Vet| -> Vec<f32> {
        let tokens = vet.forward(&patches(), &mut Pass::deterministic());
        tokens.embeddings.into_data().try_to_vec().unwrap()
    };
    let difference = tokens(&factored)
        .iter()
        .zip(tokens(&whole))
        .fold(0.0_f32, |largest, (a, b)| largest.max((a - b).abs()));
    assert!(difference < 1e-5, "{difference}");
    let cost = factored.cost();
    assert_eq!(cost.multiply_adds_per_token, 20 * 3 + 3 * WORDS + WORDS * 7);
    assert_eq!(
        cost.parameters,
        20 * 3 + 3 * WORDS + 2 * WORDS + (WORDS + 4) * 7
    );
}

#[test]
fn tokens_of_several_codes_are_sums_of_rows_and_carry_the_bits_of_all() {
    let vet = multi(Tokenize::StArgmax, 3);
    let tokens = vet.forward(&patches(), &mut Pass::deterministic());
    assert_eq!(tokens.words.len(), 3);
    let mut sum: Option<Tensor<3>> = None;
    for (book, words) in vet.books.iter().zip(&tokens.words) {
        let rows = book.embed_ids(words.ids.clone().unwrap());
        sum = Some(match sum {
            Some(sum) => sum + rows,
            None => rows,
        });
    }
    let difference: f32 = (tokens.embeddings - sum.unwrap()).abs().max().into_scalar();
    assert!(difference < 1e-6, "{difference}");
    let cost = vet.cost();
    assert_eq!(cost.words, Some(WORDS));
    assert_eq!(cost.bits_per_token, Some(3.0 * (WORDS as f64).log2()));
    assert_eq!(
        cost.parameters,
        3 * build(Tokenize::StArgmax).cost().parameters
    );
    assert_eq!(multi(Tokenize::Softmax, 2).cost().bits_per_token, None);
}

#[test]
fn soft_gradients_agree_with_finite_differences() {
    for tokenize in [
        Tokenize::Softmax,
        Tokenize::TopK { k: 2 },
        Tokenize::TopK { k: 5 },
        Tokenize::TopK { k: WORDS },
    ] {
        conformance::assert_true_gradient(build(tokenize), &patches());
        conformance::assert_true_gradient(low_rank(tokenize), &patches());
    }
    conformance::assert_true_gradient(multi(Tokenize::Softmax, 2), &patches());
}

#[test]
#[should_panic(expected = "finite difference")]
fn a_straight_through_gradient_is_not_a_true_one() {
    conformance::assert_true_gradient(build(Tokenize::StArgmax), &patches());
}

#[test]
fn indicator_rows_never_learn_from_patches() {
    let vet = build(Tokenize::Softmax).train();
    let patches = patches().map_features(|features| features.autodiff());
    let tokens = vet.forward(&patches, &mut Pass::deterministic()).embeddings;
    let gradients = tokens.square().sum().backward();
    let gradient = vet.table.val().grad(&gradients).unwrap();
    let sizes: Vec<f32> = gradient.abs().max_dim(1).into_data().try_to_vec().unwrap();
    for (row, size) in sizes.iter().enumerate() {
        assert_eq!(*size > 0.0, row < WORDS, "row {row}: {size}");
    }
}

#[test]
fn the_usage_penalty_trains_the_head_of_every_function() {
    for tokenize in EVERY_FUNCTION {
        let vet = build(tokenize).train();
        let patches = patches().map_features(|features| features.autodiff());
        let tokens = vet.forward(&patches, &mut Pass::deterministic());
        let gradients =
            usage_penalty(tokens.first_words().unwrap().probabilities.unwrap()).backward();
        let gradient = vet.head.weight.val().grad(&gradients).unwrap();
        let size: f32 = gradient.abs().max().into_scalar();
        assert!(size.is_finite() && size > 1e-6, "{tokenize:?}: {size}");
    }
}

#[test]
fn bits_are_stated_for_hard_tokens_only() {
    for tokenize in EVERY_FUNCTION {
        let cost = build(tokenize).cost();
        let head = 20 * WORDS;
        let (bits, rows) = match tokenize {
            Tokenize::Softmax => (None, WORDS),
            Tokenize::TopK { k } if k > 1 => (None, k.min(WORDS)),
            _ => (Some((WORDS as f64).log2()), 0),
        };
        assert_eq!(cost.bits_per_token, bits, "{tokenize:?}");
        assert_eq!(
            cost.multiply_adds_per_token,
            head + rows * 7,
            "{tokenize:?}"
        );
        assert_eq!(cost.parameters, head + 2 * WORDS + (WORDS + 4) * 7);
        assert_eq!(cost.words, Some(WORDS));
    }
}

/// Token standard deviation and mean perplexity of a fresh table of 4,096 words.
fn start(config: &VetConfig) -> (f64, f64) {
    let device = Device::flex();
    let vet = config.init(&mut seeded::stream(3, "vet"), &device).unwrap();
    let features = seeded::normal([1, 256, 32], 1.0, &mut seeded::stream(4, "x"), &device);
    let patches = PatchGrid::new(features, 16, 16, 2).unwrap();
    let tokens = vet.forward(&patches, &mut Pass::deterministic());
    let std: f32 = tokens
        .embeddings
        .clone()
        .square()
        .mean()
        .sqrt()
        .into_scalar();
    let p = tokens.first_words().unwrap().probabilities.unwrap();
    let entropy = (p.clone() * p.log()).sum_dim(2).neg();
    let perplexity: f32 = entropy.exp().mean().into_scalar();
    (f64::from(std), f64::from(perplexity))
}

fn wide() -> VetConfig {
    VetConfig::new(32, 2, 4096 + 4, 4, 128)
}

fn assert_near(what: &str, found: f64, expected: f64) {
    let ratio = found / expected;
    assert!((ratio - 1.0).abs() < 0.1, "{what}: {found}, not {expected}");
}

#[test]
fn a_fresh_softmax_has_the_predicted_perplexity_and_scale() {
    for std in [1.0, 0.02] {
        let config = VetConfig {
            table_init: TableInit::Normal { std },
            ..wide()
        };
        let (token_std, perplexity) = start(&config);
        assert_near("perplexity", perplexity, 4096.0 * (-0.5_f64).exp());
        assert_near("std", token_std, (1_f64.exp() / 4096.0).sqrt() * std);
    }
}

#[test]
fn the_start_does_not_depend_on_the_scale_of_the_head() {
    let config = VetConfig {
        head_init: HeadInit::Normal { std: 0.02 },
        ..wide()
    };
    let (_, perplexity) = start(&config);
    assert_near("perplexity", perplexity, 4096.0 * (-0.5_f64).exp());
}

#[test]
fn the_gain_is_an_inverse_temperature() {
    let config = VetConfig {
        layer_norm_gain: 2.0,
        ..wide()
    };
    // Entropy of softmax over logits N(0, g²) is ln K - g²/2.
    let (_, perplexity) = start(&config);
    assert_near("perplexity", perplexity, 4096.0 * (-2.0_f64).exp());
}

#[test]
fn a_matched_start_gives_tokens_of_the_merger_scale() {
    for (tokenize, layer_norm_gain) in [
        (Tokenize::Softmax, 1.0),
        (Tokenize::Softmax, 1.5),
        (Tokenize::TopK { k: 4096 }, 1.0),
        (Tokenize::TopK { k: 1 }, 1.0),
        (Tokenize::StArgmax, 1.0),
        (Tokenize::StArgmaxRaw, 1.0),
        (Tokenize::GumbelArgmax { tau: Tau::OVIS }, 1.0),
    ] {
        let config = VetConfig {
            tokenize,
            layer_norm_gain,
            table_init: TableInit::MatchedOutput,
            ..wide()
        };
        let (token_std, _) = start(&config);
        assert_near("std", token_std, 0.2);
    }
}

#[test]
fn a_matched_start_of_truncated_mixtures_is_near_the_merger_scale() {
    // The best scores scatter around their expected places, the more so the fewer are kept.
    for (k, layer_norm_gain) in [(2, 1.0), (16, 1.0), (16, 2.0), (1000, 1.0)] {
        let config = VetConfig {
            tokenize: Tokenize::TopK { k },
            layer_norm_gain,
            table_init: TableInit::MatchedOutput,
            ..wide()
        };
        let (token_std, _) = start(&config);
        assert!((0.16..0.25).contains(&token_std), "{k}: {token_std}");
    }
}
