//! Settings of the tiles of Ovis2 and InternVL.

use std::path::Path;

use serde_json::Value;

use super::TileProcessor;
use crate::json::{Settings, from_file};
use crate::{Error, Filter, Normalisation, PassOrder, Resampling, Result};

/// Largest accepted tile in px.
const MAX_SIDE: u32 = 4096;

/// Largest accepted number of cells of a grid.
pub const MAX_TILES: u32 = 144;

/// Largest accepted number of values, of all tiles together.
const MAX_VALUES: u64 = 1 << 31;

/// How an image becomes tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum TilingRule {
    /// AIDC-AI/Ovis v2.0: cells are cut from the image, each is resized with its aspect ratio kept
    /// and padded with the mean colour.
    Official,
    /// transformers 5.23.0: the image is stretched to the whole grid and then cut.
    ///
    /// Rows and columns of the chosen grid are swapped, as in that release: an image of two tiles
    /// side by side is squeezed into two tiles on top of each other.
    Transformers,
    /// InternVL: the grid of the closest aspect ratio; the image is stretched to the whole grid and
    /// then cut, and the view of the whole image comes last.
    ClosestRatio {
        /// Fewest cells of a grid.
        min_tiles: u32,
        /// Whether there is a view of the whole image behind more than one tile.
        thumbnail: bool,
    },
}

impl TilingRule {
    /// Whether indicators stand between the tiles in the language model's sequence.
    #[must_use]
    pub const fn has_indicators(self) -> bool {
        match self {
            Self::Official | Self::Transformers => true,
            Self::ClosestRatio { .. } => false,
        }
    }

    /// Place of the view of the whole image among `tiles` tiles of an image.
    #[must_use]
    pub const fn whole_image(self, tiles: usize) -> Option<usize> {
        let Some(last) = tiles.checked_sub(1) else {
            return None;
        };
        match self {
            Self::Official | Self::Transformers => Some(0),
            Self::ClosestRatio { thumbnail, .. } if thumbnail || last == 0 => Some(last),
            Self::ClosestRatio { .. } => None,
        }
    }
}

/// Unchecked settings; [`TileConfig::check`] turns them into a processor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct TileConfig {
    /// How an image becomes tiles.
    pub rule: TilingRule,
    /// Side of a tile in px: the image size of the vision tower.
    pub side: u32,
    /// Most cells of a grid; the view of the whole image is not counted.
    pub max_tiles: u32,
    /// A grid that keeps more than this share of the area is good enough (Ovis2).
    pub covering_threshold: f64,
    /// How images are resized.
    pub resampling: Resampling,
    /// From levels to values.
    pub normalisation: Normalisation,
}

impl TileConfig {
    /// Ovis2, all sizes, as its own code prepares images.
    pub const fn ovis2() -> Self {
        Self {
            rule: TilingRule::Official,
            side: 448,
            max_tiles: 9,
            covering_threshold: 0.9,
            resampling: Resampling {
                filter: Filter::Bicubic,
                order: PassOrder::HorizontalFirst,
            },
            normalisation: Normalisation::clip(),
        }
    }

    /// Ovis2 as transformers 5.23.0 prepares images, with `crop_to_patches` on.
    pub const fn ovis2_transformers() -> Self {
        Self {
            rule: TilingRule::Transformers,
            max_tiles: 12,
            ..Self::ovis2()
        }
    }

    /// InternVL2.5 and InternVL3, all sizes.
    pub const fn internvl() -> Self {
        Self {
            rule: TilingRule::ClosestRatio {
                min_tiles: 1,
                thumbnail: true,
            },
            max_tiles: 12,
            normalisation: Normalisation::imagenet(),
            ..Self::ovis2()
        }
    }

    /// Settings from the JSON of a `preprocessor_config.json`; what it leaves out is `defaults`.
    ///
    /// As [`TileConfig::read`], without the list.
    ///
    /// # Errors
    /// As [`TileConfig::read`].
    pub fn from_json(json: &Value, defaults: Self) -> Result<Self> {
        Ok(Self::read(json, defaults)?.0)
    }

