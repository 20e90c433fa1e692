//! At which size text is rendered for a published tower.

use anyhow::{Context, Result, bail, ensure};
use image_processor::Size;
use published_models::Processor;
use vision_backbone::PatchLayout;

/// Rows of tokens that are aimed at: twice as many columns make two of Qwen2.5-VL's windows.
const ROWS: usize = 4;
/// Rows of the largest image that is considered.
const MOST_ROWS: usize = 64;

/// The layout of images that `processor` cuts into patches without resizing them, so that the
/// density of the text stays what it was rendered at.
///
/// Packed families take an image twice as wide as high, as close to 8 x 4 tokens as their area
/// limits allow: 8 x 4 for Qwen2-VL and Qwen2.5-VL, 12 x 6 for Qwen3-VL, whose smallest image has
/// 256² px, 20 x 10 for Ovis2.5, whose smallest has 448² px.
/// Ovis2 and InternVL take one whole tile.
///
/// # Errors
/// If the area limits leave no such size, a tile is not a whole number of tokens, or an image of one
/// tile is cut into several.
pub fn image_layout(processor: &Processor) -> Result<PatchLayout> {
    match processor {
        Processor::Packed {
            processor, merge, ..
        } => {
            let patch = processor.config().patch_size as usize;
            let of_rows = |rows: usize| {
                let side = rows * patch * merge;
                let size = Size::new(u32::try_from(2 * side).ok()?, u32::try_from(side).ok()?);
                let fits = processor.target(size).is_ok_and(|target| target == size);
                PatchLayout::of_image(2 * side, side, patch, *merge).filter(|_| fits)
            };
            let mut rows: Vec<usize> = (1..=MOST_ROWS).collect();
            rows.sort_by_key(|rows| rows.abs_diff(ROWS));
            rows.into_iter().find_map(of_rows).with_context(|| {
                format!(
                    "the checkpoint's image processor resizes every image of 2 to {} tokens: its \
                     limits are {} to {} px²",
                    2 * MOST_ROWS * MOST_ROWS,
                    processor.config().min_pixels,
                    processor.config().max_pixels
                )
            })
        }
        Processor::Tiles {
            processor,
            patch,
            merge,
            ..
        } => {
            let (patch, merge, px) = (*patch, *merge, processor.config().side);
            let side = px as usize;
            let cells = processor.grid(Size::new(px, px)).cells();
            ensure!(
                cells == 1,
                "the checkpoint's image processor cuts an image of one tile of {side} px into {cells}, \
                 so places of characters are not known; set the fewest tiles (`min_dynamic_patch`, \
                 `min_patches`) to 1"
            );
            match PatchLayout::of_image(side, side, patch, merge) {
                Some(layout) => Ok(layout),
                None => bail!(
                    "the checkpoint's tiles of {side} px are no whole number of tokens of {} px, so \
                     places of characters are not known",
                    patch * merge
                ),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image_processor::{PackedConfig, TileConfig, TilingRule};

    /// Columns and rows of tokens.
    fn tokens(config: PackedConfig) -> Result<(usize, usize)> {
        let processor = Processor::Packed {
            merge: config.merge_size as usize,
            processor: config.check()?,
            transparency: image_processor::Transparency::Dropped,
        };
        let layout = image_layout(&processor)?;
        Ok((layout.cols / layout.merge, layout.rows / layout.merge))
    }

    #[test]
    fn released_towers_read_images_of_the_sizes_they_were_trained_for() {
        assert_eq!(tokens(PackedConfig::qwen2_5_vl()).unwrap(), (8, 4));
        // 384 x 192 px are just above 256 x 256.
        assert_eq!(tokens(PackedConfig::qwen3_vl()).unwrap(), (12, 6));
        // 640 x 320 px are just above 448 x 448.
        assert_eq!(tokens(PackedConfig::ovis2_5_2b()).unwrap(), (20, 10));
        assert_eq!(tokens(PackedConfig::ovis2_5_9b()).unwrap(), (20, 10));
    }

    #[test]
    fn towers_of_tiles_read_one_tile() {
        let layout = |rule| {
            let config = TileConfig {
                rule,
                ..TileConfig::internvl()
            };
            image_layout(&Processor::Tiles {
                processor: config.check()?,
                patch: 14,
                merge: 2,
                transparency: image_processor::Transparency::Dropped,
            })
        };
        let found = layout(TileConfig::internvl().rule).unwrap();
        assert_eq!((found.rows, found.cols, found.merge), (32, 32, 2));
        // An image of one tile would become four.
        let error = layout(TilingRule::ClosestRatio {
            min_tiles: 2,
            thumbnail: true,
        });
        let error = error.unwrap_err().to_string();
        assert!(error.contains("448 px into 4"), "{error}");
    }

    #[test]
    fn small_limits_make_small_images_and_impossible_ones_an_error() {
        let limits = |min_pixels, max_pixels| PackedConfig {
            min_pixels,
            max_pixels,
            ..PackedConfig::qwen2_5_vl()
        };
        assert_eq!(tokens(limits(784, 5 * 784)).unwrap(), (2, 1));
        let error = tokens(limits(784, 784)).unwrap_err().to_string();
        assert!(error.contains("784 to 784"), "{error}");
    }
}
