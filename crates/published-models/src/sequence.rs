//! What the language model reads in the place of an image: visual tokens and boundary rows.
//!
//! | family | sequence |
//! |---|---|
//! | Qwen2-VL, Qwen2.5-VL, Qwen3-VL, Qwen3.5 | the tokens; what surrounds them are words of the text |
//! | Ovis2 | start, whole image, grid, then the tiles with separators, end |
//! | Ovis2.5, Ovis2.6 | image start, the tokens, image end |
//! | InternVL2.5, InternVL3 | the tokens of the tiles row by row, then those of the whole image |
//!
//! Source: AIDC-AI/Ovis, branch v2.0 `construct_image_placeholders` and main
//! `merge_multimodal` at 4de4946.

use image_processor::{TileItem, TileToken};

use crate::families::SequenceShape;
use crate::model::VisionModel;
use crate::projectors::PublishedProjector;

/// One entry of the sequence.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SequenceEntry {
    /// A visual token of the image, by number.
    Token(usize),
    /// A boundary: an indicator row of the table, by number (see
    /// [`VisionModel::indicator`]).
    Indicator(usize),
}

impl VisionModel {
    /// The sequence of an image of `tokens` visual tokens.
    ///
    /// `tiles` are the [`tokens`](crate::Pixels::tokens) of its pixels, which other families than
    /// Ovis2 do not have. Indicators that the table lacks are left out.
    #[must_use]
    pub fn sequence(&self, tiles: &[TileToken], tokens: usize) -> Vec<SequenceEntry> {
        let PublishedProjector::Vet(vet) = &self.projector else {
            return (0..tokens).map(SequenceEntry::Token).collect();
        };
        let rows = vet.words() + vet.indicators();
        let entries = match self.family().facts().sequence {
            SequenceShape::Tiles => {
                let is_tile = |token: &&TileToken| matches!(token, TileToken::Tile(_));
                let per_tile = tokens / tiles.iter().filter(is_tile).count().max(1);
                tiles
                    .iter()
                    .filter_map(|token| token.item(rows))
                    .flat_map(|item| match item {
                        TileItem::Atoms { tile } => (tile * per_tile..(tile + 1) * per_tile)
                            .map(SequenceEntry::Token)
                            .collect(),
                        TileItem::Indicator { row } => {
                            vec![SequenceEntry::Indicator(row.saturating_sub(vet.words()))]
                        }
                    })
                    .collect::<Vec<_>>()
            }
            SequenceShape::Tokens => (0..tokens).map(SequenceEntry::Token).collect(),
            SequenceShape::Enclosed => [SequenceEntry::Indicator(0)]
                .into_iter()
                .chain((0..tokens).map(SequenceEntry::Token))
                .chain([SequenceEntry::Indicator(1)])
                .collect(),
        };
        entries
            .into_iter()
            .filter(|entry| match entry {
                SequenceEntry::Token(_) => true,
                SequenceEntry::Indicator(index) => *index < vet.indicators(),
            })
            .collect()
    }
}
