//! The pre-registered claims of a study.

use super::scale::StudyPreset;
use super::section::Section;
use super::sections::FEWER_WORDS;
use anyhow::{Context, Result, bail, ensure};
use arms::{ArmKind, ArmSpec};
use claims::Registration;
use std::path::Path;

/// The claims that this version of the study was made for.
const REGISTRATION: &str = include_str!("../registrations/claims.toml");
/// Those of the second registration.
const SECOND: &str = include_str!("../registrations/claims-v2.toml");

/// The registration in `file`, or the one that comes with this preset and these sections.
///
/// # Errors
/// If the file cannot be read or makes no sense; the message names the claim.
pub fn registration(
    file: Option<&Path>,
    preset: StudyPreset,
    sections: &[Section],
) -> Result<Registration> {
    match file {
        None => {
            let alone = Section::stand_alone(sections).map(|alone| alone.registration);
            let own = match preset {
                StudyPreset::Smoke | StudyPreset::Quick | StudyPreset::Full => REGISTRATION,
                StudyPreset::Paper => SECOND,
            };
            Ok(Registration::from_toml(alone.unwrap_or(own))?)
        }
        Some(path) => {
            let text = std::fs::read_to_string(path).with_context(|| {
                let path = path.display();
                format!("{path}: cannot read the claims; check the path")
            })?;
            let place = || path.display().to_string();
            let found = Registration::from_toml(&text).with_context(place)?;
            names(&text.parse().with_context(place)?).with_context(place)?;
            Ok(found)
        }
    }
}

