//! Reading probes: the same small network behind every projector.
//!
//! A probe sees visual tokens only, all normalised by the same parameter-free RMSNorm, and has to
//! say which characters the image shows. [`AnchoredReader`] knows where each character stands and
//! attends to the tokens near it; [`SlotLinear`] is the strict version, one linear map per
//! character place; [`CtcReader`] reads lines of free length. [`PooledReader`] answers one question
//! about the whole image from the mean of its tokens, [`FlatReader`] from all of them in their places.
//! [`SequenceReader`] knows no places of characters: it writes the text from left to right, with the
//! characters before each one (language) or without them.

mod alignment;
mod anchored;
mod block;
mod ctc;
mod flat;
mod geometry;
mod pooled;
mod sequence;
mod slot_linear;

pub use alignment::Alignment;
pub use anchored::{AnchoredReader, AnchoredReaderConfig};
pub use block::SequenceSize;
pub(crate) use ctc::FRAMES_PER_COLUMN;
pub use ctc::{CtcReader, CtcReaderConfig};
pub use flat::{FlatReader, FlatReaderConfig};
pub use geometry::{Anchors, TOKEN_PX, wave_features};
pub use pooled::{PooledReader, PooledReaderConfig};
pub use sequence::{Sees, SequenceReader, SequenceReaderConfig, Texts};
pub use slot_linear::{SlotLinear, SlotLinearConfig, SlotPlan};

use burn::module::Module;
use burn::tensor::{Int, Tensor};

/// Any probe.
#[derive(Module, Debug)]
#[allow(clippy::large_enum_variant)] // one per cell; a box would hide the module from derive
pub enum Reader {
    /// Cross-attention anchored at known character places.
    Anchored(AnchoredReader),
    /// One linear map per character place within a token.
    SlotLinear(SlotLinear),
    /// Frames along the line, aligned by CTC.
    Ctc(CtcReader),
    /// One answer for the whole image.
    Pooled(PooledReader),
    /// One answer from all tokens in their places.
    Flat(FlatReader),
    /// A text of any length, from left to right.
    Sequence(SequenceReader),
}

/// Mean cross-entropy in nats over characters.
///
/// # Shapes
/// - `logits`: `[batch, slots, classes]`
/// - `targets`: `[batch, slots]`, class ids
#[must_use]
pub fn slot_loss(logits: Tensor<3>, targets: Tensor<2, Int>) -> Tensor<1> {
    let [batch, slots, classes] = logits.dims();
    fused_ops::cross_entropy(
        logits.reshape([batch * slots, classes]),
        targets.reshape([batch * slots]),
    )
    .mean()
}

/// As [`slot_loss`], over the slots whose weight is not 0.
///
/// # Shapes
/// - `weights`: `[batch, slots]`, 1 where there is a character and 0 where there is none
#[must_use]
pub fn weighted_slot_loss(
    logits: Tensor<3>,
    targets: Tensor<2, Int>,
    weights: Tensor<2>,
) -> Tensor<1> {
    let [batch, slots, classes] = logits.dims();
    let count = weights.clone().sum();
    let loss = fused_ops::cross_entropy(
        logits.reshape([batch * slots, classes]),
        targets.reshape([batch * slots]),
    );
    (loss * weights.reshape([batch * slots])).sum() / count
}
