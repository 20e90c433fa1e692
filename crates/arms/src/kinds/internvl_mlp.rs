//! InternVL's connector.

use crate::{Arm, ArmRole, Definition};
use vlm_connectors::InternVlMlpConfig;

/// Pixel shuffle, LayerNorm over the block, two-layer GELU MLP as wide as a token (arXiv:2412.05271).
pub const INTERNVL_MLP: Definition =
    Definition::continuous("internvl-mlp", ArmRole::Control, |_, sizes, rng, device| {
        let config = InternVlMlpConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::InternVlMlp(config.init(rng, device)?))
    });
