//! Numbers behind the study: how well a probe reads, how much of a vocabulary is used, what the
//! vocabulary could carry, and whether a difference between two arms is more than chance.
//!
//! Nothing here reads files or touches tensors; inputs are strings, slices and counts.
//!
//! | Question | Module |
//! |---|---|
//! | How many characters and words are read correctly, and which are confused? | [`text_metrics`] |
//! | How many words of a vocabulary carry the mass, and what do they stand for? | [`vocabulary_usage`] |
//! | What error does a code of `b` bits force? | [`capacity`] |
//! | How much of some vectors does a linear map find in others? | [`linear_reconstruction`] |
//! | How wide is the interval around a value or a paired difference? | [`bootstrap`] |
//! | Could the sign of the per-seed differences be chance? | [`sign_flip`] |
//! | Are two arms equal within a margin? | [`equivalence`] |
//! | Is a mean over seeds above a bound? | [`t_test`] |
//! | Which of many hypotheses survive? | [`multiplicity`] |
//! | Do values follow an order of levels, do any arms differ? | [`rank_tests`], [`isotonic`] |
//! | Do two orderings agree, beyond what others explain? | [`correlation`] |
//! | Is there a knee where reading starts to fail? | [`knee`] |
//! | How many seeds and items does a claim need? | [`power`] |
//! | How many bits do the labels cost a probe that learns on the way? | [`codelength`] |
//! | Which gap or offset is just seen, and how sensitive is the reader? | [`psychometric`], [`discriminability`] |
//! | What do a few values look like? | [`summary`] |
//!
//! Random procedures take a seed and give the same bytes for it in every order of calls and on any
//! number of threads. A claim needs both the sign-flip test and the bootstrap interval to agree.

pub mod bootstrap;
pub mod capacity;
pub mod codelength;
pub mod correlation;
pub mod discriminability;
pub mod equivalence;
mod error;
pub mod isotonic;
pub mod knee;
pub mod linear_reconstruction;
pub mod multiplicity;
pub mod power;
pub mod psychometric;
mod random_stream;
pub mod rank_tests;
pub mod sign_flip;
pub mod summary;
pub mod t_test;
pub mod text_metrics;
pub mod vocabulary_usage;

pub use error::StatisticsError;
