//! A frozen codebook.

use super::vq::estimator;
use crate::{Arm, CodeSizes, Definition, Setting};
use discretisers::SimVq;

/// Nearest row of a frozen codebook behind a learnt map (arXiv:2411.02038).
pub const SIMVQ: Definition = Definition {
    settings: &[Setting::Kmeans, Setting::Rotation],
    ..Definition::codebook("simvq", CodeSizes::ANY, |spec, sizes, rng, device| {
        let words = spec.words().unwrap_or(0);
        let simvq = SimVq::init(sizes.into(), words, rng, device)?;
        Ok(Arm::SimVq(simvq.with_estimator(estimator(spec))))
    })
};