    /// Settings from the JSON of a `preprocessor_config.json`, and a list of those that are not
    /// known and may have an effect; what the file leaves out is `defaults`.
    ///
    /// Keys: `size` (`height` and `width`, which must be equal, or `shortest_edge`, or a number),
    /// `crop_to_patches`, `max_patches`, `resample`, `do_rescale`, `rescale_factor`, `do_normalize`,
    /// `image_mean`, `image_std`. Without cropping, or with at most one patch, the whole image is
    /// stretched to one tile, as in transformers. `min_patches` has no effect on the covering grid of
    /// Ovis2, which knows no other; with the closest aspect ratio it is the fewest tiles.
    ///
    /// # Errors
    /// If a value has the wrong type or makes no sense, or if a step is switched on or off that
    /// cannot be; the message names the key.
    pub fn read(json: &Value, defaults: Self) -> Result<(Self, Vec<String>)> {
        let settings = Settings::new(json)?;
        let mut side = defaults.side;
        let max_tiles = settings.side("max_patches")?.unwrap_or(defaults.max_tiles);
        let crops = settings.flag("crop_to_patches")?.unwrap_or(true) && max_tiles > 1;
        settings.must_be("do_resize", true, "true: every tile is resized")?;
        let least = settings.side("min_patches")?;
        let rule = match defaults.rule {
            rule @ (TilingRule::Official | TilingRule::Transformers) => {
                if crops {
                    let expected = "true: no other grid is known";
                    settings.must_be("use_covering_area_grid", true, expected)?;
                    rule
                } else {
                    settings.flag("use_covering_area_grid")?;
                    TilingRule::Transformers
                }
            }
            TilingRule::ClosestRatio {
                min_tiles,
                thumbnail,
            } => {
                let expected = "false: the grid is that of the closest aspect ratio";
                settings.must_be("use_covering_area_grid", false, expected)?;
                TilingRule::ClosestRatio {
                    min_tiles: if crops { least.unwrap_or(min_tiles) } else { 1 },
                    thumbnail,
                }
            }
        };
        if json["size"].is_number() {
            side = settings.side("size")?.unwrap_or(side);
        } else if let Some(size) = settings.size(
            &["height", "width", "shortest_edge"],
            "an object with height and width, or with shortest_edge, in px",
        )? {
            let height = size.side("height")?;
            let width = size.side("width")?.or(height);
            if let (Some(height), Some(width)) = (height, width)
                && height != width
            {
                let expected = "the height of a tile: tiles are square";
                return Err(Error::setting("width", width, expected));
            }
            side = width.or(size.side("shortest_edge")?).unwrap_or(side);
        }
        let config = Self {
            rule,
            side,
            max_tiles: if crops { max_tiles } else { 1 },
            covering_threshold: defaults.covering_threshold,
            resampling: settings.resampling(defaults.resampling)?,
            normalisation: settings.normalisation(defaults.normalisation)?,
        };
        config.check()?;
        Ok((config, settings.unread()?))
    }

