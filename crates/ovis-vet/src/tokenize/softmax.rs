//! Soft tokens over the whole vocabulary.

use burn::tensor::Tensor;
use fused_ops::softmax;

use super::Selection;

/// `softmax(l)`.
pub(super) fn select(logits: Tensor<3>) -> Selection {
    Selection {
        probabilities: softmax(logits),
        hard: None,
    }
}
