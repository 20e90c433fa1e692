//! Finite scalar quantisation.

use crate::{Arm, CodeSizes, Definition};
use discretisers::{Fsq, fsq};

/// A few numbers, each rounded to a few levels (arXiv:2309.15505).
pub const FSQ: Definition = Definition::codebook(
    "fsq",
    CodeSizes {
        check: |words| fsq::levels(words).map(|_| ()),
        nearest: fsq::nearest,
    },
    |spec, sizes, rng, device| {
        let words = spec.words().unwrap_or(0);
        Ok(Arm::Fsq(Fsq::init(sizes.into(), words, rng, device)?))
    },
);
