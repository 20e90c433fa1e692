//! The nearest of many vectors.

use burn::tensor::{Int, Tensor};

/// The row of `codes` nearest to each point; the lowest number wins a tie. No gradient passes.
///
/// [`fused_ops::nearest`], which never holds a matrix of all points by all rows.
///
/// # Shapes
/// - `points`: `[n, d]`
/// - `codes`: `[words, d]`
/// - output: `[n]`
///
/// # Panics
/// If the widths differ or `codes` has no rows.
#[must_use]
pub fn nearest(points: Tensor<2>, codes: Tensor<2>) -> Tensor<1, Int> {
    fused_ops::nearest(points, codes)
}

/// As [`nearest`], as numbers.
pub(crate) fn nearest_ids(points: Tensor<2>, codes: Tensor<2>) -> Vec<usize> {
    let ids = nearest(points, codes).into_data();
    ids.iter::<i64>().map(|id| id as usize).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::{Device, TensorData};
    use projector::seeded;

    #[test]
    fn the_nearest_row_is_found_whatever_its_length_and_the_first_of_equals_wins() {
        let device = Device::flex();
        let codes = Tensor::<2>::from_floats([[9.0, 0.0], [1.0, 0.0], [1.0, 0.0]], &device);
        let points = Tensor::<2>::from_floats([[2.0, 0.1], [7.0, -3.0]], &device);
        assert_eq!(nearest_ids(points, codes), [1, 0]);
    }

    #[test]
    fn tiles_change_nothing() {
        let device = Device::flex();
        let mut rng = seeded::stream(1, "nearest");
        // 2^16 codes: 128 points go through at a time, and 64 blocks of codes.
        let codes: Tensor<2> = seeded::normal([1 << 16, 8], 1.0, &mut rng, &device);
        let rows: Vec<i64> = (0..300).map(|i| i * 211).collect();
        let picked = Tensor::from_data(TensorData::new(rows.clone(), [300]), &device);
        let points = codes.clone().select(0, picked);
        let ids = nearest(points, codes).into_data();
        assert_eq!(ids.iter::<i64>().collect::<Vec<_>>(), rows);
    }
}
