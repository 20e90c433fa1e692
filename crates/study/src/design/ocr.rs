//! Reading of random strings and words: what the main claims are tested on.

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use arms::INDICATORS;
use probe::ProbeConfig;
use text_images::{Charset, Content};

/// Bits of the vocabulary that the main comparison is made at.
pub(super) const BITS: u32 = 10;

/// Standard deviation of the noise at which a merger loses as much of the features, by linear
/// reconstruction, as the best hard arm; found by `experiments match-noise`.
const NOISE: f64 = 1.62;

/// All arms at one size, with the 94 printable characters, at densities on both sides of what a hard
/// token can hold (10 bits are 1.5 of 94 characters).
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(BITS.min(scale.largest_vocabulary.ilog2()));
    let mut config = base(scale, Charset::Printable94, &[1.0, 2.0], scale.seeds);
    config.arms = arms(&[
        "identity".to_owned(),
        "linear".to_owned(),
        "mean-pool".to_owned(),
        "patch-merger".to_owned(),
        format!("noisy-merger@{NOISE}"),
        format!("gelu-mlp@{k}"),
        format!("gelu-mlp-plain@{k}"),
        format!("flop-mlp@{k}"),
        format!("vet-softmax@{k}"),
        format!("vet-st-argmax@{k}"),
        format!("vet-st-argmax@{k}+usage"),
        format!("vet-curriculum@{k}"),
        format!("vq@{}", k - INDICATORS),
        "random".to_owned(),
        "shuffled".to_owned(),
        "blind".to_owned(),
    ]);
    config.reconstruction_images = scale.test.min(200);
    config.training.steps = scale.main_steps;
    config.hardening_images = scale.test.min(200);
    config.data.test_contents = vec![Content::Random, Content::Words];
    vec![(String::new(), config)]
}
