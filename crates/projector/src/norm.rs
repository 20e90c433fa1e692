//! Parameter-free RMSNorm.

use burn::tensor::Tensor;

/// Divides every vector of the last axis by its root mean square.
///
/// `x / sqrt(mean(x²) + eps)`. The arms start at very different output scales (a visual embedding
/// table about 30 times below an MLP), so every arm's tokens pass through this before the reader.
///
/// # Shapes
/// - `x`: `[..., d]`, output the same
#[must_use]
pub fn rms_normalize<const D: usize>(x: Tensor<D>, eps: f64) -> Tensor<D> {
    let mean_square = x.clone().square().mean_dim(D - 1);
    x.div(mean_square.add_scalar(eps).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use burn::tensor::Device;

    #[test]
    fn vectors_of_any_scale_come_out_with_unit_root_mean_square() {
        let x = Tensor::<2>::from_floats([[3.0, 4.0], [3e-3, 4e-3]], &Device::flex());
        let y: Vec<f32> = rms_normalize(x, 1e-12).into_data().try_to_vec().unwrap();
        let expected = [0.848_528, 1.131_371];
        for (found, expected) in y.iter().zip(expected.iter().cycle()) {
            assert!((found - expected).abs() < 1e-4, "{y:?}");
        }
    }
}
