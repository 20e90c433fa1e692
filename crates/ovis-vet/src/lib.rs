//! Ovis's visual embedding table (VET): visual words, tokenize functions, table look-up.
//!
//! `out = tokenize(LayerNorm(W concat(patches of the block))) E`
//!
//! A block of patches becomes a distribution over visual words, and a token is the table row (or
//! the mixture of rows) that the distribution points at. The [`Tokenize`] function decides whether
//! tokens stay continuous (softmax, as in every released checkpoint) or become discrete, and what
//! gradient the discrete ones pass on.
//!
//! Files: [`config`] holds sizes and the start, `error.rs` what may be wrong with them, `released.rs` the presets named after checkpoints,
//! [`vet`] the module, [`start`] its start from training features, [`tokenize`] one file per family of tokenize functions, `fused` the whole
//! table as one operation without a matrix of tokens by words, `tile` how many
//! tokens go through it at a time, [`usage`] the regulariser against
//! code collapse, [`multi_vet`] several tables whose rows add up to one token.

pub mod config;
mod error;
#[cfg(feature = "flex")]
pub mod fused;
pub mod multi_vet;
mod released;
pub mod start;
pub mod tile;
pub mod tokenize;
pub mod usage;
pub mod vet;

pub use config::{HeadInit, TableInit, VetConfig};
pub use error::VetError;
pub use multi_vet::MultiVet;
pub use tokenize::{Curriculum, HardChoice, Selection, Tau, Tokenize};
pub use usage::usage_penalty;
pub use vet::{KEPT_LOGITS_BYTES, Vet};
