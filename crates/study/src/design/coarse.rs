//! Coarse properties of the whole image, against which the loss in reading is held.

use super::ocr::BITS;
use super::{base, contrasted_arms, vocabulary};
use crate::scale::Scale;
use probe::{ImageSource, ProbeConfig, ReaderKind};
use probe_data::Relabelling;
use text_images::Charset;

/// The face that the text is set in, and its slant, from the mean of the tokens.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(BITS.min(scale.largest_vocabulary.ilog2()));
    [Relabelling::Face, Relabelling::Slant]
        .into_iter()
        .map(|labels| {
            let mut config = base(scale, Charset::Printable94, &[2.0], scale.seeds);
            config.arms = contrasted_arms("identity", k);
            config.data.source = ImageSource::Relabelled(labels);
            config.reader = ReaderKind::Pooled;
            (labels.name().to_owned(), config)
        })
        .collect()
}
