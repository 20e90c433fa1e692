//! What every test item came to, as statistics over seeds and items take it.

use super::comparison::seed_items;
use super::scored::ScoredRun;
use anyhow::Result;
use arms::ArmSpec;
use probe::{EvaluationMode, ProbeConfig, RunOutcome, TestSet};
use probe_statistics::bootstrap::{ItemOutcome, SeedItems};
use sha2::{Digest, Sha256};

/// Edits of one arm on one test group, by seed and image.
#[derive(Clone, Debug)]
pub struct ItemSeries {
    /// The arm.
    pub arm: ArmSpec,
    /// Index of the test group.
    pub group: usize,
    /// How tokens were made.
    pub mode: EvaluationMode,
    /// Words kept of softmax words; none for all.
    pub k: Option<usize>,
    /// One entry per finished seed.
    pub seeds: Vec<SeedItems>,
}

impl ItemSeries {
    /// The images of its test set whose fonts were, or were not, kept out of training; no seeds if there are none.
    #[must_use]
    pub fn in_fonts(&self, set: &TestSet, held_out: bool) -> Vec<SeedItems> {
        let of_seed = |seed: &SeedItems| {
            let items = seed.items.iter().zip(&set.held_out);
            let chosen = items.filter(|(_, mark)| **mark == held_out);
            SeedItems {
                seed: seed.seed,
                items: chosen.map(|(item, _)| *item).collect(),
            }
        };
        match set.held_out.contains(&held_out) {
            true => self.seeds.iter().map(of_seed).collect(),
            false => Vec::new(),
        }
    }
}

/// Every arm on every group in every mode; arms without a finished seed are left out.
///
/// # Errors
/// If the outcome does not belong to the config.
pub fn item_series(config: &ProbeConfig, run: &RunOutcome) -> Result<Vec<ItemSeries>> {
    let scored = ScoredRun::new(config, run)?;
    let looks = common_looks(&run.test_sets);
    let mut series = Vec::new();
    for &arm in &config.arms {
        for (group, looks) in looks.iter().enumerate() {
            for mode in [EvaluationMode::Deterministic, EvaluationMode::Sampled] {
                let mut seeds = seed_items(&scored, arm, group, mode);
                for item in seeds.iter_mut().flat_map(|seed| &mut seed.items) {
                    item.cluster = looks
                        .get(item.cluster as usize)
                        .copied()
                        .unwrap_or(item.cluster);
                }
                if !seeds.is_empty() {
                    series.push(ItemSeries {
                        arm,
                        group,
                        mode,
                        k: None,
                        seeds,
                    });
                }
            }
        }
    }
    Ok(series)
}

/// New numbers for the clusters of every test set: a look of a task has one number in all levels and tasks, so that they
/// can be pooled. Each level meets its looks in an order of its own, and levels and tasks have no list in common, so the
/// number follows from the name. Other sets keep their numbers: fonts are met in the same order in all of them, and
/// images of a data set are clusters of their own.
fn common_looks(sets: &[TestSet]) -> Vec<Vec<u32>> {
    let numbers = |set: &TestSet| match set.difficulty {
        Some(_) => set
            .cluster_names
            .iter()
            .map(|name| number_of(name))
            .collect(),
        None => (0..set.cluster_names.len() as u32).collect(),
    };
    sets.iter().map(numbers).collect()
}

/// The first bytes of the name's SHA-256.
fn number_of(name: &str) -> u32 {
    let hash = Sha256::digest(name);
    u32::from_le_bytes([hash[0], hash[1], hash[2], hash[3]])
}

/// The hardening curves image by image, and the same images read with all words (`k` none).
#[must_use]
pub fn hardening_series(config: &ProbeConfig, run: &RunOutcome) -> Vec<ItemSeries> {
    let mut series: Vec<ItemSeries> = Vec::new();
    for cell in &run.cells {
        for point in &cell.hardening {
            let Some(set) = run.test_sets.get(point.group) else {
                continue;
            };
            let images = set.targets.iter().zip(&set.clusters);
            let items = images
                .zip(&point.edits)
                .map(|((target, &cluster), &edits)| ItemOutcome {
                    cluster,
                    edits,
                    chars: target.units() as u32,
                })
                .collect();
            let seed = SeedItems {
                seed: cell.spec.seed,
                items,
            };
            let place = (cell.spec.arm, point.group, Some(point.k));
            match series
                .iter_mut()
                .find(|known| (known.arm, known.group, known.k) == place)
            {
                Some(known) => known.seeds.push(seed),
                None => series.push(ItemSeries {
                    arm: cell.spec.arm,
                    group: point.group,
                    mode: EvaluationMode::Deterministic,
                    k: Some(point.k),
                    seeds: vec![seed],
                }),
            }
        }
    }
    // The largest k keeps every word.
    let full: Vec<ItemSeries> = series
        .iter()
        .filter(|curve| curve.k == curve.arm.words())
        .map(|curve| ItemSeries {
            k: None,
            ..curve.clone()
        })
        .collect();
    series.extend(full);
    series.retain(|curve| config.arms.contains(&curve.arm));
    series
}
