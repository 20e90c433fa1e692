//! Patch features of training images that a projector may start from.

use crate::{PatchGrid, seeded};
use burn::tensor::{Device, Tensor, TensorData};
use rand_chacha::ChaCha8Rng;
use std::fmt;

/// Patch features of training images, spread evenly over all of them: grids of some images at a time,
/// which are read when they are asked for, on a device without autodiff.
pub struct StartSample<'a> {
    tokens: usize,
    grids: Box<dyn Iterator<Item = PatchGrid> + 'a>,
}

impl<'a> StartSample<'a> {
    /// `grids` of `tokens` tokens together.
    #[must_use]
    pub fn new(tokens: usize, grids: impl Iterator<Item = PatchGrid> + 'a) -> Self {
        Self {
            tokens,
            grids: Box::new(grids),
        }
    }

    /// Tokens of all grids together, of those that have been taken as well.
    #[must_use]
    pub fn tokens(&self) -> usize {
        self.tokens
    }

    /// What `make` makes of every token, one row after the other; all of them in memory.
    ///
    /// # Shapes
    /// - `make`: gives `[tokens of the grid, d]`
    /// - output: `[tokens, d]` in row-major order, and `d` (0 without any grid)
    #[must_use]
    pub fn rows(self, make: impl Fn(&PatchGrid) -> Tensor<2>) -> (Vec<f32>, usize) {
        let (mut values, mut width) = (Vec::new(), 0);
        for grid in self.grids {
            let rows = make(&grid);
            if width == 0 {
                width = rows.dims()[1];
                values.reserve_exact(self.tokens * width);
            }
            let data = rows.into_data();
            match data.as_slice::<f32>() {
                Ok(some) => values.extend_from_slice(some),
                // Another type of float.
                Err(_) => values.extend(data.iter::<f32>()),
            }
        }
        (values, width)
    }
}

impl Iterator for StartSample<'_> {
    type Item = PatchGrid;

    fn next(&mut self) -> Option<PatchGrid> {
        self.grids.next()
    }
}

impl fmt::Debug for StartSample<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("StartSample");
        shown.field("tokens", &self.tokens).finish_non_exhaustive()
    }
}

/// Rows of a table from the centres of its words: all through one random projection, so that words that
/// are alike start with rows that are, brought to root mean square `scale`.
///
/// Distances survive a projection to `d_out` numbers up to some `1/√d_out` of themselves (W. Johnson,
/// J. Lindenstrauss, 1984).
///
/// # Shapes
/// - `centres`: `[words, d]` in row-major order
/// - output: `[words, d_out]`
///
/// # Panics
/// If `centres` are not whole rows of width `d`.
#[must_use]
pub fn projected_rows(
    centres: &[f32],
    [d, d_out]: [usize; 2],
    scale: f64,
    rng: &mut ChaCha8Rng,
    device: &Device,
) -> Vec<f32> {
    let words = centres.len() / d;
    let data = TensorData::new(centres.to_vec(), [words, d]);
    let projection: Tensor<2> = seeded::normal([d, d_out], 1.0, rng, device);
    let rows = Tensor::<2>::from_data(data, device).matmul(projection);
    let mut rows: Vec<f32> = rows.into_data().iter::<f32>().collect();
    let factor = scale / root_mean_square(&rows).max(f64::MIN_POSITIVE);
    rows.iter_mut()
        .for_each(|x| *x = (f64::from(*x) * factor) as f32);
    rows
}

/// `√(mean x²)`; 0 of no numbers.
#[must_use]
pub fn root_mean_square(values: &[f32]) -> f64 {
    let squares: f64 = values.iter().map(|&x| f64::from(x).powi(2)).sum();
    (squares / values.len().max(1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_read_in_order_and_only_when_asked_for() {
        let grid = |x: f32| {
            let features = Tensor::<3>::full([1, 4, 2], x, &Device::flex());
            PatchGrid::new(features, 2, 2, 1).unwrap()
        };
        let unread = || -> PatchGrid { panic!("nobody asked") };
        let sample = StartSample::new(8, std::iter::once_with(unread));
        assert_eq!(sample.tokens(), 8);
        drop(sample);
        let sample = StartSample::new(8, [1.0, 2.0].into_iter().map(grid));
        let (rows, width) = sample.rows(|grid| grid.merged().reshape([4, 2]));
        assert_eq!((width, rows.len()), (2, 16));
        assert_eq!((rows[0], rows[7], rows[8]), (1.0, 1.0, 2.0));
        let none = StartSample::new(0, std::iter::empty());
        assert_eq!(none.rows(|grid| grid.merged().reshape([4, 2])), (vec![], 0));
    }

    #[test]
    fn projected_rows_keep_their_distances_and_get_the_scale() {
        let mut rng = seeded::stream(1, "start");
        let device = Device::flex();
        let centres: Tensor<2> = seeded::normal([3, 40], 2.0, &mut rng, &device);
        let mut centres: Vec<f32> = centres.into_data().iter::<f32>().collect();
        // The third is the first, nearly.
        for place in 0..40 {
            centres[80 + place] = centres[place] + 0.01;
        }
        let rows = projected_rows(&centres, [40, 256], 0.2, &mut rng, &device);
        assert!((root_mean_square(&rows) - 0.2).abs() < 1e-6);
        let distance = |values: &[f32], d: usize, a: usize, b: usize| -> f64 {
            let pairs = values[a * d..(a + 1) * d].iter().zip(&values[b * d..]);
            let squares = pairs.take(d).map(|(a, b)| f64::from(a - b).powi(2));
            squares.sum::<f64>().sqrt()
        };
        let before = distance(&centres, 40, 0, 2) / distance(&centres, 40, 0, 1);
        let after = distance(&rows, 256, 0, 2) / distance(&rows, 256, 0, 1);
        assert!((before / after - 1.0).abs() < 0.25, "{before} {after}");
    }
}
