//! Connectors of published vision-language models, one file each.
//!
//! | connector | model | file |
//! |---|---|---|
//! | [`InternVlMlp`] | InternVL2.5, InternVL3 | [`internvl_mlp`] |
//! | [`GemmaPool`] | Gemma 3 | [`gemma_pool`] |
//! | [`ConvCompressor`] | DeepSeek-OCR | [`conv_compressor`] |
//! | [`CAbstractor`] | Honeybee | [`c_abstractor`] |
//! | [`Resampler`] | Qwen-VL | [`resampler`] |
//!
//! Qwen's mergers and the visual embedding table of Ovis have crates of their own, `qwen-merger` and
//! `ovis-vet`. A new connector is one file here, and its definition in the table of the crate `arms`.

pub mod c_abstractor;
pub mod conv_compressor;
pub mod gemma_pool;
pub mod internvl_mlp;
pub mod resampler;

pub use c_abstractor::{CAbstractor, CAbstractorConfig};
pub use conv_compressor::{ConvCompressor, ConvCompressorConfig};
pub use gemma_pool::{GemmaPool, GemmaPoolConfig};
pub use internvl_mlp::{InternVlMlp, InternVlMlpConfig};
pub use resampler::{QueryGrid, Resampler, ResamplerConfig};

/// Why a connector cannot be built.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConnectorError {
    /// An axis has no extent.
    #[error("{connector}: {axis} is 0; set it to 1 or more")]
    EmptyAxis {
        /// Name of the connector.
        connector: &'static str,
        /// The field of its config.
        axis: &'static str,
    },
    /// Blocks of patches that halving the grid does not make.
    #[error(
        "{connector}: each convolution halves the grid, so blocks of {found} x {found} patches cannot be \
         had; set the merge size to 4, as in DeepSeek-OCR, or to 2 or 8"
    )]
    NotAPowerOfTwo {
        /// Name of the connector.
        connector: &'static str,
        /// The merge size given.
        found: usize,
    },
    /// Sines and cosines of two axes, and heads, do not divide the width of a token.
    #[error(
        "{connector}: tokens of {found} numbers do not divide into its heads and into sines and cosines of \
         two axes; set d_token to a multiple of 128, or below 256 to a multiple of 4"
    )]
    OddWidth {
        /// Name of the connector.
        connector: &'static str,
        /// The width given.
        found: usize,
    },
}

fn check_axes(
    connector: &'static str,
    axes: &[(&'static str, usize)],
) -> Result<(), ConnectorError> {
    match axes.iter().find(|(_, extent)| *extent == 0) {
        Some((axis, _)) => Err(ConnectorError::EmptyAxis { connector, axis }),
        None => Ok(()),
    }
}
