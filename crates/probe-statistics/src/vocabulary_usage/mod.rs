//! How much of a vocabulary a projector uses.
//!
//! Two entropies answer two questions. The *marginal* entropy is that of the mean distribution
//! over many tokens: how evenly words are used, and an upper bound on the bits a hard token
//! carries. The *token* entropy is the mean over tokens of each token's own entropy: how far a
//! soft token is from a single word.
//!
//! Entropies of samples are too low, the more so the larger the vocabulary, so both grow with the
//! number of tokens: compare arms on the same tokens, and report the corrected values beside the
//! plain one. The corrections assume independent tokens; tokens of one image are not.
//!
//! What the words stand for is another question: see [`LabelledWords`] and [`LabelledMass`].

mod accumulator;
mod association;
mod entropy;

pub use accumulator::{SMALL_PROBABILITY, TopKMass, Usage, UsageAccumulator};
pub use association::{Association, LabelledMass, LabelledWords, WordProfile};
pub use entropy::{CountEntropies, Entropy};

#[cfg(test)]
mod tests;
