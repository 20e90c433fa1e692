//! Colours of one luminance, so that a grey image shows none of them.

use std::f32::consts::TAU;

use crate::ink::{LUMA, Paint};

/// Grey level from which hues depart.
const LEVEL: f32 = 0.5;

/// Largest chroma that stays inside the range of all channels, whatever the hue.
pub(super) const MOST_CHROMA: f32 = 0.45;

/// Ink of a colour, for dark on light: what it takes from white. Hue in degrees from red over
/// yellow and green; chroma is the distance from grey in RGB.
pub(super) fn paint(hue_deg: f32, chroma: f32) -> Paint {
    // Two directions at right angles to luminance and to each other: red against green, and the
    // product of both, which is blue against yellow.
    let red = unit([LUMA[1], -LUMA[0], 0.0]);
    let blue = unit([
        LUMA[1] * red[2] - LUMA[2] * red[1],
        LUMA[2] * red[0] - LUMA[0] * red[2],
        LUMA[0] * red[1] - LUMA[1] * red[0],
    ]);
    let angle = hue_deg / 360.0 * TAU;
    let (sin, cos) = angle.sin_cos();
    [0, 1, 2].map(|channel| {
        let colour = LEVEL + chroma * (cos * red[channel] + sin * blue[channel]);
        1.0 - colour
    })
}

fn unit(vector: [f32; 3]) -> [f32; 3] {
    let length = vector.iter().map(|x| x * x).sum::<f32>().sqrt();
    vector.map(|x| x / length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hues_have_one_luminance_and_stay_in_range() {
        for degree in 0..360 {
            let paint = paint(degree as f32, MOST_CHROMA);
            let luma: f32 = LUMA.iter().zip(paint).map(|(w, p)| w * p).sum();
            assert!((luma - (1.0 - LEVEL)).abs() < 1e-5);
            assert!(paint.iter().all(|p| (0.0..=1.0).contains(p)), "{degree}");
        }
    }

    #[test]
    fn zero_degrees_is_red_and_the_way_goes_over_yellow() {
        let [red, yellow] = [0.0, 60.0].map(|hue| paint(hue, 0.4).map(|p| 1.0 - p));
        assert!(red[0] > 0.8 && red[1] < 0.45);
        assert!(yellow[2] < 0.3, "{yellow:?}");
    }
}
