//! The size that an image is resized to: `smart_resize` of the packed families.
//!
//! Both rules look for sides that are multiples of `factor` (patch side times merge side), close to
//! the image's own, with an area between `min_pixels` and `max_pixels`. They round as Python's
//! `round` does, ties to even: 70 / 28 = 2.5 becomes 2.
//!
//! # Source
//! - [`SizingRule::Qwen`]: transformers 5.23.0, `image_processing_qwen2_vl.py`, `smart_resize`.
//! - [`SizingRule::Ovis2_5`]: AIDC-AI/Ovis, `ovis/model/modeling_ovis.py`,
//!   `VisualTokenizer.smart_resize`.
//!
//! # Deviations
//! Where the references end with a side of 0, which their resize then refuses, [`Error::TooThin`]
//! says so here.

use std::fmt;

use crate::{Error, Result};

/// Longest side over shortest side: beyond it Qwen refuses an image and Ovis2.5 squeezes it.
pub const MAX_ASPECT_RATIO: u32 = 200;

/// Width and height of an image in px.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Size {
    /// Columns of pixels.
    pub width: u32,
    /// Rows of pixels.
    pub height: u32,
}

impl Size {
    /// `width` x `height` px.
    pub const fn new(width: u32, height: u32) -> Self {
        Self { width, height }
    }

    /// Width times height.
    pub const fn pixels(self) -> u64 {
        self.width as u64 * self.height as u64
    }

    /// Of an image.
    pub fn of(image: &image::RgbImage) -> Self {
        Self::new(image.width(), image.height())
    }
}

impl fmt::Display for Size {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} x {}", self.width, self.height)
    }
}

/// How the two families treat images that are small or long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum SizingRule {
    /// Refuses images of more than [`MAX_ASPECT_RATIO`]; no side ends below `factor`.
    Qwen,
    /// Enlarges an image whose short side is below `factor`, else squeezes one of more than
    /// [`MAX_ASPECT_RATIO`] to that ratio.
    Ovis2_5,
}

/// `smart_resize` with its settings.
///
/// ```
/// # use image_processor::{Size, SizingRule, SmartResize};
/// let qwen = SmartResize { rule: SizingRule::Qwen, factor: 28, min_pixels: 3136, max_pixels: 1_003_520 };
/// assert_eq!(qwen.target(Size::new(42, 98))?, Size::new(56, 112));
/// # Ok::<(), image_processor::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SmartResize {
    /// Family of the rule.
    pub rule: SizingRule,
    /// Both sides become multiples of it, in px.
    pub factor: u32,
    /// Smallest area in px².
    pub min_pixels: u64,
    /// Largest area in px².
    pub max_pixels: u64,
}

impl SmartResize {
    /// The size that an image of `size` is resized to.
    ///
    /// # Errors
    /// If the image has no pixels, is longer than the family accepts, or would lose all its rows
    /// or columns; if it would become larger than any image can be; if `factor` is 0.
    pub fn target(&self, size: Size) -> Result<Size> {
        if self.factor == 0 {
            return Err(Error::setting("factor", 0, "1 px or more"));
        }
        if size.width == 0 || size.height == 0 {
            return Err(Error::NoPixels { size });
        }
        let (width, height) = match self.rule {
            SizingRule::Qwen => self.qwen(size)?,
            SizingRule::Ovis2_5 => self.ovis(size),
        };
        let target = Size::new(side(width), side(height));
        if target.width == 0 || target.height == 0 {
            return Err(Error::TooThin { size, target });
        }
        if target.width == u32::MAX || target.height == u32::MAX {
            return Err(Error::TooLarge {
                what: format!("an image of {size} px resized"),
                size: target,
            });
        }
        Ok(target)
    }

    fn qwen(&self, size: Size) -> Result<(f64, f64)> {
        let (long, short) = (size.width.max(size.height), size.width.min(size.height));
        if u64::from(long) > u64::from(MAX_ASPECT_RATIO) * u64::from(short) {
            return Err(Error::AspectRatio {
                size,
                limit: MAX_ASPECT_RATIO,
            });
        }
        let factor = f64::from(self.factor);
        Ok(self.fit(f64::from(size.width), f64::from(size.height), factor))
    }

