//! The ceiling.

use crate::{Arm, ArmRole, Definition};
use control_projectors::Identity;

/// Concatenated patches behind a parameter-free norm.
pub const IDENTITY: Definition =
    Definition::continuous("identity", ArmRole::Ceiling, |_, sizes, _, _| {
        Ok(Arm::Identity(Identity::new(sizes.d_in, sizes.merge)?))
    });
