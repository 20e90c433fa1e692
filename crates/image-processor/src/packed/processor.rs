//! Resizes, normalises and cuts images into patch rows in merge order.
//!
//! # Source
//! transformers 5.23.0, `image_processing_pil_qwen2_vl.py`; AIDC-AI/Ovis,
//! `ovis/model/modeling_ovis.py`, `VisualTokenizer.preprocess`.
//!
//! # Deviations
//! - A clip is filled up to whole temporal patches with its last frame. The references repeat it
//!   `temporal_patch_size - 1` times, which is the same for the released sizes 1 and 2.
//! - All frames take the target size of the first, as in Ovis2.5. Qwen's video processor has other
//!   area limits than its image processor; set `min_pixels` and `max_pixels` for it.

use std::borrow::Cow;

use image::RgbImage;

use super::PackedConfig;
use crate::{Error, LevelTable, MAX_PIXELS, Result, Size, SmartResize, resize};

const CHANNELS: usize = 3;

/// Patches of one image or clip, as the tower's patch embedding takes them.
#[derive(Debug, Clone, PartialEq)]
pub struct PatchRows {
    /// `[rows, columns]`, row-major. Rows run over (t, by, bx, dy, dx): temporal patch, block, patch
    /// in the block. Columns run over (channel, frame in the patch, y, x).
    pub values: Vec<f32>,
    /// Number of patches: the product of [`PatchRows::grid_thw`].
    pub rows: usize,
    /// Values per patch: 3 · temporal patch · patch².
    pub columns: usize,
    /// Temporal patches, and rows and columns of patches per frame.
    pub grid_thw: [usize; 3],
    /// Visual tokens that the projector makes of them: `rows / merge²`.
    pub tokens: usize,
}

/// Makes [`PatchRows`]; from [`PackedConfig::check`].
#[derive(Debug, Clone)]
pub struct PackedProcessor {
    config: PackedConfig,
    sizing: SmartResize,
    table: LevelTable,
}

impl PackedProcessor {
    pub(super) fn new(config: PackedConfig, sizing: SmartResize, table: LevelTable) -> Self {
        Self {
            config,
            sizing,
            table,
        }
    }

    /// The settings.
    pub fn config(&self) -> &PackedConfig {
        &self.config
    }

    /// Both sides of a processed image are multiples of it, in px: patch times merge.
    pub fn factor(&self) -> u32 {
        self.sizing.factor
    }

    /// The size at which an image of `size` is cut into patches.
    ///
    /// # Errors
    /// If the image cannot be resized to one, or must not be resized and has none.
    pub fn target(&self, size: Size) -> Result<Size> {
        if self.config.do_resize {
            return self.sizing.target(size);
        }
        let factor = self.factor();
        if size.pixels() == 0 {
            Err(Error::NoPixels { size })
        } else if size.width.is_multiple_of(factor) && size.height.is_multiple_of(factor) {
            Ok(size)
        } else {
            Err(Error::NotWholeBlocks { size, factor })
        }
    }

    /// A still; it fills all frames of its temporal patch.
    ///
    /// # Errors
    /// As [`PackedProcessor::target`], or if the image is larger than [`MAX_PIXELS`].
    pub fn image(&self, image: &RgbImage) -> Result<PatchRows> {
        self.video(std::slice::from_ref(image))
    }

    /// A clip of one frame or more.
    ///
    /// # Errors
    /// As [`PackedProcessor::target`] of the first frame; if there is no frame, if frames differ in
    /// size and resizing is off, or if all together are larger than [`MAX_PIXELS`].
    pub fn video(&self, frames: &[RgbImage]) -> Result<PatchRows> {
        let first = frames.first().ok_or(Error::NoFrames)?;
        let target = self.target(Size::of(first))?;
        if target.pixels().saturating_mul(frames.len() as u64) > MAX_PIXELS {
            return Err(Error::TooLarge {
                what: format!("all of {} frames resized", frames.len()),
                size: target,
            });
        }
        let mut fitted = Vec::with_capacity(frames.len());
        for (index, frame) in frames.iter().enumerate() {
            let found = Size::of(frame);
            if !self.config.do_resize && found != target {
                return Err(Error::FrameSize {
                    index,
                    found,
                    expected: target,
                });
            }
            fitted.push(self.fit(frame, target)?);
        }
        Ok(self.pack(&fitted, target))
    }

