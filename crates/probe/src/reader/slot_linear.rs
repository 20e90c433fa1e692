//! The strict probe: one linear map for each place of a character within its token.

use burn::module::Module;
use burn::nn::Linear;
use burn::tensor::{Device, Int, Tensor, TensorData};
use probe_data::Group;
use projector::{linear, seeded};
use rand_chacha::ChaCha8Rng;

/// Which tokens each slot of a grid is read from, and with which map.
///
/// Slots that stand at the same place within their token share a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SlotPlan {
    /// Tokens under each slot, row-major, equally many for every slot.
    covered: Vec<Vec<usize>>,
    /// Map used by each slot.
    phase: Vec<usize>,
    phases: usize,
}

impl SlotPlan {
    /// Plans a grid of `columns x lines` character cells over a grid of tokens.
    ///
    /// A slot is read from every token that its cell overlaps; cells that overlap unequal numbers
    /// of tokens repeat their last one.
    #[must_use]
    pub fn new(columns: usize, lines: usize, token_cols: usize, token_rows: usize) -> Self {
        let overlaps = |index: usize, cells: usize, tokens: usize| {
            let first = index * tokens / cells;
            let last = ((index + 1) * tokens).div_ceil(cells).max(first + 1) - 1;
            first..=last.min(tokens - 1)
        };
        let mut covered = Vec::new();
        let mut places = Vec::new();
        for line in 0..lines {
            for column in 0..columns {
                let rows = overlaps(line, lines, token_rows);
                let cols = overlaps(column, columns, token_cols);
                // Offset of the cell from its first token, in cells times tokens: an exact integer.
                places.push((
                    column * token_cols - *cols.start() * columns,
                    line * token_rows - *rows.start() * lines,
                ));
                covered.push(
                    rows.flat_map(|row| cols.clone().map(move |col| row * token_cols + col))
                        .collect::<Vec<_>>(),
                );
            }
        }
        let most = covered.iter().map(Vec::len).max().unwrap_or(0);
        for tokens in &mut covered {
            let last = tokens[tokens.len() - 1];
            tokens.resize(most, last);
        }
        let mut kinds: Vec<(usize, usize)> = places.clone();
        kinds.sort_unstable();
        kinds.dedup();
        let phase = places
            .iter()
            .map(|place| kinds.binary_search(place).unwrap_or(0))
            .collect();
        Self {
            covered,
            phase,
            phases: kinds.len(),
        }
    }

    /// The plan of a group of images, where there is a character grid.
    #[must_use]
    pub fn of_group(group: &Group) -> Option<Self> {
        let layout = group.layout;
        group.grid.map(|grid| {
            Self::new(
                grid.columns,
                grid.lines,
                layout.cols / layout.merge,
                layout.rows / layout.merge,
            )
        })
    }

    /// Tokens read per slot.
    #[must_use]
    pub fn tokens_per_slot(&self) -> usize {
        self.covered.first().map_or(0, Vec::len)
    }
}

/// Shape of a [`SlotLinear`] probe over several densities.
#[derive(Clone, Debug)]
pub struct SlotLinearConfig {
    /// Width of a visual token.
    pub d_token: usize,
    /// Number of character classes.
    pub classes: usize,
    /// One plan per density.
    pub plans: Vec<SlotPlan>,
}

impl SlotLinearConfig {
    /// A fresh probe.
    #[must_use]
    pub fn init(&self, rng: &mut ChaCha8Rng, device: &Device) -> SlotLinear {
        SlotLinear {
            maps: self
                .plans
                .iter()
                .map(|plan| {
                    seeded::linear(
                        plan.tokens_per_slot() * self.d_token,
                        plan.phases * self.classes,
                        true,
                        rng,
                        device,
                    )
                })
                .collect(),
            plans: self.plans.clone(),
            classes: self.classes,
        }
    }
}

/// Linear maps from the tokens under a character to its class, one per density and phase.
#[derive(Module, Debug)]
pub struct SlotLinear {
    maps: Vec<Linear>,
    #[module(skip)]
    plans: Vec<SlotPlan>,
    classes: usize,
}

impl SlotLinear {
    /// Class scores for every slot of the density with index `plan`.
    ///
    /// # Shapes
    /// - `tokens`: `[batch, tokens, d_token]`
    /// - output: `[batch, slots, classes]`
    ///
    /// # Panics
    /// If there is no such plan.
    #[must_use]
    pub fn forward(&self, tokens: Tensor<3>, plan: usize) -> Tensor<3> {
        let (map, plan) = (&self.maps[plan], &self.plans[plan]);
        let [batch, _, d_token] = tokens.dims();
        let device = tokens.device();
        let slots = plan.covered.len();
        let indices = |values: Vec<i64>| {
            let n = values.len();
            Tensor::<1, Int>::from_data(TensorData::new(values, [n]), &device)
        };
        let covered = plan.covered.iter().flatten().map(|&t| t as i64).collect();
        let read = tokens.select(1, indices(covered)).reshape([
            batch,
            slots,
            plan.tokens_per_slot() * d_token,
        ]);
        let all = linear::apply(map, read).reshape([batch, slots * plan.phases, self.classes]);
        let wanted = (0..slots)
            .map(|slot| (slot * plan.phases + plan.phase[slot]) as i64)
            .collect();
        all.select(1, indices(wanted))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slots_at_the_same_place_within_their_token_share_a_map() {
        let plan = SlotPlan::new(8, 2, 4, 2);
        assert_eq!((plan.phases, plan.tokens_per_slot()), (2, 1));
        assert_eq!(plan.phase[..4], [0, 1, 0, 1]);
        assert_eq!(plan.covered[2], [1]);
        assert_eq!(plan.covered[8], [4]);
        assert_eq!(SlotPlan::new(8, 4, 4, 2).phases, 4);
        assert_eq!(SlotPlan::new(12, 2, 4, 2).phases, 3);
    }

    #[test]
    fn a_slot_larger_than_a_token_is_read_from_all_of_them() {
        let plan = SlotPlan::new(4, 1, 4, 2);
        assert_eq!((plan.phases, plan.tokens_per_slot()), (1, 2));
        assert_eq!(plan.covered[1], [1, 5]);
    }

    #[test]
    fn each_slot_is_read_with_its_own_phase() {
        let device = Device::flex();
        let config = SlotLinearConfig {
            d_token: 3,
            classes: 5,
            plans: vec![SlotPlan::new(4, 2, 2, 1)],
        };
        let probe = config.init(&mut seeded::stream(0, "probe"), &device);
        let tokens = seeded::normal([2, 2, 3], 1.0, &mut seeded::stream(0, "tokens"), &device);
        let logits: Vec<f32> = probe
            .forward(tokens.clone(), 0)
            .into_data()
            .try_to_vec()
            .unwrap();
        let full: Vec<f32> = linear::apply(&probe.maps[0], tokens)
            .into_data()
            .try_to_vec()
            .unwrap();
        // Image 1, line 1, column 3: token 1, phase (1, 1), the last of four.
        let (slot, phase) = (7, 3);
        let found = &logits[(8 + slot) * 5..(8 + slot + 1) * 5];
        let expected = &full[(2 + 1) * 20 + phase * 5..(2 + 1) * 20 + phase * 5 + 5];
        assert_eq!(found, expected);
    }
}
