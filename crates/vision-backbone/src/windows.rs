//! Windows of merged blocks: the order in which they lie together, and their lengths.

use crate::packed::GridThw;

/// Which blocks attend to each other in layers with window attention.
///
/// Blocks are enumerated by frame, window row, window column and then row-major within the window.
/// Windows at the right and the bottom edge may be smaller.
///
/// # Source
/// `get_window_index` of Qwen2.5-VL in transformers 5.23.0, which pads the grid and drops empty
/// windows afterwards; the result is the same.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WindowOrder {
    /// Block `i` of the window order is block `blocks[i]` of the merge order.
    pub blocks: Vec<usize>,
    /// Number of blocks in every window.
    pub lengths: Vec<usize>,
}

impl WindowOrder {
    /// The order for images of `grids` patches, merged by `merge`, with windows of `side` blocks.
    ///
    /// # Panics
    /// If `side` or `merge` is 0.
    #[must_use]
    pub fn new(grids: &[GridThw], merge: usize, side: usize) -> Self {
        let mut order = Self {
            blocks: Vec::new(),
            lengths: Vec::new(),
        };
        let mut offset = 0;
        for grid in grids {
            let (rows, cols) = (grid.rows / merge, grid.cols / merge);
            for _ in 0..grid.frames {
                for top in (0..rows).step_by(side) {
                    for left in (0..cols).step_by(side) {
                        let (bottom, right) = (
                            rows.min(top.saturating_add(side)),
                            cols.min(left.saturating_add(side)),
                        );
                        order.lengths.push((bottom - top) * (right - left));
                        for row in top..bottom {
                            order
                                .blocks
                                .extend((left..right).map(|col| offset + row * cols + col));
                        }
                    }
                }
                offset += rows * cols;
            }
        }
        order
    }

    /// Where the blocks of the merge order are found in the window order: `argsort(blocks)`.
    #[must_use]
    pub fn inverse(&self) -> Vec<usize> {
        let mut inverse = vec![0; self.blocks.len()];
        for (place, &block) in self.blocks.iter().enumerate() {
            inverse[block] = place;
        }
        inverse
    }

    /// Bounds of the windows in patches, from 0: `cu_window_seqlens` of the reference.
    #[must_use]
    pub fn cumulative_patches(&self, merge: usize) -> Vec<usize> {
        let ends = self.lengths.iter().scan(0, |end, &blocks| {
            *end += blocks * merge * merge;
            Some(*end)
        });
        std::iter::once(0).chain(ends).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edge_windows_are_smaller() {
        let order = WindowOrder::new(&[GridThw::still(6, 10)], 2, 2);
        assert_eq!(order.lengths, [4, 4, 2, 2, 2, 1]);
        assert_eq!(order.blocks[..10], [0, 1, 5, 6, 2, 3, 7, 8, 4, 9]);
        assert_eq!(order.cumulative_patches(2), [0, 16, 32, 40, 48, 56, 60]);
    }

    #[test]
    fn frames_and_images_have_windows_of_their_own() {
        let clip = GridThw {
            frames: 2,
            rows: 2,
            cols: 2,
        };
        let order = WindowOrder::new(&[clip, GridThw::still(2, 4)], 2, 4);
        assert_eq!(order.lengths, [1, 1, 2]);
        assert_eq!(order.blocks, [0, 1, 2, 3]);
    }

    #[test]
    fn the_inverse_takes_every_block_back() {
        let order = WindowOrder::new(&[GridThw::still(10, 14), GridThw::still(4, 4)], 2, 3);
        let inverse = order.inverse();
        for (place, &block) in order.blocks.iter().enumerate() {
            assert_eq!(inverse[block], place);
        }
    }
}
