//! Into how many rows and columns an image is cut.
//!
//! **Covering grid** (Ovis2). A cell that is larger than the tile loses resolution when it becomes one.
//! For every grid of at most `max_tiles` cells, the covering ratio is the share of the image's area that
//! is left after each cell has been scaled down to fit its tile. The fewest cells with a ratio above the
//! threshold win, then the higher ratio; if no grid reaches it, the highest ratio wins, then the fewest
//! cells.
//!
//! **Closest aspect ratio** (InternVL). Of all grids of `min_tiles` to `max_tiles` cells, the one whose
//! columns over rows differ least from the image's width over height. Of grids that differ equally, the
//! one with more cells wins if the image has more than half of its area.
//!
//! # Source
//! AIDC-AI/Ovis v2.0, `preprocess_image` of the visual tokenizer; transformers 5.23.0,
//! `get_min_tile_covering_grid` and GOT-OCR2's `get_optimal_tiled_canvas`; `dynamic_preprocess` of
//! OpenGVLab, which leaves the order of grids of as many cells to a Python set (over 400,000 sizes chose
//! the same grid). Sums and quotients keep their order, so that ties fall alike.

use crate::Size;

/// Rows and columns of tiles.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Grid {
    /// Tiles from top to bottom.
    pub rows: u32,
    /// Tiles from left to right.
    pub columns: u32,
}

impl Grid {
    /// `rows` x `columns` tiles.
    pub const fn new(rows: u32, columns: u32) -> Self {
        Self { rows, columns }
    }

    /// Rows times columns.
    pub const fn cells(self) -> u32 {
        self.rows.saturating_mul(self.columns)
    }

    /// Left, top, width and height of each cell, row by row; the last row and column of cells take
    /// what the division leaves.
    pub(super) fn regions(self, size: Size) -> impl Iterator<Item = (u32, u32, u32, u32)> {
        let (width, height) = (size.width / self.columns, size.height / self.rows);
        let extent = |index: u32, count: u32, step: u32, total: u32| {
            let start = index * step;
            let end = if index + 1 == count {
                total
            } else {
                start + step
            };
            (start, end - start)
        };
        (0..self.rows).flat_map(move |row| {
            let (top, cell_height) = extent(row, self.rows, height, size.height);
            (0..self.columns).map(move |column| {
                let (left, cell_width) = extent(column, self.columns, width, size.width);
                (left, top, cell_width, cell_height)
            })
        })
    }

    /// Share of the area that is left when each cell fits a tile of `side` px.
    fn covering_ratio(self, size: Size, side: u32) -> f64 {
        let side = f64::from(side);
        let covered = self.regions(size).map(|(_, _, width, height)| {
            let long = f64::from(width.max(height));
            let short = f64::from(width.min(height));
            if long > side {
                side * (short / long * side)
            } else {
                long * short
            }
        });
        // Not `sum`, which starts at -0.
        covered.fold(0.0, |sum, area| sum + area) / (size.pixels() as f64)
    }
}

/// The grid for an image of `size`, tiles of `side` px and at most `max_tiles` of them.
pub(super) fn covering_grid(size: Size, side: u32, max_tiles: u32, threshold: f64) -> Grid {
    let mut best = (Grid::new(1, 1), f64::NEG_INFINITY);
    for rows in 1..=max_tiles {
        for columns in 1..=max_tiles / rows {
            let grid = Grid::new(rows, columns);
            let ratio = grid.covering_ratio(size, side);
            let (kept, kept_ratio) = best;
            let better = match (ratio > threshold, kept_ratio > threshold) {
                (true, true) => {
                    grid.cells() < kept.cells()
                        || (grid.cells() == kept.cells() && ratio > kept_ratio)
                }
                (false, false) => {
                    ratio > kept_ratio || (ratio == kept_ratio && grid.cells() < kept.cells())
                }
                (reaches, _) => reaches,
            };
            if better {
                best = (grid, ratio);
            }
        }
    }
    best.0
}

