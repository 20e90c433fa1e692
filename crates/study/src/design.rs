//! What the runs of all sections start from: settings, and arms by name.

use super::scale::Scale;
use arms::{ArmSpec, INDICATORS};
use probe::{DataConfig, Preset, ProbeConfig, SplitSizes, TrainingConfig};
use text_images::{Charset, Content};

/// Bits of the vocabulary that the main comparison is made at.
pub(crate) const MAIN_BITS: u32 = 10;

/// What a section starts from: random characters, frozen tower, the scale's sizes.
pub(crate) fn base(scale: &Scale, charset: Charset, densities: &[f64], seeds: u64) -> ProbeConfig {
    let quick = Preset::Quick.config();
    ProbeConfig {
        arms: Vec::new(),
        seeds: scale.origin.seeds(seeds),
        replication: scale.origin.replication,
        backbone: scale.origin.backbone.clone().unwrap_or(quick.backbone),
        hardening_images: 0,
        bootstrap_draws: scale.bootstrap_draws,
        data: DataConfig {
            charset,
            densities: densities.to_vec(),
            seed: scale.origin.data_seed,
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
pub(crate) fn arms<S: AsRef<str>>(names: &[S]) -> Vec<ArmSpec> {
    let parsed = names.iter().map(|name| name.as_ref().parse());
    parsed
        .map(|arm| arm.expect("the names in the sections' files, all of which a test parses"))
        .collect()
}

/// The arms of sections that hold one question against another: a `first` one without words,
/// PatchMerger, the MLP and the tables with `k` rows, vector quantisation, and the floor.
pub(crate) fn contrasted_arms(first: &str, k: usize) -> Vec<ArmSpec> {
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
pub(crate) fn vocabulary(bits: u32) -> usize {
    (1 << bits) + INDICATORS
}
