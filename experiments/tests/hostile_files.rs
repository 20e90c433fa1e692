//! Files from anywhere: settings, backbones, claims, cells and data sets with anything in them end in
//! something that makes sense or in an error, never in a panic.
//!
//! `PROPTEST_CASES=100000 cargo test -p experiments --test hostile_files` looks longer.

#![allow(clippy::unwrap_used)]

use arms::ArmSpec;
use burn::tensor::Device;
use bytesize::ByteSize;
use claims::Registration;
use clap::ValueEnum;
use probe::{Preset, ProbeConfig, load_backbone};
use probe_data::DataSources;
use proptest::prelude::*;
use proptest::sample::select;
use run_support::settings::overlay;
use serde_json::json;
use std::fs;
use study::{FineGrained, Section, StudyConfig, StudyPreset, verdicts};
use toml::{Table, Value};
use vision_backbone::weights::WeightsWriter;
use vision_backbone::{Positions, SmallVitConfig};

/// Values that nobody means, of every type.
fn hostile() -> impl Strategy<Value = Value> {
    let texts = [
        "",
        " ",
        "\0",
        "../..",
        "vet-softmax@99999999999999999999",
        "fsq@7",
        "rvq@2+codes65",
        "pretrained+top0",
        "noisy-merger@-1",
        "lmdb:+gt:",
        "NaN",
        "日本",
        "random",
        "36",
    ];
    let numbers = [0.0, -0.0, -1.0, 0.3, 1e-320, 1e300, f64::NAN, f64::INFINITY];
    let integers = [0, 1, -1, 3, 65_537, i64::from(u32::MAX), i64::MAX, i64::MIN];
    let leaf = prop_oneof![
        select(texts.to_vec()).prop_map(|text| Value::String(text.to_owned())),
        "\\PC{0,12}".prop_map(Value::String),
        select(numbers.to_vec()).prop_map(Value::Float),
        select(integers.to_vec()).prop_map(Value::Integer),
        any::<bool>().prop_map(Value::Boolean),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::Array),
            prop::collection::vec(("[a-z_]{1,8}", inner), 0..3)
                .prop_map(|entries| Value::Table(entries.into_iter().collect())),
        ]
    })
}

/// Puts a value in the place of some entry, or of an entry of a table in it.
fn replace(table: &mut Table, places: &[prop::sample::Index], value: Value) {
    let Some((first, rest)) = places.split_first() else {
        return;
    };
    if table.is_empty() {
        return;
    }
    let key = table.keys().nth(first.index(table.len())).unwrap().clone();
    match table.get_mut(&key) {
        Some(Value::Table(inner)) if !rest.is_empty() && !inner.is_empty() => {
            replace(inner, rest, value);
        }
        // An entry of a list, as often as the list itself.
        Some(Value::Array(list)) if rest.len() == 1 && !list.is_empty() => {
            let place = rest[0].index(list.len());
            if let Value::Table(inner) = &mut list[place] {
                replace(inner, rest, value);
            } else {
                list[place] = value;
            }
        }
        _ => {
            table.insert(key, value);
        }
    }
}

fn places() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 1..4)
}

/// Settings that pass can be written and read back, and leave sizes that do not overflow.
fn checked(config: &ProbeConfig) {
    if config.check().is_ok() {
        let text = toml::to_string(config).unwrap();
        let again: ProbeConfig = toml::from_str(&text).unwrap();
        assert_eq!(toml::to_string(&again).unwrap(), text);
        assert!(again.check().is_ok());
        assert!(config.cell_identity().is_ok());
        for arm in &config.arms {
            let _ = (arm.words(), arm.codes(), arm.nominal_bits());
        }
    }
}

proptest! {
    #[test]
    fn any_text_is_settings_or_refused(text in "\\PC{0,60}|[a-z.=\\[\\]\"0-9\n -]{0,80}") {
        for preset in [Preset::Smoke, Preset::Full] {
            if let Ok(config) = overlay(&preset.config(), &text) {
                checked(&config);
            }
        }
    }

    #[test]
    fn any_setting_is_taken_or_refused(changes in prop::collection::vec((places(), hostile()), 1..4)) {
        let mut table = Table::try_from(Preset::Quick.config()).unwrap();
        for (places, value) in changes {
            replace(&mut table, &places, value);
        }
        let text = toml::to_string(&table).unwrap();
        if let Ok(config) = overlay(&Preset::Smoke.config(), &text) {
            checked(&config);
        }
        let study = StudyConfig {
            preset: StudyPreset::Smoke,
            sections: vec![Section::Ocr, Section::Coarse],
            fine_grained: FineGrained::default(),
            settings: table,
        };
        if let Ok(parts) = study.parts() {
            parts.iter().for_each(|part| checked(&part.config));
        }
    }

    #[test]
    fn any_claims_are_read_or_refused(changes in prop::collection::vec((places(), hostile()), 1..4)) {
        let text = include_str!("../../crates/study/registrations/claims.toml");
        let mut table: Table = toml::from_str(text).unwrap();
        for (places, value) in changes {
            replace(&mut table, &places, value);
        }
        let _ = Registration::from_toml(&toml::to_string(&table).unwrap());
    }

    #[test]
    fn any_name_is_read_or_refused(
        text in "\\PC{0,30}|[a-z-]{1,14}(@[0-9]{0,22})?(\\+(usage|top|gain|rank|codes)[0-9.]{0,22}){0,3}",
    ) {
        if let Ok(arm) = text.parse::<ArmSpec>() {
            let again: ArmSpec = arm.to_string().parse().unwrap();
            prop_assert_eq!(again, arm);
        }
        let _ = text.parse::<ByteSize>();
        if let Ok(sources) = text.parse::<DataSources>() {
            prop_assert_eq!(sources.to_string().parse::<DataSources>().unwrap(), sources);
        }
    }
}

