//! Images of a run with what the tower makes of them.

use super::config::ProbeConfig;
use super::preparation::Prepared;
use anyhow::Result;
use burn::tensor::Device;
use probe_data::{Features, Group, GroupImages};
use projector::PatchGrid;
use qwen_merger::deepstack::LEVELS;

/// A group and its features.
#[derive(Clone, Debug)]
pub struct PreparedGroup {
    /// Images and labels.
    pub group: Group,
    /// What the cells take in.
    pub features: Features,
    /// The same from earlier blocks of the tower, where an arm of the run reads these as well.
    pub levels: Vec<Features>,
    /// Number of the linear probe's plan.
    pub plan: Option<usize>,
}

impl PreparedGroup {
    /// Features of some images, with their levels.
    ///
    /// # Errors
    /// As [`Features::batch`].
    pub fn batch(&self, items: &[usize], device: &Device) -> Result<PatchGrid> {
        let levels = self.levels.iter().map(|level| {
            let grid = level.batch(items, device)?;
            Ok(grid.features().clone())
        });
        let levels: Vec<_> = levels.collect::<Result<_>>()?;
        Ok(self.features.batch(items, device)?.with_levels(levels))
    }
}

impl Prepared {
    /// Images of the test groups that are data sets on disk, in the order of
    /// [`test_sets`](Self::test_sets).
    #[must_use]
    pub fn test_images(&self, config: &ProbeConfig) -> Vec<Option<GroupImages>> {
        let sets = self.test_sets();
        let groups = self.test.iter().zip(&sets);
        groups
            .map(|(prepared, set)| {
                let is_data_set = config.data.is_data_set(set);
                is_data_set.then(|| prepared.group.kept_images())
            })
            .collect()
    }
}

/// How many blocks of a tower of `depth` blocks have run where each level of DeepStack is read: a quarter,
/// half and three quarters of them.
pub(crate) fn level_blocks(depth: usize) -> [usize; LEVELS] {
    std::array::from_fn(|level| (depth * (level + 1)).div_ceil(LEVELS + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels_are_spread_over_the_tower() {
        assert_eq!(level_blocks(4), [1, 2, 3]);
        assert_eq!(level_blocks(27), [7, 14, 21]);
        assert_eq!(level_blocks(1), [1, 1, 1]);
    }
}
