//! What is shown of images and arms, as plain data.

use arms::ArmSpec;
use figures::{Arm, Quantity};
use image::RgbImage;

/// An image and its token grid.
#[derive(Clone, Debug)]
pub struct ShownImage {
    /// Name in figures and tables.
    pub name: String,
    /// What is drawn under the grid.
    pub picture: RgbImage,
    /// Rows of tokens.
    pub rows: usize,
    /// Columns of tokens.
    pub cols: usize,
    /// What it says, where that is known.
    pub text: Option<String>,
    /// Characters per line of its grid, where there is one.
    pub columns: Option<usize>,
    /// The characters at every token; empty where they are not known.
    pub characters: Vec<String>,
}

/// A token as an arm makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenView {
    /// Euclidean length of its vector, before the norm in front of the probe.
    pub norm: f64,
    /// Entropy of its distribution over words in bits, summed over codebooks; 0 where words are
    /// taken without a distribution, `None` without words.
    pub entropy_bits: Option<f64>,
    /// Best words, best first, one list per codebook.
    pub words: Vec<Vec<RankedWord>>,
}

/// A word of a token.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RankedWord {
    /// Its number.
    pub word: usize,
    /// Its probability; none where words are taken without one.
    pub probability: Option<f64>,
}

/// An arm on every image that is shown.
#[derive(Clone, Debug)]
pub struct ShownArm {
    /// The arm.
    pub arm: ArmSpec,
    /// Its name and family in figures.
    pub label: Arm,
    /// How it was trained; none for the projector of a checkpoint.
    pub cell: Option<CellFacts>,
    /// Words of a codebook; none without words.
    pub vocabulary: Option<usize>,
    /// Whether a token is one word, rather than a mixture.
    pub is_hard: bool,
    /// Tokens of every image, row by row.
    pub tokens: Vec<Vec<TokenView>>,
    /// What was read in every image; none where nothing reads.
    pub readings: Option<Vec<String>>,
}

impl ShownArm {
    /// What the colours of its maps mean.
    #[must_use]
    pub fn quantity(&self) -> Quantity {
        match self.vocabulary {
            Some(_) => Quantity::EntropyBits,
            None => Quantity::Norm,
        }
    }
}

/// What is known of a trained cell.
#[derive(Clone, Debug, PartialEq)]
pub struct CellFacts {
    /// Seed.
    pub seed: u64,
    /// Peak learning rate.
    pub learning_rate: f64,
    /// Optimiser steps.
    pub steps: usize,
    /// CER on the validation images.
    pub validation_cer: f64,
    /// Validation CER of the same cell in the run whose tuning was taken over.
    pub tuned_cer: Option<f64>,
    /// CER on the rendered test images that were looked at, and how many there were.
    pub test_cer: Option<(f64, usize)>,
}

/// The best `top` words of a distribution; the lowest number wins a tie.
#[must_use]
pub fn best_words(distribution: &[f32], top: usize) -> Vec<RankedWord> {
    let mut order: Vec<usize> = (0..distribution.len()).collect();
    let before = |a: &usize, b: &usize| {
        let (p, q) = (distribution[*a], distribution[*b]);
        q.total_cmp(&p).then(a.cmp(b))
    };
    if top < order.len() {
        order.select_nth_unstable_by(top, before);
        order.truncate(top);
    }
    order.sort_unstable_by(before);
    let ranked = order.into_iter().map(|word| RankedWord {
        word,
        probability: Some(f64::from(distribution[word])),
    });
    ranked.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_words_come_first_and_ties_go_to_the_lowest_number() {
        let found = best_words(&[0.1, 0.4, 0.1, 0.4], 3);
        let words: Vec<usize> = found.iter().map(|ranked| ranked.word).collect();
        assert_eq!(words, [1, 3, 0]);
        assert_eq!(best_words(&[0.5, 0.5], 9).len(), 2);
    }
}
