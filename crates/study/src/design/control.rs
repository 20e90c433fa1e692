//! The control task: how much of what a probe reads could it have learnt by heart?

use super::{base, contrasted_arms, vocabulary};
use crate::scale::Scale;
use probe::{ImageSource, ProbeConfig};
use probe_data::Relabelling;
use text_images::Charset;

/// Reading and its control task on the same images.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    let control = ImageSource::Relabelled(Relabelling::Control);
    [ImageSource::default(), control]
        .into_iter()
        .map(|source| {
            let mut config = base(scale, Charset::Alnum36, &[1.0], scale.few_seeds);
            config.arms = contrasted_arms("linear", k);
            config.data.source = source;
            (config.data.source.name().to_owned(), config)
        })
        .collect()
}
