//! Qwen3-VL's merger, alone and with those of its DeepStack levels.

use crate::{Arm, ArmRole, Definition};
use qwen_merger::{DeepStackConfig, Qwen3MergerConfig};

/// LayerNorm per patch, concatenation of the block, two-layer GELU MLP (arXiv:2511.21631).
pub const QWEN3_MERGER: Definition =
    Definition::continuous("qwen3-merger", ArmRole::Control, |_, sizes, rng, device| {
        let config = Qwen3MergerConfig::new(sizes.d_in, sizes.merge, sizes.d_token);
        Ok(Arm::Qwen3Merger(config.init(rng, device)?))
    });

/// The same, and a merger for each of three earlier blocks of the tower (arXiv:2511.21631).
pub const DEEPSTACK: Definition = Definition {
    reads_levels: true,
    reads_beyond: true,
    ..Definition::continuous("deepstack", ArmRole::Control, |_, sizes, rng, device| {
        let config = DeepStackConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::DeepStack(config.init(rng, device)?))
    })
};
