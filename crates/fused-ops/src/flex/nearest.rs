//! Nearest rows on Flex tensors: scores of a tile of points and a block of rows, and the best of them.

use burn::tensor::{Bytes, DType};
use burn_flex::{FlexTensor, Layout};
use rayon::prelude::*;

use crate::buffer::{contiguous, parallel, values};
use crate::kernel;

/// Points of a tile, at most.
const TILE: usize = 128;
/// Rows of a block, at most: with a tile of points 512 KiB of scores, which stay in the second cache.
const BLOCK: usize = 1024;

/// Numbers of the nearest rows. Tiles and blocks are of equal size but for rounding, because the last
/// bits of a product of few rows may differ; nothing depends on the number of threads.
pub(crate) fn nearest(points: FlexTensor, codes: FlexTensor, half_norms: FlexTensor) -> FlexTensor {
    #[cfg(test)]
    crate::buffer::TRANSFORMED.set(crate::buffer::TRANSFORMED.get() + 1);

    let [points, codes, half_norms] = [points, codes, half_norms].map(contiguous);
    let (n, d) = (points.layout().shape()[0], points.layout().shape()[1]);
    let rows = codes.layout().shape()[0];
    let (points, codes, half_norms) = (values(&points), values(&codes), values(&half_norms));
    let (tile, block) = (even(n, TILE), even(rows, BLOCK));
    let mut best = vec![(f32::NEG_INFINITY, 0); n];
    let search = |(tile_number, best): (usize, &mut [(f32, usize)])| {
        let start = tile_number * tile * d;
        let points = &points[start..start + best.len() * d];
        let mut scores = vec![0.0; best.len() * block];
        for first in (0..rows).step_by(block) {
            let last = rows.min(first + block);
            let scores = &mut scores[..best.len() * (last - first)];
            products(points, &codes[first * d..last * d], d, scores);
            kernel::nearest::improve(scores, &half_norms[first..last], first, best);
        }
    };
    if parallel(n * rows) {
        best.par_chunks_mut(tile).enumerate().for_each(search);
    } else {
        best.chunks_mut(tile).enumerate().for_each(search);
    }
    let ids: Vec<i64> = best.into_iter().map(|(_, id)| id as i64).collect();
    let layout = Layout::contiguous([n].into());
    FlexTensor::new(Bytes::from_elems(ids), layout, DType::I64)
}

/// The size of parts of at most `most`, which are as few as possible.
fn even(count: usize, most: usize) -> usize {
    count.div_ceil(count.div_ceil(most).max(1)).max(1)
}

/// `points · codesᵀ`, `[points, codes]`, on the calling thread.
fn products(points: &[f32], codes: &[f32], d: usize, scores: &mut [f32]) {
    if d == 0 {
        scores.fill(0.0);
        return;
    }
    let (rows, columns) = (points.len() / d, codes.len() / d);
    assert_eq!(
        scores.len(),
        rows * columns,
        "nearest: scores of another size"
    );
    // SAFETY: both matrices fill their slices and `scores` has `rows * columns` numbers, all of which are
    // written before they are read.
    unsafe {
        gemm::gemm(
            rows,
            columns,
            d,
            scores.as_mut_ptr(),
            1,
            columns as isize,
            false,
            points.as_ptr(),
            1,
            d as isize,
            codes.as_ptr(),
            d as isize,
            1,
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}
