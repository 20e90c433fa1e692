//! Error against bits per token, all discretisers side by side.

use super::{arms, base, vocabulary};
use crate::probe::ProbeConfig;
use crate::study::scale::Scale;
use text_images::Charset;

pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let mut names = vec![
        "patch-merger".to_owned(),
        format!("vet-softmax@{}", vocabulary(most.min(10))),
    ];
    let words = [4, 6, 8, 10, 12, 14, 16]
        .into_iter()
        .filter(|&bits| bits <= most);
    names.extend(words.map(|bits| format!("vet-st-argmax@{}+usage", vocabulary(bits))));
    let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}
