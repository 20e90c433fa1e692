//! A frozen codebook.

use crate::{Arm, CodeSizes, Definition};
use discretisers::SimVq;

/// Nearest row of a frozen codebook behind a learnt map (arXiv:2411.02038).
pub const SIMVQ: Definition =
    Definition::codebook("simvq", CodeSizes::ANY, |spec, sizes, rng, device| {
        let words = spec.words().unwrap_or(0);
        Ok(Arm::SimVq(SimVq::init(sizes.into(), words, rng, device)?))
    });
