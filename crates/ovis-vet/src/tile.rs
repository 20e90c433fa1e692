//! How many tokens go through a large table at a time.

/// Matrices of tokens by words up to this many numbers (32 MiB) are made whole: training then does
/// not have to make them twice.
const WHOLE_UP_TO: usize = 1 << 23;
/// Numbers of a tile, 32 MiB. The head is read once per tile: with fewer tokens than the 128 that
/// this is for 65,536 words, reading it takes longer than multiplying.
const SMALLEST: usize = 1 << 23;
/// Numbers of a tile, 64 MiB: larger tiles are not faster.
const LARGEST: usize = 1 << 24;
/// Between these, the share of the tokens in a tile: the two tiles of a backward pass then take a
/// tenth of what eager code does.
const SHARE: usize = 7;
/// Tiles are whole multiples of this, the row count that matrix products like.
const STEP: usize = 16;

/// Whether a matrix of this size is worth avoiding.
#[must_use]
pub fn pays(tokens: usize, words: usize) -> bool {
    tokens.saturating_mul(words) > WHOLE_UP_TO
}

/// Tokens per tile; depends on nothing but the sizes, so that results do not depend on the machine.
#[must_use]
pub fn tokens_per_tile(tokens: usize, words: usize) -> usize {
    let words = words.max(1);
    (tokens / SHARE)
        .clamp(SMALLEST / words, LARGEST / words)
        .max(1)
        .next_multiple_of(STEP)
        .min(tokens.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tiles_grow_with_the_image_and_stop_growing() {
        assert_eq!(tokens_per_tile(64, 65_532), 64);
        assert_eq!(tokens_per_tile(256, 65_532), 128);
        assert_eq!(tokens_per_tile(1024, 65_532), 160);
        assert_eq!(tokens_per_tile(3136, 65_532), 256);
        assert_eq!(tokens_per_tile(100_000, 65_532), 256);
        assert_eq!(tokens_per_tile(7, usize::MAX), 7);
    }

    #[test]
    fn small_vocabularies_need_one_tile() {
        assert_eq!(tokens_per_tile(512, 1020), 512);
        assert_eq!(tokens_per_tile(1, 1), 1);
        assert_eq!(tokens_per_tile(0, 0), 1);
    }
}