    /// As [`TileConfig::from_json`], from the file at `path`.
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
    pub fn check(self) -> Result<TileProcessor> {
        if !(1..=MAX_SIDE).contains(&self.side) {
            return Err(Error::setting("size", self.side, "1 to 4096 px"));
        }
        if !(1..=MAX_TILES).contains(&self.max_tiles) {
            return Err(Error::setting("max_patches", self.max_tiles, "1 to 144"));
        }
        if let TilingRule::ClosestRatio { min_tiles, .. } = self.rule
            && !(1..=self.max_tiles).contains(&min_tiles)
        {
            let expected = "1 or more, and not above max_patches";
            return Err(Error::setting("min_patches", min_tiles, expected));
        }
        let values = 3 * u64::from(self.max_tiles + 1) * u64::from(self.side).pow(2);
        if values > MAX_VALUES {
            let expected = "fewer, or smaller tiles: all together have more than 2^31 values";
            return Err(Error::setting("max_patches", self.max_tiles, expected));
        }
        if !(0.0..=1.0).contains(&self.covering_threshold) {
            let (key, found) = ("covering_threshold", self.covering_threshold);
            return Err(Error::setting(key, found, "0 to 1"));
        }
        let table = self.normalisation.table()?;
        Ok(TileProcessor::new(self, table))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn parse(json: Value) -> Result<TileConfig> {
        TileConfig::from_json(&json, TileConfig::ovis2())
    }

    #[test]
    fn keys_are_read_and_missing_ones_are_the_release() {
        assert_eq!(parse(json!({})).unwrap(), TileConfig::ovis2());
        for size in [
            json!({"height": 336, "width": 336}),
            json!({"shortest_edge": 336}),
        ] {
            let config = parse(json!({"size": size, "max_patches": 4})).unwrap();
            assert_eq!((config.side, config.max_tiles), (336, 4));
        }
    }

    #[test]
    fn the_settings_of_internvl_are_read() {
        let parse = |json: Value| TileConfig::from_json(&json, TileConfig::internvl());
        let rule = |min_tiles| TilingRule::ClosestRatio {
            min_tiles,
            thumbnail: true,
        };
        let found = parse(json!({"min_patches": 2, "max_patches": 6})).unwrap();
        assert_eq!((found.rule, found.max_tiles), (rule(2), 6));
        for whole in [
            json!({"crop_to_patches": false, "min_patches": 2}),
            json!({"max_patches": 1}),
        ] {
            let found = parse(whole).unwrap();
            assert_eq!((found.rule, found.max_tiles), (rule(1), 1));
        }
        for (json, key) in [
            (json!({"min_patches": 13}), "min_patches"),
            (
                json!({"use_covering_area_grid": true}),
                "use_covering_area_grid",
            ),
        ] {
            let message = parse(json).unwrap_err().to_string();
            assert!(message.contains(key), "{key}: {message}");
        }
        // The reference does not know it, and adds a view of the whole image in any case.
        let json = json!({"use_thumbnail": false});
        let (found, unknown) = TileConfig::read(&json, TileConfig::internvl()).unwrap();
        assert_eq!(found, TileConfig::internvl());
        assert_eq!(unknown, ["`use_thumbnail` = false"]);
    }

    #[test]
    fn the_whole_image_is_the_first_tile_or_the_last() {
        let closest = |thumbnail| TilingRule::ClosestRatio {
            min_tiles: 1,
            thumbnail,
        };
        for (rule, places) in [
            (TilingRule::Official, [None, Some(0), Some(0)]),
            (TilingRule::Transformers, [None, Some(0), Some(0)]),
            (closest(true), [None, Some(0), Some(4)]),
            (closest(false), [None, Some(0), None]),
        ] {
            assert_eq!([0, 1, 5].map(|tiles| rule.whole_image(tiles)), places);
        }
    }

    #[test]
    fn nonsense_is_refused_and_its_key_named() {
        for (json, key) in [
            (json!({"size": {"height": 1, "width": 2}}), "width"),
            (json!({"size": {"height": 100_000}}), "size"),
            (json!({"size": []}), "size"),
            (json!({"max_patches": 0}), "max_patches"),
            (json!({"max_patches": 5000}), "max_patches"),
            (
                json!({"size": {"height": 4096}, "max_patches": 100}),
                "max_patches",
            ),
            (json!({"image_std": [0, 1, 1]}), "image_std"),
            (json!(null), "preprocessor_config"),
        ] {
            let message = parse(json).unwrap_err().to_string();
            assert!(message.contains(key), "{key}: {message}");
        }
        let config = TileConfig {
            covering_threshold: f64::NAN,
            ..TileConfig::ovis2()
        };
        assert!(config.check().is_err());
    }
}
