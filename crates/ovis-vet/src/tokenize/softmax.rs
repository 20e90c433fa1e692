//! Soft tokens over the whole vocabulary.

use burn::tensor::Tensor;
use burn::tensor::activation;

use super::Selection;

/// `softmax(l)`.
pub(super) fn select(logits: Tensor<3>) -> Selection {
    Selection {
        probabilities: activation::softmax(logits, 2),
        hard: None,
    }
}
