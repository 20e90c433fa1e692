//! What a token of a given number of bits can and cannot carry.
//!
//! A hard token chosen among `K` words carries at most `log2 K` bits; measured usage may say less
//! (see [`crate::vocabulary_usage`]), and then that is the number to use.
//!
//! # Fano's bound
//! Let `d` characters `X₁…X_d`, independent and uniform over `A` symbols, be read from tokens `Y`
//! that spend `b` bits on them. Then `H(X₁…X_d | Y) ≥ d log2 A − b`, and since a joint entropy is
//! at most the sum of its parts, the mean of `H(Xᵢ | Y)` is at least `log2 A − b/d`. Fano gives
//! `H(Xᵢ | Y) ≤ h(eᵢ) + eᵢ log2(A − 1)` for a reader with error rate `eᵢ` in slot `i`, where `h` is
//! the binary entropy. The right side is concave, so it holds for the mean error `e` as well:
//!
//! `h(e) + e log2(A − 1) ≥ log2 A − b/d`
//!
//! The left side rises from 0 at `e = 0` to `log2 A` at chance, `e = 1 − 1/A`; its inverse is the
//! smallest possible error rate per slot. Characters per token may be fractional: the bound is
//! about averages. It does not apply to lexical text, whose characters hold fewer than `log2 A`
//! bits, and an edit distance may fall slightly below the slot error it bounds, because aligning
//! forgives shifts.
//!
//! # Source
//! T. M. Cover, J. A. Thomas, "Elements of Information Theory", 2nd edition, §2.10.

use crate::StatisticsError;

/// Uniformly random characters that one hard token can hold: `log2 K / log2 A`.
///
/// # Errors
/// If `words` is 0 or `alphabet` is below 2.
pub fn characters_per_token(words: usize, alphabet: usize) -> Result<f64, StatisticsError> {
    check_words(words)?;
    check_alphabet(alphabet)?;
    Ok((words as f64).ln() / (alphabet as f64).ln())
}

