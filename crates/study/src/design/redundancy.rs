//! Larger characters: does redundancy make up for what hard words lose?

use super::{arms, base, ocr::BITS, vocabulary};
use crate::scale::Scale;
use probe::ProbeConfig;
use text_images::Charset;

/// The main comparison's hard words, soft words and MLP on characters of 128, 256 and 512 px², so
/// that their sides are as 1 : 1.4 : 2.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(BITS.min(scale.largest_vocabulary.ilog2()));
    let densities = [0.5, 1.0, 2.0];
    let mut config = base(scale, Charset::Printable94, &densities, scale.seeds);
    config.arms = arms(&[
        "patch-merger".to_owned(),
        format!("gelu-mlp@{k}"),
        format!("vet-softmax@{k}"),
        format!("vet-st-argmax@{k}+usage"),
    ]);
    vec![(String::new(), config)]
}
