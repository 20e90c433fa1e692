//! Named sizes of the study.

use super::config::{ProbeConfig, ReaderKind, Regime, TrainingConfig};
use super::data_config::{DataConfig, LayoutKind, SplitSizes};
use super::image_source::ImageSource;
use crate::optimize::OptimizerConfig;
use crate::reader::SequenceSize;
use crate::replication::Replication;
use arms::TokenizeOverride;
use arms::{ArmKind, ArmSpec};
use ovis_vet::TableInit;
use probe_data::published::CheckpointSummary;
use probe_data::{Fit, StoredConfig};
use std::collections::BTreeMap;
use std::path::PathBuf;
use text_images::{Charset, Content, Degradation};

/// Tokens of an image of the small tower, for which the presets are made.
const SMALL_TOKENS: usize = 8;
/// Images, at least, of whatever is scaled down.
const FEWEST: usize = 2;

/// A named size.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Preset {
    /// Does everything work? Seconds; the numbers mean nothing.
    Smoke,
    /// The default: minutes on two cores, three seeds, exploratory.
    Quick,
    /// Words cut out of pages, screens and signs, for images of yours (--dataset): ten minutes on two
    /// cores, one seed.
    Words,
    /// Ten seeds and vocabularies up to 65,536: a day of CPU or a GPU.
    Full,
}

impl Preset {
    /// Name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Smoke => "smoke",
            Self::Quick => "quick",
            Self::Words => "words",
            Self::Full => "full",
        }
    }

    /// The settings.
    #[must_use]
    pub fn config(self) -> ProbeConfig {
        let quick = quick();
        match self {
            Self::Quick => quick,
            Self::Words => words(),
            Self::Smoke => ProbeConfig {
                preset: self.name().to_owned(),
                arms: smoke_arms(),
                seeds: vec![1, 2],
                hardening_images: 16,
                bootstrap_draws: 200,
                data: DataConfig {
                    densities: vec![1.0, 2.0],
                    test_contents: vec![Content::Random],
                    images: SplitSizes {
                        train: 256,
                        validation: 32,
                        test: 64,
                        test_words: 64,
                    },
                    ..quick.data.clone()
                },
                training: TrainingConfig {
                    steps: 30,
                    batch: 32,
                    learning_rates: vec![2e-3],
                    evaluations: 2,
                    evaluation_images: 32,
                    ..quick.training.clone()
                },
                ..quick
            },
            Self::Full => ProbeConfig {
                preset: self.name().to_owned(),
                arms: arms(&[256, 1024, 4096, 16_384, 65_536]),
                seeds: (1..=10).collect(),
                hardening_images: 1000,
                bootstrap_draws: 10_000,
                data: DataConfig {
                    densities: vec![0.5, 1.0, 2.0, 3.0, 4.0],
                    images: SplitSizes {
                        train: 20_000,
                        validation: 2000,
                        test: 15_000,
                        test_words: 5000,
                    },
                    ..quick.data.clone()
                },
                training: TrainingConfig {
                    steps: 4000,
                    learning_rates: vec![1e-3, 2e-3, 4e-3, 8e-3, 1.6e-2],
                    evaluations: 20,
                    evaluation_images: 500,
                    ..quick.training.clone()
                },
                ..quick
            },
        }
    }
}

impl ProbeConfig {
    /// The same size of study on the images of a published tower: fewer images where they have more
    /// tokens, so that characters, and the memory of features, stay what they are; and the
    /// checkpoint's own projector beside the two of ours that the question is about.
    #[must_use]
    pub fn for_checkpoint(mut self, checkpoint_summary: CheckpointSummary) -> Self {
        let tokens = checkpoint_summary.layout.tokens().max(1);
        let fewer = |count: &mut usize| {
            *count = (*count * SMALL_TOKENS)
                .div_ceil(tokens)
                .max(FEWEST)
                .min(*count);
        };
        let images = &mut self.data.images;
        fewer(&mut images.train);
        fewer(&mut images.validation);
        fewer(&mut images.test);
        fewer(&mut images.test_words);
        fewer(&mut self.hardening_images);
        fewer(&mut self.training.batch);
        fewer(&mut self.training.evaluation_images);
        let pretrained = |swap| plain(ArmKind::Pretrained(swap));
        self.arms = vec![plain(ArmKind::Identity), pretrained(TokenizeOverride::Own)];
        if checkpoint_summary.has_vocabulary {
            self.arms
                .extend([TokenizeOverride::Argmax, TokenizeOverride::TopK(16)].map(pretrained));
        }
        self.arms.extend([
            plain(ArmKind::PatchMerger),
            sized(ArmKind::VetSoftmax, 256, false),
            plain(ArmKind::Blind),
        ]);
        self
    }
}

