//! What the quantisers of signs share: bits of numbers, words of bits, entropies.

use burn::tensor::activation::{log_sigmoid, sigmoid};
use burn::tensor::{Device, Int, Tensor, TensorData};

use crate::DiscretiserError;

/// Bits of a vocabulary of `words`, if that is a power of two of at most `most` bits.
pub(crate) fn bits(
    name: &'static str,
    words: usize,
    most: usize,
) -> Result<usize, DiscretiserError> {
    let bits = words.max(1).ilog2() as usize;
    if words.is_power_of_two() && (1..=most).contains(&bits) {
        return Ok(bits);
    }
    let above = words.max(2).next_power_of_two().min(1 << most);
    let nearest = if words > above || above - words <= words.saturating_sub(above / 2) {
        above
    } else {
        above / 2
    };
    Err(DiscretiserError::NotBits {
        name,
        found: words,
        bits: most,
        nearest: nearest.max(2),
    })
}

/// `2^0, 2^1, …` as a row `[1, bits]`.
fn powers(bits: usize, device: &Device) -> Tensor<2, Int> {
    let powers: Vec<i64> = (0..bits).map(|bit| 1 << bit).collect();
    Tensor::from_data(TensorData::new(powers, [1, bits]), device)
}

/// Signs ±1 of `z` (−1 at 0), and the words that they are, bit `i` of number `i`: `[n, bits]`, `[n]`.
pub(crate) fn signs(z: &Tensor<2>) -> (Tensor<2>, Tensor<1, Int>) {
    let z = z.clone().detach();
    let [_, bits] = z.dims();
    let positive = z.clone().greater_scalar(0.0);
    let ids = (positive.clone().int() * powers(bits, &z.device())).sum_dim(1);
    let signs = z.ones_like().neg().mask_fill(positive, 1.0);
    (signs, ids.squeeze_dim(1))
}

/// Entropy in nats of bits whose logits are given, one per number; a true gradient everywhere.
///
/// `h = softplus(l) − l σ(l)`, and `softplus(l) = −ln σ(−l)`
pub(crate) fn bit_entropy(logits: Tensor<2>) -> Tensor<2> {
    log_sigmoid(logits.clone().neg()).neg() - logits.clone() * sigmoid(logits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_the_bits_of_the_signs() {
        let z = Tensor::<2>::from_floats(
            [[0.1, -2.0, 3.0], [-1.0, -1.0, -1.0], [0.0, 0.5, -0.5]],
            &Device::flex(),
        );
        let (signs, ids) = signs(&z);
        let ids: Vec<i64> = ids.into_data().iter::<i64>().collect();
        assert_eq!(ids, [5, 0, 2]);
        let signs: Vec<f32> = signs.into_data().try_to_vec().unwrap();
        assert_eq!(signs, [1.0, -1.0, 1.0, -1.0, -1.0, -1.0, -1.0, 1.0, -1.0]);
    }

    #[test]
    fn a_bit_has_the_entropy_of_its_probability() {
        let logits =
            Tensor::<2>::from_floats([[0.0, 3f32.ln(), -(3f32.ln()), 40.0]], &Device::flex());
        let found: Vec<f32> = bit_entropy(logits).into_data().try_to_vec().unwrap();
        let quarter = -(0.25 * 0.25_f32.ln() + 0.75 * 0.75_f32.ln());
        for (found, expected) in found.iter().zip([2f32.ln(), quarter, quarter, 0.0]) {
            assert!((found - expected).abs() < 1e-5, "{found} {expected}");
        }
    }

    #[test]
    fn what_is_no_power_of_two_is_told_the_nearest() {
        assert_eq!(bits("lfq", 256, 16), Ok(8));
        assert_eq!(bits("lfq", 2, 16), Ok(1));
        for (words, nearest) in [
            (240, 256),
            (300, 256),
            (400, 512),
            (0, 2),
            (1, 2),
            (1 << 17, 1 << 16),
        ] {
            let error = bits("lfq", words, 16).unwrap_err();
            let message = error.to_string();
            assert!(message.ends_with(&format!("take {nearest}")), "{message}");
            assert!(message.contains("from 2 to 65536"), "{message}");
        }
    }
}
