//! Where tokens and characters are, as numbers a probe can use.

use burn::tensor::{Device, Tensor, TensorData};
use probe_data::Group;

/// Side of a merged token of the small tower, which the wavelengths and the reader's first widths
/// are meant for.
pub const TOKEN_PX: f32 = 16.0;

/// Wavelengths in pixels; they cover a fraction of a character to several tokens.
const WAVELENGTHS_PX: [f32; 10] = [4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, 128.0, 256.0];

/// Length of the vector that [`wave_features`] makes of one point.
pub const WAVE_FEATURES: usize = 4 * WAVELENGTHS_PX.len();

/// Sines and cosines of both coordinates at all wavelengths.
///
/// Wavelength 16 px is the side of a merged token at patch 8, so its phase says where within its
/// token a character stands.
#[must_use]
pub fn wave_features(point_px: [f32; 2]) -> [f32; WAVE_FEATURES] {
    let mut out = [0.0; WAVE_FEATURES];
    for (i, wavelength) in WAVELENGTHS_PX.iter().enumerate() {
        for (axis, place) in point_px.iter().enumerate() {
            let angle = std::f32::consts::TAU * place / wavelength;
            out[4 * i + 2 * axis] = angle.sin();
            out[4 * i + 2 * axis + 1] = angle.cos();
        }
    }
    out
}

/// Places of tokens and of the characters to read, ready for a forward pass.
#[derive(Clone, Debug)]
pub struct Anchors {
    /// `[1 or batch, slots, features]`
    pub slot_waves: Tensor<3>,
    /// `[1, tokens, features]`
    pub token_waves: Tensor<3>,
    /// Squared distances in px², `[1 or batch, 1, slots, tokens]`.
    pub squared_distances: Tensor<4>,
}

impl Anchors {
    /// Anchors shared by every image of a batch: a grid of characters.
    ///
    /// # Panics
    /// If there is no slot or no token.
    #[must_use]
    pub fn shared(slots_px: &[[f32; 2]], tokens_px: &[[f32; 2]], device: &Device) -> Self {
        Self::per_image(&[slots_px], tokens_px, device)
    }

    /// Anchors of the character places of some images of a group, from centres `places_px` of the
    /// tokens or patches; all are multiplied by `scale` first.
    ///
    /// A grid has one set for all images; otherwise every image has its own, padded to the longest.
    /// `None` if the places are unknown.
    #[must_use]
    pub fn of_group(
        group: &Group,
        items: &[usize],
        places_px: &[[f32; 2]],
        scale: f32,
        device: &Device,
    ) -> Option<Self> {
        let scaled = |places: &[[f32; 2]]| -> Vec<[f32; 2]> {
            let places = places.iter();
            places.map(|[x, y]| [scale * x, scale * y]).collect()
        };
        let places_px = &scaled(places_px);
        if group.grid.is_some() {
            let slots = &scaled(&group.labels.first()?.slots_px);
            return Some(Self::shared(slots, places_px, device));
        }
        let longest = items
            .iter()
            .map(|&i| group.labels[i].slots_px.len())
            .max()?;
        let padded: Vec<Vec<[f32; 2]>> = items
            .iter()
            .map(|&i| {
                let mut slots = scaled(&group.labels[i].slots_px);
                slots.resize(longest, [0.0, 0.0]);
                slots
            })
            .collect();
        let padded: Vec<&[[f32; 2]]> = padded.iter().map(Vec::as_slice).collect();
        (longest > 0).then(|| Self::per_image(&padded, places_px, device))
    }

    /// Anchors of each image; all images must have equally many slots (pad with any place and
    /// weigh the padding with 0 in the loss).
    ///
    /// # Panics
    /// If the numbers of slots differ, or there is no slot or no token.
    #[must_use]
    pub fn per_image(slots_px: &[&[[f32; 2]]], tokens_px: &[[f32; 2]], device: &Device) -> Self {
        let (batch, tokens) = (slots_px.len(), tokens_px.len());
        let slots = slots_px.first().map_or(0, |s| s.len());
        assert!(slots > 0 && tokens > 0, "a probe needs slots and tokens");
        assert!(
            slots_px.iter().all(|s| s.len() == slots),
            "all images of a batch need equally many slots"
        );
        let waves = |points: &mut dyn Iterator<Item = [f32; 2]>| {
            points.flat_map(wave_features).collect::<Vec<f32>>()
        };
        let slot_waves = waves(&mut slots_px.iter().flat_map(|s| s.iter().copied()));
        let token_waves = waves(&mut tokens_px.iter().copied());
        let mut squared = Vec::with_capacity(batch * slots * tokens);
        for slot in slots_px.iter().flat_map(|s| s.iter()) {
            for token in tokens_px {
                let (dx, dy) = (slot[0] - token[0], slot[1] - token[1]);
                squared.push(dx * dx + dy * dy);
            }
        }
        Self {
            slot_waves: tensor(slot_waves, [batch, slots, WAVE_FEATURES], device),
            token_waves: tensor(token_waves, [1, tokens, WAVE_FEATURES], device),
            squared_distances: tensor(squared, [batch, 1, slots, tokens], device),
        }
    }
}

fn tensor<const D: usize>(values: Vec<f32>, shape: [usize; D], device: &Device) -> Tensor<D> {
    Tensor::from_data(TensorData::new(values, shape), device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_squared_euclidean_in_pixels() {
        let anchors = Anchors::shared(&[[0.0, 0.0], [3.0, 4.0]], &[[0.0, 0.0]], &Device::flex());
        let squared: Vec<f32> = anchors.squared_distances.into_data().try_to_vec().unwrap();
        assert_eq!(squared, [0.0, 25.0]);
    }

    #[test]
    fn one_token_apart_the_token_phase_repeats_and_other_waves_do_not() {
        let (here, there) = (wave_features([5.0, 3.0]), wave_features([21.0, 3.0]));
        let sixteen = 4 * 4;
        assert!((here[sixteen] - there[sixteen]).abs() < 1e-5);
        assert!((here[sixteen + 4] - there[sixteen + 4]).abs() > 0.1);
    }
}
