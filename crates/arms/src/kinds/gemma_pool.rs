//! Gemma 3's connector.

use crate::{Arm, ArmRole, Definition};
use vlm_connectors::GemmaPoolConfig;

/// Mean of the block's patches, RMSNorm, a matrix (arXiv:2503.19786).
pub const GEMMA_POOL: Definition =
    Definition::continuous("gemma-pool", ArmRole::Control, |_, sizes, rng, device| {
        let config = GemmaPoolConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::GemmaPool(config.init(rng, device)?))
    });
