//! Qwen2.5-VL's `PatchMerger`: RMSNorm per patch, 2x2 concat, two-layer GELU MLP.
//!
//! The continuous arm of the comparison. Open [`merger`] first; it is the whole model.

pub mod merger;

pub use merger::{MergerError, PatchMerger, PatchMergerConfig};