impl ProbeConfig {
    /// The same for a reader that writes: it finds the characters itself, which takes more steps and
    /// images, so that a preset of minutes has fewer arms, one seed and one rate.
    #[must_use]
    pub fn for_writing_reader(mut self) -> Self {
        if self.preset != Preset::Quick.name() {
            return self;
        }
        let k = 1028;
        self.arms = vec![
            plain(ArmKind::Identity),
            plain(ArmKind::PatchMerger),
            sized(ArmKind::GeluMlp, k, false),
            sized(ArmKind::VetSoftmax, k, false),
            sized(ArmKind::VetStArgmax, k, true),
            plain(ArmKind::Blind),
        ];
        self.seeds.truncate(1);
        self.training.learning_rates = vec![1.5e-3];
        self.training.steps = 1000;
        self.data.images.train = 12_000;
        self.data.images.test = 1000;
        self.hardening_images = 0;
        self.data.test_contents = self.data.train_contents.clone();
        self
    }
}

fn quick() -> ProbeConfig {
    ProbeConfig {
        preset: Preset::Quick.name().to_owned(),
        arms: quick_arms(),
        seeds: vec![1, 2, 3],
        replication: Replication::Start,
        regime: Regime::Frozen,
        reader: ReaderKind::Anchored,
        reader_size: SequenceSize::default(),
        d_token: 128,
        table_init: TableInit::MatchedOutput,
        backbone: PathBuf::from("data/backbones/small-vit.safetensors"),
        checkpoint: None,
        hardening_images: 200,
        reconstruction_images: 0,
        usage_tokens: 0,
        bootstrap_draws: 2000,
        data: DataConfig {
            source: ImageSource::default(),
            next_block: false,
            layout: LayoutKind::Grid,
            merge: None,
            image_px: None,
            charset: Charset::Alnum36,
            densities: vec![2.0],
            train_contents: vec![Content::Random],
            test_contents: vec![Content::Random, Content::Words],
            images: SplitSizes {
                train: 4000,
                validation: 300,
                test: 1500,
                test_words: 500,
            },
            seed: 1,
            train_seed: None,
            degradation: Degradation::default(),
            fonts: None,
            text_file: None,
            stored: StoredConfig::default(),
        },
        training: TrainingConfig {
            steps: 350,
            until_converged: None,
            batch: 64,
            learning_rates: vec![4e-3, 8e-3, 1.6e-2],
            rates_of_arms: BTreeMap::new(),
            extensions: 0,
            usage_weight: 1.0,
            evaluations: 6,
            evaluation_images: 60,
            optimizer: OptimizerConfig::default(),
        },
    }
}

/// Print of any kind, behind the tower for lines. Readers start from nothing: the tower's own would know
/// the tokens of `identity`, and none of another arm.
fn words() -> ProbeConfig {
    let quick = quick();
    let k = 1024;
    ProbeConfig {
        preset: Preset::Words.name().to_owned(),
        arms: vec![
            plain(ArmKind::Identity),
            plain(ArmKind::PatchMerger),
            sized(ArmKind::GeluMlp, k, false),
            sized(ArmKind::VetSoftmax, k, false),
            sized(ArmKind::VetStArgmax, k, true),
        ],
        seeds: vec![1],
        reader: ReaderKind::Ctc,
        backbone: PathBuf::from("data/backbones/line-vit.safetensors"),
        hardening_images: 0,
        data: DataConfig {
            layout: LayoutKind::Strip,
            charset: Charset::Printable94,
            train_contents: vec![Content::Print],
            test_contents: vec![Content::Print],
            degradation: Degradation::photographed(),
            stored: StoredConfig {
                fit: Fit::Pad,
                ..StoredConfig::default()
            },
            images: SplitSizes {
                train: 20_000,
                validation: 400,
                test: 1000,
                test_words: 1000,
            },
            ..quick.data
        },
        training: TrainingConfig {
            steps: 1500,
            learning_rates: vec![2e-3],
            evaluations: 5,
            evaluation_images: 200,
            ..quick.training
        },
        ..quick
    }
}

/// The kinds that the question is about, with their first controls. The others (discretisers,
/// curricula, further controls) belong to the studies that ask about them.
const KINDS: [ArmKind; 11] = [
    ArmKind::Identity,
    ArmKind::Linear,
    ArmKind::MeanPool,
    ArmKind::PatchMerger,
    ArmKind::GeluMlp,
    ArmKind::VetSoftmax,
    ArmKind::VetStArgmax,
    ArmKind::VetStArgmaxRaw,
    ArmKind::VetGumbel,
    ArmKind::VetGumbelAnnealed,
    ArmKind::Blind,
];

