//! Pooling without parameters.

use crate::{Arm, ArmRole, Definition};
use control_projectors::MeanPool;

/// Mean of the block's patches.
pub const MEAN_POOL: Definition =
    Definition::continuous("mean-pool", ArmRole::Control, |_, sizes, _, _| {
        Ok(Arm::MeanPool(MeanPool::new(sizes.d_in, sizes.merge)?))
    });
