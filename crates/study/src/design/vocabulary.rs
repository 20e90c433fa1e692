//! How many words does a visual vocabulary need?

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use probe::ProbeConfig;
use text_images::Charset;

/// Soft and hard words and the MLP of the same width, at equal training.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let sizes = [6, 8, 10, 12, 14].into_iter().filter(|&bits| bits <= most);
    let mut sizes: Vec<usize> = sizes.map(vocabulary).collect();
    if most >= 16 {
        // That of the releases: 65,532 words and 4 indicator rows.
        sizes.push(65_536);
    }
    let mut names = vec!["patch-merger".to_owned()];
    for kind in ["gelu-mlp", "vet-softmax", "vet-st-argmax"] {
        let usage = if kind == "vet-st-argmax" {
            "+usage"
        } else {
            ""
        };
        names.extend(sizes.iter().map(|k| format!("{kind}@{k}{usage}")));
    }
    let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}
