//! Products of matrices that fit the first caches, without packing.
//!
//! A general matrix product copies its operands into panels first, which for the 64 x 64 x 32 of an
//! attention head costs as much as the product. Here the right matrix has rows of whole registers
//! and the left one is read a number at a time, so neither needs a copy, in either orientation of
//! the left one. Every number of the result is summed in the order of the depth.

use pulp::Simd;

/// Rows of these matrices are padded to a multiple of this, the width of the widest registers.
pub(crate) const PADDING: usize = 16;

/// Length of a padded row.
pub(crate) fn padded(columns: usize) -> usize {
    columns.next_multiple_of(PADDING)
}

/// The left matrix of a product.
#[derive(Clone, Copy)]
pub(crate) struct Left<'a> {
    values: &'a [f32],
    /// From one row of the product to the next.
    row_step: usize,
    /// From one term of the sums to the next.
    depth_step: usize,
}

impl<'a> Left<'a> {
    /// A matrix `[rows, depth]` whose rows lie `stride` apart.
    #[inline(always)]
    pub(crate) fn by_rows(values: &'a [f32], stride: usize) -> Self {
        Self {
            values,
            row_step: stride,
            depth_step: 1,
        }
    }

    /// The transpose of a matrix `[depth, rows]` whose rows lie `stride` apart.
    #[inline(always)]
    pub(crate) fn transposed(values: &'a [f32], stride: usize) -> Self {
        Self {
            values,
            row_step: 1,
            depth_step: stride,
        }
    }
}

/// Writes `left · right` into `result`.
///
/// - `left`: `[rows, depth]`
/// - `right`: `[depth, columns]`, contiguous, `columns` padded
/// - `result`: `[rows, columns]`, contiguous
///
/// # Panics
/// If `columns` is not padded or a matrix is too small.
#[inline(always)]
pub(crate) fn multiply<S: Simd>(
    simd: S,
    [rows, depth, columns]: [usize; 3],
    left: Left<'_>,
    right: &[f32],
    result: &mut [f32],
) {
    assert!(
        columns.is_multiple_of(PADDING)
            && right.len() >= depth * columns
            && result.len() >= rows * columns
            && (rows * depth == 0
                || left.values.len() > (rows - 1) * left.row_step + (depth - 1) * left.depth_step),
        "a product needs padded columns and whole matrices"
    );
    let strip = 2 * S::F32_LANES;
    let mut row = 0;
    // As many rows as the registers can hold sums for.
    if S::F32_LANES >= 16 {
        while row + 8 <= rows {
            strips::<S, 8>(simd, row, [depth, columns, strip], left, right, result);
            row += 8;
        }
    }
    while row + 4 <= rows {
        strips::<S, 4>(simd, row, [depth, columns, strip], left, right, result);
        row += 4;
    }
    while row < rows {
        strips::<S, 1>(simd, row, [depth, columns, strip], left, right, result);
        row += 1;
    }
}

/// `ROWS` rows of the product from `row` on.
#[inline(always)]
fn strips<S: Simd, const ROWS: usize>(
    simd: S,
    row: usize,
    [depth, columns, strip]: [usize; 3],
    left: Left<'_>,
    right: &[f32],
    result: &mut [f32],
) {
    let mut column = 0;
    while column + strip <= columns {
        tile::<S, ROWS, 2>(simd, [row, column], [depth, columns], left, right, result);
        column += strip;
    }
    while column < columns {
        tile::<S, ROWS, 1>(simd, [row, column], [depth, columns], left, right, result);
        column += S::F32_LANES;
    }
}

/// A tile of `ROWS` rows and `WIDTH` registers, whose sums stay in registers.
#[inline(always)]
fn tile<S: Simd, const ROWS: usize, const WIDTH: usize>(
    simd: S,
    [row, column]: [usize; 2],
    [depth, columns]: [usize; 2],
    left: Left<'_>,
    right: &[f32],
    result: &mut [f32],
) {
    let mut sums = [[simd.splat_f32s(0.0); WIDTH]; ROWS];
    let first = row * left.row_step;
    for term in 0..depth {
        let start = term * columns + column;
        let right = S::as_simd_f32s(&right[start..start + WIDTH * S::F32_LANES]).0;
        for (index, sums) in sums.iter_mut().enumerate() {
            // SAFETY: `multiply` has checked that the last number of the left matrix is inside.
            let factor = unsafe {
                *left
                    .values
                    .get_unchecked(first + index * left.row_step + term * left.depth_step)
            };
            let factor = simd.splat_f32s(factor);
            for (sum, &right) in sums.iter_mut().zip(right) {
                *sum = simd.mul_add_f32s(factor, right, *sum);
            }
        }
    }
    for (index, sums) in sums.iter().enumerate() {
        let start = (row + index) * columns + column;
        let result = S::as_mut_simd_f32s(&mut result[start..start + WIDTH * S::F32_LANES]).0;
        for (result, sum) in result.iter_mut().zip(sums) {
            *result = *sum;
        }
    }
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;

    struct Product {
        sizes: [usize; 3],
        transposed: bool,
    }

    impl Product {
        fn left(&self, row: usize, term: usize) -> f32 {
            ((row * 7 + term * 3) % 11) as f32 - 5.0
        }

        fn right(&self, term: usize, column: usize) -> f32 {
            ((term * 5 + column) % 13) as f32 - 6.0
        }
    }

    impl WithSimd for Product {
        type Output = Vec<f32>;

        fn with_simd<S: Simd>(self, simd: S) -> Vec<f32> {
            let [rows, depth, columns] = self.sizes;
            // One number more than needed per row: a stride.
            let values: Vec<f32> = if self.transposed {
                (0..depth * (rows + 1))
                    .map(|i| self.left(i % (rows + 1), i / (rows + 1)))
                    .collect()
            } else {
                (0..rows * (depth + 1))
                    .map(|i| self.left(i / (depth + 1), i % (depth + 1)))
                    .collect()
            };
            let left = if self.transposed {
                Left::transposed(&values, rows + 1)
            } else {
                Left::by_rows(&values, depth + 1)
            };
            let right: Vec<f32> = (0..depth * columns)
                .map(|i| self.right(i / columns, i % columns))
                .collect();
            let mut result = vec![f32::NAN; rows * columns];
            multiply(simd, self.sizes, left, &right, &mut result);
            result
        }
    }

    #[test]
    fn products_of_any_size_are_those_of_the_definition_on_every_instruction_set() {
        for sizes in [
            [1, 1, 16],
            [7, 5, 32],
            [13, 9, 48],
            [64, 32, 64],
            [3, 0, 16],
        ] {
            for transposed in [false, true] {
                let product = || Product { sizes, transposed };
                let [rows, depth, columns] = sizes;
                let expected: Vec<f32> = (0..rows * columns)
                    .map(|i| {
                        (0..depth)
                            .map(|term| {
                                product().left(i / columns, term)
                                    * product().right(term, i % columns)
                            })
                            .sum()
                    })
                    .collect();
                assert_eq!(pulp::Arch::new().dispatch(product()), expected);
                assert_eq!(product().with_simd(pulp::Scalar), expected);
            }
        }
    }

    #[test]
    #[should_panic(expected = "whole matrices")]
    fn a_left_matrix_that_is_too_small_is_refused() {
        let mut result = [0.0; 32];
        let (left, right) = ([0.0; 5], [0.0; 48]);
        let left = Left::by_rows(&left, 3);
        multiply(pulp::Scalar, [2, 3, 16], left, &right, &mut result);
    }
}
