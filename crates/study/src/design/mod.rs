//! Which runs each section of the study is made of, one file per section.

mod capacity;
mod coarse;
mod codelength;
mod control;
mod estimators;
mod fine_grained;
mod ocr;
mod rate_ladder;
mod redundancy;
mod regimes;
mod vocabulary;

pub use fine_grained::{FineGrained, READING};

use super::scale::Scale;
use super::section::{Part, Section};
use arms::{ArmSpec, INDICATORS};
use probe::{DataConfig, Preset, ProbeConfig, SplitSizes, TrainingConfig};
use text_images::{Charset, Content};

/// The runs of a section.
#[must_use]
pub fn parts(section: Section, scale: &Scale, fine_grained: &FineGrained) -> Vec<Part> {
    let configs = match section {
        Section::Ocr => ocr::configs(scale),
        Section::Capacity => capacity::configs(scale),
        Section::RateLadder => rate_ladder::configs(scale),
        Section::Redundancy => redundancy::configs(scale),
        Section::Estimators => estimators::configs(scale),
        Section::Vocabulary => vocabulary::configs(scale),
        Section::Regimes => regimes::configs(scale),
        Section::Codelength => codelength::configs(scale),
        Section::Control => control::configs(scale),
        Section::Coarse => coarse::configs(scale),
        Section::FineGrained => fine_grained.configs(scale),
    };
    configs
        .into_iter()
        .map(|(variant, config)| Part {
            section,
            variant,
            config: ProbeConfig {
                preset: format!("study {}", section.name()),
                ..config
            },
        })
        .collect()
}

/// What a section starts from: random characters, frozen tower, the scale's sizes.
fn base(scale: &Scale, charset: Charset, densities: &[f64], seeds: u64) -> ProbeConfig {
    let quick = Preset::Quick.config();
    ProbeConfig {
        arms: Vec::new(),
        seeds: (1..=seeds).collect(),
        hardening_images: 0,
        bootstrap_draws: scale.bootstrap_draws,
        data: DataConfig {
            charset,
            densities: densities.to_vec(),
            test_contents: vec![Content::Random],
            images: SplitSizes {
                train: scale.train,
                validation: scale.validation,
                test: scale.test,
                test_words: scale.test,
            },
            ..quick.data
        },
        training: TrainingConfig {
            steps: scale.steps,
            learning_rates: scale.rates.clone(),
            extensions: scale.extensions,
            evaluations: scale.evaluations,
            ..quick.training
        },
        ..quick
    }
}

/// Arms by name.
fn arms<S: AsRef<str>>(names: &[S]) -> Vec<ArmSpec> {
    let parsed = names.iter().map(|name| name.as_ref().parse());
    parsed
        .map(|arm| arm.expect("the names of these files, all of which a test parses"))
        .collect()
}

/// The arms of sections that hold one question against another: a `first` one without words,
/// PatchMerger, the MLP and the tables with `k` rows, vector quantisation, and the floor.
fn contrasted_arms(first: &str, k: usize) -> Vec<ArmSpec> {
    arms(&[
        first.to_owned(),
        "patch-merger".to_owned(),
        format!("gelu-mlp@{k}"),
        format!("vet-softmax@{k}"),
        format!("vet-st-argmax@{k}+usage"),
        format!("vq@{}", k - INDICATORS),
        "blind".to_owned(),
    ])
}

/// Rows of a table with `2^bits` visual words.
fn vocabulary(bits: u32) -> usize {
    (1 << bits) + INDICATORS
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::StudyPreset;
    use clap::ValueEnum;

    #[test]
    fn every_run_of_every_preset_is_sound() {
        for preset in [StudyPreset::Smoke, StudyPreset::Quick, StudyPreset::Full] {
            for &section in Section::value_variants() {
                let parts = parts(section, &preset.scale(), &FineGrained::default());
                assert!(!parts.is_empty(), "{}", section.name());
                for part in &parts {
                    part.config.check().unwrap();
                    assert!(part.config.arms.len() > 1, "{}", part.name());
                }
                let mut names: Vec<String> = parts.iter().map(Part::name).collect();
                names.dedup();
                assert_eq!(names.len(), parts.len());
            }
        }
    }

    #[test]
    fn no_vocabulary_is_larger_than_the_scale_allows() {
        for preset in [StudyPreset::Smoke, StudyPreset::Quick, StudyPreset::Full] {
            let scale = preset.scale();
            for &section in Section::value_variants() {
                for part in parts(section, &scale, &FineGrained::default()) {
                    for arm in &part.config.arms {
                        let words = arm.words().unwrap_or(0);
                        assert!(
                            words <= scale.largest_vocabulary,
                            "{arm} of {}",
                            part.name()
                        );
                    }
                }
            }
        }
    }
}
