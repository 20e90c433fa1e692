//! Settings of the packed families, one preset per release.
//!
//! | preset | patch | frames | px² | resize | mean, std |
//! |---|--:|--:|---|---|---|
//! | [`PackedConfig::qwen2_vl`], [`PackedConfig::qwen2_5_vl`] | 14 | 2 | 3,136 to 12,845,056 | bicubic | CLIP |
//! | [`PackedConfig::qwen3_vl`] | 16 | 2 | 65,536 to 16,777,216 | bicubic | 0.5 |
//! | [`PackedConfig::ovis2_5_2b`] | 16 | 1 | 200,704 to 2,408,448 | bilinear | 0.5 |
//! | [`PackedConfig::ovis2_5_9b`] | 16 | 1 | 200,704 to 3,211,264 | bilinear | 0.5 |
//! | [`PackedConfig::ovis2_6`] | 16 | 1 | 200,704 to 8,294,400 | bilinear | 0.5 |
//!
//! All merge 2 x 2 patches. The class defaults of transformers differ: its `Qwen2VLImageProcessor`
//! without a settings file stops at 1,003,520 px².

use std::path::Path;

use serde_json::Value;

use super::PackedProcessor;
use crate::json::{Settings, excerpt, from_file};
use crate::{Error, Filter, Normalisation, PassOrder, Resampling, Result, SizingRule, SmartResize};

/// Largest accepted block of merged patches, in px: beyond it no arithmetic of sizes is meant.
const MAX_FACTOR: u64 = 1 << 16;

/// Largest accepted number of frames per patch.
const MAX_TEMPORAL_PATCH: u32 = 1 << 10;

/// Keys of `size`, and what it must be.
const AREAS: [&str; 4] = ["shortest_edge", "longest_edge", "min_pixels", "max_pixels"];
const EXPECTED_SIZE: &str =
    "an object with shortest_edge and longest_edge, the smallest and largest area in px²";

/// Unchecked settings; [`PackedConfig::check`] turns them into a processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PackedConfig {
    /// Side of a patch in px.
    pub patch_size: u32,
    /// Side of the block of patches that becomes one token.
    pub merge_size: u32,
    /// Frames per patch; a still fills them with copies.
    pub temporal_patch_size: u32,
    /// Whether images are resized; if not, their sides must be multiples of patch times merge.
    pub do_resize: bool,
    /// Family of the target size.
    pub sizing: SizingRule,
    /// Smallest area after resizing, in px².
    pub min_pixels: u64,
    /// Largest area after resizing, in px².
    pub max_pixels: u64,
    /// How images are resized.
    pub resampling: Resampling,
    /// From levels to values.
    pub normalisation: Normalisation,
}

impl PackedConfig {
    /// Qwen2.5-VL, all sizes.
    pub const fn qwen2_5_vl() -> Self {
        Self {
            patch_size: 14,
            merge_size: 2,
            temporal_patch_size: 2,
            do_resize: true,
            sizing: SizingRule::Qwen,
            min_pixels: 4 * 28 * 28,
            max_pixels: 16_384 * 28 * 28,
            resampling: Resampling {
                filter: Filter::Bicubic,
                order: PassOrder::HorizontalFirst,
            },
            normalisation: Normalisation::clip(),
        }
    }

    /// Qwen2-VL, all sizes: the settings of Qwen2.5-VL.
    pub const fn qwen2_vl() -> Self {
        Self::qwen2_5_vl()
    }

    /// Qwen3-VL and Qwen3.5, all sizes.
    pub const fn qwen3_vl() -> Self {
        Self {
            patch_size: 16,
            min_pixels: 64 * 32 * 32,
            max_pixels: 16_384 * 32 * 32,
            normalisation: Normalisation::half(),
            ..Self::qwen2_5_vl()
        }
    }

    /// Ovis2.5-2B, with the limits of its model card.
    pub const fn ovis2_5_2b() -> Self {
        Self {
            patch_size: 16,
            merge_size: 2,
            temporal_patch_size: 1,
            do_resize: true,
            sizing: SizingRule::Ovis2_5,
            min_pixels: 448 * 448,
            max_pixels: 1344 * 1792,
            resampling: Resampling {
                filter: Filter::Bilinear,
                order: PassOrder::HorizontalFirst,
            },
            normalisation: Normalisation::half(),
        }
    }

    /// Ovis2.5-9B, with the limits of its model card.
    pub const fn ovis2_5_9b() -> Self {
        Self {
            max_pixels: 1792 * 1792,
            ..Self::ovis2_5_2b()
        }
    }

    /// Ovis2.6: the largest image of its model cards, and the smallest of Ovis2.5, which vLLM takes for
    /// both.
    pub const fn ovis2_6() -> Self {
        Self {
            max_pixels: 2880 * 2880,
            ..Self::ovis2_5_2b()
        }
    }

    /// For images that already have their final size, such as rendered strips.
    pub const fn without_resizing(self) -> Self {
        Self {
            do_resize: false,
            ..self
        }
    }

