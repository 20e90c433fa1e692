//! Qwen2-VL, Qwen2.5-VL, Qwen3-VL, Qwen3.5, Ovis2.5 and Ovis2.6: an image of any size becomes rows of patches.

mod config;
mod processor;

pub use config::PackedConfig;
pub use processor::{PackedProcessor, PatchRows};
