//! What every projector must do, for each discretiser; gradients against the relaxation that each
//! of them stands for; codebooks on points that fall into groups.

#![allow(clippy::unwrap_used)]

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};
use discretisers::nearest::nearest;
use discretisers::{
    Bottleneck, Bsq, DiscretiserError, Fsq, GradientEstimator, Lfq, RvqMerger, SimVq, Sizes, Vq,
};
use projector::k_means::k_means;
use projector::{
    Pass, PatchGrid, Projector, StartSample, VisualTokens, conformance, linear, seeded,
};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeSet;

const SIZES: Sizes = Sizes {
    d_in: 5,
    merge: 2,
    d_out: 7,
};

fn rng() -> ChaCha8Rng {
    seeded::stream(1, "discretiser")
}

fn patches() -> PatchGrid {
    let mut rng = seeded::stream(2, "patches");
    let features = seeded::normal([3, 24, SIZES.d_in], 1.5, &mut rng, &Device::flex());
    PatchGrid::new(features, 4, 6, SIZES.merge).unwrap()
}

/// Stages of a residual quantiser after a batch, so that their codes are in use.
fn vq(stages: usize) -> Vq {
    let mut vq = Vq::init(SIZES, 9, stages, &mut rng(), &Device::flex()).unwrap();
    vq.after_step(patches, &mut seeded::stream(3, "k-means"));
    vq
}

/// As [`vq`], behind a PatchMerger.
fn rvq_merger(stages: usize) -> RvqMerger {
    let mut merger = RvqMerger::init(SIZES, 9, stages, &mut rng(), &Device::flex()).unwrap();
    merger.after_step(patches, &mut seeded::stream(3, "k-means"));
    merger
}

fn fsq() -> Fsq {
    Fsq::init(SIZES, 240, &mut rng(), &Device::flex()).unwrap()
}

fn lfq() -> Lfq {
    Lfq::init(SIZES, 32, &mut rng(), &Device::flex()).unwrap()
}

fn bsq() -> Bsq {
    Bsq::init(SIZES, 32, &mut rng(), &Device::flex()).unwrap()
}

fn simvq() -> SimVq {
    SimVq::init(SIZES, 20, &mut rng(), &Device::flex()).unwrap()
}

#[test]
fn shapes_batch_independence_and_seeds_hold() {
    let patches = patches();
    conformance::assert_conforms(|| vq(1), &patches);
    conformance::assert_conforms(|| vq(3), &patches);
    conformance::assert_conforms(|| rvq_merger(1), &patches);
    conformance::assert_conforms(|| rvq_merger(3), &patches);
    conformance::assert_conforms(fsq, &patches);
    conformance::assert_conforms(lfq, &patches);
    conformance::assert_conforms(bsq, &patches);
    conformance::assert_conforms(simvq, &patches);
}

#[test]
fn every_parameter_gets_a_gradient() {
    let patches = patches();
    conformance::assert_trains(vq(1), &patches, &[]);
    conformance::assert_trains(vq(3), &patches, &[]);
    conformance::assert_trains(rvq_merger(3), &patches, &[]);
    conformance::assert_trains(fsq(), &patches, &[]);
    conformance::assert_trains(lfq(), &patches, &[]);
    conformance::assert_trains(bsq(), &patches, &[]);
    conformance::assert_trains(simvq(), &patches, &[]);
}

fn floats<const D: usize>(tensor: Tensor<D>) -> Vec<f64> {
    tensor.into_data().iter::<f64>().collect()
}

/// Gradient of a random projection of the tokens, for the layer in front of the quantiser, against
/// central differences of the relaxation: tokens made of `relax(z)` plus a constant.
fn assert_surrogate<P: Projector>(
    projector: P,
    bottleneck: impl Fn(&P) -> &Bottleneck,
    relax: impl Fn(Tensor<2>) -> Tensor<2>,
) {
    let trained = projector.clone().train();
    let input = patches().map_features(|features| features.autodiff());
    let tokens = trained.forward(&input, &mut Pass::deterministic());
    let shape = tokens.embeddings.dims();
    let directions: Tensor<3> = seeded::normal(
        shape,
        1.0,
        &mut seeded::stream(5, "directions"),
        &Device::flex(),
    );
    let gradients = (tokens.embeddings * directions.clone().autodiff())
        .sum()
        .backward();
    let weight = bottleneck(&trained).down.weight.val();
    let found = floats(weight.grad(&gradients).unwrap());

    let frame = bottleneck(&projector);
    let value = |weight: Vec<f32>| -> f64 {
        let mut moved = frame.clone();
        let data = TensorData::new(weight, frame.down.weight.dims());
        moved.down.weight = Param::from_tensor(Tensor::from_data(data, &Device::flex()));
        let relaxed = relax(moved.codes(&patches()));
        // Without the constant: it drops out of differences.
        let tokens = linear::apply(&frame.up, relaxed).reshape(shape);
        floats((tokens * directions.clone()).sum())[0]
    };
    let start: Vec<f32> = frame.down.weight.val().into_data().try_to_vec().unwrap();
    let largest = found.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
    assert!(largest > 1e-3);
    let step = 1e-2;
    for element in 0..start.len() {
        let at = |sign: f32| {
            let mut weight = start.clone();
            weight[element] += sign * step;
            value(weight)
        };
        let slope = (at(1.0) - at(-1.0)) / f64::from(2.0 * step);
        assert!(
            (slope - found[element]).abs() < 5e-3 * largest,
            "{element}: gradient {}, relaxation {slope}",
            found[element]
        );
    }
}

