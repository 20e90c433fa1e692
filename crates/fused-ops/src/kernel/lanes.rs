//! Reductions of rows in a fixed order.
//!
//! Sixteen partial results, folded pairwise: the width of the widest registers, and the same order
//! on narrower ones, which hold the sixteen in several. Written with explicit registers because the
//! compiler may not reorder a sum by itself.

use pulp::Simd;

const LANES: usize = 16;

/// Sum over the columns of `term`, which sees the same column of every row.
///
/// # Panics
/// If the rows differ in length.
#[inline(always)]
pub fn sum<S: Simd, const N: usize>(
    simd: S,
    rows: [&[f32]; N],
    term: impl Fn([S::f32s; N]) -> S::f32s,
) -> f32 {
    let partial = reduce(simd, rows, 0.0, |a, b| simd.add_f32s(a, b), term);
    fold(partial, |a, b| a + b)
}

/// Largest number of a row, -inf if it is empty. With NaN in the row it may be any number or NaN.
#[inline(always)]
pub fn max<S: Simd>(simd: S, row: &[f32]) -> f32 {
    let combine = |a, b| simd.max_f32s(a, b);
    let partial = reduce(simd, [row], f32::NEG_INFINITY, combine, |[x]| x);
    fold(partial, f32::max)
}

#[inline(always)]
fn reduce<S: Simd, const N: usize>(
    simd: S,
    rows: [&[f32]; N],
    neutral: f32,
    combine: impl Fn(S::f32s, S::f32s) -> S::f32s,
    term: impl Fn([S::f32s; N]) -> S::f32s,
) -> [f32; LANES] {
    let columns = rows[0].len();
    for row in rows {
        assert_eq!(
            row.len(),
            columns,
            "rows that are reduced together need one length"
        );
    }
    let parts = LANES / S::F32_LANES;
    // As many as the narrowest registers need; the rest is never read.
    let mut partial = [simd.splat_f32s(neutral); LANES];
    let chunks = rows.map(|row| row.as_chunks::<LANES>().0);
    for index in 0..columns / LANES {
        let registers = chunks.map(|chunks| S::as_simd_f32s(&chunks[index]).0);
        for part in 0..parts {
            partial[part] = combine(partial[part], term(registers.map(|row| row[part])));
        }
    }

    let rest = columns % LANES;
    if rest > 0 {
        let padded = rows.map(|row| {
            let mut padded = [0.0; LANES];
            padded[..rest].copy_from_slice(&row[columns - rest..]);
            padded
        });
        let mut terms = [0.0; LANES];
        for (part, slot) in S::as_mut_simd_f32s(&mut terms).0.iter_mut().enumerate() {
            *slot = term(padded.each_ref().map(|row| S::as_simd_f32s(row).0[part]));
        }
        terms[rest..].fill(neutral);
        for (partial, &term) in partial.iter_mut().zip(S::as_simd_f32s(&terms).0) {
            *partial = combine(*partial, term);
        }
    }

    let mut result = [neutral; LANES];
    for (slot, partial) in S::as_mut_simd_f32s(&mut result).0.iter_mut().zip(partial) {
        *slot = partial;
    }
    result
}

#[inline(always)]
fn fold(mut partial: [f32; LANES], combine: impl Fn(f32, f32) -> f32) -> f32 {
    let mut width = LANES / 2;
    while width > 0 {
        for lane in 0..width {
            partial[lane] = combine(partial[lane], partial[lane + width]);
        }
        width /= 2;
    }
    partial[0]
}

#[cfg(test)]
mod tests {
    use pulp::WithSimd;

    use super::*;

    struct CheckLengths;

    impl WithSimd for CheckLengths {
        type Output = ();

        fn with_simd<S: Simd>(self, simd: S) {
            for n in 0..70_u16 {
                let row: Vec<f32> = (1..=n).map(f32::from).collect();
                let n = f32::from(n);
                assert_eq!(sum(simd, [&row], |[x]| simd.add_f32s(x, x)), n * (n + 1.0));
                assert_eq!(
                    sum(simd, [&row, &row], |[a, b]| simd.add_f32s(a, b)),
                    n * (n + 1.0)
                );
                assert_eq!(
                    max(simd, &row),
                    if n == 0.0 { f32::NEG_INFINITY } else { n }
                );
            }
        }
    }

    #[test]
    fn sums_and_maxima_cover_every_element_of_any_length() {
        pulp::Arch::new().dispatch(CheckLengths);
        CheckLengths.with_simd(pulp::Scalar);
    }

    struct SumOfRoots;

    impl WithSimd for SumOfRoots {
        type Output = f32;

        fn with_simd<S: Simd>(self, simd: S) -> f32 {
            let row: Vec<f32> = (0..1003_u16).map(|x| f32::from(x).sqrt()).collect();
            sum(simd, [&row], |[x]| x)
        }
    }

    #[test]
    fn sums_have_the_same_bits_on_every_instruction_set() {
        let here = pulp::Arch::new().dispatch(SumOfRoots);
        assert_eq!(here.to_bits(), SumOfRoots.with_simd(pulp::Scalar).to_bits());
    }
}
