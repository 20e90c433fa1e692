//! From 8-bit levels to the values that a vision tower sees.
//!
//! A level has 256 values, so each channel is one table of 256 entries; whatever the reference
//! computes per pixel is computed once per entry, in the reference's own order of roundings.
//!
//! # Source
//! transformers 5.23.0: `image_transforms.py` (`rescale`, `normalize`) for
//! [`Arithmetic::Separate`]; `image_processing_backends.py` (`rescale_and_normalize`) for
//! [`Arithmetic::Fused`].

use crate::{Error, Result};

/// Of CLIP, by channel; also Qwen2-VL, Qwen2.5-VL and Ovis2.
pub const CLIP_MEAN: [f64; 3] = [0.48145466, 0.4578275, 0.40821073];

/// Of CLIP, by channel; also Qwen2-VL, Qwen2.5-VL and Ovis2.
pub const CLIP_STD: [f64; 3] = [0.26862954, 0.26130258, 0.27577711];

/// Mean and standard deviation of SigLIP, Ovis2.5 and Qwen3-VL: levels become -1 to 1.
pub const HALF: [f64; 3] = [0.5; 3];

/// Of ImageNet, by channel: InternVL.
pub const IMAGENET_MEAN: [f64; 3] = [0.485, 0.456, 0.406];

/// Of ImageNet, by channel: InternVL.
pub const IMAGENET_STD: [f64; 3] = [0.229, 0.224, 0.225];

/// Levels 0 to 255 become 0 to 1.
pub const RESCALE_FACTOR: f64 = 1.0 / 255.0;

/// In which order the reference rounds to f32. Values differ by a few units in the last place of
/// the largest term, less than 1e-6 absolute with the released settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Arithmetic {
    /// Rescaled in f64 and rounded, then mean and standard deviation in f32: the NumPy path.
    #[default]
    Separate,
    /// Mean and standard deviation are scaled up instead, in f32: the torchvision path.
    Fused,
}

/// `(level * rescale_factor - mean) / std` by channel; either half can be left out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Normalisation {
    /// Factor on the 8-bit level; `None` leaves 0 to 255.
    pub rescale_factor: Option<f64>,
    /// Mean and standard deviation by channel; `None` skips them.
    pub mean_std: Option<([f64; 3], [f64; 3])>,
    /// Order of roundings.
    pub arithmetic: Arithmetic,
}

impl Normalisation {
    /// Of Qwen2-VL, Qwen2.5-VL and Ovis2.
    pub const fn clip() -> Self {
        Self {
            rescale_factor: Some(RESCALE_FACTOR),
            mean_std: Some((CLIP_MEAN, CLIP_STD)),
            arithmetic: Arithmetic::Separate,
        }
    }

    /// Of SigLIP, Ovis2.5 and Qwen3-VL.
    pub const fn half() -> Self {
        Self {
            mean_std: Some((HALF, HALF)),
            ..Self::clip()
        }
    }

    /// Of InternVL.
    pub const fn imagenet() -> Self {
        Self {
            mean_std: Some((IMAGENET_MEAN, IMAGENET_STD)),
            ..Self::clip()
        }
    }

    /// The value of every level in every channel.
    ///
    /// # Errors
    /// If the factor or a standard deviation is not above 0, or a number is not finite.
    pub fn table(&self) -> Result<LevelTable> {
        if let Some(factor) = self.rescale_factor
            && !(factor.is_finite() && factor > 0.0)
        {
            let expected = "a finite number above 0";
            return Err(Error::setting("rescale_factor", factor, expected));
        }
        if let Some((mean, std)) = self.mean_std {
            if let Some(bad) = mean.iter().find(|mean| !mean.is_finite()) {
                return Err(Error::setting("image_mean", bad, "finite numbers"));
            }
            // The quotient is taken in f32, where a smaller number could be 0.
            let usable = |std: &&f64| !(std.is_finite() && **std >= f64::from(f32::MIN_POSITIVE));
            if let Some(bad) = std.iter().find(usable) {
                return Err(Error::setting("image_std", bad, "finite numbers above 0"));
            }
        }
        let channel = |channel: usize| {
            let mut values = [0.0_f32; 256];
            for (level, value) in values.iter_mut().enumerate() {
                *value = self.value(level as f64, channel);
            }
            values
        };
        let table = LevelTable([channel(0), channel(1), channel(2)]);
        if table.0.as_flattened().iter().all(|value| value.is_finite()) {
            Ok(table)
        } else {
            let expected = "settings whose values fit f32";
            Err(Error::setting("image_std", "out of range", expected))
        }
    }

