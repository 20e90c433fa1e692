//! The floor.

use crate::{Arm, ArmRole, Definition};
use control_projectors::BlindConfig;

/// The same token whatever the image.
pub const BLIND: Definition =
    Definition::continuous("blind", ArmRole::Floor, |_, sizes, rng, device| {
        let config = BlindConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            d_out: sizes.d_token,
        };
        Ok(Arm::Blind(config.init(rng, device)?))
    });
