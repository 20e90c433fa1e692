//! Where characters stand in an image: an exact grid, or a free line of text.

use serde::{Deserialize, Serialize};

use crate::{Error, Result};

/// Smallest cell width and height, in px, in which a character is still drawn.
pub const MIN_CELL_PX: f64 = 4.0;

/// Width over height of a typical Latin character: 0.6 em in common monospaced fonts, where an em
/// fills the line.
const NATURAL_ASPECT: f64 = 0.6;

/// Densities an error suggests, on each side of the one that was asked for.
const SUGGESTIONS_PER_SIDE: usize = 2;

/// Arrangement of the characters of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Layout {
    /// Fixed slots: the density is exact.
    Grid(Grid),
    /// One proportional line of free length.
    Strip(Strip),
}

/// `columns` × `lines` cells of equal size that tile the image, one character in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grid {
    /// Characters per line.
    pub columns: usize,
    /// Lines of text.
    pub lines: usize,
}

/// One line of proportional text whose length, size and position vary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Strip {
    /// Shortest text, in characters.
    pub min_chars: usize,
    /// Longest text, in characters.
    pub max_chars: usize,
}

impl Strip {
    /// Texts of print for an image of this width: 25 characters in 208 px, the longest of most sets of
    /// words.
    #[must_use]
    pub fn of_print(width_px: u32) -> Self {
        Self {
            min_chars: 1,
            max_chars: longest_in(width_px).saturating_sub(1).max(1),
        }
    }
}

/// Most characters of a line in an image of this width.
fn longest_in(width_px: u32) -> usize {
    (f64::from(width_px) / (2.0 * MIN_CELL_PX)) as usize
}

impl Default for Strip {
    fn default() -> Self {
        Self {
            min_chars: 5,
            max_chars: 9,
        }
    }
}

impl Grid {
    /// The grid that puts exactly `density` characters on each visual token of a
    /// `width_px` × `height_px` image, where a token covers `token_px` × `token_px`
    /// (16 for a merged 2 × 2 block of 8 px patches).
    ///
    /// No line straddles two rows of tokens: the number of lines divides the number of token rows
    /// or is a multiple of it. Of the remaining shapes the one whose cells are closest to the
    /// proportions of a Latin character (width 0.6 of the height) wins. For 64 × 32 px images:
    ///
    /// | density | 0.5 | 1 | 2 | 3 | 4 | 6 | 8 |
    /// |---|---|---|---|---|---|---|---|
    /// | columns × lines | 4 × 1 | 4 × 2 | 8 × 2 | 12 × 2 | 8 × 4 | 12 × 4 | 16 × 4 |
    ///
    /// # Errors
    /// If the image is no whole number of tokens, if no grid has this density (the error lists
    /// possible ones nearby), or if its cells would be under [`MIN_CELL_PX`].
    pub fn for_density(density: f64, width_px: u32, height_px: u32, token_px: u32) -> Result<Self> {
        if token_px == 0
            || width_px == 0
            || height_px == 0
            || !width_px.is_multiple_of(token_px)
            || !height_px.is_multiple_of(token_px)
        {
            return Err(Error::NotWholeTokens {
                width_px,
                height_px,
                token_px,
            });
        }
        let token_rows = (height_px / token_px) as usize;
        let tokens = (width_px / token_px) as usize * token_rows;
        let wanted = density * tokens as f64;
        let characters = wanted.round();
        let impossible = || Error::ImpossibleDensity {
            density,
            tokens,
            nearby: possible_nearby(density, tokens, token_rows, width_px, height_px),
        };
        // The largest image is far from 2^32 px, so a count above its pixels is nonsense.
        let most = f64::from(width_px) * f64::from(height_px);
        if !(1.0..=most).contains(&characters) || (wanted - characters).abs() > 1e-9 {
            return Err(impossible());
        }
        let characters = characters as usize;
        if let Some(grid) = best_shape(characters, token_rows, width_px, height_px) {
            return Ok(grid);
        }
        // Every count has a one-line shape, so only the size of the cells can have failed.
        let cell_px = largest_cell_side(characters, token_rows, width_px, height_px);
        Err(Error::CellTooSmall {
            density,
            cell_px,
            nearby: possible_nearby(density, tokens, token_rows, width_px, height_px),
        })
    }

