//! Matrix products on slices, with the library that burn's Flex backend multiplies with.
//!
//! One side is short (the tokens of a tile), the other long and far larger than the caches (the
//! weights). Left to itself the library packs such a long side only for more than 128 tokens, and
//! on one thread only where it has to be transposed; both made these products two to three times
//! slower. Here it packs from 16 tokens on, and the long side is cut into panels that threads take.

use std::sync::Once;

use gemm::Parallelism;
use rayon::prelude::*;

/// Width of a panel; depends on nothing, so that sums have one order on every machine.
const PANEL: usize = 256;
/// In blocks of 8 tokens.
const PACK_FROM: usize = 2;

static PACKING: Once = Once::new();

/// A matrix or its transpose in row-major storage.
#[derive(Clone, Copy, Debug)]
pub(super) struct Matrix<'a> {
    values: &'a [f32],
    rows: usize,
    columns: usize,
    row_step: usize,
    column_step: usize,
}

impl<'a> Matrix<'a> {
    /// `[rows, columns]` as stored.
    ///
    /// # Panics
    /// If there are fewer numbers.
    pub(super) fn new(values: &'a [f32], rows: usize, columns: usize) -> Self {
        assert!(
            values.len() >= rows * columns,
            "a matrix needs all its numbers"
        );
        Self {
            values,
            rows,
            columns,
            row_step: columns,
            column_step: 1,
        }
    }

    /// Rows and columns exchanged; nothing is moved.
    pub(super) fn transposed(self) -> Self {
        Self {
            rows: self.columns,
            columns: self.rows,
            row_step: self.column_step,
            column_step: self.row_step,
            ..self
        }
    }
}

/// `result = left · right`, added to what is there if `add`; on all threads of the pool.
///
/// # Panics
/// If the sizes do not fit.
pub(super) fn multiply(result: &mut [f32], add: bool, left: Matrix<'_>, right: Matrix<'_>) {
    let (rows, depth, columns) = (left.rows, left.columns, right.columns);
    assert!(
        right.rows == depth && result.len() >= rows * columns,
        "{rows} x {depth} times {} x {columns} into {} numbers",
        right.rows,
        result.len()
    );
    // Decides about copies, never about the order of a sum.
    PACKING.call_once(|| gemm::set_lhs_packing_threshold_single_thread(PACK_FROM));
    let result = Shared(result.as_mut_ptr());
    let by_columns = columns >= rows;
    let length = if by_columns { columns } else { rows };
    (0..length.div_ceil(PANEL))
        .into_par_iter()
        .for_each(|panel| {
            let start = panel * PANEL;
            let width = PANEL.min(length - start);
            let (row, column) = if by_columns { (0, start) } else { (start, 0) };
            let (rows, columns_here) = if by_columns {
                (rows, width)
            } else {
                (width, columns)
            };
            // SAFETY: `Matrix::new` and the assertion above have checked that every index is inside.
            // The result is borrowed mutably, so it overlaps neither operand, and panels do not overlap
            // each other.
            #[allow(unsafe_code)]
            unsafe {
                gemm::gemm(
                    rows,
                    columns_here,
                    depth,
                    result.start().add(row * columns + column),
                    1,
                    columns as isize,
                    add,
                    left.values.as_ptr().add(row * left.row_step),
                    left.column_step as isize,
                    left.row_step as isize,
                    right.values.as_ptr().add(column * right.column_step),
                    right.column_step as isize,
                    right.row_step as isize,
                    1.0,
                    1.0,
                    false,
                    false,
                    false,
                    Parallelism::None,
                );
            }
        });
}

/// Start of a result that threads fill panel by panel.
#[derive(Clone, Copy)]
struct Shared(*mut f32);

impl Shared {
    fn start(self) -> *mut f32 {
        self.0
    }
}

// SAFETY: every thread writes a panel of its own.
#[allow(unsafe_code)]
unsafe impl Send for Shared {}
// SAFETY: as above.
#[allow(unsafe_code)]
unsafe impl Sync for Shared {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_and_transposes_are_those_of_the_definition() {
        let left: Vec<f32> = (0..6_u8).map(f32::from).collect();
        let right: Vec<f32> = (0..12_u8).map(f32::from).collect();
        let mut result = [100.0; 8];
        let right = Matrix::new(&right, 3, 4);
        multiply(&mut result, false, Matrix::new(&left, 2, 3), right);
        assert_eq!(result, [20.0, 23.0, 26.0, 29.0, 56.0, 68.0, 80.0, 92.0]);
        multiply(&mut result, true, Matrix::new(&left, 2, 3), right);
        assert_eq!(result[7], 184.0);
        let mut turned = [0.0; 8];
        let left = Matrix::new(&left, 2, 3).transposed();
        multiply(&mut turned, false, right.transposed(), left);
        assert_eq!(turned, [20.0, 56.0, 23.0, 68.0, 26.0, 80.0, 29.0, 92.0]);
    }

    #[test]
    fn panels_join_without_a_seam_along_either_side() {
        let number = |index: usize| ((index * 7919) % 13) as f32 - 6.0;
        for (rows, depth, columns) in [(3, 5, 2 * PANEL + 7), (PANEL + 1, 4, 9)] {
            let left: Vec<f32> = (0..rows * depth).map(number).collect();
            let right: Vec<f32> = (0..depth * columns).map(number).collect();
            let mut result = vec![f32::NAN; rows * columns];
            let [a, b] = [
                Matrix::new(&left, rows, depth),
                Matrix::new(&right, depth, columns),
            ];
            multiply(&mut result, false, a, b);
            for (index, found) in result.iter().enumerate() {
                let (row, column) = (index / columns, index % columns);
                let terms = (0..depth)
                    .map(|term| left[row * depth + term] * right[term * columns + column]);
                assert_eq!(*found, terms.sum::<f32>());
            }
        }
    }

    #[test]
    #[should_panic(expected = "2 x 3 times 2 x 3 into 9 numbers")]
    fn products_that_do_not_fit_are_refused() {
        let values = [0.0; 6];
        let matrix = Matrix::new(&values, 2, 3);
        multiply(&mut [0.0; 9], false, matrix, matrix);
    }
}
