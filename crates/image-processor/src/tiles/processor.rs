//! Cuts an image into tiles, resizes, normalises and pads them.
//!
//! # Source
//! AIDC-AI/Ovis v2.0, `preprocess_image` of the visual tokenizer; transformers 5.23.0,
//! `image_processing_pil_ovis2.py`, `image_processing_pil_got_ocr2.py` for InternVL.
//!
//! # Deviations
//! A crop so thin that its short side becomes 0 px is [`Error::TooThin`]; the reference fails in its
//! resize.

use image::{RgbImage, imageops};

use super::grid::{closest_grid, covering_grid};
use super::{Grid, TileConfig, TileToken, TilingRule, tile_tokens};
use crate::{Error, LevelTable, MAX_PIXELS, Result, Size, resize};

const CHANNELS: usize = 3;

/// Tiles of one image.
#[derive(Debug, Clone, PartialEq)]
pub struct Tiles {
    /// `[tiles, 3, side, side]`, row-major; with more than one, the whole image comes first, for
    /// InternVL last.
    pub values: Vec<f32>,
    /// Number of tiles: the cells of the grid, and the whole image if there is more than one cell.
    pub tiles: usize,
    /// Side of a tile in px.
    pub side: usize,
    /// Into what the image was cut.
    pub grid: Grid,
}

impl Tiles {
    /// The sequence of indicators and tiles that the language model of Ovis2 sees.
    pub fn tokens(&self) -> Vec<TileToken> {
        tile_tokens(self.grid)
    }
}

/// Makes [`Tiles`]; from [`TileConfig::check`].
#[derive(Debug, Clone)]
pub struct TileProcessor {
    config: TileConfig,
    table: LevelTable,
}

impl TileProcessor {
    pub(super) fn new(config: TileConfig, table: LevelTable) -> Self {
        Self { config, table }
    }

    /// The settings.
    pub fn config(&self) -> &TileConfig {
        &self.config
    }

    /// Into what an image of `size` is cut.
    pub fn grid(&self, size: Size) -> Grid {
        let config = &self.config;
        let covering = || {
            let threshold = config.covering_threshold;
            covering_grid(size, config.side, config.max_tiles, threshold)
        };
        match config.rule {
            TilingRule::Official => covering(),
            // The covering grid comes as (rows, columns) and is read as (columns, rows).
            TilingRule::Transformers => {
                let grid = covering();
                Grid::new(grid.columns, grid.rows)
            }
            TilingRule::ClosestRatio { min_tiles, .. } => {
                closest_grid(size, config.side, min_tiles, config.max_tiles)
            }
        }
    }

    /// The tiles of an image.
    ///
    /// # Errors
    /// If the image has no pixels, is larger than [`MAX_PIXELS`], or so thin that nothing of a crop
    /// is left at the size of a tile.
    pub fn image(&self, image: &RgbImage) -> Result<Tiles> {
        let size = Size::of(image);
        if size.pixels() == 0 {
            return Err(Error::NoPixels { size });
        }
        if size.pixels() > MAX_PIXELS {
            return Err(Error::TooLarge {
                what: "the image to tile".to_owned(),
                size,
            });
        }
        let grid = self.grid(size);
        let side = self.config.side as usize;
        let cells = grid.cells() as usize;
        let tiles = match self.config.rule {
            TilingRule::ClosestRatio {
                thumbnail: false, ..
            } => cells,
            TilingRule::Official
            | TilingRule::Transformers
            | TilingRule::ClosestRatio {
                thumbnail: true, ..
            } => cells + usize::from(cells > 1),
        };
        let mut values = vec![0.0; tiles * CHANNELS * side * side];
        let mut slots = values.chunks_exact_mut(CHANNELS * side * side);
        let mut put = |tile: &RgbImage| {
            if let Some(slot) = slots.next() {
                self.place(tile, slot);
            }
        };
        match self.config.rule {
            TilingRule::Official => {
                if grid.cells() > 1 {
                    put(&self.fit(image)?);
                }
                for (left, top, width, height) in grid.regions(size) {
                    let crop = imageops::crop_imm(image, left, top, width, height);
                    put(&self.fit(&crop.to_image())?);
                }
            }
            TilingRule::Transformers => {
                if grid.cells() > 1 {
                    put(&self.stretch(image, Grid::new(1, 1))?);
                }
                self.cut(image, grid, put)?;
            }
            TilingRule::ClosestRatio { thumbnail, .. } => {
                self.cut(image, grid, &mut put)?;
                if thumbnail && grid.cells() > 1 {
                    put(&self.stretch(image, Grid::new(1, 1))?);
                }
            }
        }
        Ok(Tiles {
            values,
            tiles,
            side,
            grid,
        })
    }

    /// The long side becomes that of a tile; the short side is truncated, as `int()` does it.
    fn fit(&self, crop: &RgbImage) -> Result<RgbImage> {
        let size = Size::of(crop);
        let side = self.config.side;
        let scaled =
            |short: u32, long: u32| (f64::from(short) / f64::from(long) * f64::from(side)) as u32;
        let target = if size.width > size.height {
            Size::new(side, scaled(size.height, size.width))
        } else if size.width < size.height {
            Size::new(scaled(size.width, size.height), side)
        } else {
            Size::new(side, side)
        };
        if target.pixels() == 0 {
            return Err(Error::TooThin { size, target });
        }
        resize(crop, target, self.config.resampling)
    }

