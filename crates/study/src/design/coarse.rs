//! Coarse properties of the whole image, against which the loss in reading is held.

use super::ocr::BITS;
use super::{base, contrasted_arms, vocabulary};
use crate::scale::Scale;
use probe::{ProbeConfig, ReaderKind};
use probe_data::Task;
use text_images::Charset;

/// The face that the text is set in, and its slant, from the mean of the tokens.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(BITS.min(scale.largest_vocabulary.ilog2()));
    [Task::Face, Task::Slant]
        .into_iter()
        .map(|task| {
            let mut config = base(scale, Charset::Printable94, &[2.0], scale.seeds);
            config.arms = contrasted_arms("identity", k);
            config.data.task = task;
            config.reader = ReaderKind::Pooled;
            (task.name().to_owned(), config)
        })
        .collect()
}
