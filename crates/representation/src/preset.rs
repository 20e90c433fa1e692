//! Named sizes.

use crate::config::{ImageCounts, Objective, RepresentationConfig};
use arms::ArmSpec;
use perception_tasks::TaskKind;
use probe::{Preset as ProbePreset, Replication};
use std::path::PathBuf;
use text_images::Charset;

/// A named size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// Does everything work? Seconds; the numbers mean nothing.
    Smoke,
    /// The default: at most ten minutes on two cores, exploratory.
    Quick,
    /// Vocabularies up to 65,536 words, trained ten times as long: hours.
    Full,
    /// What the claims are about: eight seeds, each with a tower and training images of its own.
    Paper,
}

impl Preset {
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
}

/// Arms by their names; the names are ours.
fn arms(names: &[&str]) -> Vec<ArmSpec> {
    let specs = names.iter().map(|name| name.parse());
    specs.filter_map(Result::ok).collect()
}

impl Preset {
    /// The settings.
    #[must_use]
    pub fn config(self) -> RepresentationConfig {
        let quick = RepresentationConfig {
            preset: self.name().to_owned(),
            arms: arms(&[
                "identity",
                "mean-pool",
                "patch-merger",
                "vet-softmax@1028",
                "vet-st-argmax@1028+usage",
                "vq@256",
                "vq@1024",
                "vq@4096",
                "rvq@256+codes2",
                "rvq@256+codes4",
                "rvq@256+codes8",
                "fsq@1000",
                "oracle-words@1024",
                "noisy-merger@1",
                "blind",
            ]),
            objectives: vec![Objective::Read, Objective::Reconstruct],
            seeds: vec![1],
            replication: Replication::Start,
            charset: Charset::Printable94,
            densities: vec![1.0, 2.0],
            tasks: vec![TaskKind::LandoltGap, TaskKind::Vernier],
            photographs: None,
            images: ImageCounts {
                text: 4000,
                task: 2000,
                photographs: 4000,
                validation: 128,
                test: 128,
            },
            data_seed: 20_261_129,
            train_seed: None,
            backbone: ProbePreset::Quick.config().backbone,
            d_token: 128,
            read_steps: 400,
            decode_steps: 600,
            batch: 32,
            learning_rates: vec![4e-3],
            decoder_rate: 4e-3,
            usage_weight: ProbePreset::Quick.config().training.usage_weight,
            decoder_width: 96,
            decoder_depth: 2,
            usage_tokens: 0,
            bootstrap_draws: 2000,
        };
        match self {
            Self::Quick => quick,
            Self::Smoke => RepresentationConfig {
                arms: arms(&["identity", "vet-softmax@64", "vq@16", "blind"]),
                densities: vec![1.0],
                tasks: vec![TaskKind::LandoltGap],
                images: ImageCounts {
                    text: 64,
                    task: 64,
                    photographs: 64,
                    validation: 16,
                    test: 16,
                },
                read_steps: 10,
                decode_steps: 10,
                batch: 16,
                decoder_width: 32,
                decoder_depth: 1,
                bootstrap_draws: 100,
                ..quick
            },
            Self::Full => RepresentationConfig {
                arms: arms(&[
                    "identity",
                    "mean-pool",
                    "patch-merger",
                    "vet-softmax@1028",
                    "vet-softmax@65540",
                    "vet-st-argmax@260+usage",
                    "vet-st-argmax@1028+usage",
                    "vet-st-argmax@4100+usage",
                    "vet-st-argmax@65540+usage",
                    "vq@256",
                    "vq@1024",
                    "vq@4096",
                    "vq@16384",
                    "vq@65536",
                    "vq@65536+kmeans+rotation",
                    "oracle-words@65536",
                    "rvq@256+codes2",
                    "rvq@256+codes4",
                    "rvq@256+codes8",
                    "fsq@1000",
                    "fsq@64000",
                    "noisy-merger@1",
                    "blind",
                ]),
                seeds: vec![1, 2, 3],
                densities: vec![0.5, 1.0, 2.0, 4.0],
                images: ImageCounts {
                    text: 40_000,
                    task: 10_000,
                    photographs: 40_000,
                    validation: 500,
                    test: 500,
                },
                read_steps: 4000,
                decode_steps: 4000,
                batch: 64,
                learning_rates: vec![1e-3, 4e-3],
                decoder_width: 128,
                decoder_depth: 4,
                usage_tokens: 1_000_000,
                ..quick
            },
            Self::Paper => RepresentationConfig {
                arms: arms(&[
                    "patch-merger",
                    "gelu-mlp@1028",
                    "vet-softmax@1028",
                    "vq@65536+kmeans+rotation",
                    "oracle-words@4096",
                ]),
                objectives: vec![Objective::Reconstruct],
                seeds: (101..=108).collect(),
                replication: Replication::Towers,
                densities: vec![1.0],
                tasks: Vec::new(),
                images: ImageCounts {
                    text: 40_000,
                    task: 2000,
                    photographs: 40_000,
                    validation: 256,
                    test: 500,
                },
                data_seed: 20_261_201,
                backbone: PathBuf::from("data/backbones/replicates/seed-{seed}.safetensors"),
                read_steps: 2000,
                decode_steps: 2000,
                learning_rates: vec![4e-3, 8e-3],
                usage_tokens: 100_000,
                bootstrap_draws: 10_000,
                ..quick
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_preset_is_sound_and_survives_toml() {
        for (preset, count) in [
            (Preset::Smoke, 4),
            (Preset::Quick, 15),
            (Preset::Full, 23),
            (Preset::Paper, 5),
        ] {
            let config = preset.config();
            config.check().unwrap();
            assert_eq!(
                config.arms.len(),
                count,
                "every name of {preset:?} is an arm"
            );
            let text = toml::to_string(&config).unwrap();
            assert_eq!(
                toml::from_str::<RepresentationConfig>(&text).unwrap(),
                config
            );
        }
    }
}
