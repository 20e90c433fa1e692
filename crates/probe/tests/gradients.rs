//! Every arm of the registry learns: each trainable parameter gets a gradient, in the very model
//! that a cell trains. A new arm is covered without anyone remembering.

#![allow(clippy::unwrap_used)]

use arms::{Arm, ArmKind, ArmRole, ArmSizes, ArmSpec, INDICATORS};
use burn::module::Module;
use burn::tensor::Device;
use ovis_vet::{TableInit, usage_penalty};
use probe::{CellModel, Place, Prepared, Preset, ProbeConfig, ReaderKind, Regime, SplitSizes};
use projector::contract::{parameters_without_gradient, trainable_parameters};
use projector::{Pass, PatchGrid, Projector, conformance, seeded};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use std::path::Path;
use text_images::Charset;
use vision_backbone::SmallVitConfig;
use vision_backbone::weights::WeightsWriter;

const SIZES: ArmSizes = ArmSizes {
    d_in: 6,
    merge: 2,
    d_token: 8,
    table_init: TableInit::MatchedOutput,
};

/// Every kind, with the usage regulariser and without it where there is a choice, and the settings
/// that change what an arm is made of.
fn registry() -> Vec<ArmSpec> {
    let mut arms = Vec::new();
    for kind in ArmKind::ALL {
        let plain = ArmSpec::example(kind, 24);
        arms.push(plain);
        if kind.takes_usage() {
            arms.push(plain.with_usage());
        }
    }
    let settings = [
        "vet-softmax@24+top4",
        "vet-softmax@24+gain3",
        "vet-softmax@24+rank3",
        "vet-softmax@24+top4+gain0.5+rank3+codes2",
        "vet-st-argmax@24+codes3+usage",
        "vet-gumbel@24+rank3+codes2+usage0.5",
        "vet-curriculum@24+codes2+usage",
        "rvq@16+codes4",
        "rvq-merger@16+codes3+rotation",
        "resampler@3",
        "vet-softmax@24+on-patch-merger",
        "vet-softmax@24+on-deepstack",
        "vet-softmax@24+on-resampler@3",
        "vet-st-argmax@24+codes2+on-linear+usage",
        "vq@16+rotation",
        "rvq@16+codes2+rotation",
        "simvq@16+rotation",
    ];
    arms.extend(settings.map(|name| name.parse::<ArmSpec>().unwrap()));
    arms
}

fn build(spec: ArmSpec) -> Arm {
    let mut rng = seeded::stream(1, &spec.to_string());
    spec.build(SIZES, &mut rng, &Device::flex()).unwrap()
}

fn patches() -> PatchGrid {
    let mut rng = seeded::stream(2, "patches");
    let mut draw = || seeded::normal([3, 16, SIZES.d_in], 1.0, &mut rng, &Device::flex());
    let (features, levels) = (draw(), (0..3).map(|_| draw()).collect());
    let patches = PatchGrid::new(features, 4, 4, SIZES.merge).unwrap();
    patches.with_levels(levels)
}

#[test]
fn every_arm_keeps_shapes_and_images_apart_and_repeats_itself() {
    for spec in registry() {
        conformance::assert_conforms(|| build(spec), &patches());
    }
}

#[test]
fn every_arm_counts_its_parameters() {
    for spec in registry() {
        let arm = build(spec);
        assert_eq!(arm.cost().parameters, trainable_parameters(&arm), "{spec}");
        // An arm that trains nothing holds nothing that could be trained by mistake.
        let (held, trained) = (arm.num_params(), arm.cost().parameters);
        assert_eq!(held == 0, trained == 0, "{spec}");
        let words = spec.words().filter(|_| spec.kind.has_words());
        assert_eq!(arm.cost().words, words, "{spec}");
        let bits = match spec.kind.role() == ArmRole::Floor {
            true => Some(0.0),
            false => spec.nominal_bits(),
        };
        assert_eq!(arm.cost().bits_per_token, bits, "{spec}");
        let tokens = arm.forward(&patches(), &mut Pass::deterministic());
        let codes = if words.is_some() { spec.codes() } else { 0 };
        assert_eq!(tokens.words.len(), codes, "{spec}");
        for words in tokens.words {
            assert_eq!(words.ids.is_some(), spec.kind.is_hard(), "{spec}");
        }
    }
}

#[test]
fn the_matched_mlp_has_the_parameters_of_the_vet_but_for_its_indicator_rows() {
    for vocabulary in [5, 16, 256, 1024] {
        let parameters = |kind| build(ArmSpec::sized(kind, vocabulary)).num_params();
        let (vet, mlp) = (
            parameters(ArmKind::VetSoftmax),
            parameters(ArmKind::GeluMlp),
        );
        assert_eq!(vet - mlp, INDICATORS * SIZES.d_token, "K = {vocabulary}");
    }
}

