//! Qwen-VL's resampler.

use crate::{Argument, Arm, ArmRole, Definition};
use vlm_connectors::ResamplerConfig;

/// Learned queries that look at the patches; as many tokens as queries (arXiv:2308.12966).
pub const RESAMPLER: Definition = Definition {
    argument: Argument::Queries,
    ..Definition::continuous("resampler", ArmRole::Control, |spec, sizes, rng, device| {
        let config = ResamplerConfig {
            d_in: sizes.d_in,
            merge: sizes.merge,
            queries: spec.settings.queries.unwrap_or(0),
            d_out: sizes.d_token,
            heads: ResamplerConfig::heads_of(sizes.d_token),
        };
        Ok(Arm::Resampler(config.init(rng, device)?))
    })
};
