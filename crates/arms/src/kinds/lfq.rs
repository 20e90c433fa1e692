//! Look-up-free quantisation.

use crate::{Arm, CodeSizes, Definition};
use discretisers::{Lfq, lfq};

/// Signs of a few numbers (arXiv:2310.05737).
pub const LFQ: Definition = Definition::codebook(
    "lfq",
    CodeSizes {
        check: lfq::check,
        nearest: |words| 1 << words.max(2).ilog2(),
    },
    |spec, sizes, rng, device| {
        let words = spec.words().unwrap_or(0);
        Ok(Arm::Lfq(Lfq::init(sizes.into(), words, rng, device)?))
    },
);
