//! How large a study is.

use crate::design::MAIN_BITS;
use crate::section::Section;
use probe::Replication;
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Named sizes of a study.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum StudyPreset {
    /// Does everything work? A minute or two; the numbers mean nothing.
    Smoke,
    /// Below an hour on two cores: ten seeds where claims are tested, few elsewhere.
    Quick,
    /// Ten seeds everywhere, long training, vocabularies up to 65,536: a GPU, or days of CPU
    /// (`experiments plan` says how many).
    Full,
    /// The second registration, on two cores: 4,000 steps, one density per run, up
    /// to 65,536 words, eight seeds with a tower and training images each. Half a day, in pieces.
    Paper,
}

impl StudyPreset {
    /// Name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Full => "full",
            Self::Paper => "paper",
        }
    }

    /// The sections that are asked unless some are named.
    #[must_use]
    pub fn sections(self) -> &'static [Section] {
        match self {
            Self::Smoke | Self::Quick | Self::Full => &Section::STUDY,
            Self::Paper => &Section::PAPER,
        }
    }

    /// The numbers.
    #[must_use]
    pub fn scale(self) -> Scale {
        match self {
            Self::Smoke => Scale {
                origin: Origin::pilot(),
                seeds: 2,
                few_seeds: 2,
                main_steps: 16,
                steps: 12,
                long_steps: 24,
                train: 128,
                validation: 16,
                test: 32,
                usage_tokens: 0,
                rates: vec![8e-3],
                extensions: 0,
                evaluations: 2,
                bootstrap_draws: 200,
                largest_vocabulary: 256,
                fine_grained: None,
                compression: CompressionScale {
                    seeds: 1,
                    train: 64,
                    steps: 4,
                    batch: 16,
                    rates: vec![2e-3],
                    bits: 6,
                },
            },
            Self::Quick => Scale {
                origin: Origin::pilot(),
                seeds: 10,
                few_seeds: 3,
                main_steps: 400,
                steps: 250,
                long_steps: 500,
                train: 6000,
                validation: 300,
                test: 1000,
                usage_tokens: 0,
                rates: vec![6e-3, 1.2e-2],
                extensions: 3,
                evaluations: 4,
                bootstrap_draws: 2000,
                largest_vocabulary: 4096,
                fine_grained: Some(FineGrainedScale {
                    bits: 8,
                    task_rates: vec![5e-4, 1.5e-3, 4.5e-3],
                    reading_rates: vec![3e-3, 9e-3, 2.7e-2],
                    extensions: 2,
                }),
                compression: CompressionScale {
                    seeds: 1,
                    train: 20_000,
                    steps: 600,
                    batch: 32,
                    rates: vec![2e-3],
                    bits: MAIN_BITS,
                },
            },
            Self::Full => Scale {
                origin: Origin::pilot(),
                seeds: 10,
                few_seeds: 10,
                main_steps: 4000,
                steps: 4000,
                long_steps: 10_000,
                train: 50_000,
                validation: 2000,
                test: 15_000,
                usage_tokens: 0,
                rates: vec![1e-3, 2e-3, 4e-3, 8e-3],
                extensions: 2,
                evaluations: 20,
                bootstrap_draws: 10_000,
                largest_vocabulary: 65_536,
                fine_grained: None,
                compression: CompressionScale {
                    seeds: 8,
                    train: 200_000,
                    steps: 16_000,
                    batch: 64,
                    rates: vec![1e-3, 2e-3, 4e-3],
                    bits: 16,
                },
            },
            Self::Paper => Scale {
                origin: Origin {
                    first_seed: 101,
                    data_seed: 20_261_130,
                    replication: Replication::Towers,
                    backbone: Some(PathBuf::from(
                        "data/backbones/replicates/seed-{seed}.safetensors",
                    )),
                },
                seeds: 8,
                few_seeds: 8,
                main_steps: 4000,
                steps: 4000,
                long_steps: 4000,
                train: 125_000,
                validation: 600,
                test: 1000,
                usage_tokens: 200_000,
                rates: vec![2e-3, 4e-3, 8e-3],
                extensions: 1,
                evaluations: 8,
                bootstrap_draws: 10_000,
                largest_vocabulary: 65_536,
                fine_grained: Some(FineGrainedScale {
                    bits: 10,
                    task_rates: vec![5e-4, 1.5e-3, 4.5e-3],
                    reading_rates: vec![3e-3, 9e-3, 2.7e-2],
                    extensions: 2,
                }),
                compression: CompressionScale {
                    seeds: 8,
                    train: 125_000,
                    steps: 2000,
                    batch: 32,
                    rates: vec![2e-3],
                    bits: MAIN_BITS,
                },
            },
        }
    }
}

