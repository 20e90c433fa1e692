//! Learned positions on a square grid, resized to the grid of an image.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor, TensorData};

use crate::packed::GridThw;

/// Keys' constant in PyTorch's bicubic interpolation. Image libraries use -0.5.
const A: f64 = -0.75;

/// What lies between the cells of a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interpolation {
    /// Bicubic, `align_corners = false`, no antialiasing, borders clamped: `F.interpolate` of
    /// PyTorch as Ovis2.5 and SigLIP call it.
    Bicubic,
    /// Bilinear, `align_corners = true`: the outermost patches lie on the outermost cells, as in
    /// Qwen3-VL.
    BilinearAligned,
}

/// A vector per cell of a square grid.
#[derive(Module, Debug)]
pub struct PositionTable {
    /// `[side * side, d]`, row-major.
    pub table: Param<Tensor<2>>,
    side: usize,
    #[module(skip)]
    interpolation: Interpolation,
}

impl PositionTable {
    /// Wraps a table of `side * side` vectors.
    ///
    /// # Panics
    /// If it has another number of rows.
    #[must_use]
    pub fn new(table: Param<Tensor<2>>, side: usize, interpolation: Interpolation) -> Self {
        assert_eq!(table.dims()[0], side * side, "a square table of positions");
        Self {
            table,
            side,
            interpolation,
        }
    }

    /// Vectors for a grid of `rows * cols` patches in raster order, `[rows * cols, d]`.
    #[must_use]
    pub fn resized(&self, rows: usize, cols: usize) -> Tensor<2> {
        let table = self.table.val();
        let [_, d] = table.dims();
        if (rows, cols) == (self.side, self.side) {
            return table;
        }
        let device = table.device();
        let down = self.weights(rows, &device);
        let right = self.weights(cols, &device);
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

    /// What every one of `to` places takes from each cell of a side, `[to, side]`.
    fn weights(&self, to: usize, device: &Device) -> Tensor<2> {
        let values = match self.interpolation {
            Interpolation::Bicubic => bicubic_weights(self.side, to),
            Interpolation::BilinearAligned => aligned_weights(self.side, to),
        };
        Tensor::from_data(TensorData::new(values, [to, self.side]), device)
    }
}

fn bicubic_weights(from: usize, to: usize) -> Vec<f32> {
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
    values
}

/// As `_interpolation_axis_taps_weights` of transformers 5.23.0, in its single precision; a grid of
/// one patch lies on the first cell.
fn aligned_weights(from: usize, to: usize) -> Vec<f32> {
    let mut values = vec![0.0_f32; to * from];
    let (last, steps) = ((from - 1) as f32, to.saturating_sub(1).max(1) as f32);
    for (place, row) in values.chunks_exact_mut(from).enumerate() {
        let at = (place as f32 * last / steps).min(last);
        let (first, t) = (at.floor(), at - at.floor());
        row[first as usize] += 1.0 - t;
        row[(first as usize + 1).min(from - 1)] += t;
    }
    values
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

    const KINDS: [Interpolation; 2] = [Interpolation::Bicubic, Interpolation::BilinearAligned];

    fn table(interpolation: Interpolation) -> PositionTable {
        let values: Vec<f32> = (0..9).map(|i| (i * i) as f32).collect();
        let tensor = Tensor::from_data(TensorData::new(values, [9, 1]), &Device::flex());
        PositionTable::new(Param::from_tensor(tensor), 3, interpolation)
    }

    fn values(x: Tensor<2>) -> Vec<f32> {
        x.into_data().try_to_vec().unwrap()
    }

    #[test]
    fn the_own_size_is_the_table_itself() {
        let expected: Vec<f32> = (0..9).map(|i| (i * i) as f32).collect();
        for kind in KINDS {
            assert_eq!(values(table(kind).resized(3, 3)), expected);
        }
        // The path that other sizes take leads there as well, where corners are aligned.
        assert_eq!(
            aligned_weights(3, 3),
            [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]
        );
    }

    #[test]
    fn weights_sum_to_one_at_any_size() {
        for (from, to) in [(3, 7), (7, 3), (1, 5), (5, 1), (32, 112), (48, 512)] {
            for weights in [bicubic_weights(from, to), aligned_weights(from, to)] {
                for row in weights.chunks_exact(from) {
                    let sum: f32 = row.iter().sum();
                    assert!((sum - 1.0).abs() < 1e-5, "{from} to {to}: {sum}");
                }
            }
        }
    }

    #[test]
    fn aligned_corners_lie_on_the_outermost_cells() {
        // Rows of cells: 0 1 4, 9 16 25, 36 49 64. Every other of five rows lies between two of them.
        let found = values(table(Interpolation::BilinearAligned).resized(5, 2));
        assert_eq!(
            found,
            [0.0, 4.0, 4.5, 14.5, 9.0, 25.0, 22.5, 44.5, 36.0, 64.0]
        );
        assert_eq!(
            values(table(Interpolation::BilinearAligned).resized(1, 1)),
            [0.0]
        );
    }

    #[test]
    fn coefficients_are_those_of_keys() {
        assert_eq!(coefficients(0.0), [0.0, 1.0, 0.0, 0.0]);
        assert_eq!(coefficients(0.5), [-0.09375, 0.59375, 0.59375, -0.09375]);
    }

    #[test]
    fn rows_and_columns_are_not_interchanged() {
        for kind in KINDS {
            let tall = values(table(kind).resized(6, 2));
            let wide = values(table(kind).resized(2, 6));
            assert_ne!(tall, wide);
            // Down the left column values grow much faster than along the top row.
            assert!(tall[10] > 4.0 * wide[5], "{tall:?} {wide:?}");
        }
    }
}