#[test]
fn gradients_are_those_of_the_relaxations() {
    assert_surrogate(vq(1), |vq| &vq.bottleneck, |z| z);
    assert_surrogate(vq(3), |vq| &vq.bottleneck, |z| z);
    assert_surrogate(lfq(), |lfq| &lfq.bottleneck, |z| z);
    assert_surrogate(simvq(), |simvq| &simvq.bottleneck, |z| z);
    assert_surrogate(
        bsq(),
        |bsq| &bsq.bottleneck,
        |z| {
            let norm = z.clone().square().sum_dim(1).sqrt();
            z / norm
        },
    );
    let bounded = fsq();
    assert_surrogate(
        fsq(),
        |fsq| &fsq.bottleneck,
        |z| {
            let half_width = Tensor::<2>::from_floats([[4.0, 3.0, 2.0]], &Device::flex());
            bounded.bound(z) / half_width
        },
    );
}

#[test]
fn entropy_losses_have_their_true_gradients() {
    fn check(loss: impl Fn(Tensor<2>) -> Tensor<1>, z: &Tensor<2>) {
        let leaf = z.clone().autodiff().require_grad();
        let gradients = loss(leaf.clone()).backward();
        let found = floats(leaf.grad(&gradients).unwrap());
        let largest = found.iter().fold(0.0_f64, |max, g| max.max(g.abs()));
        let start: Vec<f32> = z.clone().into_data().try_to_vec().unwrap();
        for element in 0..start.len() {
            let at = |step: f32| {
                let mut moved = start.clone();
                moved[element] += step;
                let moved = Tensor::from_data(TensorData::new(moved, z.dims()), &Device::flex());
                floats(loss(moved))[0]
            };
            let slope = (at(1e-2) - at(-1e-2)) / 2e-2;
            assert!(
                (slope - found[element]).abs() < 1e-2 * largest,
                "{element}: gradient {}, finite difference {slope}",
                found[element]
            );
        }
    }
    let (lfq, bsq) = (lfq(), bsq());
    let z = seeded::normal([6, 5], 0.4, &mut seeded::stream(4, "z"), &Device::flex());
    check(|z| lfq.entropy_loss(z), &z);
    check(|z| bsq.entropy_loss(z), &z);
}

fn forward(projector: &impl Projector, patches: &PatchGrid) -> VisualTokens {
    projector.forward(patches, &mut Pass::deterministic())
}

fn ids(tokens: &VisualTokens, book: usize) -> Vec<i64> {
    let ids = tokens.words[book].ids.clone().unwrap();
    ids.into_data().iter::<i64>().collect()
}

#[test]
fn tokens_of_one_word_are_equal_to_the_bit_and_depend_on_nothing_else() {
    fn check(projector: &impl Projector) {
        let tokens = forward(projector, &patches());
        let values = floats(tokens.embeddings.clone());
        let words: Vec<Vec<i64>> = (0..tokens.words.len())
            .map(|book| ids(&tokens, book))
            .collect();
        let count = words[0].len();
        let row = |token: usize| &values[token * SIZES.d_out..(token + 1) * SIZES.d_out];
        let mut different = BTreeSet::new();
        for a in 0..count {
            let word: Vec<i64> = words.iter().map(|ids| ids[a]).collect();
            different.insert(word.clone());
            for b in 0..a {
                let same = words.iter().all(|ids| ids[a] == ids[b]);
                assert_eq!(row(a) == row(b), same, "{word:?}");
            }
        }
        assert!(different.len() > 1);
        assert!(tokens.auxiliary_loss.is_none(), "nothing is trained here");
    }
    check(&vq(1));
    check(&vq(2));
    check(&fsq());
    check(&lfq());
    check(&bsq());
    check(&simvq());
}

