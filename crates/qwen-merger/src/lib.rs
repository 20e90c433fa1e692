//! The mergers of Qwen's vision-language models: a norm, 2x2 concat, two-layer GELU MLP.
//!
//! [`merger`] is Qwen2.5-VL's `PatchMerger`, the continuous arm of the comparison; with a bias in its
//! norm it is Qwen2-VL's. [`qwen3`] is Qwen3-VL's, with the variant of its DeepStack levels, and
//! [`deepstack`] puts them together.

pub mod deepstack;
pub mod merger;
pub mod qwen3;

pub use deepstack::{DeepStack, DeepStackConfig};
pub use merger::{MergerError, PatchMerger, PatchMergerConfig};
pub use qwen3::{Qwen3Merger, Qwen3MergerConfig};
