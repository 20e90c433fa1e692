//! Control arms: what a visual embedding table and a patch merger are compared against.
//!
//! | control | what it tells | file |
//! |---|---|---|
//! | [`Identity`] | ceiling: nothing is projected, nothing is lost | [`identity`] |
//! | [`LinearProjector`] | whether a nonlinearity is needed at all | [`linear`] |
//! | [`MeanPool`] | what is lost when the place inside a block is forgotten | [`mean_pool`] |
//! | [`GeluMlp`] | width and LayerNorm of the table without its softmax | [`gelu_mlp`] |
//! | [`Noisy`] | what is lost to noise of a given size, without any vocabulary | [`noisy`] |
//! | [`OracleWords`] | what hard words could carry if finding them were no question | [`oracle_words`] |
//! | [`Shuffled`] | what is lost when the place of a block in the image is forgotten | [`shuffled`] |
//! | [`RandomLinear`] | what a projector is worth that learns nothing | [`random`] |
//! | [`Blind`] | floor: what the reader guesses without an image | [`blind`] |
//!
//! A new control is one file here, and its definition in the table of the crate `arms`.

pub mod blind;
pub mod gelu_mlp;
pub mod identity;
pub mod linear;
pub mod mean_pool;
pub mod noisy;
pub mod oracle_words;
pub mod random;
pub mod shuffled;

pub use blind::{Blind, BlindConfig};
pub use gelu_mlp::{GeluMlp, GeluMlpConfig};
pub use identity::Identity;
pub use linear::{LinearProjector, LinearProjectorConfig};
pub use mean_pool::MeanPool;
pub use noisy::Noisy;
pub use oracle_words::{OracleWords, OracleWordsConfig};
pub use random::{RandomLinear, RandomLinearConfig};
pub use shuffled::Shuffled;

/// Why a control cannot be built.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum ControlError {
    /// An axis has no extent.
    #[error("{control}: {axis} is 0; set it to 1 or more")]
    EmptyAxis {
        /// Name of the control.
        control: &'static str,
        /// The field of its config.
        axis: &'static str,
    },
    /// A standard deviation that is not a number from 0 up.
    #[error("{control}: the standard deviation of the noise is {found}; set it to 0 or more")]
    BadNoise {
        /// Name of the control.
        control: &'static str,
        /// The number given.
        found: f64,
    },
}

fn check_axes(control: &'static str, axes: &[(&'static str, usize)]) -> Result<(), ControlError> {
    match axes.iter().find(|(_, extent)| *extent == 0) {
        Some((axis, _)) => Err(ControlError::EmptyAxis { control, axis }),
        None => Ok(()),
    }
}