#[test]
fn every_stage_leaves_less_to_the_next() {
    let error = |stages: usize| -> f64 {
        let vq = vq(stages);
        let z = vq.bottleneck.codes(&patches());
        let mut rest = z;
        for stage in &vq.codebooks.stages {
            let code = stage.nearest(rest.clone());
            rest = rest - stage.look_up(code);
        }
        floats(rest.square().mean())[0]
    };
    let errors = [1, 2, 4].map(error);
    assert!(
        errors[1] < 0.8 * errors[0] && errors[2] < 0.8 * errors[1],
        "{errors:?}"
    );
}

/// 720 tokens, read in three parts.
fn sample() -> StartSample<'static> {
    let grids = (0..3).map(|seed| {
        let mut rng = seeded::stream(seed, "sample");
        let shape = [40, 24, SIZES.d_in];
        let features = seeded::normal(shape, 1.5, &mut rng, &Device::flex());
        PatchGrid::new(features, 4, 6, SIZES.merge).unwrap()
    });
    StartSample::new(720, grids)
}

fn start_rng() -> ChaCha8Rng {
    seeded::stream(7, "start")
}

#[test]
fn a_codebook_starts_at_the_centres_of_a_sample_and_the_first_batch_moves_it_a_little() {
    let words = 60;
    let mut vq = Vq::init(SIZES, words, 1, &mut rng(), &Device::flex()).unwrap();
    let codes = vq.bottleneck.sample_codes(sample());
    assert_eq!(codes.len(), 720 * 16);
    let expected = k_means(&codes, 16, words, &mut start_rng(), &Device::flex());
    vq.start_from(sample(), &mut start_rng());
    let vectors = |vq: &Vq| floats(vq.codebooks.stages[0].vectors());
    let started = vectors(&vq);
    let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
    assert_eq!(started, expected);
    // 18 points for 60 codes: a code that is hit goes 0.05 / (0.95 · 0.3 + 0.05) of the way.
    vq.after_step(patches, &mut seeded::stream(3, "learn"));
    let after = vectors(&vq);
    let moved = started.chunks(16).zip(after.chunks(16)).map(|(a, b)| {
        let squares = a.iter().zip(b).map(|(a, b)| (a - b).powi(2));
        squares.sum::<f64>().sqrt()
    });
    let moved: Vec<f64> = moved.collect();
    let hit = moved.iter().filter(|&&moved| moved > 1e-4).count();
    assert!((5..=18).contains(&hit), "{moved:?}");
    assert!(moved.iter().all(|&moved| moved < 1.0), "{moved:?}");
    // And back from a file, before the first batch.
    let mut vq = Vq::init(SIZES, words, 1, &mut rng(), &Device::flex()).unwrap();
    vq.start_from(sample(), &mut start_rng());
    let fresh = Vq::init(SIZES, words, 1, &mut rng(), &Device::flex()).unwrap();
    let mut read = fresh.try_load_record(vq.into_record()).unwrap();
    read.after_step(patches, &mut seeded::stream(3, "learn"));
    assert_eq!(vectors(&read), after);
}

#[test]
fn stages_start_from_what_the_ones_before_leave() {
    let left = |stages: usize| -> f64 {
        let mut vq = Vq::init(SIZES, 24, stages, &mut rng(), &Device::flex()).unwrap();
        vq.start_from(sample(), &mut start_rng());
        let mut rest = vq.bottleneck.codes(&patches());
        for stage in &vq.codebooks.stages {
            let code = stage.nearest(rest.clone());
            rest = rest - stage.look_up(code);
        }
        floats(rest.square().mean())[0]
    };
    let errors = [1, 2, 4].map(left);
    assert!(
        errors[1] < 0.8 * errors[0] && errors[2] < 0.8 * errors[1],
        "{errors:?}"
    );
}

#[test]
fn simvq_starts_as_the_centres_themselves_and_is_saved_whole() {
    let words = 40;
    let device = Device::flex();
    let mut simvq = SimVq::init(SIZES, words, &mut rng(), &device).unwrap();
    let codes = simvq.bottleneck.sample_codes(sample());
    let expected = k_means(&codes, 16, words, &mut start_rng(), &device);
    simvq.start_from(sample(), &mut start_rng());
    let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
    assert_eq!(floats(simvq.codebook()), expected);
    conformance::assert_trains(simvq.clone(), &patches(), &[]);
    let fresh = SimVq::init(SIZES, words, &mut seeded::stream(8, "other"), &device).unwrap();
    let read = fresh.try_load_record(simvq.into_record()).unwrap();
    assert_eq!(floats(read.codebook()), expected);
    assert_eq!(
        projector::contract::trainable_parameters(&read),
        read.cost().parameters
    );
}

