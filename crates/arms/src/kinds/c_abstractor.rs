//! Honeybee's C-Abstractor.

use crate::{Arm, ArmRole, Definition};
use vlm_connectors::CAbstractorConfig;

/// 3x3 convolutions in residual blocks around the mean of the block (arXiv:2312.06742).
pub const C_ABSTRACTOR: Definition = Definition {
    reads_beyond: true,
    ..Definition::continuous("c-abstractor", ArmRole::Control, |_, sizes, rng, device| {
        let config = CAbstractorConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::CAbstractor(config.init(rng, device)?))
    })
};
