//! Negative logarithm of the softmax probability of each row's target.

use super::softmax::normalise_row;

kernel! {
    /// Replaces every row of `columns` logits by its softmax and writes the loss of its target.
    pub(crate) fn forward<'a>(
        simd; values: &'a mut [f32],
        losses: &'a mut [f32],
        targets: &'a [usize],
        columns: usize,
    ) {
        let rows = values.chunks_exact_mut(columns).zip(losses);
        for ((row, loss), &target) in rows.zip(targets) {
            let logit = row[target];
            let (max, sum) = normalise_row(simd, row);
            *loss = sum.ln() + (max - logit);
        }
    }
}

kernel! {
    /// Replaces every row of probabilities by the gradient of the logits, `g (p - onehot)`.
    pub(crate) fn backward<'a>(
        _simd; values: &'a mut [f32],
        gradient: &'a [f32],
        targets: &'a [usize],
        columns: usize,
    ) {
        let rows = values.chunks_exact_mut(columns).zip(gradient);
        for ((row, &gradient), &target) in rows.zip(targets) {
            row[target] -= 1.0;
            for p in row {
                *p *= gradient;
            }
        }
    }
}
