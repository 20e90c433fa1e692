//! DeepSeek-OCR's compressor.

use crate::{Arm, ArmRole, Definition};
use vlm_connectors::ConvCompressorConfig;

/// 3x3 convolutions of stride 2, then a linear layer (arXiv:2510.18234).
pub const CONV_COMPRESSOR: Definition = Definition {
    reads_beyond: true,
    ..Definition::continuous(
        "conv-compressor",
        ArmRole::Control,
        |_, sizes, rng, device| {
            let config = ConvCompressorConfig {
                d_in: sizes.d_in,
                merge: sizes.merge,
                d_out: sizes.d_token,
            };
            Ok(Arm::ConvCompressor(config.init(rng, device)?))
        },
    )
};
