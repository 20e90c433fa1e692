//! Values, gradients and samples of each tokenize function, against arithmetic written out here.

#![allow(clippy::unwrap_used)]

use burn::tensor::activation::softmax;
use burn::tensor::{Device, Tensor, TensorData};
use ovis_vet::tokenize::gumbel::noise_like;
use ovis_vet::{Tau, Tokenize, Vet, VetConfig};
use projector::{Pass, seeded};
use rand_chacha::ChaCha8Rng;

const TOKENS: usize = 12;
const WORDS: usize = 6;
const D_OUT: usize = 5;

fn vet(tokenize: Tokenize, device: &Device) -> Vet {
    let config = VetConfig {
        tokenize,
        ..VetConfig::new(3, 2, WORDS + 2, 2, D_OUT)
    };
    config.init(&mut seeded::stream(1, "vet"), device).unwrap()
}

fn logits(device: &Device) -> Tensor<3> {
    seeded::normal([1, TOKENS, WORDS], 1.3, &mut seeded::stream(2, "l"), device)
}

fn noise_stream() -> ChaCha8Rng {
    seeded::stream(9, "noise")
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

fn ids(selection: &ovis_vet::Selection) -> Vec<usize> {
    let ids = selection.hard.as_ref().unwrap().ids.clone();
    ids.into_data()
        .iter::<i64>()
        .map(|id| id as usize)
        .collect()
}

fn argmax(row: &[f64]) -> usize {
    (0..row.len()).fold(0, |best, i| if row[i] > row[best] { i } else { best })
}

fn softmax_row(row: &[f64]) -> Vec<f64> {
    let weights: Vec<f64> = row.iter().map(|x| x.exp()).collect();
    let sum: f64 = weights.iter().sum();
    weights.iter().map(|w| w / sum).collect()
}

/// What a pass does with noise, for the reference arithmetic and the table alike.
#[derive(Clone, Copy)]
struct Case {
    tokenize: Tokenize,
    progress: f64,
    noisy: bool,
}

/// Gradients of `<tokens, directions>` with respect to logits and table, and the tokens.
fn found(case: Case) -> (Vec<f64>, Vec<f64>, Vec<f64>, Vec<usize>) {
    let device = Device::flex().autodiff();
    let vet = vet(case.tokenize, &device);
    let logits = logits(&device).require_grad();
    let mut noise = noise_stream();
    let mut pass = Pass {
        progress: case.progress,
        noise: case.noisy.then_some(&mut noise),
        distribution: true,
        words: None,
    };
    let selection = vet.tokenize(logits.clone(), &mut pass);
    let tokens = vet.embed(&selection);
    let gradients = (tokens.clone() * directions(&device)).sum().backward();
    (
        floats(logits.grad(&gradients).unwrap()),
        floats(vet.table.val().grad(&gradients).unwrap()),
        floats(tokens.without_autodiff()),
        ids(&selection),
    )
}

fn directions(device: &Device) -> Tensor<3> {
    seeded::normal([1, TOKENS, D_OUT], 1.0, &mut seeded::stream(3, "g"), device)
}

/// `temperature` is that of the softmax surrogate; `None` stands for the raw logits.
fn check_straight_through(case: Case, temperature: Option<f64>) {
    let device = Device::flex();
    let table = floats(vet(case.tokenize, &device).table.val());
    let clean = logits(&device);
    let scores = if case.noisy {
        let noise = noise_like(&clean, &mut noise_stream());
        floats(clean + noise)
    } else {
        floats(clean)
    };
    let directions = floats(directions(&device));
    let (logit_gradient, table_gradient, tokens, ids) = found(case);

    let mut expected_table = vec![0.0; table.len()];
    for token in 0..TOKENS {
        let row = &scores[token * WORDS..(token + 1) * WORDS];
        let g = &directions[token * D_OUT..(token + 1) * D_OUT];
        let id = argmax(row);
        assert_eq!(ids[token], id, "token {token}");
        assert_eq!(
            tokens[token * D_OUT..(token + 1) * D_OUT],
            table[id * D_OUT..(id + 1) * D_OUT],
            "the value of token {token} is not its row"
        );
        for (sum, g) in expected_table[id * D_OUT..(id + 1) * D_OUT]
            .iter_mut()
            .zip(g)
        {
            *sum += g;
        }
        // Gradient of the weight of word w: <g, E_w>.
        let weight_gradient: Vec<f64> = (0..WORDS)
            .map(|w| (0..D_OUT).map(|i| g[i] * table[w * D_OUT + i]).sum())
            .collect();
        for word in 0..WORDS {
            let expected = match temperature {
                None => weight_gradient[word],
                Some(tau) => {
                    let tempered: Vec<f64> = row.iter().map(|x| x / tau).collect();
                    let y = softmax_row(&tempered);
                    let mean: f64 = y.iter().zip(&weight_gradient).map(|(y, a)| y * a).sum();
                    y[word] * (weight_gradient[word] - mean) / tau
                }
            };
            let found = logit_gradient[token * WORDS + word];
            assert!(
                (found - expected).abs() < 1e-5,
                "token {token}, word {word}: gradient {found}, surrogate {expected}"
            );
        }
    }
    for (element, (found, expected)) in table_gradient.iter().zip(&expected_table).enumerate() {
        assert!(
            (found - expected).abs() < 1e-5,
            "table element {element}: {found}, not {expected}"
        );
    }
}

#[test]
fn straight_through_over_softmax_passes_the_softmax_jacobian() {
    let case = Case {
        tokenize: Tokenize::StArgmax,
        progress: 0.0,
        noisy: false,
    };
    check_straight_through(case, Some(1.0));
}

#[test]
fn straight_through_on_raw_logits_passes_the_gradient_unchanged() {
    let case = Case {
        tokenize: Tokenize::StArgmaxRaw,
        progress: 0.0,
        noisy: false,
    };
    check_straight_through(case, None);
}

#[test]
fn gumbel_passes_the_jacobian_of_the_noisy_tempered_softmax() {
    for noisy in [true, false] {
        let fixed = Case {
            tokenize: Tokenize::GumbelArgmax {
                tau: Tau::Fixed(0.7),
            },
            progress: 0.5,
            noisy,
        };
        check_straight_through(fixed, Some(0.7));
        let annealed = Case {
            tokenize: Tokenize::GumbelArgmax { tau: Tau::OVIS },
            progress: 0.8,
            noisy,
        };
        check_straight_through(annealed, Some(5.0 + (0.05 - 5.0) * 0.8));
    }
}

#[test]
#[should_panic(expected = "surrogate")]
fn the_surrogate_check_notices_a_wrong_temperature() {
    let case = Case {
        tokenize: Tokenize::GumbelArgmax {
            tau: Tau::Fixed(0.7),
        },
        progress: 0.0,
        noisy: true,
    };
    check_straight_through(case, Some(0.8));
}

#[test]
#[should_panic(expected = "surrogate")]
fn the_surrogate_check_tells_the_two_straight_through_forms_apart() {
    let case = Case {
        tokenize: Tokenize::StArgmax,
        progress: 0.0,
        noisy: false,
    };
    check_straight_through(case, None);
}

#[test]
fn hard_tokens_are_the_same_rows_with_and_without_gradients() {
    for tokenize in [
        Tokenize::StArgmax,
        Tokenize::StArgmaxRaw,
        Tokenize::GumbelArgmax { tau: Tau::OVIS },
        Tokenize::TopK { k: 1 },
    ] {
        let tokens = |device: &Device| {
            let vet = vet(tokenize, device);
            let selection = vet.tokenize(logits(device), &mut Pass::deterministic());
            (
                floats(vet.embed(&selection).without_autodiff()),
                ids(&selection),
            )
        };
        let (plain, plain_ids) = tokens(&Device::flex());
        let (tracked, tracked_ids) = tokens(&Device::flex().autodiff());
        assert_eq!(plain, tracked, "{tokenize:?}");
        assert_eq!(plain_ids, tracked_ids, "{tokenize:?}");
    }
}

#[test]
fn noise_changes_words_and_its_absence_gives_the_best_word() {
    let device = Device::flex();
    let tokenize = Tokenize::GumbelArgmax {
        tau: Tau::Fixed(1.0),
    };
    let best: Vec<usize> = floats(logits(&device)).chunks(WORDS).map(argmax).collect();
    let quiet = tokenize.select(logits(&device), &mut Pass::deterministic());
    assert_eq!(ids(&quiet), best);
    let mut noise = noise_stream();
    let mut pass = Pass {
        progress: 1.0,
        noise: Some(&mut noise),
        distribution: true,
        words: None,
    };
    let noisy = tokenize.select(logits(&device), &mut pass);
    assert_ne!(ids(&noisy), best);
}

#[test]
fn gumbel_draws_words_with_their_softmax_probability() {
    const DRAWS: usize = 40_000;
    const VOCABULARY: usize = 64;
    let device = Device::flex();
    let scores = seeded::normal(
        [1, 1, VOCABULARY],
        1.0,
        &mut seeded::stream(4, "scores"),
        &device,
    );
    let expected = floats(softmax(scores.clone(), 2));
    let mut noise = noise_stream();
    let mut pass = Pass {
        progress: 0.3,
        noise: Some(&mut noise),
        distribution: true,
        words: None,
    };
    let tokenize = Tokenize::GumbelArgmax { tau: Tau::OVIS };
    let selection = tokenize.select(scores.repeat_dim(1, DRAWS), &mut pass);
    let mut counts = [0_usize; VOCABULARY];
    for id in ids(&selection) {
        counts[id] += 1;
    }
    let chi_square = |shares: &[f64]| -> f64 {
        counts
            .iter()
            .zip(shares)
            .map(|(&count, share)| {
                let expected = share * DRAWS as f64;
                (count as f64 - expected).powi(2) / expected
            })
            .sum()
    };
    // The 99.9 % point of chi-square with 63 degrees of freedom.
    let statistic = chi_square(&expected);
    assert!(statistic < 103.4, "chi-square {statistic}");
    let uniform = chi_square(&[1.0 / VOCABULARY as f64; VOCABULARY]);
    assert!(uniform > 1_000.0, "chi-square {uniform}");
}

#[test]
fn top_k_keeps_the_best_words_and_renormalises() {
    let device = Device::flex();
    let selection = Tokenize::TopK { k: 3 }.select(logits(&device), &mut Pass::deterministic());
    let found = floats(selection.probabilities);
    for (row, found) in floats(logits(&device))
        .chunks(WORDS)
        .zip(found.chunks(WORDS))
    {
        let mut sorted = row.to_vec();
        sorted.sort_by(|a, b| b.total_cmp(a));
        let sum: f64 = sorted[..3].iter().map(|x| x.exp()).sum();
        for (x, p) in row.iter().zip(found) {
            let expected = if *x >= sorted[2] { x.exp() / sum } else { 0.0 };
            assert!((p - expected).abs() < 1e-6, "{row:?}: {found:?}");
        }
    }
}

#[test]
fn top_k_keeps_exactly_k_words_on_a_tie() {
    let device = Device::flex();
    let tied = Tensor::<3>::from_data(
        TensorData::new(vec![0.5_f32; WORDS], [1, 1, WORDS]),
        &device,
    );
    let selection = Tokenize::TopK { k: 4 }.select(tied, &mut Pass::deterministic());
    let found = floats(selection.probabilities);
    assert_eq!(found.iter().filter(|p| **p == 0.25).count(), 4, "{found:?}");
    assert_eq!(found.iter().filter(|p| **p == 0.0).count(), 2, "{found:?}");
}

#[test]
fn top_k_ends_at_softmax_and_at_the_best_row() {
    let device = Device::flex();
    let tokens = |tokenize: Tokenize| {
        let vet = vet(Tokenize::Softmax, &device).with_tokenize(tokenize);
        let selection = vet.tokenize(logits(&device), &mut Pass::deterministic());
        floats(vet.embed(&selection))
    };
    let softmax = tokens(Tokenize::Softmax);
    assert_eq!(tokens(Tokenize::TopK { k: WORDS }), softmax);
    assert_eq!(tokens(Tokenize::TopK { k: WORDS + 1 }), softmax);
    assert_eq!(tokens(Tokenize::TopK { k: 1 }), tokens(Tokenize::StArgmax));
    let error = tokens(Tokenize::TopK { k: WORDS - 1 })
        .iter()
        .zip(&softmax)
        .fold(0.0_f64, |max, (a, b)| max.max((a - b).abs()));
    assert!(error > 1e-3, "dropping a word changes nothing: {error:e}");
}