/// A small backbone with another description.
fn backbone(about: &serde_json::Value) -> Vec<u8> {
    let config = SmallVitConfig {
        d_model: 8,
        depth: 1,
        heads: 1,
        d_mlp: 8,
        ..SmallVitConfig::default()
    };
    let mut rng = projector::seeded::stream(1, "test");
    let tower = config.init(&mut rng, &Device::flex()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tower");
    WeightsWriter::default()
        .with_about("config", about.clone())
        .with_module("tower.", &tower)
        .write(&path)
        .unwrap();
    fs::read(path).unwrap()
}

fn load(bytes: &[u8]) -> anyhow::Result<()> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tower");
    fs::write(&path, bytes).unwrap();
    load_backbone(&path, &Device::flex()).map(|_| ())
}

fn sound() -> serde_json::Value {
    json!({
        "patch": 8, "merge": 2, "d_model": 8, "depth": 1, "heads": 1, "d_mlp": 8,
        "positions": { "kind": "rotary", "base": 100.0 },
    })
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    #[test]
    fn a_damaged_backbone_is_refused_or_whole(
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        in_header in any::<bool>(),
        cut in prop::option::of(any::<prop::sample::Index>()),
    ) {
        thread_local!(static WHOLE: Vec<u8> = backbone(&sound()));
        let mut bytes = WHOLE.with(Clone::clone);
        for (place, value) in damage {
            let end = if in_header { bytes.len().min(900) } else { bytes.len() };
            let place = place.index(end);
            bytes[place] = value;
        }
        if let Some(cut) = cut {
            bytes.truncate(cut.index(bytes.len()));
        }
        let _ = load(&bytes);
    }

    #[test]
    fn a_backbone_that_describes_another_tower_is_refused(
        key in select(vec!["patch", "merge", "d_model", "depth", "heads", "d_mlp"]),
        size in select(vec![0_u64, 1, 3, 65_536, 65_537, 1 << 32, u64::MAX]),
    ) {
        let mut about = sound();
        about[key] = json!(size);
        if let Err(error) = load(&backbone(&about)) {
            let error = format!("{error:#}");
            prop_assert!(error.contains("pretrain-backbone"), "{}", error);
        }
        for positions in [json!({"kind": "learned", "rows": size, "cols": size}), json!(size)] {
            about["positions"] = positions;
            let _ = load(&backbone(&about));
        }
    }
}

#[test]
fn sizes_that_multiply_beyond_any_number_are_refused() {
    load(&backbone(&sound())).unwrap();
    for positions in [
        Positions::Rotary { base: f64::NAN },
        Positions::Learned {
            rows: usize::MAX,
            cols: 2,
        },
    ] {
        let config = SmallVitConfig {
            positions,
            ..SmallVitConfig::default()
        };
        assert!(config.check().is_err());
    }
    let config = SmallVitConfig {
        heads: usize::MAX,
        ..SmallVitConfig::default()
    };
    assert!(config.check().is_err());
}

#[test]
fn settings_beyond_all_sense_are_named() {
    for (text, part) in [
        ("d_token = 65537", "`d_token` is 65537"),
        ("bootstrap_draws = 9000000000000000000", "`bootstrap_draws`"),
        ("training.optimizer.clip = nan", "clip` is NaN"),
        (
            "training.optimizer.weight_decay = inf",
            "weight_decay` is inf",
        ),
        ("arms = [\"vet-softmax@16777217\"]", "16777217 is more than"),
        ("arms = [\"vet-softmax@16+rank16777216\"]", "above 65536"),
    ] {
        let config = overlay(&Preset::Smoke.config(), text);
        let refused = config.and_then(|config| config.check()).unwrap_err();
        assert!(format!("{refused:#}").contains(part), "{text}: {refused:#}");
    }
}

#[test]
fn the_claims_that_come_along_are_sound() {
    for &preset in StudyPreset::value_variants() {
        assert!(verdicts::registration(None, preset, preset.sections()).is_ok());
    }
}
