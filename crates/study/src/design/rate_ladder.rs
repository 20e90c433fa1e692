//! Error against bits per token, all discretisers side by side.

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use probe::ProbeConfig;
use text_images::Charset;

pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let mut names = vec![
        "patch-merger".to_owned(),
        format!("gelu-mlp@{}", vocabulary(most.min(10))),
        format!("vet-softmax@{}", vocabulary(most.min(10))),
    ];
    let words = [4, 6, 8, 10, 12, 14, 16]
        .into_iter()
        .filter(|&bits| bits <= most);
    names.extend(words.map(|bits| format!("vet-st-argmax@{}+usage", vocabulary(bits))));
    let several = most.min(8);
    for codes in [2, 4, 8] {
        let k = vocabulary(several);
        names.push(format!("vet-st-argmax@{k}+codes{codes}+usage"));
    }
    names.extend(
        [4, 8, 10, 12, 16]
            .into_iter()
            .filter(|bits| *bits <= most)
            .map(|bits| format!("vq@{}", 1_usize << bits)),
    );
    for codes in [2, 4, 8, 16, 32] {
        names.push(format!("rvq@{}+codes{codes}", 1_usize << several));
    }
    let fsq = [15, 240, 1000, 4375, 15_360, 64_000].into_iter();
    names.extend(
        fsq.filter(|k| *k <= scale.largest_vocabulary)
            .map(|k| format!("fsq@{k}")),
    );
    for kind in ["lfq", "bsq", "simvq"] {
        let bits = [4, 8, 12, 16].into_iter().filter(|&bits| bits <= most);
        names.extend(bits.map(|bits| format!("{kind}@{}", 1_usize << bits)));
    }
    let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
    config.arms = arms(&names);
    vec![(String::new(), config)]
}