#[test]
fn an_empty_sample_changes_nothing() {
    let none = || StartSample::new(0, std::iter::empty());
    let mut started = Vq::init(SIZES, 9, 2, &mut rng(), &Device::flex()).unwrap();
    let expected = floats(started.codebooks.stages[1].vectors());
    started.start_from(none(), &mut start_rng());
    assert_eq!(floats(started.codebooks.stages[1].vectors()), expected);
    let mut started = simvq();
    started.start_from(none(), &mut start_rng());
    assert_eq!(floats(started.codebook()), floats(simvq().codebook()));
}

#[test]
fn the_rotation_trick_changes_gradients_and_no_value() {
    fn differ<P: Projector>(straight: P, turned: P, bottleneck: impl Fn(&P) -> &Bottleneck) {
        conformance::assert_conforms(|| turned.clone(), &patches());
        conformance::assert_trains(turned.clone(), &patches(), &[]);
        let run = |projector: P| {
            let trained = projector.train();
            let input = patches().map_features(|features| features.autodiff());
            let tokens = trained.forward(&input, &mut Pass::deterministic());
            let values = floats(tokens.embeddings.clone());
            let gradients = tokens.embeddings.sum().backward();
            let weight = bottleneck(&trained).down.weight.val();
            (values, floats(weight.grad(&gradients).unwrap()))
        };
        let (straight, turned) = (run(straight), run(turned));
        assert_eq!(straight.0, turned.0);
        assert_ne!(straight.1, turned.1);
    }
    let rotation = GradientEstimator::Rotation;
    for stages in [1, 3] {
        let turned = vq(stages).with_estimator(rotation);
        differ(vq(stages), turned, |vq| &vq.bottleneck);
    }
    differ(simvq(), simvq().with_estimator(rotation), |simvq| {
        &simvq.bottleneck
    });
}

#[test]
fn commitment_pulls_points_to_their_codes_and_simvq_also_codes_to_points() {
    let loss = |projector: &dyn Fn(&PatchGrid) -> VisualTokens| {
        let input = patches().map_features(|features| features.autodiff());
        floats(projector(&input).auxiliary_loss.unwrap())[0]
    };
    let vq = vq(1).train();
    let z = vq.bottleneck.valid().codes(&patches());
    let book = vq.codebooks.stages[0].valid();
    let expected = (z.clone() - book.look_up(book.nearest(z))).square().mean();
    let found = loss(&|input| forward(&vq, input));
    assert!((found - 0.25 * floats(expected)[0]).abs() < 1e-6, "{found}");

    let simvq = simvq().train();
    let z = simvq.bottleneck.valid().codes(&patches());
    let codes = simvq.valid().codebook();
    let q = codes.clone().select(0, nearest(z.clone(), codes));
    let expected = (z - q).square().mean();
    let found = loss(&|input| forward(&simvq, input));
    assert!((found - 1.25 * floats(expected)[0]).abs() < 1e-6, "{found}");
}

#[test]
fn learning_from_batches_repeats_itself_and_only_the_codebook_changes() {
    let learn = |seed: u64| {
        let mut vq = Vq::init(SIZES, 9, 2, &mut rng(), &Device::flex()).unwrap();
        let mut rng = seeded::stream(seed, "learn");
        for _ in 0..3 {
            vq.after_step(patches, &mut rng);
        }
        let books: Vec<f64> = vq
            .codebooks
            .stages
            .iter()
            .flat_map(|stage| floats(stage.vectors()))
            .collect();
        (books, floats(vq.bottleneck.down.weight.val()))
    };
    assert_eq!(learn(1), learn(1));
    assert_ne!(learn(1).0, learn(2).0);
    assert_eq!(learn(1).1, learn(2).1);
}

#[test]
fn others_do_not_look_at_the_batch_after_a_step() {
    let unused = || -> PatchGrid { panic!("nothing to learn") };
    fsq().after_step(unused, &mut rng());
    lfq().after_step(unused, &mut rng());
    bsq().after_step(unused, &mut rng());
    simvq().after_step(unused, &mut rng());
}

