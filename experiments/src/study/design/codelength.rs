//! Learning curves and the online code of the labels (arXiv:2003.12298).

use super::{arms, base, vocabulary};
use crate::probe::ProbeConfig;
use crate::study::scale::Scale;
use text_images::Charset;

/// Ends of the blocks, as fractions of the training images: those of the paper's code.
pub const FRACTIONS: [f64; 11] = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0,
];

/// One run per block: trained on all blocks before it, validated on the block itself. The first
/// block is sent with the uniform code and needs no run; neither does training on everything.
pub(super) fn configs(scale: &Scale) -> Vec<(String, ProbeConfig)> {
    let k = vocabulary(scale.largest_vocabulary.ilog2().min(10));
    let ends = block_ends(scale.train);
    ends.windows(2)
        .map(|ends| {
            let mut config = base(scale, Charset::Alnum36, &[2.0], scale.few_seeds);
            config.arms = arms(&[
                "linear".to_owned(),
                "patch-merger".to_owned(),
                format!("gelu-mlp@{k}"),
                format!("vet-softmax@{k}"),
                format!("vet-st-argmax@{k}+usage"),
            ]);
            config.data.next_block = true;
            config.data.images.train = ends[0];
            config.data.images.validation = ends[1] - ends[0];
            // One rate for all: choosing it on the block that is to be sent would not be a code.
            let rates = &mut config.training.learning_rates;
            *rates = rates.last().copied().into_iter().collect();
            config.training.extensions = 0;
            config.training.evaluations = 1;
            (format!("{}-images", ends[0]), config)
        })
        .collect()
}

/// Ends of the blocks in images, at least 2 images each.
fn block_ends(images: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = Vec::new();
    for fraction in FRACTIONS {
        let end = (fraction * images as f64).round() as usize;
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
    fn blocks_end_where_the_paper_has_them_and_are_never_empty() {
        let expected = [
            50, 100, 200, 400, 800, 1600, 3125, 6250, 12_500, 25_000, 50_000,
        ];
        assert_eq!(block_ends(50_000), expected);
        assert_eq!(block_ends(128), [2, 4, 8, 16, 32, 64, 128]);
    }
}
