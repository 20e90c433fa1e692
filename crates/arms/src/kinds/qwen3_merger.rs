//! Qwen3-VL's merger.

use crate::{Arm, ArmRole, Definition};
use qwen_merger::Qwen3MergerConfig;

/// LayerNorm per patch, concatenation of the block, two-layer GELU MLP (arXiv:2511.21631).
pub const QWEN3_MERGER: Definition =
    Definition::continuous("qwen3-merger", ArmRole::Control, |_, sizes, rng, device| {
        let config = Qwen3MergerConfig::new(sizes.d_in, sizes.merge, sizes.d_token);
        Ok(Arm::Qwen3Merger(config.init(rng, device)?))
    });
