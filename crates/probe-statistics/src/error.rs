//! The one error type of this crate.

use thiserror::Error;

/// What was wrong with the input of a metric or test.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum StatisticsError {
    /// A value is NaN or infinite.
    #[error("{what}: value {index} is {value}; drop failed runs before computing statistics")]
    NotFinite {
        /// The quantity that was passed.
        what: &'static str,
        /// Position in the input.
        index: usize,
        /// The offending value.
        value: f64,
    },
    /// There are not enough values to compute the quantity.
    #[error("{what}: at least {needed} are needed, {found} given; add more")]
    TooFew {
        /// The quantity that was passed.
        what: &'static str,
        /// Smallest usable number.
        needed: usize,
        /// Number given.
        found: usize,
    },
    /// A parameter lies outside the values it can take.
    #[error("{what} is {value}, but must be {expected}")]
    OutOfRange {
        /// Name of the parameter.
        what: &'static str,
        /// The value given.
        value: f64,
        /// The values it can take.
        expected: &'static str,
    },
    /// Every reference text is empty, so an error rate per character does not exist.
    #[error("{what}: all reference texts are empty; check that labels were read")]
    EmptyReferences {
        /// Where the texts came from.
        what: String,
    },
    /// A batch of probabilities does not divide into whole tokens.
    #[error(
        "{values} probabilities do not divide into tokens of {words} words; pass tokens × words values"
    )]
    PartialToken {
        /// Number of values in the batch.
        values: usize,
        /// Words in the vocabulary.
        words: usize,
    },
    /// A token's values are not a probability distribution.
    #[error(
        "token {token} is not a distribution (sum {sum}, smallest value {smallest}); \
         pass probabilities after the softmax"
    )]
    NotADistribution {
        /// Index of the token in its batch.
        token: usize,
        /// Sum of its values.
        sum: f64,
        /// Smallest of its values.
        smallest: f64,
    },
    /// A word id is not in the vocabulary.
    #[error("token {token} has word {id}, but the vocabulary has {words} words; check its size")]
    UnknownWord {
        /// Index of the token in its batch.
        token: usize,
        /// The id given.
        id: usize,
        /// Words in the vocabulary.
        words: usize,
    },
    /// Two usage accumulators belong to vocabularies of different sizes.
    #[error(
        "usage over {left} words cannot be merged with usage over {right} words; \
         keep one accumulator for each vocabulary"
    )]
    VocabularyMismatch {
        /// Words of the accumulator that is merged into.
        left: usize,
        /// Words of the accumulator that is merged.
        right: usize,
    },
    /// The seeds of two arms do not form pairs.
    #[error(
        "the arms do not pair by seed: {left:?} against {right:?}; \
         give both arms the same seeds in the same order"
    )]
    SeedsDiffer {
        /// Seeds of the first arm.
        left: Vec<u64>,
        /// Seeds of the second arm.
        right: Vec<u64>,
    },
    /// A fitted psychometric function stays below the share that defines the threshold.
    #[error(
        "an arm never gives {proportion} of the answers right, so it has no threshold; \
         choose a lower share or add easier levels"
    )]
    NoThreshold {
        /// The share of right answers at the threshold.
        proportion: f64,
    },
    /// A seed occurs twice in one arm.
    #[error("seed {seed} occurs twice in one arm; give each seed once")]
    RepeatedSeed {
        /// The repeated seed.
        seed: u64,
    },
    /// Two arms, or two seeds, do not hold the same items.
    #[error(
        "seed {seed}: items differ from {other} (first at item {item}); \
         evaluate the same items in the same order"
    )]
    ItemsDiffer {
        /// Seed whose items differ.
        seed: u64,
        /// What they were compared with.
        other: String,
        /// Index of the first item whose cluster or length differs.
        item: usize,
    },
}

/// Fails on the first NaN or infinity of `values`.
pub(crate) fn require_finite(what: &'static str, values: &[f64]) -> Result<(), StatisticsError> {
    match values.iter().position(|value| !value.is_finite()) {
        Some(index) => Err(StatisticsError::NotFinite {
            what,
            index,
            value: values[index],
        }),
        None => Ok(()),
    }
}

/// Fails if fewer than `needed` were found.
pub(crate) fn require_count(
    what: &'static str,
    needed: usize,
    found: usize,
) -> Result<(), StatisticsError> {
    if found < needed {
        return Err(StatisticsError::TooFew {
            what,
            needed,
            found,
        });
    }
    Ok(())
}
