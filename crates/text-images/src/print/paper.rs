//! Paper, ink, light and camera: from the ink of a word to its picture.

use image::GrayImage;
use rand::{Rng, RngExt};
use rand_distr::StandardNormal;

use super::log_between;
use crate::degradation::{Appearance, blurred, through_jpeg};
use crate::drawing::between;

/// Height of a line for which [`Degradation`](crate::Degradation) states its blur.
const BLUR_LINE_PX: f32 = 32.0;

/// A piece of paper with a line of text.
pub(super) struct Paper {
    /// Width in px.
    pub(super) width: u32,
    /// Height in px.
    pub(super) height: u32,
    /// Height of the line in px.
    pub(super) line_px: f32,
}

impl Paper {
    /// The picture: ink that spreads or thins, paper, light, lines, blur, noise and JPEG.
    pub(super) fn develop(
        &self,
        mut ink: Vec<f32>,
        look: &Appearance,
        rng: &mut impl Rng,
    ) -> GrayImage {
        if rng.random_bool(0.25) {
            let threshold = if rng.random_bool(0.5) { 0.06 } else { 0.28 };
            let spread = self.blurred(ink, self.line_px * between([0.008, 0.03], rng));
            ink = spread
                .into_iter()
                .map(|covered| (2.0 * (covered - threshold)).clamp(0.0, 1.0))
                .collect();
        }
        if rng.random_bool(0.07) {
            self.rule(&mut ink, rng);
        }
        let (slope, stain) = (slope(rng), Stains::draw(self.line_px, rng));
        let mut picture: Vec<f32> = Vec::with_capacity(ink.len());
        for (index, covered) in ink.into_iter().enumerate() {
            let (x, y) = (index as u32 % self.width, index as u32 / self.width);
            let (right, down) = (
                x as f32 / self.width as f32 - 0.5,
                y as f32 / self.height as f32 - 0.5,
            );
            let light = 1.0 + slope[0] * right + slope[1] * down;
            let paper = look.background + stain.at(x as f32, y as f32);
            picture.push((paper + (look.ink - paper) * covered) * light);
        }
        if let Some(sigma) = look.blur_sigma_px {
            picture = self.blurred(picture, sigma * self.line_px / BLUR_LINE_PX);
        }
        let noise_sd = 2.0 * look.noise_sd * rng.random::<f32>();
        let pixels = picture.into_iter().map(|level| {
            let level = level + noise_sd * rng.sample::<f32, _>(StandardNormal);
            (level * 255.0).round().clamp(0.0, 255.0) as u8
        });
        let image = GrayImage::from_raw(self.width, self.height, pixels.collect())
            .expect("there is one value for every pixel");
        match look.jpeg_quality {
            Some(quality) => through_jpeg(&image, quality),
            None => image,
        }
    }

    fn blurred(&self, plane: Vec<f32>, sigma_px: f32) -> Vec<f32> {
        blurred(plane, (self.width, self.height), sigma_px.max(0.2))
    }

    /// A ruled line at one of the edges, as forms, tables and underlining have them.
    fn rule(&self, ink: &mut [f32], rng: &mut impl Rng) {
        let thick = (self.line_px * between([0.02, 0.07], rng)).max(1.0) as u32;
        let strength = between([0.3, 1.0], rng);
        let edge = rng.random_range(0..4);
        let away = (self.line_px * between([0.0, 0.12], rng)) as u32;
        let (width, height) = (self.width, self.height);
        for (index, covered) in ink.iter_mut().enumerate() {
            let (x, y) = (index as u32 % width, index as u32 / width);
            let distance = match edge {
                0 => y,
                1 => height - 1 - y,
                2 => x,
                _ => width - 1 - x,
            };
            if (away..away + thick).contains(&distance) {
                *covered = covered.max(strength);
            }
        }
    }
}

/// Change of the light from left to right and from top to bottom.
fn slope(rng: &mut impl Rng) -> [f32; 2] {
    if rng.random_bool(0.65) {
        return [0.0; 2];
    }
    [0, 1].map(|_| between([-0.35, 0.35], rng))
}

/// Paper that is not even: values at the crossings of a net, with straight lines between them.
struct Stains {
    cell_px: f32,
    levels: [[f32; Self::CROSSINGS]; Self::CROSSINGS],
}

impl Stains {
    const CROSSINGS: usize = 8;

    fn draw(line_px: f32, rng: &mut impl Rng) -> Self {
        let strength = if rng.random_bool(0.2) {
            between([0.02, 0.12], rng)
        } else {
            0.0
        };
        Self {
            cell_px: line_px * log_between([0.1, 1.5], rng),
            levels: [(); Self::CROSSINGS]
                .map(|()| [(); Self::CROSSINGS].map(|()| strength * between([-1.0, 1.0], rng))),
        }
    }

    fn at(&self, x: f32, y: f32) -> f32 {
        let (x, y) = (x / self.cell_px, y / self.cell_px);
        let level = |right: usize, down: usize| {
            self.levels[(y as usize + down) % Self::CROSSINGS]
                [(x as usize + right) % Self::CROSSINGS]
        };
        let mix = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let upper = mix(level(0, 0), level(1, 0), x.fract());
        let lower = mix(level(0, 1), level(1, 1), x.fract());
        mix(upper, lower, y.fract())
    }
}