/// Which seeds, images and towers a study has: those of the pilot, or others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    /// The first of the seeds, which follow one another.
    pub first_seed: u64,
    /// Root of the test images, and of all where seeds share them.
    pub data_seed: u64,
    /// What differs between seeds.
    pub replication: Replication,
    /// The towers, where they are not that of the presets of `ocr-probe`.
    pub backbone: Option<PathBuf>,
}

impl Origin {
    /// Those of the first registration, which the second calls its pilot.
    fn pilot() -> Self {
        Self {
            first_seed: 1,
            data_seed: 1,
            replication: Replication::Start,
            backbone: None,
        }
    }

    /// So many seeds.
    #[must_use]
    pub fn seeds(&self, count: u64) -> Vec<u64> {
        (self.first_seed..self.first_seed + count).collect()
    }
}

/// Sizes that the sections of a study share.
#[derive(Clone, Debug, PartialEq)]
pub struct Scale {
    /// Seeds, images and towers.
    pub origin: Origin,
    /// Paired seeds where claims are tested.
    pub seeds: u64,
    /// Paired seeds elsewhere.
    pub few_seeds: u64,
    /// Optimiser steps of a cell where the main claims are tested.
    pub main_steps: usize,
    /// The same elsewhere.
    pub steps: usize,
    /// The same where capacity is to be told apart from too little training.
    pub long_steps: usize,
    /// Training images per density.
    pub train: usize,
    /// Validation images per density.
    pub validation: usize,
    /// Test images per density.
    pub test: usize,
    /// Tokens on which the use of hard words is counted where bits are the question; 0 stands for those of the
    /// test images.
    pub usage_tokens: usize,
    /// Learning rates that every arm is tried with.
    pub rates: Vec<f64>,
    /// Further rates where the best one lies on the edge.
    pub extensions: usize,
    /// Looks at validation images during training.
    pub evaluations: usize,
    /// Draws of the bootstrap.
    pub bootstrap_draws: usize,
    /// Largest visual vocabulary.
    pub largest_vocabulary: usize,
    /// What the fine-grained section does otherwise, where it has to be done in five minutes.
    pub fine_grained: Option<FineGrainedScale>,
    /// The sizes of the section on compression, whose readers are trained from nothing for every size of
    /// tokens.
    pub compression: CompressionScale,
}

/// Sizes of the section on compression.
#[derive(Clone, Debug, PartialEq)]
pub struct CompressionScale {
    /// Paired seeds.
    pub seeds: u64,
    /// Training images of a run.
    pub train: usize,
    /// Optimiser steps of a cell.
    pub steps: usize,
    /// Images per step.
    pub batch: usize,
    /// Learning rates that every arm is tried with.
    pub rates: Vec<f64>,
    /// Bits of the vocabularies of one code.
    pub bits: u32,
}

/// A smaller fine-grained section.
#[derive(Clone, Debug, PartialEq)]
pub struct FineGrainedScale {
    /// Bits of a hard token.
    pub bits: u32,
    /// Learning rates for tasks: a wide step costs little near the optimum and needs few of them.
    pub task_rates: Vec<f64>,
    /// The same for reading.
    pub reading_rates: Vec<f64>,
    /// Further rates where the best one lies on the edge.
    pub extensions: usize,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verdicts;
    use probe::Preset;
    use probe_statistics::sign_flip::MAX_EXACT_PAIRS;
    use run_results::wording::count;

    #[test]
    fn the_methodology_names_the_draws_of_presets_and_claims() {
        let text = include_str!("../../../METHODOLOGY.md");
        let start = text.find("**Draws.**").unwrap();
        let mut rows = text[start..].lines().filter(|line| line.starts_with("| "));
        assert!(rows.next().unwrap().contains("| draws |"));
        let presets = [
            (Preset::Smoke, StudyPreset::Smoke),
            (Preset::Quick, StudyPreset::Quick),
            (Preset::Full, StudyPreset::Full),
        ];
        let of_runs = presets.map(|(run, study)| {
            let draws = run.config().bootstrap_draws;
            assert_eq!(draws, study.scale().bootstrap_draws, "{}", run.name());
            format!("`{}` {}", run.name(), count(draws))
        });
        let of_paper = count(StudyPreset::Paper.scale().bootstrap_draws);
        let settings = verdicts::registration(None, StudyPreset::Quick, &Section::STUDY)
            .unwrap()
            .settings;
        let alone =
            verdicts::registration(None, StudyPreset::Quick, &[Section::FineGrained]).unwrap();
        assert_eq!(alone.settings, settings);
        for expected in [
            format!("{}, `paper` {of_paper}", of_runs.join(", ")),
            "as those of the run".to_owned(),
            count(settings.draws),
            count(settings.threshold_draws()),
            count(settings.knee_draws()),
            count(settings.gate_draws()),
            count(settings.permutations),
            format!("all 2^n up to {MAX_EXACT_PAIRS} seeds"),
        ] {
            let row = rows.next().unwrap();
            assert_eq!(row.split('|').nth(2).unwrap().trim(), expected, "{row}");
        }
    }
}