    fn fit<'a>(&self, image: &'a RgbImage, target: Size) -> Result<Cow<'a, RgbImage>> {
        if Size::of(image) == target {
            return Ok(Cow::Borrowed(image));
        }
        resize(image, target, self.config.resampling).map(Cow::Owned)
    }

    /// `frames`, not empty, all have `size`, whose sides are multiples of the factor.
    fn pack(&self, frames: &[Cow<'_, RgbImage>], size: Size) -> PatchRows {
        let patch = self.config.patch_size as usize;
        let merge = self.config.merge_size as usize;
        let temporal = self.config.temporal_patch_size as usize;
        let (width, height) = (size.width as usize, size.height as usize);
        let grid_thw = [
            frames.len().div_ceil(temporal),
            height / patch,
            width / patch,
        ];
        let rows = grid_thw.iter().product();
        let columns = CHANNELS * temporal * patch * patch;
        let mut values = Vec::with_capacity(rows * columns);
        for t in 0..grid_thw[0] {
            for (row, col) in merge_order(grid_thw[1], grid_thw[2], merge) {
                for channel in 0..CHANNELS {
                    let table = &self.table.0[channel];
                    for frame in t * temporal..(t + 1) * temporal {
                        let pixels = frames[frame.min(frames.len() - 1)].as_raw();
                        for y in row * patch..(row + 1) * patch {
                            let start = CHANNELS * (y * width + col * patch);
                            let line = &pixels[start..start + CHANNELS * patch];
                            let levels = line.iter().skip(channel).step_by(CHANNELS);
                            values.extend(levels.map(|&level| table[usize::from(level)]));
                        }
                    }
                }
            }
        }
        PatchRows {
            values,
            rows,
            columns,
            grid_thw,
            tokens: rows / (merge * merge),
        }
    }
}

/// Patches of a grid in the order (by, bx, dy, dx), as (row, column) of the grid.
fn merge_order(rows: usize, cols: usize, merge: usize) -> impl Iterator<Item = (usize, usize)> {
    (0..rows * cols).map(move |index| {
        let (block, within) = (index / (merge * merge), index % (merge * merge));
        let (by, bx) = (block / (cols / merge), block % (cols / merge));
        (by * merge + within / merge, bx * merge + within % merge)
    })
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// Values are the raw levels; patches of 1 px in blocks of 2 x 2.
    fn raw() -> PackedConfig {
        let mut config = PackedConfig::qwen2_5_vl().without_resizing();
        config.normalisation.rescale_factor = None;
        config.normalisation.mean_std = None;
        config.patch_size = 1;
        config
    }

    fn numbered(width: u32, height: u32, offset: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| {
            let level = (offset + y * width + x) as u8;
            Rgb([level, level + 100, level + 200])
        })
    }

    #[test]
    fn rows_run_over_blocks_and_columns_over_channel_and_frame() {
        let rows = raw().check().unwrap().image(&numbered(4, 2, 0)).unwrap();
        assert_eq!((rows.rows, rows.columns, rows.tokens), (8, 6, 2));
        let order: Vec<f32> = rows.values.chunks(6).map(|row| row[0]).collect();
        assert_eq!(order, [0.0, 1.0, 4.0, 5.0, 2.0, 3.0, 6.0, 7.0]);
        assert_eq!(rows.values[..6], [0.0, 0.0, 100.0, 100.0, 200.0, 200.0]);
    }

    #[test]
    fn columns_run_over_y_then_x() {
        let mut config = raw();
        (config.patch_size, config.merge_size) = (2, 1);
        let rows = config.check().unwrap().image(&numbered(4, 2, 0)).unwrap();
        assert_eq!((rows.grid_thw, rows.columns), ([1, 1, 2], 24));
        assert_eq!(rows.values[24..28], [2.0, 3.0, 6.0, 7.0]);
    }

    #[test]
    fn the_last_frame_fills_up_a_clip() {
        let frames = [numbered(2, 2, 0), numbered(2, 2, 10), numbered(2, 2, 20)];
        let rows = raw().check().unwrap().video(&frames).unwrap();
        assert_eq!(rows.grid_thw, [2, 2, 2]);
        assert_eq!(rows.values[..2], [0.0, 10.0]);
        assert_eq!(rows.values[4 * 6..4 * 6 + 2], [20.0, 20.0]);
    }

    #[test]
    fn without_resizing_odd_sizes_are_refused() {
        let processor = PackedConfig::ovis2_5_2b()
            .without_resizing()
            .check()
            .unwrap();
        let error = processor.image(&RgbImage::new(32, 33)).unwrap_err();
        assert!(matches!(error, Error::NotWholeBlocks { factor: 32, .. }));
        assert!(processor.image(&RgbImage::new(0, 0)).is_err());
        let frames = [RgbImage::new(32, 32), RgbImage::new(64, 32)];
        let error = processor.video(&frames).unwrap_err();
        assert!(matches!(error, Error::FrameSize { index: 1, .. }));
        assert!(matches!(processor.video(&[]), Err(Error::NoFrames)));
    }
}
