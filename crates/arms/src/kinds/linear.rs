//! Linear maps.

use crate::{Arm, ArmRole, Definition};
use control_projectors::{LinearProjectorConfig, RandomLinearConfig};

/// One linear layer over the concatenated block.
pub const LINEAR: Definition =
    Definition::continuous("linear", ArmRole::Control, |_, sizes, rng, device| {
        let config = LinearProjectorConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::Linear(config.init(rng, device)?))
    });

/// A linear map that is never trained.
pub const RANDOM: Definition =
    Definition::continuous("random", ArmRole::Control, |_, sizes, rng, device| {
        let config = RandomLinearConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::Random(config.init(rng, device)?))
    });