fn plain(kind: ArmKind) -> ArmSpec {
    ArmSpec::plain(kind)
}

fn sized(kind: ArmKind, vocabulary: usize, usage: bool) -> ArmSpec {
    ArmSpec {
        usage,
        ..ArmSpec::sized(kind, vocabulary)
    }
}

/// Every one of [`KINDS`] at every vocabulary, hard ones with and without the usage regulariser.
fn arms(vocabularies: &[usize]) -> Vec<ArmSpec> {
    let mut arms = Vec::new();
    for kind in KINDS {
        if !kind.takes_vocabulary() {
            arms.push(plain(kind));
            continue;
        }
        for &vocabulary in vocabularies {
            arms.push(sized(kind, vocabulary, false));
            if kind.is_hard() {
                arms.push(sized(kind, vocabulary, true));
            }
        }
    }
    arms
}

/// Every one of [`KINDS`] at K = 256, and the two ends of the comparison at K = 1,024 as well.
fn quick_arms() -> Vec<ArmSpec> {
    let at_1024 = [
        (ArmKind::GeluMlp, false),
        (ArmKind::VetSoftmax, false),
        (ArmKind::VetStArgmax, true),
    ];
    let mut arms = arms(&[256]);
    for (kind, usage) in at_1024 {
        let after = arms.iter().rposition(|arm| arm.kind == kind);
        let place = after.map_or(arms.len(), |index| index + 1);
        arms.insert(place, sized(kind, 1024, usage));
    }
    arms
}

fn smoke_arms() -> Vec<ArmSpec> {
    vec![
        plain(ArmKind::Identity),
        plain(ArmKind::PatchMerger),
        sized(ArmKind::GeluMlp, 64, false),
        sized(ArmKind::VetSoftmax, 64, false),
        sized(ArmKind::VetStArgmax, 64, true),
        sized(ArmKind::VetGumbel, 64, false),
        plain(ArmKind::Blind),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use vision_backbone::PatchLayout;

    const ALL: [Preset; 4] = [Preset::Smoke, Preset::Quick, Preset::Words, Preset::Full];

    #[test]
    fn every_preset_is_sound() {
        for preset in ALL {
            preset.config().check().unwrap();
            let mut writing = preset.config().for_writing_reader();
            writing.reader = ReaderKind::Causal;
            writing.check().unwrap();
            assert_eq!(preset.config().preset, preset.name());
        }
    }

    #[test]
    fn images_with_more_tokens_are_fewer_and_none_gets_more() {
        for preset in [Preset::Smoke, Preset::Quick, Preset::Full] {
            let small = preset.config();
            for (side, has_vocabulary) in [(2, false), (4, true), (32, true)] {
                let checkpoint_summary = CheckpointSummary {
                    layout: PatchLayout::of_image(4 * side, 2 * side, 2, 1).unwrap(),
                    has_vocabulary,
                };
                let config = ProbeConfig {
                    checkpoint: Some("tiny".to_owned()),
                    ..small.clone().for_checkpoint(checkpoint_summary)
                };
                config.check().unwrap();
                let tokens = checkpoint_summary.layout.tokens();
                let (images, before) = (config.data.images, small.data.images);
                assert!(images.train <= before.train);
                assert!(images.train * tokens <= before.train * 8 + 2 * tokens);
                assert_eq!(
                    config.arms.iter().any(|arm| arm.kind.is_hard()),
                    has_vocabulary
                );
            }
        }
    }

    #[test]
    fn quick_has_every_kind_and_every_hard_arm_with_and_without_the_regulariser() {
        let arms = Preset::Quick.config().arms;
        for kind in KINDS {
            let usages: Vec<bool> = arms
                .iter()
                .filter(|arm| arm.kind == kind && arm.vocabulary != Some(1024))
                .map(|arm| arm.usage)
                .collect();
            let expected: &[bool] = if kind.is_hard() {
                &[false, true]
            } else {
                &[false]
            };
            assert_eq!(usages, expected, "{}", kind.name());
        }
    }

    #[test]
    fn configs_survive_toml() {
        for preset in ALL {
            let text = toml::to_string(&preset.config()).unwrap();
            let back: ProbeConfig = toml::from_str(&text).unwrap();
            assert_eq!(back, preset.config());
        }
    }
}