    fn ovis(&self, size: Size) -> (f64, f64) {
        let factor = f64::from(self.factor);
        let limit = f64::from(MAX_ASPECT_RATIO);
        let (mut width, mut height) = (f64::from(size.width), f64::from(size.height));
        if height < factor || width < factor {
            if height < width {
                width = (factor / height * width).round_ties_even();
                height = factor;
            } else {
                height = (factor / width * height).round_ties_even();
                width = factor;
            }
        } else if width.max(height) / width.min(height) > limit {
            if height > width {
                height = limit * width;
            } else {
                width = limit * height;
            }
        }
        self.fit(width, height, 0.0)
    }

    /// To multiples of `factor` with an area in range; over the range, no side below `floor`.
    ///
    /// With released factors, sides and areas are integers below 2⁵³, which f64 holds as exactly as
    /// Python does; operations keep the reference's order.
    fn fit(&self, width: f64, height: f64, floor: f64) -> (f64, f64) {
        let factor = f64::from(self.factor);
        let nearest = |side: f64| (side / factor).round_ties_even() * factor;
        let (min_pixels, max_pixels) = (self.min_pixels as f64, self.max_pixels as f64);
        let area = nearest(width) * nearest(height);
        if area > max_pixels {
            let shrink = (width * height / max_pixels).sqrt();
            let below = |side: f64| ((side / shrink / factor).floor() * factor).max(floor);
            (below(width), below(height))
        } else if area < min_pixels {
            let enlarge = (min_pixels / (width * height)).sqrt();
            let above = |side: f64| (side * enlarge / factor).ceil() * factor;
            (above(width), above(height))
        } else {
            (nearest(width), nearest(height))
        }
    }
}

/// `u32::MAX`, no multiple that anyone asks for, stands for everything above.
fn side(length: f64) -> u32 {
    length as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn qwen() -> SmartResize {
        SmartResize {
            rule: SizingRule::Qwen,
            factor: 28,
            min_pixels: 56 * 56,
            max_pixels: 28 * 28 * 1280,
        }
    }

    fn ovis() -> SmartResize {
        SmartResize {
            rule: SizingRule::Ovis2_5,
            factor: 32,
            min_pixels: 448 * 448,
            max_pixels: 1344 * 1792,
        }
    }

    fn target(rule: SmartResize, width: u32, height: u32) -> (u32, u32) {
        let size = rule.target(Size::new(width, height)).unwrap();
        (size.width, size.height)
    }

    #[test]
    fn qwen_gives_the_sizes_of_the_reference() {
        for (from, to) in [
            ((70, 70), (56, 56)),
            ((42, 98), (56, 112)),
            ((20, 20), (56, 56)),
            ((5, 1000), (28, 812)),
            ((1, 1), (56, 56)),
            ((1, 200), (28, 812)),
            ((640, 480), (644, 476)),
            ((4000, 3000), (1148, 840)),
        ] {
            assert_eq!(target(qwen(), from.0, from.1), to, "{from:?}");
            let turned = target(qwen(), from.1, from.0);
            assert_eq!(turned, (to.1, to.0), "{from:?} turned");
        }
    }

    #[test]
    fn ties_go_to_even() {
        // 70 / 28 = 2.5 and 98 / 28 = 3.5: both lie halfway.
        assert_eq!(target(qwen(), 70, 98), (56, 112));
    }

    #[test]
    fn qwen_refuses_more_than_200_to_1_and_ovis_squeezes_it() {
        assert!(qwen().target(Size::new(200, 1)).is_ok());
        let error = qwen().target(Size::new(201, 1)).unwrap_err();
        assert!(matches!(error, Error::AspectRatio { limit: 200, .. }));
        // 40 x 10,000 counts as 40 x 8,000.
        assert_eq!(target(ovis(), 40, 10_000), target(ovis(), 40, 8_000));
    }

    #[test]
    fn ovis_enlarges_what_is_below_a_block() {
        assert_eq!(target(ovis(), 1, 1), (448, 448));
        // 10 x 20 counts as 32 x 64.
        assert_eq!(target(ovis(), 10, 20), target(ovis(), 32, 64));
    }

    #[test]
    fn ovis_does_not_keep_one_block_as_qwen_does() {
        let error = ovis().target(Size::new(1, 1_000_000)).unwrap_err();
        assert!(matches!(error, Error::TooThin { .. }), "{error}");
    }

    #[test]
    fn an_image_without_pixels_or_a_factor_of_zero_is_named() {
        let error = qwen().target(Size::new(0, 5)).unwrap_err();
        assert!(matches!(error, Error::NoPixels { .. }));
        let rule = SmartResize {
            factor: 0,
            ..qwen()
        };
        assert!(rule.target(Size::new(5, 5)).is_err());
    }
}
