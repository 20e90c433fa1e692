//! A visual embedding table behind another connector: its head takes the connector's tokens.

use super::Arm;
use burn::module::Module;
use ovis_vet::Vet;
use projector::{Cost, Pass, PatchGrid, Projector, VisualTokens};
use published_models::PublishedProjector;

/// A connector, and a table that takes its tokens for blocks of one patch. Both learn by gradients alone.
#[derive(Module, Debug)]
pub struct OnTop {
    /// The connector, then the table. (A module cannot hold itself but in a list.)
    layers: Vec<Arm>,
}

impl OnTop {
    /// `table` has to take patches as wide as the tokens of `connector`, in blocks of one.
    pub(super) fn new(connector: Arm, table: Arm) -> Self {
        Self {
            layers: vec![connector, table],
        }
    }

    /// Tokens of the connector, levels added, as a grid of patches.
    fn patches(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> PatchGrid {
        let connector = &self.layers[0];
        let [rows, columns] = connector.token_grid(patches.rows(), patches.cols());
        let tokens = connector.forward(patches, pass).summed().embeddings;
        match PatchGrid::new(tokens, rows, columns, 1) {
            Ok(grid) => grid,
            // A connector makes the tokens of its grid.
            Err(error) => unreachable!("{error}"),
        }
    }
}

impl Projector for OnTop {
    fn merge_size(&self) -> usize {
        self.layers[0].merge_size()
    }

    fn d_out(&self) -> usize {
        self.layers[1].d_out()
    }

    fn token_grid(&self, rows: usize, columns: usize) -> [usize; 2] {
        self.layers[0].token_grid(rows, columns)
    }

    fn forward(&self, patches: &PatchGrid, pass: &mut Pass<'_>) -> VisualTokens {
        let tokens = self.patches(patches, pass);
        self.layers[1].forward(&tokens, pass)
    }

    fn cost(&self) -> Cost {
        let (connector, table) = (self.layers[0].cost(), self.layers[1].cost());
        Cost {
            parameters: connector.parameters + table.parameters,
            multiply_adds_per_token: connector.multiply_adds_per_token
                + table.multiply_adds_per_token,
            ..table
        }
    }
}

impl Arm {
    /// The one visual embedding table that makes its tokens, if there is one.
    #[must_use]
    pub fn vet(&self) -> Option<&Vet> {
        if let Self::Vet(vet) | Self::Pretrained(PublishedProjector::Vet(vet)) = self {
            Some(vet)
        } else if let Self::OnTop(on_top) = self {
            on_top.layers[1].vet()
        } else {
            None
        }
    }

    /// Levels of the tower that the projector of a checkpoint reads beside the last block.
    #[must_use]
    pub fn published_levels(&self) -> usize {
        if let Self::Pretrained(projector) = self {
            projector.levels()
        } else {
            0
        }
    }

    /// The same arm with `change` done to its [table](Self::vet).
    #[must_use]
    pub fn map_vet(self, change: impl FnOnce(Vet) -> Vet) -> Self {
        if let Self::Vet(vet) = self {
            Self::Vet(change(vet))
        } else if let Self::Pretrained(PublishedProjector::Vet(vet)) = self {
            Self::Pretrained(PublishedProjector::Vet(change(vet)))
        } else if let Self::OnTop(mut on_top) = self {
            // `change` is known here by its address only, or the compiler would never be done.
            let change: Box<dyn FnOnce(Vet) -> Vet + '_> = Box::new(change);
            let table = on_top.layers.pop().map(|table| table.map_vet(change));
            on_top.layers.extend(table);
            Self::OnTop(on_top)
        } else {
            self
        }
    }
}
