//! The nearest of many rows.

use burn::tensor::{Int, Tensor};

#[cfg(feature = "flex")]
use crate::extension::{FusedSteps, takes_untracked};
use crate::plain;
#[cfg(feature = "flex")]
use burn::backend::Dispatch;

/// The row of `codes` nearest to each point; the lowest number wins a tie. No gradient passes.
///
/// `argmin ‖z − e‖² = argmax (z·e − ‖e‖²/2)`. Scores are made a tile of points and a block of rows at a
/// time: 512 points and 65,536 rows never stand in one matrix of 128 MiB. A point or a row that is not
/// a number is nearest to nothing; a point without any nearest row gets row 0.
///
/// # Shapes
/// - `points`: `[n, d]`
/// - `codes`: `[rows, d]`
/// - output: `[n]`, on the device of `points`
///
/// # Panics
/// If the widths differ or there are no rows.
#[must_use]
pub fn nearest(points: Tensor<2>, codes: Tensor<2>) -> Tensor<1, Int> {
    let ([n, width], [rows, d]) = (points.dims(), codes.dims());
    assert!(
        width == d && rows > 0,
        "nearest: points of width {width} and {rows} rows of width {d}"
    );
    let device = points.device();
    if n == 0 {
        return Tensor::zeros([0], &device);
    }
    let (points, codes) = (points.without_autodiff(), codes.without_autodiff());
    let half_norms = codes.clone().square().sum_dim(1).mul_scalar(0.5);
    let ids = nearest_of(points, codes, half_norms);
    if device.is_autodiff() {
        ids.autodiff()
    } else {
        ids
    }
}

fn nearest_of(points: Tensor<2>, codes: Tensor<2>, half_norms: Tensor<2>) -> Tensor<1, Int> {
    #[cfg(feature = "flex")]
    let [points, codes, half_norms] = {
        let tensors = [points, codes, half_norms].map(Tensor::into_dispatch);
        if tensors.iter().all(takes_untracked) {
            let [points, codes, half_norms] = tensors;
            return Tensor::from_dispatch(Dispatch::fused_nearest(points, codes, half_norms));
        }
        tensors.map(Tensor::from_dispatch)
    };
    plain::nearest(points, codes, half_norms)
}