#[test]
fn costs_are_stated() {
    let bits = |cost: projector::Cost| (cost.words.unwrap(), cost.bits_per_token.unwrap());
    assert_eq!(bits(vq(1).cost()), (9, 9f64.log2()));
    assert_eq!(bits(vq(3).cost()), (9, 3.0 * 9f64.log2()));
    assert_eq!(bits(fsq().cost()), (240, 240f64.log2()));
    assert_eq!(bits(lfq().cost()), (32, 5.0));
    assert_eq!(bits(simvq().cost()), (20, 20f64.log2()));
    let frame = 16 * (20 + SIZES.d_out);
    assert_eq!(vq(3).cost().multiply_adds_per_token, frame + 3 * 9 * 16);
    assert_eq!(vq(3).cost().parameters, frame + 16 + SIZES.d_out);
    assert_eq!(
        simvq().cost().parameters,
        frame + 16 + SIZES.d_out + 16 * 16
    );
}

#[test]
fn what_makes_no_discretiser_is_named() {
    let empty = Sizes { d_out: 0, ..SIZES };
    let device = Device::flex();
    let message = |error: DiscretiserError| error.to_string();
    let error = Vq::init(empty, 9, 1, &mut rng(), &device).unwrap_err();
    assert_eq!(message(error), "vq: d_out is 0; set it to 1 or more");
    let error = Vq::init(SIZES, 1, 2, &mut rng(), &device).unwrap_err();
    assert!(message(error).contains("rvq: 1 codes"));
    let error = Vq::init(SIZES, 9, 0, &mut rng(), &device).unwrap_err();
    assert!(message(error).contains("codes per token is 0"));
    let error = SimVq::init(SIZES, 0, &mut rng(), &device).unwrap_err();
    assert!(message(error).contains("2 or more"));
    let error = Lfq::init(SIZES, 240, &mut rng(), &device).unwrap_err();
    assert!(message(error).contains("take 256"));
    let error = Fsq::init(SIZES, 256, &mut rng(), &device).unwrap_err();
    assert!(message(error).contains("240"));
}

#[test]
fn tokens_of_the_quantised_merger_are_its_codes_and_an_mlp_of_them() {
    let merger = rvq_merger(2);
    let tokens = merger.forward(&patches(), &mut Pass::deterministic());
    let ids: Vec<Tensor<1, burn::tensor::Int>> = tokens
        .words
        .iter()
        .map(|words| words.ids.clone().unwrap().flatten(0, 1))
        .collect();
    let looked_up = merger.codebooks.stages.iter().zip(ids);
    let sum = looked_up
        .map(|(stage, ids)| stage.look_up(ids))
        .reduce(|sum, codes| sum + codes)
        .unwrap();
    let hidden = fused_ops::gelu(linear::apply(&merger.fc1, sum.clone()));
    let expected = linear::apply(&merger.fc2, hidden) + sum;
    let difference = (tokens.embeddings.flatten::<2>(0, 1) - expected)
        .abs()
        .max();
    assert!(floats(difference)[0] < 1e-6);
    // Codes are nearest to what the merger makes.
    let merged = merger
        .merger
        .forward(&patches(), &mut Pass::deterministic());
    let first = merger.codebooks.stages[0].nearest(merged.embeddings.flatten(0, 1));
    let found = tokens.words[0].ids.clone().unwrap().flatten::<1>(0, 1);
    assert!(first.equal(found).all().into_scalar::<bool>());
}

#[test]
fn the_quantised_merger_counts_what_it_has_and_starts_from_a_sample() {
    let merger = rvq_merger(2);
    let cost = merger.cost();
    let (block, d) = (4 * SIZES.d_in, SIZES.d_out);
    let patch_merger = block * block + block * d;
    assert_eq!(
        cost.multiply_adds_per_token,
        patch_merger + 2 * 9 * d + 2 * 2 * d * d
    );
    assert_eq!(cost.words, Some(9));
    assert!((cost.bits_per_token.unwrap() - 2.0 * 9_f64.log2()).abs() < 1e-12);
    let mut started = RvqMerger::init(SIZES, 9, 2, &mut rng(), &Device::flex()).unwrap();
    let before = floats(started.codebooks.stages[1].vectors());
    let sample = StartSample::new(patches().tokens() * 3, std::iter::once(patches()));
    started.start_from(sample, &mut seeded::stream(4, "start"));
    assert_ne!(floats(started.codebooks.stages[1].vectors()), before);
    assert!(matches!(
        RvqMerger::init(SIZES, 1, 2, &mut rng(), &Device::flex()),
        Err(DiscretiserError::TooFewCodes {
            name: "rvq-merger",
            found: 1
        })
    ));
}
