//! Learned positions on a square grid, resized to the grid of an image.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::packed::GridThw;

/// Keys' constant in PyTorch's bicubic interpolation. Image libraries use -0.5.
const A: f64 = -0.75;

/// A vector per cell of a square grid.
#[derive(Module, Debug)]
pub struct PositionTable {
    /// `[side * side, d]`, row-major.
    pub table: Param<Tensor<2>>,
    side: usize,
}

impl PositionTable {
    /// Wraps a table of `side * side` vectors.
    ///
    /// # Panics
    /// If it has another number of rows.
    #[must_use]
    pub fn new(table: Param<Tensor<2>>, side: usize) -> Self {
        assert_eq!(table.dims()[0], side * side, "a square table of positions");
        Self { table, side }
    }

    /// Vectors for a grid of `rows * cols` patches in raster order, `[rows * cols, d]`.
    ///
    /// Bicubic, `align_corners = false`, no antialiasing, borders clamped: `F.interpolate` of
    /// PyTorch as Ovis2.5 and SigLIP call it.
    #[must_use]
    pub fn resized(&self, rows: usize, cols: usize) -> Tensor<2> {
        let table = self.table.val();
        let [_, d] = table.dims();
        if (rows, cols) == (self.side, self.side) {
            return table;
        }
        let device = table.device();
        let down = weights(self.side, rows, &device);
        let right = weights(self.side, cols, &device);
        let by_rows = down.matmul(table.reshape([self.side, self.side * d]));
        let columns_first = by_rows
            .reshape([rows, self.side, d])
            .swap_dims(0, 1)
            .reshape([self.side, rows * d]);
        right
            .matmul(columns_first)
            .reshape([cols, rows, d])
            .swap_dims(0, 1)
            .reshape([rows * cols, d])
    }

    /// Vectors for every patch of these images in merge order, repeated for every frame.
    ///
    /// # Shapes
    /// - output: `[patches, d]`
    #[must_use]
    pub fn of_grids(&self, grids: &[GridThw], merge: usize) -> Tensor<2> {
        let device = self.table.val().device();
        let parts = grids
            .iter()
            .map(|grid| {
                let rows: Vec<usize> = grid
                    .positions(merge)
                    .into_iter()
                    .map(|(row, col)| row * grid.cols + col)
                    .collect();
                self.resized(grid.rows, grid.cols)
                    .select(0, crate::tower::indices(&rows, &device))
            })
            .collect();
        Tensor::cat(parts, 0)
    }
}

/// What every one of `to` places takes from each of `from` places, `[to, from]`.
fn weights(from: usize, to: usize, device: &Device) -> Tensor<2> {
    let mut values = vec![0.0_f32; to * from];
    // PyTorch computes the scale and the place in single precision.
    let scale = from as f32 / to as f32;
    for (place, row) in values.chunks_exact_mut(from).enumerate() {
        let at = scale * (place as f32 + 0.5) - 0.5;
        let first = at.floor();
        let t = f64::from(at - first);
        for (offset, weight) in [-1, 0, 1, 2].into_iter().zip(coefficients(t)) {
            let source = (first as i64 + offset).clamp(0, from as i64 - 1);
            row[source as usize] += weight as f32;
        }
    }
    Tensor::from_data(TensorData::new(values, [to, from]), device)
}

/// Keys' cubic convolution at the four neighbours of a place `t` behind the second.
fn coefficients(t: f64) -> [f64; 4] {
    let near = |x: f64| ((A + 2.0) * x - (A + 3.0)) * x * x + 1.0;
    let far = |x: f64| ((A * x - 5.0 * A) * x + 8.0 * A) * x - 4.0 * A;
    [far(t + 1.0), near(t), near(1.0 - t), far(2.0 - t)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> PositionTable {
        let values: Vec<f32> = (0..9).map(|i| (i * i) as f32).collect();
        let tensor = Tensor::from_data(TensorData::new(values, [9, 1]), &Device::flex());
        PositionTable::new(Param::from_tensor(tensor), 3)
    }

    fn values(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_own_size_is_the_table_itself() {
        let expected: Vec<f32> = (0..9).map(|i| (i * i) as f32).collect();
        assert_eq!(values(table().resized(3, 3)), expected);
    }

    #[test]
    fn weights_sum_to_one_at_any_size() {
        for (from, to) in [(3, 7), (7, 3), (1, 5), (32, 112)] {
            let sums = values(weights(from, to, &Device::flex()).sum_dim(1));
            assert!(sums.iter().all(|s| (s - 1.0).abs() < 1e-5), "{sums:?}");
        }
    }

    #[test]
    fn coefficients_are_those_of_keys() {
        assert_eq!(coefficients(0.0), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(coefficients(0.5), [-0.09375, 0.59375, 0.59375, -0.09375]);
    }

    #[test]
    fn rows_and_columns_are_not_interchanged() {
        let tall = values(table().resized(6, 2));
        let wide = values(table().resized(2, 6));
        assert_ne!(tall, wide);
        // Down the left column values grow much faster than along the top row.
        assert!(tall[10] > 4.0 * wide[5], "{tall:?} {wide:?}");
    }
}
