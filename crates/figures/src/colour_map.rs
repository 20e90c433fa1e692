//! Colours for numbers: perceptually uniform maps and a bar that says which colour is which number.

use image::{Rgb, RgbImage};
use plotters::style::RGBColor;

use crate::axis::{Axis, Direction};
use crate::scene::{Anchor, Label, Scene};
use crate::style::{Dash, INK, SMALL_EM, THIN_WIDTH};

/// Nine colours of matplotlib's viridis (S. van der Walt and N. Smith, 2015, CC0), from low to high.
const VIRIDIS: [[u8; 3]; 9] = [
    [0x44, 0x01, 0x54],
    [0x47, 0x2d, 0x7b],
    [0x3b, 0x52, 0x8b],
    [0x2c, 0x72, 0x8e],
    [0x21, 0x91, 0x8c],
    [0x28, 0xae, 0x80],
    [0x5e, 0xc9, 0x62],
    [0xad, 0xdc, 0x30],
    [0xfd, 0xe7, 0x25],
];

/// Light to dark grey: for a second quantity beside one in colour.
const GREYS: [[u8; 3]; 2] = [[0xf2, 0xf2, 0xf2], [0x26, 0x26, 0x26]];

const BAR_HEIGHT: f64 = 26.0;
const TICK: f64 = 7.0;
const LABEL_GAP: f64 = 8.0;

/// From a share of a scale to a colour, equal steps looking equally large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ColourMap {
    Viridis,
    Greys,
}

impl ColourMap {
    /// The colour at `share`, from 0 to 1; what lies beyond takes the colour of the end, and what is
    /// no number that of 0.
    pub(crate) fn colour(self, share: f64) -> RGBColor {
        let stops: &[[u8; 3]] = match self {
            Self::Viridis => &VIRIDIS,
            Self::Greys => &GREYS,
        };
        let share = if share.is_finite() { share } else { 0.0 };
        let place = share.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        let below = (place.floor() as usize).min(stops.len() - 2);
        let within = place - below as f64;
        let channel = |index: usize| {
            let (low, high) = (stops[below][index], stops[below + 1][index]);
            (f64::from(low) + (f64::from(high) - f64::from(low)) * within).round() as u8
        };
        RGBColor(channel(0), channel(1), channel(2))
    }
}

/// Black or white, whichever is easier to read on `ground`.
pub(crate) fn ink_on(ground: RGBColor) -> RGBColor {
    if lightness(ground) > 55.0 {
        INK
    } else {
        RGBColor(0xff, 0xff, 0xff)
    }
}

/// CIE L* of an sRGB colour, 0 for black to 100 for white.
fn lightness(colour: RGBColor) -> f64 {
    let linear = |level: u8| {
        let level = f64::from(level) / 255.0;
        if level <= 0.04045 {
            level / 12.92
        } else {
            ((level + 0.055) / 1.055).powf(2.4)
        }
    };
    let RGBColor(red, green, blue) = colour;
    let luminance = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
    if luminance <= 0.008_856 {
        903.3 * luminance
    } else {
        116.0 * luminance.cbrt() - 16.0
    }
}

/// A scale from 0 to its largest value, with its colours.
#[derive(Clone, Debug)]
pub(crate) struct ColourScale {
    axis: Axis,
    map: ColourMap,
    title: String,
}

impl ColourScale {
    /// Covers `values`; its bar is `length` pixels long.
    pub(crate) fn new(values: &[f64], length: f64, map: ColourMap, title: &str) -> Self {
        Self {
            axis: Axis::linear(values, length, Direction::Horizontal),
            map,
            title: title.to_owned(),
        }
    }

    pub(crate) fn colour(&self, value: f64) -> RGBColor {
        let place = self.axis.place(value.max(0.0)).unwrap_or(0.0);
        self.map.colour(place / self.axis.length())
    }

    /// Height in pixels of the bar with its title and ticks.
    pub(crate) const HEIGHT: f64 =
        SMALL_EM + 12.0 + BAR_HEIGHT + TICK + LABEL_GAP + SMALL_EM + 12.0;

    /// Draws the bar with its upper left corner at `left`, `top`, the title above it.
    pub(crate) fn draw(&self, scene: &mut Scene, left: f64, top: f64) {
        let length = self.axis.length();
        let middle = (left, top + SMALL_EM / 2.0);
        scene.text(Label::new(&self.title, middle).sized(SMALL_EM));
        let top = top + SMALL_EM + 12.0;
        let bottom = top + BAR_HEIGHT;
        let pixels = length.round().max(1.0) as u32;
        let bar = RgbImage::from_fn(pixels, 1, |x, _| {
            let RGBColor(red, green, blue) = self.map.colour((f64::from(x) + 0.5) / length);
            Rgb([red, green, blue])
        });
        scene.picture((left, top), (left + length, bottom), &bar);
        for tick in &self.axis.ticks {
            let Some(place) = self.axis.place(tick.value) else {
                continue;
            };
            let x = left + place;
            let line = [(x, bottom), (x, bottom + TICK)];
            scene.line(&line, THIN_WIDTH, INK, Dash::Solid);
            let middle = (x, bottom + TICK + LABEL_GAP + SMALL_EM / 2.0);
            let label = Label::new(&tick.label, middle).sized(SMALL_EM);
            scene.text(label.anchored(Anchor::Middle));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lightness_goes_evenly_from_end_to_end() {
        for (map, rising) in [(ColourMap::Viridis, 1.0), (ColourMap::Greys, -1.0)] {
            let steps: Vec<f64> = (0..=16)
                .map(|step| rising * lightness(map.colour(f64::from(step) / 16.0)))
                .collect();
            let mean = (steps[16] - steps[0]) / 16.0;
            assert!(mean > 4.0, "{map:?} has too little range");
            for pair in steps.windows(2) {
                let step = pair[1] - pair[0];
                assert!((0.5..1.7).contains(&(step / mean)), "{map:?}: {steps:?}");
            }
        }
    }

    #[test]
    fn values_beyond_the_scale_take_the_colour_of_its_end() {
        let map = ColourMap::Viridis;
        assert_eq!(map.colour(7.0), map.colour(1.0));
        assert_eq!(map.colour(-1.0), map.colour(0.0));
        assert_eq!(map.colour(f64::NAN), map.colour(0.0));
        let scale = ColourScale::new(&[0.0, 7.3], 400.0, map, "bits");
        assert_eq!(scale.colour(0.0), map.colour(0.0));
        // The scale ends on the tick above.
        assert_eq!(scale.colour(8.0), map.colour(1.0));
    }

    #[test]
    fn text_stands_out_from_every_colour() {
        for map in [ColourMap::Viridis, ColourMap::Greys] {
            for step in 0..=50 {
                let ground = map.colour(f64::from(step) / 50.0);
                let contrast = (lightness(ground) - lightness(ink_on(ground))).abs();
                assert!(contrast > 38.0, "{map:?} at {step}: {contrast}");
            }
        }
    }
}
