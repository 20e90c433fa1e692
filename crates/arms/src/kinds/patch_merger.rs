//! Qwen2.5-VL's merger, alone and with a channel behind it that loses something.

use crate::{Argument, Arm, ArmRole, ArmSizes, Definition};
use burn::tensor::Device;
use control_projectors::{Noisy, Shuffled};
use qwen_merger::{PatchMerger, PatchMergerConfig};
use rand_chacha::ChaCha8Rng;

/// The merger: RMSNorm per patch, concatenation of the block, two-layer GELU MLP (arXiv:2502.13923).
pub const PATCH_MERGER: Definition =
    Definition::continuous("patch-merger", ArmRole::Merger, |_, sizes, rng, device| {
        Ok(Arm::PatchMerger(merger(sizes, rng, device)?))
    });

/// The merger with Gaussian noise on its tokens.
pub const NOISY_MERGER: Definition = Definition {
    argument: Argument::Noise,
    is_noisy: true,
    ..Definition::continuous(
        "noisy-merger",
        ArmRole::NoiseMatched,
        |spec, sizes, rng, device| {
            let sigma = spec.settings.noise.map_or(0.0, |noise| noise.value());
            let noisy = Noisy::new(merger(sizes, rng, device)?, sigma)?;
            Ok(Arm::NoisyMerger(noisy))
        },
    )
};

/// The merger with its tokens in random order.
pub const SHUFFLED: Definition = Definition {
    is_noisy: true,
    ..Definition::continuous("shuffled", ArmRole::Control, |_, sizes, rng, device| {
        Ok(Arm::Shuffled(Shuffled::new(merger(sizes, rng, device)?)))
    })
};

fn merger(sizes: ArmSizes, rng: &mut ChaCha8Rng, device: &Device) -> anyhow::Result<PatchMerger> {
    let config = PatchMergerConfig {
        d_in: sizes.d_in,
        merge: sizes.merge,
        d_out: sizes.d_token,
    };
    Ok(config.init(rng, device)?)
}
