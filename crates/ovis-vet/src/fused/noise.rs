//! Gumbel noise by position: the same numbers as [`crate::tokenize::gumbel::noise_like`] draws one
//! after another, for any token alone.

use rand_chacha::ChaCha8Rng;

use crate::tokenize::gumbel;

/// 32-bit words of the stream per number.
const STREAM_WORDS: u128 = 2;

/// The noise of a batch of tokens.
#[derive(Clone, Debug)]
pub(super) struct Noise {
    /// At the first number of the first token.
    start: ChaCha8Rng,
}

impl Noise {
    /// Takes the noise of `tokens * words` scores out of a stream.
    pub(super) fn take(stream: &mut ChaCha8Rng, tokens: usize, words: usize) -> Self {
        let start = stream.clone();
        let numbers = tokens as u128 * words as u128;
        stream.set_word_pos(start.get_word_pos() + STREAM_WORDS * numbers);
        Self { start }
    }

    /// Writes the noise of one token.
    pub(super) fn fill(&self, token: usize, row: &mut [f32]) {
        let mut stream = self.start.clone();
        let before = token as u128 * row.len() as u128;
        stream.set_word_pos(self.start.get_word_pos() + STREAM_WORDS * before);
        row.fill_with(|| gumbel::draw(&mut stream) as f32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenize::gumbel::noise_like;
    use burn::tensor::{Device, Tensor};
    use projector::seeded;
    use rand::Rng;

    #[test]
    fn noise_by_position_is_the_noise_that_is_drawn_in_order() {
        let (tokens, words) = (5, 13);
        let mut in_order = seeded::stream(1, "noise");
        // An odd number of words before: numbers straddle the blocks of the stream.
        in_order.next_u32();
        let mut by_position = in_order.clone();
        let like = Tensor::<3>::zeros([1, tokens, words], &Device::flex());
        let expected: Vec<f32> = noise_like(&like, &mut in_order)
            .into_data()
            .try_to_vec()
            .unwrap();
        let noise = Noise::take(&mut by_position, tokens, words);
        for token in (0..tokens).rev() {
            let mut row = vec![0.0; words];
            noise.fill(token, &mut row);
            assert_eq!(row, expected[token * words..(token + 1) * words]);
        }
        assert_eq!(by_position.next_u64(), in_order.next_u64());
    }
}