/// The grid of `min_tiles` to `max_tiles` tiles of `side` px whose aspect ratio is closest to that of an
/// image of `size`.
pub(super) fn closest_grid(size: Size, side: u32, min_tiles: u32, max_tiles: u32) -> Grid {
    let ratio = f64::from(size.width) / f64::from(size.height);
    let tile = f64::from(side) * f64::from(side);
    let mut best = (Grid::new(1, 1), f64::INFINITY);
    for cells in min_tiles..=max_tiles {
        for columns in (1..=cells).filter(|columns| cells % columns == 0) {
            let rows = cells / columns;
            let distance = (ratio - f64::from(columns) / f64::from(rows)).abs();
            let enough = size.pixels() as f64 > 0.5 * tile * f64::from(cells);
            if distance < best.1 || (distance == best.1 && enough) {
                best = (Grid::new(rows, columns), distance);
            }
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid(width: u32, height: u32) -> (u32, u32) {
        let grid = covering_grid(Size::new(width, height), 448, 9, 0.9);
        (grid.rows, grid.columns)
    }

    #[test]
    fn grids_follow_the_shape_of_the_image() {
        assert_eq!(grid(448, 448), (1, 1));
        assert_eq!(grid(10, 10), (1, 1));
        assert_eq!(grid(896, 448), (1, 2));
        assert_eq!(grid(448, 896), (2, 1));
        assert_eq!(grid(896, 896), (2, 2));
        assert_eq!(grid(1344, 1344), (3, 3));
    }

    #[test]
    fn what_no_grid_covers_takes_the_best() {
        assert_eq!(grid(4000, 4000), (3, 3));
        assert_eq!(grid(40_000, 100), (1, 9));
    }

    #[test]
    fn a_little_loss_is_accepted() {
        // 460 x 460 scaled to 448 keeps 94.9% of its area, 480 x 480 only 87.1%.
        assert_eq!(grid(460, 460), (1, 1));
        assert_ne!(grid(480, 480), (1, 1));
    }

    #[test]
    fn regions_cover_the_image_once() {
        for grid in [Grid::new(1, 1), Grid::new(2, 3), Grid::new(4, 2)] {
            let size = Size::new(10, 7);
            let area: u32 = grid.regions(size).map(|(_, _, w, h)| w * h).sum();
            assert_eq!(area, 70);
            let last = grid.regions(size).last().unwrap();
            assert_eq!((last.0 + last.2, last.1 + last.3), (10, 7));
        }
    }

    fn closest(width: u32, height: u32) -> (u32, u32) {
        let grid = closest_grid(Size::new(width, height), 448, 1, 12);
        (grid.rows, grid.columns)
    }

    #[test]
    fn the_closest_aspect_ratio_wins() {
        assert_eq!(closest(896, 448), (1, 2));
        assert_eq!(closest(448, 896), (2, 1));
        assert_eq!(closest(500, 300), (2, 3));
        assert_eq!(closest(40_000, 100), (1, 12));
        assert_eq!(closest(100, 40_000), (12, 1));
    }

    /// 1 x 1, 2 x 2 and 3 x 3 tiles are equally close to a square.
    #[test]
    fn more_tiles_need_more_than_half_of_their_area() {
        assert_eq!(closest(633, 633), (1, 1));
        assert_eq!(closest(634, 634), (2, 2));
        assert_eq!(closest(950, 950), (2, 2));
        assert_eq!(closest(951, 951), (3, 3));
        let least = |min_tiles| closest_grid(Size::new(10, 10), 448, min_tiles, 6);
        assert_eq!(least(2), Grid::new(2, 2));
        assert_eq!(least(5), Grid::new(3, 2));
        // 1 x 2 and 2 x 1 tiles are equally far from 5 : 4, and the wider grid comes second.
        let two = |size| closest_grid(size, 448, 2, 2);
        assert_eq!(two(Size::new(1250, 1000)), Grid::new(1, 2));
        assert_eq!(two(Size::new(5, 4)), Grid::new(2, 1));
    }
}