/// A tiny tower, saved, and a study on it.
fn study(folder: &Path, reader: ReaderKind, regime: Regime) -> ProbeConfig {
    let backbone = folder.join("tower.safetensors");
    let config = SmallVitConfig {
        d_model: SIZES.d_in * 4,
        depth: 2,
        heads: 2,
        d_mlp: 32,
        ..SmallVitConfig::default()
    };
    let tower = config
        .init(&mut seeded::stream(3, "tower"), &Device::flex())
        .unwrap();
    WeightsWriter::default()
        .with_about("config", serde_json::to_value(&config).unwrap())
        .with_module("tower.", &tower)
        .write(&backbone)
        .unwrap();
    let mut study = Preset::Smoke.config();
    study.backbone = backbone;
    study.reader = reader;
    study.regime = regime;
    study.arms = registry()
        .into_iter()
        .filter(|arm| reader != ReaderKind::SlotLinear || arm.settings.queries.is_none())
        .filter(|arm| regime == Regime::Frozen || !arm.reads_levels())
        .collect();
    study.d_token = 16;
    study.data.charset = Charset::Digits;
    study.data.densities = vec![2.0];
    study.data.images = SplitSizes {
        train: 16,
        validation: 2,
        test: 2,
        test_words: 2,
    };
    study
}

/// Parameters of a cell's model that the loss of its first batch gives no gradient.
fn missing(config: &ProbeConfig, prepared: &Prepared, spec: ArmSpec) -> Vec<String> {
    let device = Device::flex().autodiff();
    let model = CellModel::init(config, prepared, spec, 1, &device).unwrap();
    let data = &prepared.train[0];
    let items: Vec<usize> = (0..data.group.len()).collect();
    let mut noise = seeded::stream(4, "noise");
    let mut pass = Pass {
        progress: 0.5,
        noise: Some(&mut noise),
        distribution: spec.usage,
        words: None,
    };
    let tokens = model.tokens(data.batch(&items, &device).unwrap(), &mut pass);
    let place = Place::of(config.reader, &model.arm, data, &device).unwrap();
    let scores = model.read(&tokens, &place, (data, &items));
    let mut loss = model.loss(scores, data, &items, &device);
    for words in tokens.words.into_iter().filter(|_| spec.usage) {
        loss = loss + usage_penalty(words.probabilities.unwrap());
    }
    if let Some(auxiliary) = tokens.auxiliary_loss {
        loss = loss + auxiliary;
    }
    assert!(loss.clone().into_scalar::<f32>().is_finite(), "{spec}");
    parameters_without_gradient(&model, &loss.backward())
}

fn prepare(config: &ProbeConfig) -> Prepared {
    let lanes = Lanes::open(1).unwrap();
    Prepared::new(config, None, &lanes, &Device::flex(), &Stop::default()).unwrap()
}

#[test]
fn behind_every_arm_and_reader_every_parameter_gets_a_gradient() {
    let folder = tempfile::tempdir().unwrap();
    let readers = [
        ReaderKind::Anchored,
        ReaderKind::SlotLinear,
        ReaderKind::Causal,
        ReaderKind::Attention,
    ];
    for reader in readers {
        let config = study(folder.path(), reader, Regime::Frozen);
        let prepared = prepare(&config);
        for &spec in &config.arms {
            let mut missing = missing(&config, &prepared, spec);
            if spec.kind.role() == ArmRole::Floor {
                // Where all tokens are equal it does not matter which one is attended to.
                missing.retain(|name| name.starts_with("arm"));
            }
            assert_eq!(missing, [""; 0], "{spec} with {reader:?}");
        }
    }
}

#[test]
fn the_tower_learns_through_every_arm_but_the_blind_one() {
    let folder = tempfile::tempdir().unwrap();
    for (regime, trained) in [(Regime::LastBlock, 1..2), (Regime::Joint, 0..2)] {
        let config = study(folder.path(), ReaderKind::SlotLinear, regime);
        let prepared = prepare(&config);
        for &spec in &config.arms {
            let missing = missing(&config, &prepared, spec);
            let expects_gradient = |name: &str| {
                trained
                    .clone()
                    .any(|block| name.starts_with(&format!("tower.blocks.{block}.")))
                    || (regime == Regime::Joint && name.starts_with("tower.embed"))
            };
            let lacking: Vec<&String> = missing
                .iter()
                .filter(|name| expects_gradient(name))
                .collect();
            assert_eq!(
                !lacking.is_empty(),
                spec.kind.role() == ArmRole::Floor,
                "{spec}: {lacking:?}"
            );
        }
    }
}
