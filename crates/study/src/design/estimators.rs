//! Ways to pass a gradient through the choice of a word.

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use probe::ProbeConfig;
use text_images::Charset;

/// Every estimator with and without the usage regulariser; sampled arms are tested with and without
/// noise.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(8));
    let mut names = vec!["patch-merger".to_owned(), format!("vet-softmax@{k}")];
    for kind in [
        "vet-st-argmax",
        "vet-st-argmax-raw",
        "vet-gumbel",
        "vet-gumbel-annealed",
    ] {
        names.push(format!("{kind}@{k}"));
        names.push(format!("{kind}@{k}+usage"));
    }
    names.push(format!("vet-curriculum@{k}"));
    names.push(format!("vet-curriculum@{k}+usage"));
    let mut config = base(scale, Charset::Alnum36, &[1.0, 2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}
