//! The control task: how much of what a probe reads could it have learnt by heart?

use super::{arms, base, vocabulary};
use crate::arm::INDICATORS;
use crate::data::Task;
use crate::probe::ProbeConfig;
use crate::study::scale::Scale;
use text_images::Charset;

/// Reading and its control task on the same images.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    [Task::Text, Task::Control]
        .into_iter()
        .map(|task| {
            let mut config = base(scale, Charset::Alnum36, &[1.0], scale.few_seeds);
            config.arms = arms(&[
                "linear".to_owned(),
                "patch-merger".to_owned(),
                format!("gelu-mlp@{k}"),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
                format!("vq@{}", k - INDICATORS),
                "blind".to_owned(),
            ]);
            config.data.task = task;
            (task.name().to_owned(), config)
        })
        .collect()
}
