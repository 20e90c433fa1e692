//! Learning curves and the online code of the labels (arXiv:2003.12298).

use super::{arms, base, vocabulary};
use crate::scale::Scale;
use arms::INDICATORS;
use probe::ProbeConfig;
use probe_statistics::codelength::block_ends;
use text_images::Charset;

/// One run per block: trained on all blocks before it, validated on the block itself. The first
/// block is sent with the uniform code and needs no run; neither does training on everything.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    let ends = ends_of_blocks(scale.train);
    ends.windows(2)
        .map(|ends| {
            let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
            config.arms = arms(&[
                "linear".to_owned(),
                "patch-merger".to_owned(),
                format!("gelu-mlp@{k}"),
                "mean-pool".to_owned(),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
                format!("vq@{}", k - INDICATORS),
            ]);
            config.data.next_block = true;
            config.data.images.train = ends[0];
            config.data.images.validation = ends[1] - ends[0];
            // One rate for all: choosing it on the block that is to be sent would not be a code.
            let rates = &mut config.training.learning_rates;
            *rates = rates.last().copied().into_iter().collect();
            config.training.extensions = 0;
            // Ten runs; half the steps let small blocks be learnt many times over all the same.
            config.training.steps = scale.steps / 2;
            config.training.evaluations = 1;
            (format!("{}-images", ends[0]), config)
        })
        .collect()
}

/// Ends of the blocks of the paper's code, without those that would leave a block of one image.
fn ends_of_blocks(images: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    for end in block_ends(images) {
        if end >= ends.last().copied().unwrap_or(0) + 2 {
            ends.push(end);
        }
    }
    ends
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_block_has_two_images_at_least() {
        let expected = [
            50, 100, 200, 400, 800, 1600, 3125, 6250, 12_500, 25_000, 50_000,
        ];
        assert_eq!(ends_of_blocks(50_000), expected);
        assert_eq!(ends_of_blocks(128), [2, 4, 8, 16, 32, 64, 128]);
    }
}
