//! The control task: how much of what a probe reads could it have learnt by heart?

use super::{base, contrasted_arms, vocabulary};
use crate::scale::Scale;
use probe::ProbeConfig;
use probe_data::Task;
use text_images::Charset;

/// Reading and its control task on the same images.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    [Task::Text, Task::Control]
        .into_iter()
        .map(|task| {
            let mut config = base(scale, Charset::Alnum36, &[1.0], scale.few_seeds);
            config.arms = contrasted_arms("linear", k);
            config.data.task = task;
            (task.name().to_owned(), config)
        })
        .collect()
}