/// Smallest error rate per character slot that `bits_per_token` allow, by Fano's inequality.
///
/// `alphabet` uniformly random symbols, `chars_per_token` of them for each token; see the module
/// documentation for the derivation. Accurate to 1e-12.
///
/// # Errors
/// If the bits are negative, the characters are not positive, either is not finite, or `alphabet`
/// is below 2.
pub fn fano_error_bound(
    bits_per_token: f64,
    chars_per_token: f64,
    alphabet: usize,
) -> Result<f64, StatisticsError> {
    check_alphabet(alphabet)?;
    if !(bits_per_token.is_finite() && bits_per_token >= 0.0) {
        return Err(StatisticsError::OutOfRange {
            what: "bits per token",
            value: bits_per_token,
            expected: "finite and at least 0",
        });
    }
    if !(chars_per_token.is_finite() && chars_per_token > 0.0) {
        return Err(StatisticsError::OutOfRange {
            what: "characters per token",
            value: chars_per_token,
            expected: "finite and above 0",
        });
    }
    let symbols = alphabet as f64;
    let missing_bits = symbols.log2() - bits_per_token / chars_per_token;
    if missing_bits <= 0.0 {
        return Ok(0.0);
    }
    let (mut low, mut high) = (0.0, 1.0 - 1.0 / symbols);
    while high - low > 1e-13 {
        let middle = 0.5 * (low + high);
        if binary_entropy_bits(middle) + middle * (symbols - 1.0).log2() < missing_bits {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(0.5 * (low + high))
}

/// Mean character accuracy of a partition code, a simple code that a hard vocabulary can reach.
///
/// The `words` are spent character by character: a character gets its exact value while the
/// remaining factor of the vocabulary is at least `alphabet`, the next one gets the remaining
/// factor as groups of its symbols, and a reader guesses one symbol of the group. With
/// `g_i = min(A, ⌊K / (g_1 … g_{i−1})⌋)` groups for character `i`, each uniform,
///
/// `accuracy = (1/d) Σ g_i / A`
///
/// For two characters and `K ≥ A` this is `(1 + min(A, ⌊K/A⌋)/A) / 2`. Words left over by rounding
/// down stay unused, so this is a reference that can be reached, not the best possible code; no
/// code can beat `1 −` [`fano_error_bound`].
///
/// # Errors
/// If `words` or `chars_per_token` is 0 or `alphabet` is below 2.
pub fn partition_code_accuracy(
    words: usize,
    alphabet: usize,
    chars_per_token: usize,
) -> Result<f64, StatisticsError> {
    check_words(words)?;
    check_alphabet(alphabet)?;
    if chars_per_token == 0 {
        return Err(StatisticsError::OutOfRange {
            what: "characters per token",
            value: 0.0,
            expected: "at least 1",
        });
    }
    let mut remaining_words = words;
    let mut groups_total = 0;
    for _ in 0..chars_per_token {
        let groups = remaining_words.min(alphabet);
        groups_total += groups;
        remaining_words /= groups;
    }
    Ok(groups_total as f64 / (alphabet * chars_per_token) as f64)
}

fn binary_entropy_bits(e: f64) -> f64 {
    if e <= 0.0 || e >= 1.0 {
        return 0.0;
    }
    -e * e.log2() - (1.0 - e) * (1.0 - e).log2()
}

fn check_words(words: usize) -> Result<(), StatisticsError> {
    if words == 0 {
        return Err(StatisticsError::OutOfRange {
            what: "vocabulary size",
            value: 0.0,
            expected: "at least 1",
        });
    }
    Ok(())
}

fn check_alphabet(alphabet: usize) -> Result<(), StatisticsError> {
    if alphabet < 2 {
        return Err(StatisticsError::OutOfRange {
            what: "alphabet size",
            value: alphabet as f64,
            expected: "at least 2",
        });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn sixteen_bits_hold_about_three_of_36_characters() {
        let found = [36, 62, 94].map(|a| characters_per_token(65_536, a).unwrap());
        for (found, expected) in found.iter().zip([3.095, 2.687, 2.441]) {
            assert!((found - expected).abs() < 5e-4, "{found} for {expected}");
        }
        assert_eq!(characters_per_token(1, 36).unwrap(), 0.0);
    }

    #[test]
    fn fano_bound_agrees_with_scipy() {
        // g = lambda e: entropy([e, 1 - e], base=2) + e * np.log2(A - 1) - (np.log2(A) - b / d)
        // brentq(g, 0, 1 - 1 / A, xtol=1e-15)
        for (alphabet, bits, chars, expected) in [
            (36, 8.0, 2.0, 0.123_138_146_307_048_96),
            (36, 10.0, 4.0, 0.340_188_982_090_919_47),
            (94, 16.0, 8.0, 0.544_458_330_392_420_5),
            (2, 0.5, 1.0, 0.110_027_864_438_359_56),
            (16, 6.0, 2.0, 0.120_267_313_801_348_86),
        ] {
            let found = fano_error_bound(bits, chars, alphabet).unwrap();
            assert!((found - expected).abs() < 1e-11, "{found} for {expected}");
        }
    }

    #[test]
    fn enough_bits_allow_no_error_and_none_allow_only_chance() {
        assert_eq!(fano_error_bound(16.0, 2.0, 36).unwrap(), 0.0);
        let blind = fano_error_bound(0.0, 2.0, 36).unwrap();
        // The left side is flat at chance, so the inverse loses half the digits there.
        assert!((blind - 35.0 / 36.0).abs() < 1e-6);
    }

    #[test]
    fn partition_code_gives_the_replicates_reference_accuracies() {
        let found = [64, 256, 1024, 4096].map(|k| partition_code_accuracy(k, 36, 2).unwrap());
        for (found, expected) in found.iter().zip([0.51, 0.60, 0.89, 1.0]) {
            assert!((found - expected).abs() < 0.005, "{found} for {expected}");
        }
    }

    #[test]
    fn partition_code_covers_one_and_many_characters() {
        assert_eq!(partition_code_accuracy(18, 36, 1).unwrap(), 0.5);
        assert_eq!(partition_code_accuracy(36, 36, 1).unwrap(), 1.0);
        // 36 exact, then 28 groups, then a guess.
        let three = partition_code_accuracy(1024, 36, 3).unwrap();
        assert!((three - (36.0 + 28.0 + 1.0) / 108.0).abs() < 1e-15);
        assert_eq!(
            partition_code_accuracy(36_usize.pow(3), 36, 3).unwrap(),
            1.0
        );
    }

    #[test]
    fn impossible_sizes_are_refused() {
        assert!(characters_per_token(0, 36).is_err());
        assert!(characters_per_token(256, 1).is_err());
        assert!(fano_error_bound(-1.0, 2.0, 36).is_err());
        assert!(fano_error_bound(8.0, 0.0, 36).is_err());
        assert!(fano_error_bound(8.0, f64::NAN, 36).is_err());
        assert!(partition_code_accuracy(256, 36, 0).is_err());
    }

    proptest! {
        #[test]
        fn fano_bound_falls_with_bits_and_rises_with_density(
            bits in 0.0..20.0_f64, more in 0.0..5.0_f64,
            chars in 0.25..8.0_f64, alphabet in 2_usize..100,
        ) {
            let bound = fano_error_bound(bits, chars, alphabet).unwrap();
            prop_assert!(fano_error_bound(bits + more, chars, alphabet).unwrap() <= bound + 1e-12);
            prop_assert!(fano_error_bound(bits, chars + more, alphabet).unwrap() >= bound - 1e-12);
            prop_assert!((0.0..=1.0 - 1.0 / alphabet as f64).contains(&bound));
        }

        #[test]
        fn no_partition_code_beats_fano(
            words in 1_usize..70_000, chars in 1_usize..9, alphabet in 2_usize..100,
        ) {
            let accuracy = partition_code_accuracy(words, alphabet, chars).unwrap();
            let bound = fano_error_bound((words as f64).log2(), chars as f64, alphabet).unwrap();
            prop_assert!(1.0 - accuracy >= bound - 1e-6);
        }
    }
}
