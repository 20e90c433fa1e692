//! The sequence of indicators and tiles that an image of Ovis2 stands for.
//!
//! START, the first tile, GRID; if the image was cut, its tiles row by row with COLUMN between
//! columns and ROW between rows; END. The first tile is the whole image.
//!
//! # Source
//! AIDC-AI/Ovis v2.0, `construct_image_placeholders`; the indicators are the last rows of the visual
//! embedding table in this order: start, grid, column, row, end.

use super::Grid;

/// Rows of the visual embedding table that are indicators, at its end.
pub const INDICATOR_ROWS: usize = 5;

/// One entry of the sequence.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileToken {
    /// Before the image.
    Start,
    /// All visual tokens of the tile with this index.
    Tile(usize),
    /// After the view of the whole image.
    Grid,
    /// Between two tiles of a row.
    Column,
    /// Between two rows.
    Row,
    /// After the image.
    End,
}

/// Where the embeddings of a [`TileToken`] come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum TileItem {
    /// This row of the visual embedding table.
    Indicator {
        /// Counted from the table's start.
        row: usize,
    },
    /// The atoms: every visual token of this tile, in order.
    Atoms {
        /// Index into the tiles.
        tile: usize,
    },
}

impl TileToken {
    /// Where its embeddings come from, for a table of `words` rows, indicators included.
    ///
    /// `None` for an indicator of a table that has fewer than [`INDICATOR_ROWS`] rows.
    pub fn item(self, words: usize) -> Option<TileItem> {
        let indicator = match self {
            Self::Tile(tile) => return Some(TileItem::Atoms { tile }),
            Self::Start => 0,
            Self::Grid => 1,
            Self::Column => 2,
            Self::Row => 3,
            Self::End => 4,
        };
        let first = words.checked_sub(INDICATOR_ROWS)?;
        Some(TileItem::Indicator {
            row: first + indicator,
        })
    }
}

/// The sequence for an image that was cut into `grid`.
pub fn tile_tokens(grid: Grid) -> Vec<TileToken> {
    let mut tokens = vec![TileToken::Start, TileToken::Tile(0), TileToken::Grid];
    if grid.cells() > 1 {
        let mut tile = 0;
        for row in 0..grid.rows {
            if row > 0 {
                tokens.push(TileToken::Row);
            }
            for column in 0..grid.columns {
                if column > 0 {
                    tokens.push(TileToken::Column);
                }
                tile += 1;
                tokens.push(TileToken::Tile(tile));
            }
        }
    }
    tokens.push(TileToken::End);
    tokens
}

#[cfg(test)]
mod tests {
    use super::TileToken::{Column, End, Row, Start, Tile};
    use super::*;

    #[test]
    fn one_tile_stands_alone() {
        let tokens = tile_tokens(Grid::new(1, 1));
        assert_eq!(tokens, [Start, Tile(0), TileToken::Grid, End]);
    }

    #[test]
    fn separators_stand_between_rows_and_columns_only() {
        let tokens = tile_tokens(Grid::new(2, 3));
        #[rustfmt::skip]
        assert_eq!(tokens, [
            Start, Tile(0), TileToken::Grid,
            Tile(1), Column, Tile(2), Column, Tile(3), Row,
            Tile(4), Column, Tile(5), Column, Tile(6), End,
        ]);
    }

    #[test]
    fn indicators_are_the_last_rows_of_the_table() {
        let row = |token: TileToken| token.item(65_536).unwrap();
        assert_eq!(row(Start), TileItem::Indicator { row: 65_531 });
        assert_eq!(row(TileToken::Grid), TileItem::Indicator { row: 65_532 });
        assert_eq!(row(Column), TileItem::Indicator { row: 65_533 });
        assert_eq!(row(Row), TileItem::Indicator { row: 65_534 });
        assert_eq!(row(End), TileItem::Indicator { row: 65_535 });
        assert_eq!(row(Tile(3)), TileItem::Atoms { tile: 3 });
        assert_eq!(Start.item(4), None);
    }
}
