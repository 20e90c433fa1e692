//! The best score of every row of a block, against the best of the blocks before.

use super::lanes;

/// Scores whose largest is found before it is looked for, 1 KiB: most chunks hold no better one.
const CHUNK: usize = 256;

kernel! {
    /// Takes `half_norms` from the scores `[rows, columns]` and keeps in `best` the largest of each row
    /// with its number, `first` and up; of equal ones the first stays.
    pub(crate) fn improve<'a>(
        simd; scores: &'a mut [f32],
        half_norms: &'a [f32],
        first: usize,
        best: &'a mut [(f32, usize)],
    ) {
        for (row, best) in scores.chunks_exact_mut(half_norms.len()).zip(best) {
            let chunks = row.chunks_mut(CHUNK).zip(half_norms.chunks(CHUNK));
            for (chunk, (scores, half_norms)) in chunks.enumerate() {
                for (score, &half_norm) in scores.iter_mut().zip(half_norms) {
                    // What is no number loses against everything.
                    *score = (*score - half_norm).max(f32::NEG_INFINITY);
                }
                let largest = lanes::max(simd, scores);
                if largest > best.0
                    && let Some(place) = scores.iter().position(|&score| score == largest)
                {
                    *best = (largest, first + chunk * CHUNK + place);
                }
            }
        }
    }
}
