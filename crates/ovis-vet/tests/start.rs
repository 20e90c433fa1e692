//! A table that starts from a sample: which word a block gets, what gradient it has, what stays.

#![allow(clippy::unwrap_used)]

use burn::module::Module;
use burn::tensor::{Device, Tensor, TensorData};
use ovis_vet::{Tokenize, Vet, VetConfig};
use projector::{Pass, PatchGrid, Projector, StartSample, conformance, seeded};

const D_IN: usize = 5;
const WORDS: usize = 12;

fn fresh(tokenize: Tokenize, rank: Option<usize>) -> Vet {
    let config = VetConfig {
        tokenize,
        table_init: ovis_vet::TableInit::MatchedOutput,
        rank,
        ..VetConfig::new(D_IN, 2, WORDS + 4, 4, 32)
    };
    config
        .init(&mut seeded::stream(1, "vet"), &Device::flex())
        .unwrap()
}

/// Images with a mean far from the origin, 6 tokens each.
fn patches(images: usize, seed: u64) -> PatchGrid {
    let mut rng = seeded::stream(seed, "patches");
    let features: Tensor<3> = seeded::normal([images, 24, D_IN], 1.0, &mut rng, &Device::flex());
    PatchGrid::new(features + 3.0, 4, 6, 2).unwrap()
}

