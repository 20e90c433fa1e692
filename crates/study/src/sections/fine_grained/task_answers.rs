//! The answers of every arm to a task or a data set.

use crate::part::{PartResult, of_section};
use crate::section::Section;
use anyhow::Result;
use arms::ArmSpec;
use perception_tasks::TaskKind;
use probe::{EvaluationMode, ImageSource};
use probe_statistics::bootstrap::{ItemOutcome, SeedItems};
use run_results::{ItemSeries, item_series};

/// A task or data set of the section, with the answers of every arm.
pub(super) struct TaskAnswers<'a> {
    pub result: &'a PartResult,
    /// The task; none for photographs.
    pub kind: Option<TaskKind>,
    /// By arm, in the order of the config: one series per level, easiest first.
    pub arms: Vec<(ArmSpec, Vec<ItemSeries>)>,
}

impl<'a> TaskAnswers<'a> {
    /// Every task and data set; reading is none of them.
    pub fn all(results: &'a [PartResult]) -> Result<Vec<Self>> {
        let of_section = of_section(results, Section::FineGrained).filter(|result| {
            match result.part.config.data.source {
                ImageSource::Text { .. } | ImageSource::Relabelled(_) => false,
                ImageSource::Perception(_) | ImageSource::Photographs(_) => true,
            }
        });
        of_section.map(Self::new).collect()
    }

    fn new(result: &'a PartResult) -> Result<Self> {
        let mut arms: Vec<(ArmSpec, Vec<ItemSeries>)> = Vec::new();
        for series in item_series(&result.part.config, &result.outcome)? {
            if series.mode != EvaluationMode::Deterministic {
                continue;
            }
            match arms.iter_mut().find(|(arm, _)| *arm == series.arm) {
                Some((_, all)) => all.push(series),
                None => arms.push((series.arm, vec![series])),
            }
        }
        Ok(Self {
            result,
            kind: result.part.config.data.source.perception(),
            arms,
        })
    }

    /// Name in tables.
    pub fn name(&self) -> String {
        match &self.result.part.config.data.source {
            ImageSource::Perception(kind) => kind.to_string(),
            ImageSource::Photographs(photographs) => photographs.dataset.to_string(),
            ImageSource::Text { .. } | ImageSource::Relabelled(_) => {
                self.result.part.variant.clone()
            }
        }
    }

    /// Number of classes.
    pub fn classes(&self) -> usize {
        self.result.outcome.class_names.len()
    }
}

/// All items of an arm, level after level, by seed.
pub(super) fn pooled(series: &[ItemSeries]) -> Vec<SeedItems> {
    let mut seeds: Vec<SeedItems> = Vec::new();
    for level in series {
        for run in &level.seeds {
            match seeds.iter_mut().find(|seed| seed.seed == run.seed) {
                Some(seed) => seed.items.extend_from_slice(&run.items),
                None => seeds.push(run.clone()),
            }
        }
    }
    seeds
}

/// Counterfactual pairs: two images that differ in the answer alone follow each other, and a pair is
/// exact if both are.
pub(super) fn pairs(seeds: &[SeedItems]) -> Vec<SeedItems> {
    let both = |pair: &[ItemOutcome]| ItemOutcome {
        cluster: pair[0].cluster,
        edits: u32::from(pair.iter().any(|item| item.edits > 0)),
        chars: 1,
    };
    seeds
        .iter()
        .map(|seed| SeedItems {
            seed: seed.seed,
            items: seed.items.chunks_exact(2).map(both).collect(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pair_is_right_if_both_of_its_images_are() {
        let item = |edits| ItemOutcome {
            cluster: 0,
            edits,
            chars: 1,
        };
        let seed = SeedItems {
            seed: 1,
            items: [0, 0, 0, 1, 1, 0, 1, 1].map(item).into(),
        };
        let edits: Vec<u32> = pairs(&[seed])[0].items.iter().map(|i| i.edits).collect();
        assert_eq!(edits, [0, 1, 1, 1]);
    }
}
