//! Qwen-VL's resampler.

use crate::{Argument, Arm, ArmRole, ArmSizes, Definition};
use vlm_connectors::ResamplerConfig;

/// Learned queries that look at the patches; as many tokens as queries (arXiv:2308.12966).
pub const RESAMPLER: Definition = Definition {
    argument: Argument::Queries,
    reads_beyond: true,
    ..Definition::continuous("resampler", ArmRole::Control, |spec, sizes, rng, device| {
        let queries = spec.settings.queries.unwrap_or(0);
        Ok(Arm::Resampler(config(queries, sizes).init(rng, device)?))
    })
};

/// One of `queries` tokens, with as many heads as the release has at this width.
pub(crate) fn config(queries: usize, sizes: ArmSizes) -> ResamplerConfig {
    ResamplerConfig {
        d_in: sizes.d_in,
        merge: sizes.merge,
        queries,
        d_out: sizes.d_token,
        heads: ResamplerConfig::heads_of(sizes.d_token),
    }
}
