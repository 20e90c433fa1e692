//! What must hold of every line of the table of arms; a new line is covered as it is written.

#![allow(clippy::unwrap_used)]

use arms::{Arm, ArmKind, ArmRole, ArmSizes, ArmSpec, TokenizeOverride};
use burn::tensor::Device;
use ovis_vet::TableInit;
use projector::{Pass, PatchGrid, Projector, seeded};
use std::collections::BTreeSet;

const SIZES: ArmSizes = ArmSizes {
    d_in: 6,
    merge: 2,
    d_token: 8,
    table_init: TableInit::MatchedOutput,
};

fn build(spec: ArmSpec) -> anyhow::Result<Arm> {
    let mut rng = seeded::stream(1, &spec.to_string());
    spec.build(SIZES, &mut rng, &Device::flex())
}

/// Two images, unlike each other.
fn patches() -> PatchGrid {
    let mut rng = seeded::stream(2, "patches");
    let mut draw = || seeded::normal([2, 16, SIZES.d_in], 1.0, &mut rng, &Device::flex());
    let (features, levels) = (draw(), (0..3).map(|_| draw()).collect());
    let patches = PatchGrid::new(features, 4, 4, SIZES.merge).unwrap();
    patches.with_levels(levels)
}

#[test]
fn every_kind_is_read_written_and_built_from_its_own_name() {
    for kind in ArmKind::ALL {
        let spec = ArmSpec::example(kind, 24);
        let name = spec.to_string();
        assert!(name.starts_with(kind.name()), "{name}");
        assert_eq!(name.parse::<ArmSpec>(), Ok(spec));
        assert!(build(spec).unwrap().d_out() > 0, "{name}");
    }
}

#[test]
fn kinds_differ_in_name_form_and_order() {
    let kinds = ArmKind::ALL.into_iter();
    let names: BTreeSet<&str> = kinds.clone().map(ArmKind::name).collect();
    let forms: BTreeSet<String> = kinds.clone().map(ArmKind::form).collect();
    let count = ArmKind::ALL.len();
    assert_eq!((names.len(), forms.len()), (count, count));
    assert!(kinds.is_sorted_by(|a, b| a < b), "the order of the table");
    for own in [TokenizeOverride::Own, TokenizeOverride::Argmax] {
        let pretrained = ArmKind::Pretrained(own);
        assert!(!names.contains(pretrained.name()));
        assert!(ArmKind::ALL.into_iter().all(|kind| kind < pretrained));
    }
}

#[test]
fn a_form_names_the_settings_that_an_arm_takes_and_no_others() {
    for kind in ArmKind::ALL {
        let mut plain = ArmSpec::example(kind, 24);
        plain.settings.codes = None;
        for (form, setting) in [
            ("topN", "+top2"),
            ("gainX", "+gain2"),
            ("rankR", "+rank2"),
            ("codesN", "+codes2"),
            ("kmeans", "+kmeans"),
            ("rotation", "+rotation"),
            ("text", "+text"),
            ("usage", "+usage"),
        ] {
            let needs_codes = kind.definition().needs_codes.is_some() && form != "codesN";
            let codes = if needs_codes { "+codes2" } else { "" };
            let name = format!("{plain}{setting}{codes}");
            let taken = name.parse::<ArmSpec>();
            assert_eq!(
                taken.is_ok(),
                kind.form().contains(form),
                "{name}: {taken:?}"
            );
        }
    }
}

#[test]
fn the_role_of_a_kind_says_how_its_tokens_are_made() {
    for kind in ArmKind::ALL {
        let role = kind.role();
        let (hard, words) = match role {
            ArmRole::Ceiling
            | ArmRole::Merger
            | ArmRole::Control
            | ArmRole::WidthMatchedMlp
            | ArmRole::NoiseMatched
            | ArmRole::Floor => (false, false),
            ArmRole::SoftWords => (false, true),
            ArmRole::HardWords
            | ArmRole::SampledWords
            | ArmRole::Curriculum
            | ArmRole::Codebook => (true, true),
            ArmRole::Published => panic!("{kind:?} is built here"),
        };
        assert_eq!(
            (kind.is_hard(), kind.has_words()),
            (hard, words),
            "{kind:?}"
        );
        assert_eq!(kind.is_sampled(), role == ArmRole::SampledWords, "{kind:?}");
        assert_eq!(kind.is_discretiser(), role == ArmRole::Codebook, "{kind:?}");
    }
}

/// An arm that is published as something else would be the floor under another name.
#[test]
fn every_arm_but_the_floor_sees_the_image() {
    for kind in ArmKind::ALL {
        let arm = build(ArmSpec::example(kind, 24)).unwrap();
        let mut noise = seeded::stream(3, "noise");
        let noise = kind.is_noisy().then_some(&mut noise);
        let mut pass = Pass {
            progress: 1.0,
            noise,
            distribution: false,
            words: None,
        };
        let tokens = arm.forward(&patches(), &mut pass).embeddings;
        let values: Vec<f32> = tokens.into_data().iter::<f32>().collect();
        let (first, second) = values.split_at(values.len() / 2);
        assert_eq!(first == second, kind.role() == ArmRole::Floor, "{kind:?}");
    }
}

#[test]
fn the_projector_of_a_checkpoint_has_names_and_is_not_built() {
    for (name, role) in [
        ("pretrained", ArmRole::Published),
        ("pretrained+softmax", ArmRole::SoftWords),
        ("pretrained+argmax", ArmRole::HardWords),
        ("pretrained+top16", ArmRole::SoftWords),
    ] {
        let spec: ArmSpec = name.parse().unwrap();
        assert_eq!(spec.to_string(), name);
        assert_eq!(spec.kind.role(), role);
        assert_eq!(spec.kind.is_hard(), role == ArmRole::HardWords);
        let message = build(spec).unwrap_err().to_string();
        assert!(
            message.contains(name) && message.contains("--checkpoint"),
            "{message}"
        );
    }
    for name in ["pretrained+usage", "pretrained@8", "pretrained+top"] {
        assert!(name.parse::<ArmSpec>().is_err(), "{name}");
    }
}

#[test]
fn cells_of_large_codebooks_alone_are_trained_again() {
    let arithmetic = |name: &str| name.parse::<ArmSpec>().unwrap().arithmetic();
    for same in [
        "vq@4096",
        "rvq@256+codes4",
        "simvq@65536",
        "vet-st-argmax@65540",
        "patch-merger",
    ] {
        assert_eq!(arithmetic(same), "", "{same}");
    }
    assert_ne!(arithmetic("vq@8192"), "");
    assert_ne!(arithmetic("rvq@65536+codes2"), "");
}