    /// Settings from the JSON of a `preprocessor_config.json`; what it leaves out is `defaults`.
    ///
    /// As [`PackedConfig::read`], without the list.
    ///
    /// ```
    /// # use image_processor::PackedConfig;
    /// let json = serde_json::json!({ "max_pixels": 1_003_520 });
    /// let config = PackedConfig::from_json(&json, PackedConfig::qwen2_5_vl())?;
    /// assert_eq!((config.min_pixels, config.max_pixels), (3_136, 1_003_520));
    /// # Ok::<(), image_processor::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`PackedConfig::read`].
    pub fn from_json(json: &Value, defaults: Self) -> Result<Self> {
        Ok(Self::read(json, defaults)?.0)
    }

    /// Settings from the JSON of a `preprocessor_config.json`, and a list of those that are not
    /// known and may have an effect; what the file leaves out is `defaults`.
    ///
    /// Keys: `patch_size`, `merge_size` (or Ovis2.5's `hidden_stride`), `temporal_patch_size`,
    /// `min_pixels` and `max_pixels` (or `size.shortest_edge` and `size.longest_edge`, where newer
    /// files keep the same areas), `do_resize`, `resample`, `do_rescale`, `rescale_factor`,
    /// `do_normalize`, `image_mean`, `image_std`. Ovis2.5's own code overrides `size`.
    ///
    /// # Errors
    /// If a value has the wrong type or makes no sense, if two keys disagree, or if a step is
    /// switched on that is not known; the message names the key.
    pub fn read(json: &Value, defaults: Self) -> Result<(Self, Vec<String>)> {
        let settings = Settings::new(json)?;
        let size = match defaults.sizing {
            SizingRule::Qwen => settings.size(&AREAS, EXPECTED_SIZE)?,
            SizingRule::Ovis2_5 => settings.size(&AREAS, EXPECTED_SIZE).unwrap_or(None),
        };
        let area = |key: &'static str, edge: &'static str| -> Result<Option<u64>> {
            let inside = match &size {
                // The first releases kept `min_pixels` and `max_pixels` inside of `size`.
                Some(size) => size.either([edge, key], Settings::count)?,
                None => None,
            };
            let area = settings.count(key)?.or(inside);
            if area.is_none() && size.is_some() && defaults.sizing == SizingRule::Qwen {
                return Err(Error::setting(
                    "size",
                    excerpt(&json["size"]),
                    EXPECTED_SIZE,
                ));
            }
            Ok(area)
        };
        let side = |key, default| Ok::<_, Error>(settings.side(key)?.unwrap_or(default));
        let merge_size = settings.either(["merge_size", "hidden_stride"], Settings::side)?;
        let config = Self {
            patch_size: side("patch_size", defaults.patch_size)?,
            merge_size: merge_size.unwrap_or(defaults.merge_size),
            temporal_patch_size: side("temporal_patch_size", defaults.temporal_patch_size)?,
            do_resize: settings.flag("do_resize")?.unwrap_or(defaults.do_resize),
            sizing: defaults.sizing,
            min_pixels: area("min_pixels", "shortest_edge")?.unwrap_or(defaults.min_pixels),
            max_pixels: area("max_pixels", "longest_edge")?.unwrap_or(defaults.max_pixels),
            resampling: settings.resampling(defaults.resampling)?,
            normalisation: settings.normalisation(defaults.normalisation)?,
        };
        config.check()?;
        Ok((config, settings.unread()?))
    }

    /// As [`PackedConfig::from_json`], from the file at `path`.
    ///
    /// # Errors
    /// Also if the file cannot be read or is no JSON.
    pub fn from_file(path: impl AsRef<Path>, defaults: Self) -> Result<Self> {
        from_file(path.as_ref(), |json| Self::from_json(json, defaults))
    }