    /// Number of characters.
    pub fn characters(self) -> usize {
        self.columns * self.lines
    }

    /// Characters per visual token of `token_px` × `token_px`.
    pub fn density(self, width_px: u32, height_px: u32, token_px: u32) -> f64 {
        let tokens = f64::from(width_px) * f64::from(height_px) / f64::from(token_px).powi(2);
        self.characters() as f64 / tokens
    }

    /// Width and height of a cell in px.
    pub fn cell_px(self, width_px: u32, height_px: u32) -> (f32, f32) {
        (
            width_px as f32 / self.columns as f32,
            height_px as f32 / self.lines as f32,
        )
    }

    /// Centres (x, y) of the cells in px, in reading order.
    pub fn slots(self, width_px: u32, height_px: u32) -> Vec<[f32; 2]> {
        let (cell_width, cell_height) = self.cell_px(width_px, height_px);
        (0..self.characters())
            .map(|slot| {
                let (line, column) = (slot / self.columns, slot % self.columns);
                [
                    (column as f32 + 0.5) * cell_width,
                    (line as f32 + 0.5) * cell_height,
                ]
            })
            .collect()
    }

    pub(crate) fn check(self, width_px: u32, height_px: u32) -> Result<()> {
        if self.columns == 0 || self.lines == 0 || !fits(self, width_px, height_px) {
            return Err(Error::UnfitGrid {
                columns: self.columns,
                lines: self.lines,
                width_px,
                height_px,
            });
        }
        Ok(())
    }
}

impl Strip {
    pub(crate) fn check(self, width_px: u32, height_px: u32) -> Result<()> {
        let longest = longest_in(width_px);
        if self.min_chars == 0 || self.min_chars > self.max_chars {
            return Err(Error::StripLengths {
                min_chars: self.min_chars,
                max_chars: self.max_chars,
            });
        }
        if self.max_chars > longest || f64::from(height_px) < 3.0 * MIN_CELL_PX {
            return Err(Error::StripTooSmall {
                width_px,
                height_px,
                max_chars: self.max_chars,
                longest,
            });
        }
        Ok(())
    }
}

fn fits(grid: Grid, width_px: u32, height_px: u32) -> bool {
    let (width, height) = grid.cell_px(width_px, height_px);
    f64::from(width) >= MIN_CELL_PX && f64::from(height) >= MIN_CELL_PX
}

/// Shapes with this many characters whose lines respect the rows of tokens.
fn shapes(characters: usize, token_rows: usize) -> impl Iterator<Item = Grid> {
    (1..=characters)
        .filter(move |lines| characters.is_multiple_of(*lines))
        .filter(move |lines| token_rows.is_multiple_of(*lines) || lines.is_multiple_of(token_rows))
        .map(move |lines| Grid {
            columns: characters / lines,
            lines,
        })
}

fn best_shape(characters: usize, token_rows: usize, width_px: u32, height_px: u32) -> Option<Grid> {
    let strangeness = |grid: &Grid| {
        let (width, height) = grid.cell_px(width_px, height_px);
        (f64::from(width) / f64::from(height) / NATURAL_ASPECT)
            .ln()
            .abs()
    };
    shapes(characters, token_rows)
        .filter(|grid| fits(*grid, width_px, height_px))
        .min_by(|a, b| strangeness(a).total_cmp(&strangeness(b)))
}

fn largest_cell_side(characters: usize, token_rows: usize, width_px: u32, height_px: u32) -> f64 {
    shapes(characters, token_rows)
        .map(|grid| {
            let (width, height) = grid.cell_px(width_px, height_px);
            f64::from(width.min(height))
        })
        .fold(0.0, f64::max)
}

