//! 2-D rotary positions.

use crate::PatchLayout;
use burn::tensor::{Device, Tensor, TensorData};
use fused_ops::Rotation;

/// Cosines and sines that rotate queries and keys by the patch's row and column.
///
/// The layout is that of Qwen2.5-VL and Ovis2.5: the first quarter of the head turns with the row,
/// the second with the column, and dimension `j` is paired with `j + d_head / 2` (rotate-half).
/// Frequencies are `base^(-2i / (d_head / 2))`.
#[derive(Clone, Debug)]
pub struct RotaryAngles {
    rotation: Rotation,
}

impl RotaryAngles {
    /// Angles for every patch of `layout` in merge order.
    ///
    /// # Panics
    /// If `d_head` is not a multiple of 4.
    #[must_use]
    pub fn new(layout: PatchLayout, d_head: usize, base: f64, device: &Device) -> Self {
        assert!(
            d_head.is_multiple_of(4),
            "2-D rotary positions need a head width that is a multiple of 4, found {d_head}"
        );
        let half = d_head / 2;
        Self::of_angles(&layout.positions(), d_head, device, |place, index| {
            place as f64 * base.powf(-2.0 * index as f64 / half as f64)
        })
    }

    /// Angles for patches at these `(row, column)` places, in the single precision of the published
    /// towers' code.
    ///
    /// # Panics
    /// If `d_head` is not a multiple of 4.
    #[must_use]
    pub fn published(
        positions: &[(usize, usize)],
        d_head: usize,
        base: f64,
        device: &Device,
    ) -> Self {
        let frequencies = published_frequencies(d_head, base);
        Self::of_angles(positions, d_head, device, |place, index| {
            f64::from(place as f32 * frequencies[index])
        })
    }

    /// `angle(place, i)` is the angle of the `i`-th frequency at a row or column.
    fn of_angles(
        positions: &[(usize, usize)],
        d_head: usize,
        device: &Device,
        angle: impl Fn(usize, usize) -> f64,
    ) -> Self {
        let (half, quarter) = (d_head / 2, d_head / 4);
        let mut cos = Vec::with_capacity(positions.len() * d_head);
        let mut sin = Vec::with_capacity(positions.len() * d_head);
        for &(row, col) in positions {
            for dim in 0..d_head {
                let within = dim % half;
                let place = if within < quarter { row } else { col };
                let angle = angle(place, within % quarter);
                cos.push(angle.cos() as f32);
                sin.push(if dim < half {
                    -angle.sin()
                } else {
                    angle.sin()
                } as f32);
            }
        }
        let shape = [positions.len(), d_head];
        Self {
            rotation: Rotation {
                cos: Tensor::from_data(TensorData::new(cos, shape), device),
                signed_sin: Tensor::from_data(TensorData::new(sin, shape), device),
            },
        }
    }

    /// The angles as attention takes them.
    #[must_use]
    pub fn rotation(&self) -> &Rotation {
        &self.rotation
    }

    /// Rotates queries or keys.
    ///
    /// # Shapes
    /// - `x`: `[batch, heads, patches, d_head]`, output the same
    #[must_use]
    pub fn rotate(&self, x: Tensor<4>) -> Tensor<4> {
        fused_ops::plain::rotate(x, &self.rotation)
    }
}

/// Frequencies of one axis, `base^(-2i / (d_head / 2))` in single precision.
///
/// # Panics
/// If `d_head` is not a multiple of 4.
#[must_use]
pub fn published_frequencies(d_head: usize, base: f64) -> Vec<f32> {
    assert!(
        d_head.is_multiple_of(4),
        "2-D rotary positions need a head width that is a multiple of 4, found {d_head}"
    );
    let half = d_head / 2;
    (0..d_head / 4)
        .map(|i| 1.0 / (base as f32).powf(2.0 * i as f32 / half as f32))
        .collect()
}

/// The angles themselves, `[patches, d_head / 2]` row-major: those of the row, then those of the
/// column.
///
/// # Panics
/// If `d_head` is not a multiple of 4.
#[must_use]
pub fn published_angles(positions: &[(usize, usize)], d_head: usize, base: f64) -> Vec<f32> {
    let frequencies = published_frequencies(d_head, base);
    positions
        .iter()
        .flat_map(|&(row, col)| {
            let of = |place: usize| frequencies.iter().map(move |f| place as f32 * f);
            of(row).chain(of(col)).collect::<Vec<f32>>()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn random(shape: [usize; 4], name: &str) -> Tensor<4> {
        projector::seeded::normal(
            shape,
            1.0,
            &mut projector::seeded::stream(0, name),
            &Device::flex(),
        )
    }

    /// Dot products of every rotated query with every rotated key.
    fn scores(layout: PatchLayout) -> Vec<f32> {
        let angles = RotaryAngles::new(layout, 8, 100.0, &Device::flex());
        let n = layout.patches();
        let q = random([1, 1, 1, 8], "q").expand([1, 1, n, 8]);
        let k = random([1, 1, 1, 8], "k").expand([1, 1, n, 8]);
        angles
            .rotate(q)
            .matmul(angles.rotate(k).transpose())
            .into_data()
            .try_to_vec()
            .unwrap()
    }

    #[test]
    fn scores_depend_on_the_offset_between_patches_only() {
        let layout = PatchLayout::of_image(32, 32, 8, 2).unwrap();
        let positions = layout.positions();
        let scores = scores(layout);
        let n = layout.patches();
        let mut by_offset = std::collections::HashMap::new();
        for (i, a) in positions.iter().enumerate() {
            for (j, b) in positions.iter().enumerate() {
                let offset = (a.0 as i32 - b.0 as i32, a.1 as i32 - b.1 as i32);
                let first = *by_offset.entry(offset).or_insert(scores[i * n + j]);
                assert!((first - scores[i * n + j]).abs() < 1e-4);
            }
        }
        // Rows and columns must not be interchangeable.
        assert!((by_offset[&(1, 0)] - by_offset[&(0, 1)]).abs() > 1e-3);
    }

    #[test]
    fn rotation_keeps_lengths() {
        let layout = PatchLayout::of_image(16, 16, 8, 2).unwrap();
        let angles = RotaryAngles::new(layout, 8, 100.0, &Device::flex());
        let x = random([2, 3, 4, 8], "x");
        let before: Vec<f32> = x
            .clone()
            .square()
            .sum_dim(3)
            .into_data()
            .try_to_vec()
            .unwrap();
        let after: Vec<f32> = angles
            .rotate(x)
            .square()
            .sum_dim(3)
            .into_data()
            .try_to_vec()
            .unwrap();
        for (a, b) in before.iter().zip(&after) {
            assert!((a - b).abs() < 1e-4);
        }
    }
}