    /// A processor with these settings.
    ///
    /// # Errors
    /// If a setting makes no sense; the message names it.
    pub fn check(self) -> Result<PackedProcessor> {
        for (key, value) in [
            ("patch_size", self.patch_size),
            ("merge_size", self.merge_size),
            ("temporal_patch_size", self.temporal_patch_size),
        ] {
            if value == 0 {
                return Err(Error::setting(key, value, "1 or more"));
            }
        }
        let factor = u64::from(self.patch_size) * u64::from(self.merge_size);
        if factor > MAX_FACTOR {
            let expected = "at most 65536 px together with `merge_size`";
            return Err(Error::setting("patch_size", self.patch_size, expected));
        }
        if self.temporal_patch_size > MAX_TEMPORAL_PATCH {
            let (key, found) = ("temporal_patch_size", self.temporal_patch_size);
            return Err(Error::setting(key, found, "at most 1024 frames"));
        }
        if self.min_pixels == 0 {
            return Err(Error::setting("min_pixels", 0, "1 px² or more"));
        }
        if self.max_pixels < self.min_pixels {
            let expected = "`min_pixels` or more";
            return Err(Error::setting("max_pixels", self.max_pixels, expected));
        }
        let table = self.normalisation.table()?;
        let sizing = SmartResize {
            rule: self.sizing,
            factor: factor as u32,
            min_pixels: self.min_pixels,
            max_pixels: self.max_pixels,
        };
        Ok(PackedProcessor::new(self, sizing, table))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(json: Value) -> Result<PackedConfig> {
        PackedConfig::from_json(&json, PackedConfig::qwen2_5_vl())
    }

    #[test]
    fn released_presets_are_accepted_and_have_the_released_limits() {
        for (config, max_pixels) in [
            (PackedConfig::qwen2_vl(), 12_845_056),
            (PackedConfig::qwen2_5_vl(), 12_845_056),
            (PackedConfig::qwen3_vl(), 16_777_216),
            (PackedConfig::ovis2_5_2b(), 2_408_448),
            (PackedConfig::ovis2_5_9b(), 3_211_264),
            (PackedConfig::ovis2_6(), 8_294_400),
        ] {
            assert!(config.check().is_ok());
            assert_eq!(config.max_pixels, max_pixels);
        }
    }

    #[test]
    fn an_empty_object_is_the_release_and_other_names_change_nothing() {
        assert_eq!(parse(json!({})).unwrap(), PackedConfig::qwen2_5_vl());
        let other = json!({"processor_class": "Qwen2_5_VLProcessor", "size": null});
        assert_eq!(parse(other).unwrap(), PackedConfig::qwen2_5_vl());
    }

    #[test]
    fn areas_come_from_all_generations_of_files() {
        for json in [
            json!({"min_pixels": 784, "max_pixels": 7840}),
            json!({"size": {"shortest_edge": 784, "longest_edge": 7840}}),
            json!({"size": {"min_pixels": 784, "max_pixels": 7840}}),
            // Beside each other, the older keys win.
            json!({"min_pixels": 784, "max_pixels": 7840,
                   "size": {"shortest_edge": 1, "longest_edge": 2}}),
        ] {
            let config = parse(json).unwrap();
            assert_eq!((config.min_pixels, config.max_pixels), (784, 7840));
        }
    }

    #[test]
    fn every_key_is_read() {
        let config = parse(json!({
            "patch_size": 16, "merge_size": 3, "temporal_patch_size": 1, "do_resize": false,
            "resample": 2, "rescale_factor": 0.5, "image_mean": [1, 2, 3], "image_std": [4, 5, 6],
        }))
        .unwrap();
        assert_eq!((config.patch_size, config.merge_size), (16, 3));
        assert_eq!((config.temporal_patch_size, config.do_resize), (1, false));
        assert_eq!(config.resampling.filter, Filter::Bilinear);
        let expected = Some(([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]));
        assert_eq!(config.normalisation.mean_std, expected);
        assert_eq!(config.normalisation.rescale_factor, Some(0.5));

        let ovis = PackedConfig::ovis2_5_2b();
        let config = PackedConfig::from_json(&json!({"hidden_stride": 4}), ovis).unwrap();
        assert_eq!(config.merge_size, 4);
        let off = parse(json!({"do_rescale": false, "do_normalize": false})).unwrap();
        assert_eq!(off.normalisation.mean_std, None);
        assert_eq!(off.normalisation.rescale_factor, None);
    }

    #[test]
    fn nonsense_is_refused_and_its_key_named() {
        for (json, key) in [
            (json!([1, 2]), "preprocessor_config"),
            (json!({"min_pixels": -1}), "min_pixels"),
            (json!({"min_pixels": 0}), "min_pixels"),
            (json!({"max_pixels": 1}), "max_pixels"),
            (json!({"max_pixels": 1.5}), "max_pixels"),
            (json!({"max_pixels": 1e300}), "max_pixels"),
            (json!({"size": "large"}), "size"),
            (json!({"size": {"longest_edge": "x"}}), "longest_edge"),
            (json!({"patch_size": "14"}), "patch_size"),
            (json!({"patch_size": 0}), "patch_size"),
            (json!({"patch_size": 4_000_000_000_u64}), "patch_size"),
            (json!({"patch_size": 9_000_000_000_u64}), "patch_size"),
            (json!({"merge_size": -2}), "merge_size"),
            (json!({"temporal_patch_size": 1e9}), "temporal_patch_size"),
            (json!({"image_mean": [0.5, 0.5]}), "image_mean"),
            (json!({"image_mean": [0.5, 0.5, "x"]}), "image_mean"),
            (json!({"image_std": [1, 1, 0]}), "image_std"),
            (json!({"rescale_factor": 0}), "rescale_factor"),
            (json!({"rescale_factor": "1/255"}), "rescale_factor"),
            (json!({"resample": 0}), "resample"),
            (json!({"resample": "bicubic"}), "resample"),
            (json!({"do_resize": 1}), "do_resize"),
            (json!({"do_normalize": "yes"}), "do_normalize"),
        ] {
            let message = parse(json).unwrap_err().to_string();
            assert!(message.contains(key), "{key}: {message}");
        }
    }
}
