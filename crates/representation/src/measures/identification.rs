//! Which of many images was it? From the tokens alone.

/// For every reconstruction, whether the original that is nearest to it (mean squared error) is its
/// own. Where two originals are equally near, the first one is named.
///
/// # Shapes
/// - `reconstructions`, `originals`: `[n, d]`, row by row in the same order
///
/// # Panics
/// If the two have different sizes.
#[must_use]
pub fn identified(reconstructions: &[f32], originals: &[f32], d: usize) -> Vec<bool> {
    assert_eq!(reconstructions.len(), originals.len(), "pairs of pictures");
    let rows = reconstructions.chunks_exact(d).enumerate();
    rows.map(|(own, found)| {
        let distances = originals.chunks_exact(d).map(|original| {
            let squares = original.iter().zip(found).map(|(a, b)| (a - b) * (a - b));
            squares.sum::<f32>()
        });
        let nearest = distances
            .enumerate()
            .min_by(|(_, a), (_, b)| a.total_cmp(b));
        nearest.is_some_and(|(index, _)| index == own)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_is_named_by_the_nearest_original() {
        let originals = [0.0, 0.0, 1.0, 1.0, 5.0, 5.0];
        let found = identified(&[0.1, 0.0, 4.0, 4.0, 4.0, 6.0], &originals, 2);
        assert_eq!(found, [true, false, true]);
    }

    #[test]
    fn a_constant_names_one_image_only() {
        let originals: Vec<f32> = (0..8).map(|i| i as f32).collect();
        let found = identified(&[3.2; 8], &originals, 1);
        assert_eq!(found.iter().filter(|&&right| right).count(), 1);
        assert!(found[3]);
    }
}
