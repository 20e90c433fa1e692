//! Softmax truncated to the best words: the way from soft to hard tokens.

use burn::tensor::{IndexingUpdateOp, Tensor};

use super::{HardChoice, Selection, best_words, softmax};

/// Softmax over the `k` best words, 0 for the others.
pub(super) fn select(logits: Tensor<3>, k: usize) -> Selection {
    let words = logits.dims()[2];
    if k >= words {
        return softmax::select(logits);
    }
    if k == 1 {
        let ids = best_words(logits.clone());
        let hard = HardChoice {
            ids,
            surrogate: None,
        };
        return Selection {
            hard: Some(hard),
            ..softmax::select(logits)
        };
    }
    softmax::select(keep_best(logits, k))
}

/// Sets all but the `k` largest logits of each token to minus infinity.
///
/// The mask is made from the indices, not from a threshold, so that ties keep `k` words.
fn keep_best(logits: Tensor<3>, k: usize) -> Tensor<3> {
    let frozen = logits.clone().set_require_grad(false);
    let best = frozen.clone().argtopk(k, 2);
    let ones = frozen.clone().gather(2, best.clone()).ones_like();
    let kept = frozen
        .zeros_like()
        .scatter(2, best, ones, IndexingUpdateOp::Add);
    logits.mask_fill(kept.equal_scalar(0.0), f64::NEG_INFINITY)
}