    fn value(&self, level: f64, channel: usize) -> f32 {
        let Some((mean, std)) = self.mean_std else {
            return (level * self.rescale_factor.unwrap_or(1.0)) as f32;
        };
        let (mean, std) = (mean[channel] as f32, std[channel] as f32);
        match (self.arithmetic, self.rescale_factor) {
            (Arithmetic::Fused, Some(factor)) => {
                let scale = (1.0 / factor) as f32;
                (level as f32 - mean * scale) / (std * scale)
            }
            (Arithmetic::Separate, factor) | (Arithmetic::Fused, factor @ None) => {
                ((level * factor.unwrap_or(1.0)) as f32 - mean) / std
            }
        }
    }
}

/// Value of each 8-bit level by channel: `table.0[channel][level]`.
#[derive(Debug, Clone, PartialEq)]
pub struct LevelTable(pub [[f32; 256]; 3]);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_maps_levels_to_minus_one_and_one() {
        let table = Normalisation::half().table().unwrap();
        for channel in table.0 {
            assert_eq!((channel[0], channel[255]), (-1.0, 1.0));
        }
    }

    #[test]
    fn both_orders_of_rounding_agree_within_1e_6() {
        for separate in [Normalisation::clip(), Normalisation::half()] {
            let fused = Normalisation {
                arithmetic: Arithmetic::Fused,
                ..separate
            };
            let (a, b) = (separate.table().unwrap(), fused.table().unwrap());
            let values = |table: LevelTable| table.0.into_iter().flatten();
            let worst = values(a.clone())
                .zip(values(b.clone()))
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            assert!(worst < 1e-6, "{worst}");
        }
        let fused = Normalisation {
            arithmetic: Arithmetic::Fused,
            ..Normalisation::clip()
        };
        assert_ne!(
            fused.table().unwrap(),
            Normalisation::clip().table().unwrap()
        );
    }

    #[test]
    fn halves_can_be_left_out() {
        let raw = Normalisation {
            rescale_factor: None,
            mean_std: None,
            arithmetic: Arithmetic::Separate,
        };
        assert_eq!(raw.table().unwrap().0[1][77], 77.0);
        let centred = Normalisation {
            mean_std: Some(([100.0; 3], [2.0; 3])),
            ..raw
        };
        assert_eq!(centred.table().unwrap().0[2][110], 5.0);
    }

    #[test]
    fn nonsense_is_named() {
        let with = |mean: f64, std: f64, factor: f64| Normalisation {
            rescale_factor: Some(factor),
            mean_std: Some(([mean; 3], [std; 3])),
            arithmetic: Arithmetic::Separate,
        };
        for (bad, key) in [
            (with(f64::NAN, 1.0, 1.0), "image_mean"),
            (with(0.0, 0.0, 1.0), "image_std"),
            (with(0.0, -1.0, 1.0), "image_std"),
            (with(0.0, 1e-320, 1.0), "image_std"),
            (with(0.0, 1.0, f64::INFINITY), "rescale_factor"),
            (with(0.0, 1.0, 0.0), "rescale_factor"),
            (with(1e300, 1.0, 1.0), "image_std"),
        ] {
            let message = bad.table().unwrap_err().to_string();
            assert!(message.contains(key), "{message}");
        }
    }
}