fn started(tokenize: Tokenize, rank: Option<usize>) -> Vet {
    let mut vet = fresh(tokenize, rank);
    let sample = StartSample::new(4 * 60, (0..4).map(|seed| patches(10, seed)));
    vet.start_from(sample, &mut seeded::stream(5, "start"));
    vet
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// `[rows, d]` without the direction of the mean of the sample.
fn centred(vet: &Vet, patches: &PatchGrid) -> Vec<Vec<f64>> {
    let rows = |patches: &PatchGrid| -> Vec<Vec<f64>> {
        let merged = patches.merged();
        let [batch, tokens, d] = merged.dims();
        let blocks: Tensor<2> = merged.reshape([batch * tokens, d]);
        let blocks = match &vet.reduction {
            Some(reduction) => reduction.forward(blocks),
            None => blocks,
        };
        let [_, d] = blocks.dims();
        numbers(blocks).chunks(d).map(<[f64]>::to_vec).collect()
    };
    let sample: Vec<Vec<f64>> = (0..4)
        .flat_map(|seed| rows(&self::patches(10, seed)))
        .collect();
    let d = sample[0].len();
    let mean: Vec<f64> = (0..d)
        .map(|axis| sample.iter().map(|row| row[axis]).sum::<f64>())
        .collect();
    let length = dot(&mean, &mean).sqrt();
    let mean: Vec<f64> = mean.iter().map(|x| x / length).collect();
    let off = |row: Vec<f64>| -> Vec<f64> {
        let along = dot(&row, &mean);
        row.iter()
            .zip(&mean)
            .map(|(x, mean)| x - along * mean)
            .collect()
    };
    rows(patches).into_iter().map(off).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[test]
fn the_best_word_is_the_nearest_by_cosine_to_the_centred_block() {
    for rank in [None, Some(7)] {
        let vet = started(Tokenize::StArgmax, rank);
        let unseen = patches(20, 9);
        let tokens = vet.forward(&unseen, &mut Pass::deterministic());
        let ids = tokens.first_words().unwrap().ids.unwrap().into_data();
        let head = vet.head.weight.val();
        let [d, words] = head.dims();
        let head = numbers(head);
        let column =
            |word: usize| -> Vec<f64> { (0..d).map(|axis| head[axis * words + word]).collect() };
        for (y, id) in centred(&vet, &unseen).iter().zip(ids.iter::<i64>()) {
            let cosine = |word: usize| {
                let u = column(word);
                dot(y, &u) / dot(&u, &u).sqrt()
            };
            let best = (0..words).map(cosine).fold(f64::NEG_INFINITY, f64::max);
            let found = cosine(id as usize);
            assert!(
                found > best - 1e-3 * best.abs(),
                "{found} {best}, rank {rank:?}"
            );
        }
    }
}

#[test]
fn every_word_is_used_and_the_softmax_is_half_sure() {
    let vet = started(Tokenize::StArgmax, None);
    let mut used = std::collections::BTreeSet::new();
    let (mut best, mut count) = (0.0, 0.0);
    for seed in 0..4 {
        let tokens = vet.forward(&patches(10, seed), &mut Pass::deterministic());
        let words = tokens.first_words().unwrap();
        used.extend(words.ids.unwrap().into_data().iter::<i64>());
        let shares = numbers(words.probabilities.unwrap());
        for shares in shares.chunks(WORDS) {
            best += shares.iter().copied().fold(0.0, f64::max);
            count += 1.0;
        }
    }
    assert_eq!(used.len(), WORDS);
    // Set on 64 of these 240 tokens.
    let share = best / count;
    assert!((share - 0.5).abs() < 0.1, "{share}");
}

#[test]
fn rows_keep_their_scale_and_indicator_rows_stay() {
    let (before, after) = (
        fresh(Tokenize::StArgmax, None),
        started(Tokenize::StArgmax, None),
    );
    let table = |vet: &Vet| numbers(vet.table.val());
    let (old, new) = (table(&before), table(&after));
    let words = WORDS * 32;
    assert_eq!(old[words..], new[words..]);
    assert_ne!(old[..words], new[..words]);
    let scale = |rows: &[f64]| (dot(rows, rows) / rows.len() as f64).sqrt();
    assert!((scale(&new[..words]) / scale(&old[..words]) - 1.0).abs() < 1e-4);
    // Words whose directions are alike have rows that are.
    let head = numbers(after.head.weight.val().transpose());
    let d = head.len() / WORDS;
    let cosine = |values: &[f64], d: usize, a: usize, b: usize| {
        let row = |word: usize| &values[word * d..(word + 1) * d];
        dot(row(a), row(b)) / (dot(row(a), row(a)) * dot(row(b), row(b))).sqrt()
    };
    for a in 0..WORDS {
        for b in 0..a {
            let (angle, image) = (cosine(&head, d, a, b), cosine(&new, 32, a, b));
            assert!((angle - image).abs() < 0.6, "{a} {b}: {angle} {image}");
        }
    }
}

#[test]
fn the_start_trains_repeats_itself_and_needs_tokens() {
    let functions = [
        Tokenize::StArgmax,
        Tokenize::StArgmaxRaw,
        Tokenize::Curriculum(ovis_vet::Curriculum::STANDARD),
    ];
    for tokenize in functions {
        conformance::assert_conforms(|| started(tokenize, None), &patches(2, 7));
        conformance::assert_trains(started(tokenize, Some(7)), &patches(20, 7), &[]);
    }
    let again = started(Tokenize::StArgmax, None);
    let table = numbers(again.table.val());
    assert_eq!(
        table,
        numbers(started(Tokenize::StArgmax, None).table.val())
    );
    let mut untouched = fresh(Tokenize::StArgmax, None).train();
    let none = StartSample::new(0, std::iter::empty());
    untouched.start_from(none, &mut seeded::stream(5, "start"));
    let expected = fresh(Tokenize::StArgmax, None);
    assert_eq!(
        numbers(untouched.table.val()),
        numbers(expected.table.val())
    );
}

#[test]
fn blocks_that_are_all_the_same_leave_numbers() {
    let data = TensorData::new(vec![2.0_f32; 24 * D_IN], [1, 24, D_IN]);
    let same = PatchGrid::new(Tensor::from_data(data, &Device::flex()), 4, 6, 2).unwrap();
    let mut vet = fresh(Tokenize::StArgmax, None);
    let sample = StartSample::new(6, std::iter::once(same.clone()));
    vet.start_from(sample, &mut seeded::stream(5, "start"));
    let tokens = vet.forward(&same, &mut Pass::deterministic());
    assert!(numbers(tokens.embeddings).iter().all(|x| x.is_finite()));
}
