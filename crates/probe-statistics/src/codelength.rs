//! Online codelength: how many bits the labels cost a probe that learns while it goes.
//!
//! The training data are cut at growing fractions. The first block is sent with a uniform code;
//! every later one with a probe trained on all blocks before it, at the cost of its cross-entropy
//! there. A probe that learns from few examples pays little, so the sum measures quality and ease
//! together and needs no choice of probe size.
//!
//! # Source
//! E. Voita, I. Titov, "Information-Theoretic Probing with Minimum Description Length",
//! arXiv:2003.12298 §2.2.2, with the fractions of the authors' configuration.

use std::f64::consts::LN_2;

use crate::StatisticsError;

/// Ends of the blocks as fractions of the training data.
pub const BLOCK_FRACTIONS: [f64; 11] = [
    0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.0625, 0.125, 0.25, 0.5, 1.0,
];

/// Ends of the blocks of `examples` training examples, ascending; the last is `examples`.
///
/// Fractions that would leave a block empty are skipped, so few examples give fewer blocks.
pub fn block_ends(examples: usize) -> Vec<usize> {
    let mut ends: Vec<usize> = BLOCK_FRACTIONS
        .iter()
        .map(|fraction| (fraction * examples as f64).round() as usize)
        .filter(|&end| end > 0)
        .collect();
    ends.dedup();
    ends
}

/// What it cost to send one block after the first.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BlockLoss {
    /// Labels in the block, such as characters.
    pub labels: u64,
    /// Sum of `−ln p(label)` over them, by the probe trained on all blocks before.
    pub nats: f64,
}

/// Length of an online code.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Codelength {
    /// Labels sent, those of the first block included.
    pub labels: u64,
    /// Bits for all of them.
    pub bits: f64,
    /// Bits of the uniform code, `n log₂ |Y|`.
    pub uniform_bits: f64,
}

impl Codelength {
    /// Uniform code over code: 1 for a probe that learns nothing.
    pub fn compression(&self) -> f64 {
        self.uniform_bits / self.bits
    }

    /// Bits for each label.
    pub fn bits_per_label(&self) -> f64 {
        self.bits / self.labels as f64
    }
}

/// Length of the code from the size of the first block and the losses of the others.
///
/// # Errors
/// If there are fewer than two classes, no labels in the first block, or a loss is negative, NaN or
/// infinite.
pub fn online_codelength(
    classes: usize,
    first_block_labels: u64,
    blocks: &[BlockLoss],
) -> Result<Codelength, StatisticsError> {
    if classes < 2 {
        return Err(StatisticsError::OutOfRange {
            what: "number of classes of a code",
            value: classes as f64,
            expected: "at least 2",
        });
    }
    if first_block_labels == 0 {
        return Err(StatisticsError::TooFew {
            what: "labels of the first block of a code",
            needed: 1,
            found: 0,
        });
    }
    if let Some(block) = blocks
        .iter()
        .find(|b| !(b.nats.is_finite() && b.nats >= 0.0))
    {
        return Err(StatisticsError::OutOfRange {
            what: "loss of a block, in nats",
            value: block.nats,
            expected: "finite and at least 0; the probe of that block diverged",
        });
    }
    let bits_per_label = (classes as f64).log2();
    let labels = first_block_labels + blocks.iter().map(|block| block.labels).sum::<u64>();
    let learned: f64 = blocks.iter().map(|block| block.nats / LN_2).sum();
    Ok(Codelength {
        labels,
        bits: first_block_labels as f64 * bits_per_label + learned,
        uniform_bits: labels as f64 * bits_per_label,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_end_at_the_published_fractions() {
        assert_eq!(
            block_ends(12_000),
            [12, 24, 48, 96, 192, 384, 750, 1500, 3000, 6000, 12_000]
        );
        // 10 examples: 0.001 to 0.032 leave nothing, 0.0625 and 0.125 round to the same end.
        assert_eq!(block_ends(10), [1, 3, 5, 10]);
        assert!(block_ends(0).is_empty());
    }

    #[test]
    fn uniform_predictions_compress_nothing() {
        let block = |labels: u64| BlockLoss {
            labels,
            nats: labels as f64 * 36_f64.ln(),
        };
        let code = online_codelength(36, 10, &[block(10), block(20)]).unwrap();
        assert_eq!(code.labels, 40);
        assert!((code.compression() - 1.0).abs() < 1e-12);
        assert!((code.bits_per_label() - 36_f64.log2()).abs() < 1e-12);
    }

    #[test]
    fn learning_shortens_the_code() {
        // By hand: 4 classes cost 2 bits; 8 × 2 + 8 × 1 + 16 × 0.25 = 28 of 64 bits.
        let blocks = [(8, 1.0), (16, 0.25)].map(|(labels, bits)| BlockLoss {
            labels,
            nats: labels as f64 * bits * LN_2,
        });
        let code = online_codelength(4, 8, &blocks).unwrap();
        assert!((code.bits - 28.0).abs() < 1e-12);
        assert!((code.compression() - 64.0 / 28.0).abs() < 1e-12);
    }

    #[test]
    fn impossible_codes_are_refused() {
        let block = BlockLoss {
            labels: 1,
            nats: f64::NAN,
        };
        assert!(online_codelength(1, 1, &[]).is_err());
        assert!(online_codelength(2, 0, &[]).is_err());
        assert!(online_codelength(2, 1, &[block]).is_err());
    }
}
