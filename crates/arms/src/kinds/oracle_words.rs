//! Hard words that a teacher chooses.

use crate::{Arm, ArmSizes, ArmSpec, CodeSizes, Definition, Setting};
use burn::tensor::Device;
use control_projectors::OracleWordsConfig;
use rand_chacha::ChaCha8Rng;

/// Words by k-means of the features, or by the text of the token, which a head learns to name: a control
/// that separates what hard words can carry from what it takes to find them.
pub const ORACLE_WORDS: Definition = Definition {
    settings: &[Setting::Text],
    is_taught: true,
    ..Definition::codebook("oracle-words", CodeSizes::ANY, build)
};

fn build(
    spec: &ArmSpec,
    sizes: ArmSizes,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> anyhow::Result<Arm> {
    let config = OracleWordsConfig {
        d_in: sizes.d_in,
        merge: sizes.merge,
        words: spec.words().unwrap_or(0),
        d_out: sizes.d_token,
        told: spec.settings.text,
    };
    Ok(Arm::OracleWords(config.init(rng, device)?))
}