    /// The whole image at the size of `grid` tiles, whatever its aspect ratio.
    fn stretch(&self, image: &RgbImage, grid: Grid) -> Result<RgbImage> {
        let side = self.config.side;
        let target = Size::new(side * grid.columns, side * grid.rows);
        resize(image, target, self.config.resampling)
    }

    /// Cells of the image at the size of the whole grid, row by row.
    fn cut(&self, image: &RgbImage, grid: Grid, mut put: impl FnMut(&RgbImage)) -> Result<()> {
        let canvas = self.stretch(image, grid)?;
        for (left, top, width, height) in grid.regions(Size::of(&canvas)) {
            put(&imageops::crop_imm(&canvas, left, top, width, height).to_image());
        }
        Ok(())
    }

    /// Writes a crop into the middle of a slot of zeros, which are the mean colour.
    fn place(&self, tile: &RgbImage, slot: &mut [f32]) {
        let side = self.config.side as usize;
        let (width, height) = (tile.width() as usize, tile.height() as usize);
        let (left, top) = ((side - width) / 2, (side - height) / 2);
        let planes = slot.chunks_exact_mut(side * side);
        for ((channel, plane), table) in planes.enumerate().zip(&self.table.0) {
            let lines = tile.as_raw().chunks_exact(CHANNELS * width);
            for (line, row) in lines.zip(plane.chunks_exact_mut(side).skip(top)) {
                let levels = line.iter().skip(channel).step_by(CHANNELS);
                for (value, &level) in row[left..].iter_mut().zip(levels) {
                    *value = table[usize::from(level)];
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use image::Rgb;

    use super::*;

    /// Values are the raw levels.
    fn raw(rule: TilingRule, side: u32) -> TileProcessor {
        let mut config = TileConfig::ovis2();
        config.normalisation.rescale_factor = None;
        config.normalisation.mean_std = None;
        (config.rule, config.side) = (rule, side);
        config.check().unwrap()
    }

    #[test]
    fn padding_is_centred_and_zero() {
        let white = RgbImage::from_pixel(8, 4, Rgb([255; 3]));
        let tiles = raw(TilingRule::Official, 8).image(&white).unwrap();
        assert_eq!((tiles.tiles, tiles.grid), (1, Grid::new(1, 1)));
        for plane in tiles.values.chunks(64) {
            assert!(plane[..16].iter().all(|&value| value == 0.0));
            assert!(plane[16..48].iter().all(|&value| value == 255.0));
            assert!(plane[48..].iter().all(|&value| value == 0.0));
        }
    }

    /// Left half black, right half white.
    fn halves() -> RgbImage {
        RgbImage::from_fn(16, 8, |x, _| Rgb([if x < 8 { 0 } else { 255 }; 3]))
    }

    #[test]
    fn tiles_are_the_whole_image_and_its_cells() {
        let tiles = raw(TilingRule::Official, 8).image(&halves()).unwrap();
        assert_eq!((tiles.tiles, tiles.grid), (3, Grid::new(1, 2)));
        assert!(tiles.values[192..384].iter().all(|&value| value == 0.0));
        assert!(tiles.values[384..].iter().all(|&value| value == 255.0));
        assert_eq!(tiles.tokens().len(), 7);
    }

    #[test]
    fn transformers_swaps_rows_and_columns() {
        let tiles = raw(TilingRule::Transformers, 8).image(&halves()).unwrap();
        assert_eq!((tiles.tiles, tiles.grid), (3, Grid::new(2, 1)));
        // Each tile holds both halves.
        assert_eq!((tiles.values[192], tiles.values[199]), (0.0, 255.0));
    }

    #[test]
    fn the_whole_image_of_internvl_comes_last_or_not_at_all() {
        for thumbnail in [true, false] {
            let rule = TilingRule::ClosestRatio {
                min_tiles: 1,
                thumbnail,
            };
            let tiles = raw(rule, 8).image(&halves()).unwrap();
            assert_eq!(tiles.grid, Grid::new(1, 2));
            assert_eq!(tiles.tiles, 2 + usize::from(thumbnail));
            assert_eq!(tiles.values.len(), tiles.tiles * 192);
            // Ringing of the filter stays out of the outer columns.
            assert_eq!((tiles.values[0], tiles.values[192 + 7]), (0.0, 255.0));
            if let Some(whole) = tiles.values.get(384..) {
                let outer = whole.first().zip(whole.get(7));
                assert_eq!(outer, thumbnail.then_some((&0.0, &255.0)));
            }
        }
    }

    #[test]
    fn thin_and_empty_images_are_refused() {
        let processor = TileConfig::ovis2().check().unwrap();
        let error = processor.image(&RgbImage::new(20_000, 1)).unwrap_err();
        assert!(matches!(error, Error::TooThin { .. }), "{error}");
        assert!(processor.image(&RgbImage::new(0, 0)).is_err());
    }
}
