//! Which characters stand at which token.

use probe_data::Group;

/// Characters of a grid by token.
#[derive(Clone, Debug)]
pub struct TokenPlaces {
    /// Numbers of the characters of every token, in reading order; at least one.
    slots: Vec<Vec<usize>>,
}

impl TokenPlaces {
    /// Of the images of a group; `None` without a character grid.
    ///
    /// A token has the characters whose centres lie in it. Where characters are larger than tokens,
    /// a token without any has the one that covers its own centre.
    #[must_use]
    pub fn of(group: &Group) -> Option<Self> {
        let grid = group.grid?;
        let layout = group.layout;
        let side = layout.patch * layout.merge;
        let (cols, tokens) = (layout.cols / layout.merge, layout.tokens());
        let (width, height) = (
            (layout.cols * layout.patch) as u32,
            (layout.rows * layout.patch) as u32,
        );
        let mut slots = vec![Vec::new(); tokens];
        for (slot, [x, y]) in grid.slots(width, height).into_iter().enumerate() {
            let place = |at: f32, most: usize| ((at / side as f32) as usize).min(most - 1);
            let token = place(y, tokens / cols) * cols + place(x, cols);
            slots[token].push(slot);
        }
        let (cell_width, cell_height) = grid.cell_px(width, height);
        for (token, centre) in layout.token_centres_px().into_iter().enumerate() {
            if slots[token].is_empty() {
                let place = |at: f32, cell: f32, most: usize| ((at / cell) as usize).min(most - 1);
                let column = place(centre[0], cell_width, grid.columns);
                let line = place(centre[1], cell_height, grid.lines);
                slots[token].push(line * grid.columns + column);
            }
        }
        Some(Self { slots })
    }

    /// The characters of every token of an image that says `text`.
    #[must_use]
    pub fn characters(&self, text: &str) -> Vec<String> {
        let text: Vec<char> = text.chars().collect();
        let tokens = self.slots.iter();
        tokens
            .map(|slots| slots.iter().filter_map(|&slot| text.get(slot)).collect())
            .collect()
    }

    /// Most characters that a token has.
    #[must_use]
    pub fn most(&self) -> usize {
        self.slots.iter().map(Vec::len).max().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe_data::{GroupKey, Pixels};
    use text_images::Grid;
    use vision_backbone::PatchLayout;

    fn places(density: f64) -> TokenPlaces {
        let group = Group {
            key: GroupKey {
                density: Some(density),
                condition: "random".to_owned(),
                difficulty: None,
            },
            layout: PatchLayout::of_image(64, 32, 8, 2).unwrap(),
            grid: Some(Grid::for_density(density, 64, 32, 16).unwrap()),
            pixels: Pixels::default(),
            labels: Vec::new(),
            clusters: Vec::new(),
        };
        TokenPlaces::of(&group).unwrap()
    }

    #[test]
    fn one_character_per_token_is_the_text_itself() {
        let found = places(1.0).characters("ABCDEFGH");
        assert_eq!(found, ["A", "B", "C", "D", "E", "F", "G", "H"]);
    }

    #[test]
    fn several_characters_are_read_line_by_line() {
        // 8 x 2 characters on 4 x 2 tokens, then 8 x 4.
        let found = places(2.0).characters("ABCDEFGHIJKLMNOP");
        assert_eq!(found[..2], ["AB", "CD"]);
        assert_eq!(found[4], "IJ");
        let text: String = ('A'..='Z').chain('a'..='f').collect();
        let found = places(4.0).characters(&text);
        assert_eq!((found[0].as_str(), found[7].as_str()), ("ABIJ", "WXef"));
        assert_eq!(places(4.0).most(), 4);
    }

    #[test]
    fn large_characters_belong_to_every_token_that_they_cover() {
        // 4 x 1 characters, each as high as two tokens.
        let found = places(0.5).characters("ABCD");
        assert_eq!(found, ["A", "B", "C", "D", "A", "B", "C", "D"]);
    }
}
