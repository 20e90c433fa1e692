//! Independent random streams, one per item and purpose, and a stable text hash.

use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

/// Generator for item `index` of the stream called `name` under `seed`.
///
/// Streams with different names or indices are independent, so that the text of an item does not
/// change when its appearance is drawn differently.
pub fn stream(seed: u64, name: &str, index: u64) -> ChaCha8Rng {
    let state = [stable_hash(name), index]
        .into_iter()
        .fold(scramble(seed), |state, part| scramble(state ^ part));
    ChaCha8Rng::seed_from_u64(state)
}

/// FNV-1a over the UTF-8 bytes, then scrambled. Unlike the standard library's hasher it is the
/// same in every process and release; splits by hash rely on that.
pub fn stable_hash(text: &str) -> u64 {
    let fnv = text.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    scramble(fnv)
}

/// The output function of SplitMix64: a bijection in which every input bit reaches every output
/// bit.
fn scramble(value: u64) -> u64 {
    let mut mixed = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rand::RngExt;

    use super::*;

    #[test]
    fn streams_differ_by_seed_name_and_index() {
        let mut first_draws = HashSet::new();
        for seed in 0..10 {
            for name in ["train/text", "train/look", "test/text"] {
                for index in 0..100 {
                    first_draws.insert(stream(seed, name, index).random::<u64>());
                }
            }
        }
        assert_eq!(first_draws.len(), 10 * 3 * 100);
    }

    #[test]
    fn the_stable_hash_is_the_same_in_every_release() {
        assert_eq!(stable_hash(""), scramble(0xcbf2_9ce4_8422_2325));
        assert_eq!(stable_hash("a"), scramble(0xaf63_dc4c_8601_ec8c));
    }
}