/// Checks that what a registration is about can exist: a misspelt name would never be measured.
fn names(table: &toml::Table) -> Result<()> {
    for (key, value) in table {
        match (key.as_str(), value.as_str()) {
            ("study", Some(name)) => {
                let mut known: Vec<&str> = Section::all().map(Section::name).collect();
                known.push(FEWER_WORDS);
                ensure!(
                    known.contains(&name),
                    "there is no study `{name}`; there are {}",
                    known.join(", ")
                );
            }
            ("arm", Some(name)) => {
                name.parse::<ArmSpec>()?;
            }
            ("kind", Some(name)) => {
                let mut parts = name.split('+');
                let plain = parts.next().unwrap_or(name);
                let Some(kind) = ArmKind::ALL.into_iter().find(|kind| kind.name() == plain) else {
                    bail!(
                        "there is no kind of arm `{name}`; there are {}",
                        ArmKind::ALL.map(ArmKind::name).join(", ")
                    );
                };
                let form = kind.form();
                // Settings with a value stand in the form by their names alone; they are left to the arms.
                let is_set = |part: &str| part.bytes().any(|b| b.is_ascii_digit() || b == b'-');
                if let Some(other) =
                    parts.find(|&part| !is_set(part) && !form.contains(&format!("[+{part}]")))
                {
                    bail!("kind of arm `{name}`: no `+{other}` in {form}");
                }
            }
            ("arms", None) => {
                let listed = value.as_array().into_iter().flatten();
                for name in listed.filter_map(toml::Value::as_str) {
                    name.parse::<ArmSpec>()?;
                }
            }
            _ => {}
        }
        let inner = value.as_array().into_iter().flatten().chain([value]);
        for table in inner.filter_map(toml::Value::as_table) {
            names(table)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::part::Part;
    use crate::sections::FineGrained;
    use claims::registration::Family;

    #[test]
    fn the_registration_that_comes_along_is_sound() {
        let study = registration(None, StudyPreset::Quick, &Section::STUDY).unwrap();
        assert_eq!(study.claims.len(), 12);
        let fine = registration(None, StudyPreset::Quick, &[Section::FineGrained]).unwrap();
        let threshold = |claims: &Registration| {
            let mut claims = claims.claims.iter();
            claims.find(|claim| claim.id == "H10").cloned().unwrap()
        };
        assert_eq!(threshold(&fine), threshold(&study));
    }

    /// Names that stand in selectors of a part under `keys`.
    fn named<'a>(part: &'a toml::Table, keys: [&str; 2]) -> Vec<&'a str> {
        let mut names = Vec::new();
        let tables = ["subject", "reference"].map(|name| part.get(name).and_then(|v| v.as_table()));
        for table in tables.into_iter().flatten() {
            for value in keys.into_iter().filter_map(|key| table.get(key)) {
                names.extend(value.as_str());
                names.extend(
                    value
                        .as_array()
                        .into_iter()
                        .flatten()
                        .filter_map(|v| v.as_str()),
                );
            }
        }
        names
    }

    #[test]
    fn names_that_cannot_exist_are_refused_with_those_that_do() {
        for own in [REGISTRATION, SECOND] {
            names(&own.parse().unwrap()).unwrap();
        }
        for (right, wrong, told) in [
            (
                "study = \"converged\"",
                "study = \"convergd\"",
                "no study `convergd`; there are ocr, ",
            ),
            (
                "kind = \"vet-softmax\"",
                "kind = \"vet-softmx\"",
                "no kind of arm `vet-softmx`",
            ),
            (
                "kind = \"vet-st-argmax+usage",
                "kind = \"vet-st-argmax+usge",
                "no `+usge` in vet-st-argmax@K",
            ),
            ("arm = \"vq@65536", "arm = \"vqq@65536", "vqq"),
            (
                "arms = [\"vet-st-argmax@1028",
                "arms = [\"vet-st-agmax@1028",
                "vet-st-agmax",
            ),
        ] {
            let text = SECOND.replacen(right, wrong, 1);
            assert_ne!(text, SECOND);
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), text).unwrap();
            let error = registration(Some(file.path()), StudyPreset::Paper, &[]).unwrap_err();
            let message = format!("{error:#}");
            assert!(message.contains(told), "{message}");
        }
    }

    #[test]
    fn the_second_registration_is_about_arms_of_runs_that_exist() {
        let preset = StudyPreset::Paper;
        let found = registration(None, preset, preset.sections()).unwrap();
        let primary = found
            .claims
            .iter()
            .filter(|claim| claim.family == Family::Primary);
        assert_eq!(primary.count(), 12);
        let runs: Vec<Part> = preset
            .sections()
            .iter()
            .flat_map(|section| {
                section.parts(&preset.scale(), &FineGrained::in_study(preset.sections()))
            })
            .collect();
        let text: toml::Table = SECOND.parse().unwrap();
        let parts = text["claims"].as_array().unwrap().iter();
        for part in parts.flat_map(|claim| claim["parts"].as_array().unwrap()) {
            let part = part.as_table().unwrap();
            for facets in ["data", "focus", "contrast"]
                .into_iter()
                .filter_map(|name| part.get(name))
            {
                let density = facets
                    .get("densities")
                    .map(|range| range[0].as_float().unwrap());
                let of_section = runs.iter().filter(|run| {
                    let densities = &run.config.data.densities;
                    run.section.name() == facets["study"].as_str().unwrap()
                        && density.is_none_or(|density| *densities == [density])
                });
                let arms: Vec<String> = of_section
                    .flat_map(|run| run.config.arms.iter().map(ToString::to_string))
                    .collect();
                assert!(!arms.is_empty(), "{part}");
                for name in named(part, ["arm", "arms"]) {
                    assert!(arms.contains(&name.to_owned()), "{name}: {part}");
                }
                for kind in named(part, ["kind", "kind"]) {
                    let kinds = arms
                        .iter()
                        .map(|arm| arm.parse::<ArmSpec>().unwrap().without_size());
                    assert!(
                        kinds.into_iter().any(|known| known == kind),
                        "{kind}: {part}"
                    );
                }
            }
        }
    }

    #[test]
    fn a_missing_or_broken_registration_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let message = || {
            format!(
                "{:#}",
                registration(Some(&path), StudyPreset::Quick, &[]).unwrap_err()
            )
        };
        assert!(message().contains("mine.toml"));
        std::fs::write(&path, "[[claims]]\nid = 3").unwrap();
        assert!(message().contains("mine.toml"));
    }
}
