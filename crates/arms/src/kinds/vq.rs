//! Codebooks of running means.

use crate::{Arm, ArmSizes, ArmSpec, CodeSizes, Definition, Setting};
use burn::tensor::Device;
use discretisers::{GradientEstimator, RvqMerger, Vq};
use rand_chacha::ChaCha8Rng;

/// Nearest vector of a codebook (arXiv:1711.00937).
pub const VQ: Definition = Definition {
    settings: &[Setting::Kmeans, Setting::Rotation],
    ..Definition::codebook("vq", CodeSizes::ANY, build)
};

/// Nearest vectors of several codebooks, each for what the last one left (arXiv:2107.03312).
pub const RVQ: Definition = Definition {
    settings: &[Setting::Codes, Setting::Kmeans, Setting::Rotation],
    needs_codes: Some(|head| {
        format!(
            "it needs the number of its codes, for example `{head}+codes4`; with one code it is `vq`"
        )
    }),
    ..Definition::codebook("rvq", CodeSizes::ANY, build)
};

/// Residual codes of a PatchMerger's tokens, with an MLP behind the look-up (arXiv:2603.27538).
pub const RVQ_MERGER: Definition = Definition {
    settings: &[Setting::Codes, Setting::Kmeans, Setting::Rotation],
    ..Definition::codebook("rvq-merger", CodeSizes::ANY, |spec, sizes, rng, device| {
        let words = spec.words().unwrap_or(0);
        let merger = RvqMerger::init(sizes.into(), words, spec.codes(), rng, device)?;
        Ok(Arm::RvqMerger(merger.with_estimator(estimator(spec))))
    })
};

fn build(
    spec: &ArmSpec,
    sizes: ArmSizes,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> anyhow::Result<Arm> {
    let words = spec.words().unwrap_or(0);
    let vq = Vq::init(sizes.into(), words, spec.codes(), rng, device)?;
    Ok(Arm::Vq(vq.with_estimator(estimator(spec))))
}

/// The gradient that an arm asks for.
pub(super) fn estimator(spec: &ArmSpec) -> GradientEstimator {
    match spec.settings.rotation {
        true => GradientEstimator::Rotation,
        false => GradientEstimator::StraightThrough,
    }
}