fn possible_nearby(
    density: f64,
    tokens: usize,
    token_rows: usize,
    width_px: u32,
    height_px: u32,
) -> Vec<f64> {
    let cells = |side: u32| (f64::from(side) / MIN_CELL_PX) as usize;
    let most = cells(width_px) * cells(height_px);
    let possible: Vec<f64> = (1..=most)
        .filter(|&characters| best_shape(characters, token_rows, width_px, height_px).is_some())
        .map(|characters| characters as f64 / tokens as f64)
        .collect();
    // A density that is not a number sorts before all, so that the smallest ones are suggested.
    let above = possible.partition_point(|candidate| *candidate < density);
    let from = above.saturating_sub(SUGGESTIONS_PER_SIDE);
    let to = (above + SUGGESTIONS_PER_SIDE).min(possible.len());
    possible[from..to].to_vec()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn grid(density: f64) -> Result<Grid> {
        Grid::for_density(density, 64, 32, 16)
    }

    #[test]
    fn densities_of_the_study_have_the_documented_shapes() {
        let expected = [
            (0.5, 4, 1),
            (1.0, 4, 2),
            (2.0, 8, 2),
            (3.0, 12, 2),
            (4.0, 8, 4),
            (6.0, 12, 4),
            (8.0, 16, 4),
        ];
        for (density, columns, lines) in expected {
            assert_eq!(grid(density).unwrap(), Grid { columns, lines }, "{density}");
        }
    }

    #[test]
    fn an_impossible_density_lists_possible_ones_nearby() {
        let error = grid(2.1).unwrap_err();
        let Error::ImpossibleDensity { nearby, .. } = &error else {
            panic!("wrong error: {error}");
        };
        assert_eq!(nearby.len(), 4);
        assert!(nearby[1] < 2.1 && nearby[2] > 2.1, "{nearby:?}");
        for density in nearby {
            assert!(grid(*density).is_ok());
        }
        assert!(error.to_string().contains("2.1"));
    }

    #[test]
    fn nonsense_densities_are_errors() {
        for density in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-12] {
            assert!(grid(density).is_err(), "{density}");
        }
    }

    #[test]
    fn cells_below_four_px_are_refused() {
        let error = grid(32.0).unwrap_err();
        assert!(matches!(error, Error::CellTooSmall { .. }), "{error}");
        assert!(error.to_string().contains("16"), "{error}");
    }

    #[test]
    fn an_image_of_broken_tokens_is_refused() {
        for (width, height, token) in [(60, 32, 16), (64, 30, 16), (64, 32, 0), (0, 32, 16)] {
            let error = Grid::for_density(1.0, width, height, token).unwrap_err();
            assert!(matches!(error, Error::NotWholeTokens { .. }), "{error}");
        }
    }

    #[test]
    fn slots_are_cell_centres_in_reading_order() {
        let grid = Grid {
            columns: 2,
            lines: 2,
        };
        let expected = [[16.0, 8.0], [48.0, 8.0], [16.0, 24.0], [48.0, 24.0]];
        assert_eq!(grid.slots(64, 32), expected);
    }

    proptest! {
        #[test]
        fn a_grid_has_exactly_the_density_asked_for(
            characters in 1_usize..200,
            columns in 1_u32..8,
            rows in 1_u32..5,
        ) {
            let tokens = (columns * rows) as usize;
            let density = characters as f64 / tokens as f64;
            if let Ok(grid) = Grid::for_density(density, columns * 16, rows * 16, 16) {
                prop_assert_eq!(grid.characters(), characters);
                let measured = grid.density(columns * 16, rows * 16, 16);
                prop_assert!((measured - density).abs() < 1e-9);
                let rows = rows as usize;
                prop_assert!(grid.lines.is_multiple_of(rows) || rows.is_multiple_of(grid.lines));
                prop_assert!(grid.check(columns * 16, rows as u32 * 16).is_ok());
            }
        }
    }
}
