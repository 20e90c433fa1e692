//! Hard tokens with a straight-through gradient, in the two forms found in the references.
//!
//! transformers takes the softmax as its soft stand-in, so the gradient passes the softmax
//! Jacobian. The Ovis code passes the raw logits where a probability is meant, so the gradient of
//! the one-hot vector reaches the logits unchanged. Values agree; training does not.

use burn::tensor::Tensor;
use fused_ops::softmax;

use super::{HardChoice, Selection, best_words};

/// Best word, gradient of the softmax mixture.
pub(super) fn select_softmax(logits: Tensor<3>) -> Selection {
    let ids = best_words(logits.clone());
    let probabilities = softmax(logits);
    Selection {
        hard: Some(HardChoice {
            ids,
            surrogate: Some(probabilities.clone()),
        }),
        probabilities,
    }
}

/// Best word, gradient of the logits taken as mixing weights.
pub(super) fn select_raw(logits: Tensor<3>) -> Selection {
    Selection {
        probabilities: softmax(logits.clone()),
        hard: Some(HardChoice {
            ids: best_words(logits.clone()),
            surrogate: Some(logits),
        }),
    }
}
