//! Discrete tokens as they are made elsewhere, to set beside hard visual words.
//!
//! A hard word of a visual embedding table is the best of `K` scores. The discretisers of image
//! tokenizers choose in another way: they project the block to a few numbers and round those.
//!
//! | discretiser | code | kept in use by | file |
//! |---|---|---|---|
//! | [`Vq`] | nearest vector of a codebook of running means | k-means start, restarts | [`vq`] |
//! | [`Vq`] of several stages | nearest vectors of what is left over | the same | [`vq`] |
//! | [`RvqMerger`] | the same behind a PatchMerger, with an MLP behind the codes | the same | [`rvq_merger`] |
//! | [`Fsq`] | every number rounded to a few levels | nothing: no codebook | [`fsq`] |
//! | [`Lfq`] | the sign of every number | entropy over codes | [`lfq`] |
//! | [`Bsq`] | the sign of every number on the sphere | entropy over bits | [`bsq`] |
//! | [`SimVq`] | nearest row of a frozen codebook behind a learnt map | the map, which moves all rows | [`simvq`] |
//!
//! All but the third stand in the same frame, [`bottleneck`]: a norm without parameters, a linear layer to the
//! space of codes, the quantiser, a linear layer to the token. Gradients pass the quantiser straight
//! through, as if it added a constant; codebooks may turn them instead ([`rotation`]). What a quantiser adds to the loss comes with the tokens
//! ([`projector::VisualTokens::auxiliary_loss`]), and what it learns without gradients it learns in
//! [`projector::Projector::after_step`]. Codebooks start from the first batch, or from a sample of the
//! whole training set ([`projector::Projector::start_from`]): one of 65,536 words cannot be filled from a
//! batch of 512 tokens.
//!
//! Files besides: [`residual`] codebooks one behind another, [`codebook`] running means and restarts, [`k_means`] where they start, [`nearest`]
//! the search, `binary` what the two sign quantisers share.

mod binary;
pub mod bottleneck;
pub mod bsq;
pub mod codebook;
pub mod fsq;
pub mod k_means;
pub mod lfq;
pub mod nearest;
pub mod residual;
pub mod rotation;
pub mod rvq_merger;
pub mod simvq;
pub mod vq;

pub use bottleneck::{Bottleneck, Sizes};
pub use bsq::Bsq;
pub use codebook::Codebook;
pub use fsq::Fsq;
pub use lfq::Lfq;
pub use residual::ResidualCodebooks;
pub use rotation::GradientEstimator;
pub use rvq_merger::RvqMerger;
pub use simvq::SimVq;
pub use vq::Vq;

use burn::tensor::Tensor;

/// Why a discretiser cannot be built.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiscretiserError {
    /// An axis has no extent.
    #[error("{name}: {axis} is 0; set it to 1 or more")]
    EmptyAxis {
        /// The discretiser.
        name: &'static str,
        /// The field.
        axis: &'static str,
    },
    /// Fewer than two codes say nothing.
    #[error("{name}: {found} codes in the codebook; give 2 or more")]
    TooFewCodes {
        /// The discretiser.
        name: &'static str,
        /// The number given.
        found: usize,
    },
    /// A number of codes that is no product of the levels in use.
    #[error("fsq: no levels are known for {found} codes; take {}", fsq::known())]
    Levels {
        /// The number given.
        found: usize,
    },
    /// A number of codes that is no power of two, or too large a one.
    #[error(
        "{name}: {found} codes are not a power of two from 2 to {most}; take {nearest}",
        most = 1_usize << bits
    )]
    NotBits {
        /// The discretiser.
        name: &'static str,
        /// The number given.
        found: usize,
        /// Bits that the discretiser can take.
        bits: usize,
        /// The nearest number that it takes.
        nearest: usize,
    },
}

/// `quantised` exactly, with the gradient going to `z` as it is.
pub(crate) fn straight_through(quantised: Tensor<2>, z: Tensor<2>) -> Tensor<2> {
    GradientEstimator::StraightThrough.pass(quantised, z)
}

/// Mean squared difference over all numbers, `[1]`.
pub(crate) fn mean_square(a: Tensor<2>, b: Tensor<2>) -> Tensor<1> {
    (a - b).square().mean()
}
