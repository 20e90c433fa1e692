//! The nearest of many vectors.

use burn::tensor::{Int, Tensor};

/// Distances held at a time, 32 MiB.
const MOST_DISTANCES: usize = 1 << 23;

/// The row of `codes` nearest to each point; the lowest number wins a tie. No gradient passes.
///
/// `argmin ‖z − e‖² = argmax (z·e − ‖e‖²/2)`
///
/// # Shapes
/// - `points`: `[n, d]`
/// - `codes`: `[words, d]`
/// - output: `[n]`
///
/// # Panics
/// If the widths differ or one of them has no rows.
#[must_use]
pub fn nearest(points: Tensor<2>, codes: Tensor<2>) -> Tensor<1, Int> {
    let (points, codes) = (points.detach(), codes.detach());
    let [n, _] = points.dims();
    let [words, _] = codes.dims();
    let half_norms = codes.clone().square().sum_dim(1).transpose() * 0.5;
    let codes = codes.transpose();
    let tile = (MOST_DISTANCES / words).max(1);
    let ids: Vec<Tensor<1, Int>> = (0..n)
        .step_by(tile)
        .map(|first| {
            let some = points.clone().slice_dim(0, first..n.min(first + tile));
            let scores = some.matmul(codes.clone()) - half_norms.clone();
            scores.argmax(1).squeeze_dim(1)
        })
        .collect();
    Tensor::cat(ids, 0)
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
        let ids: Vec<i64> = nearest(points, codes).into_data().iter::<i64>().collect();
        assert_eq!(ids, [1, 0]);
    }

    #[test]
    fn tiles_change_nothing() {
        let device = Device::flex();
        let mut rng = seeded::stream(1, "nearest");
        // 2^16 codes: 128 points go through at a time.
        let codes: Tensor<2> = seeded::normal([1 << 16, 8], 1.0, &mut rng, &device);
        let rows: Vec<i64> = (0..300).map(|i| i * 211).collect();
        let picked = Tensor::from_data(TensorData::new(rows.clone(), [300]), &device);
        let points = codes.clone().select(0, picked);
        let ids = nearest(points, codes).into_data();
        assert_eq!(ids.iter::<i64>().collect::<Vec<_>>(), rows);
    }
}
