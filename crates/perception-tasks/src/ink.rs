//! What is drawn before contrast, polarity and noise: ink in 0 to 1 for every pixel and channel.

use crate::shape::Shape;

/// Ink in red, green and blue: the share of the way from the background to full ink. Grey tasks
/// use the same share in all three.
pub(crate) type Paint = [f32; 3];

/// Full ink.
pub(crate) const INK: Paint = [1.0; 3];

/// Weights of the channels in grey: ITU-R BT.709 on coded values, as `image` converts to grey.
pub(crate) const LUMA: [f32; 3] = [0.2126, 0.7152, 0.0722];

/// Three planes of ink. Pixels on an edge are covered by the exact share of their area, so that
/// a shift by a tenth of a pixel changes the picture.
#[derive(Clone, Debug)]
pub(crate) struct Ink {
    width_px: u32,
    height_px: u32,
    planes: [Vec<f32>; 3],
    is_clipped: bool,
}

impl Ink {
    pub(crate) fn new(width_px: u32, height_px: u32) -> Self {
        let blank = vec![0.0; width_px as usize * height_px as usize];
        Self {
            width_px,
            height_px,
            planes: [blank.clone(), blank.clone(), blank],
            is_clipped: false,
        }
    }

    pub(crate) fn width_px(&self) -> u32 {
        self.width_px
    }

    pub(crate) fn height_px(&self) -> u32 {
        self.height_px
    }

    /// Whether something was drawn that leaves the canvas.
    pub(crate) fn is_clipped(&self) -> bool {
        self.is_clipped
    }

    /// Paints over what is there.
    pub(crate) fn fill(&mut self, shape: &Shape, paint: Paint) {
        let (width, height) = (self.width_px as f32, self.height_px as f32);
        let [left, top, right, bottom] = shape.bounds();
        self.is_clipped |= left < 0.0 || top < 0.0 || right > width || bottom > height;
        let covered = coverage(shape, self.width_px, self.height_px);
        for (plane, paint) in self.planes.iter_mut().zip(paint) {
            for (ink, covered) in plane.iter_mut().zip(&covered) {
                *ink += (paint - *ink) * covered;
            }
        }
    }

    /// Ink of one channel, row by row.
    pub(crate) fn plane(&self, channel: usize) -> &[f32] {
        &self.planes[channel]
    }

    /// Ink in grey, row by row.
    pub(crate) fn grey(&self) -> Vec<f32> {
        let [red, green, blue] = &self.planes;
        let pixels = red.iter().zip(green).zip(blue);
        pixels
            .map(|((r, g), b)| {
                if r == g && g == b {
                    *r
                } else {
                    LUMA[0] * r + LUMA[1] * g + LUMA[2] * b
                }
            })
            .collect()
    }
}

/// Share of every pixel's area that a shape covers, row by row.
pub(crate) fn coverage(shape: &Shape, width_px: u32, height_px: u32) -> Vec<f32> {
    let covered = text_images::coverage(shape.lines.iter().copied(), width_px, height_px);
    let covered = covered.into_iter();
    // What is left of sums that should cancel.
    covered
        .map(|share| if share > 1e-4 { share } else { 0.0 })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(shape: &Shape) -> Ink {
        let mut ink = Ink::new(64, 32);
        ink.fill(shape, INK);
        ink
    }

    #[test]
    fn coverage_adds_up_to_the_area_wherever_the_edges_lie() {
        for step in 0..20 {
            let at = [20.0 + 0.05 * step as f32, 15.0 + 0.03 * step as f32];
            for shape in [
                Shape::disc(at, 7.3),
                Shape::ring(at, 9.0, 7.5),
                Shape::stroke(at, [at[0] + 8.0, at[1] + 3.0], 0.4),
            ] {
                let total: f32 = drawn(&shape).grey().iter().sum();
                assert!((total / shape.area() - 1.0).abs() < 5e-3, "{total}");
            }
        }
    }

    /// Coverage by counting 32 x 32 points in every pixel.
    fn counted(inside: impl Fn(f32, f32) -> bool) -> Vec<f32> {
        const POINTS: u32 = 32;
        let mut pixels = vec![0.0; 64 * 32];
        for y in 0..32 * POINTS {
            for x in 0..64 * POINTS {
                let at = |n: u32| (n as f32 + 0.5) / POINTS as f32;
                if inside(at(x), at(y)) {
                    pixels[(y / POINTS * 64 + x / POINTS) as usize] +=
                        1.0 / (POINTS * POINTS) as f32;
                }
            }
        }
        pixels
    }

    #[test]
    fn every_pixel_has_the_coverage_that_counting_points_finds() {
        for angle in [0.0, 0.048, -0.3, 1.2] {
            let centre = [31.37, 15.81];
            let (width, height) = (2.7, 22.3);
            let ink = drawn(&Shape::rectangle(centre, width, height).turned(centre, angle));
            let (sin, cos) = f32::sin_cos(angle);
            let expected = counted(|x, y| {
                let (dx, dy) = (x - centre[0], y - centre[1]);
                let (across, along) = (dx * cos + dy * sin, dy * cos - dx * sin);
                across.abs() < width / 2.0 && along.abs() < height / 2.0
            });
            for (pixel, (ink, expected)) in ink.grey().iter().zip(&expected).enumerate() {
                let place = (pixel % 64, pixel / 64);
                assert!(
                    (ink - expected).abs() < 0.02,
                    "{angle} {place:?}: {ink} {expected}"
                );
            }
        }
    }

    #[test]
    fn painting_blank_takes_ink_away() {
        let mut ink = drawn(&Shape::rectangle([20.0, 16.0], 10.0, 10.0));
        ink.fill(&Shape::rectangle([20.0, 16.0], 4.0, 10.0), [0.0; 3]);
        let total: f32 = ink.grey().iter().sum();
        assert!((total - 60.0).abs() < 1e-3);
    }

    #[test]
    fn what_leaves_the_canvas_is_noticed_and_stays_in_its_rows() {
        let ink = drawn(&Shape::rectangle([0.0, 16.0], 10.0, 10.0));
        assert!(ink.is_clipped());
        let total: f32 = ink.grey().iter().sum();
        assert!((total - 50.0).abs() < 1e-3);
        assert!(!drawn(&Shape::rectangle([5.0, 5.0], 10.0, 10.0)).is_clipped());
    }
}
