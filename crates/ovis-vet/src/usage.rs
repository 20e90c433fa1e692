//! A regulariser against code collapse.

use burn::tensor::Tensor;

/// Keeps the logarithm of a word that is never used finite; far below any probability that counts.
const SMALLEST_SHARE: f64 = 1e-30;

/// Negative entropy of the batch-mean word distribution, in nats.
///
/// `Σ p̄ ln p̄` with `p̄` the mean of the distributions over batch and tokens: 0 when all tokens put
/// all their mass on one word, `-ln(words)` when the batch uses every word alike. Adding
/// `λ * usage_penalty` to a loss is `loss -= λ H(p̄)`; without it, hard tokens tend to end on a few
/// dozen words whatever the size of the table.
///
/// # Shapes
/// - `probabilities`: `[batch, tokens, words]`, see [`projector::WordUse`]
/// - output: `[1]`
#[must_use]
pub fn usage_penalty(probabilities: Tensor<3>) -> Tensor<1> {
    let [batch, tokens, count] = probabilities.dims();
    let share = probabilities.reshape([batch * tokens, count]).mean_dim(0);
    let log_share = share.clone().clamp_min(SMALLEST_SHARE).log();
    (share * log_share).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    fn penalty(rows: [[f32; 4]; 2]) -> f32 {
        usage_penalty(Tensor::<2>::from_floats(rows, &Device::flex()).unsqueeze()).into_scalar()
    }

    #[test]
    fn a_collapsed_batch_is_penalised_most() {
        let collapsed = penalty([[0.0, 1.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0]]);
        let two_words = penalty([[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]);
        let uniform = penalty([[0.25; 4]; 2]);
        assert!(collapsed.abs() < 1e-6, "{collapsed}");
        assert!((two_words + 2f32.ln()).abs() < 1e-6, "{two_words}");
        assert!((uniform + 4f32.ln()).abs() < 1e-6, "{uniform}");
    }
}
