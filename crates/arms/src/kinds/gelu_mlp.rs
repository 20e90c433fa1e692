//! Two-layer GELU MLPs, matched to a visual embedding table of K rows in one thing or another.

use crate::{Argument, Arm, ArmRole, ArmSizes, ArmSpec, Build, Definition};
use burn::tensor::Device;
use control_projectors::GeluMlpConfig;
use rand_chacha::ChaCha8Rng;

/// The width, the hidden LayerNorm and the parameters of a VET of K rows.
pub const GELU_MLP: Definition = matched(
    "gelu-mlp",
    ArmRole::WidthMatchedMlp,
    |spec, sizes, rng, device| build(GeluMlpConfig::matching_vet, spec, sizes, rng, device),
);

/// The parameters of a VET of K rows, without the hidden LayerNorm.
pub const GELU_MLP_PLAIN: Definition = matched(
    "gelu-mlp-plain",
    ArmRole::Control,
    |spec, sizes, rng, device| build(GeluMlpConfig::plain, spec, sizes, rng, device),
);

/// The multiply-adds of a hard VET of K rows, which looks its rows up.
pub const FLOP_MLP: Definition =
    matched("flop-mlp", ArmRole::Control, |spec, sizes, rng, device| {
        build(GeluMlpConfig::matching_look_up, spec, sizes, rng, device)
    });

const fn matched(name: &'static str, role: ArmRole, build: Build) -> Definition {
    Definition {
        argument: Argument::Rows,
        ..Definition::continuous(name, role, build)
    }
}

fn build(
    matching: fn(usize, usize, usize, usize) -> GeluMlpConfig,
    spec: &ArmSpec,
    sizes: ArmSizes,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> anyhow::Result<Arm> {
    let words = spec.words().unwrap_or(0);
    let config = matching(sizes.d_in, sizes.merge, words, sizes.d_token);
    Ok(Arm::GeluMlp(config.init(rng, device)?))
}
