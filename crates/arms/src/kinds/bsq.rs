//! Binary spherical quantisation.

use crate::{Arm, CodeSizes, Definition};
use discretisers::{Bsq, bsq};

/// Signs of a few numbers on the unit sphere (arXiv:2406.07548).
pub const BSQ: Definition = Definition::codebook(
    "bsq",
    CodeSizes {
        check: bsq::check,
        nearest: |words| 1 << words.max(2).ilog2(),
    },
    |spec, sizes, rng, device| {
        let words = spec.words().unwrap_or(0);
        Ok(Arm::Bsq(Bsq::init(sizes.into(), words, rng, device)?))
    },
);
