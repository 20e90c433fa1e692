//! Characters per token × alphabet × bits per token.

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use probe::ProbeConfig;
use text_images::Charset;

/// Hard tokens of 6 to 12 bits and two continuous references, trained longer than elsewhere: large
/// vocabularies are learnt slowly, and a knee that training makes is not one of capacity.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let mut names = vec![
        "patch-merger".to_owned(),
        format!("vet-softmax@{}", vocabulary(most.min(10))),
    ];
    let hard = [6, 10, 12, 16].into_iter().filter(|&bits| bits <= most);
    names.extend(hard.map(|bits| format!("vet-st-argmax@{}+usage", vocabulary(bits))));
    [Charset::Digits, Charset::Alnum36, Charset::Printable94]
        .into_iter()
        .map(|charset| {
            let densities = [0.5, 1.0, 2.0, 4.0];
            let mut config = base(scale, charset, &densities, scale.few_seeds);
            config.arms = arms(&names);
            config.training.steps = scale.long_steps;
            (format!("{charset}-characters"), config)
        })
        .collect()
}
