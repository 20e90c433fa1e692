//! Pieces of work that do not wait for each other.

use anyhow::{Result, ensure};
use arms::ArmSpec;
use probe::ProbeConfig;
use std::ops::Range;

/// All cells of an arm in a run: tuning, then the other seeds. Runs that share the arm's cells share
/// the item, so that no two tasks train the same cell.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The arm.
    pub arm: ArmSpec,
    /// Indices of the runs.
    pub runs: Vec<usize>,
}

/// What there is to do, in the order in which the runs are reported.
#[derive(Clone, Debug)]
pub struct Items {
    /// Name and settings of every run.
    pub runs: Vec<(String, ProbeConfig)>,
    /// The items, found by their index.
    pub items: Vec<Item>,
}

impl Items {
    /// The items of some runs: the same for the same settings.
    ///
    /// # Errors
    /// If the length of training depends on all arms together, or the settings do not fit into TOML.
    pub fn of(runs: Vec<(String, ProbeConfig)>) -> Result<Self> {
        for (name, config) in &runs {
            ensure!(
                config.training.until_converged.is_none(),
                "run `{name}`: its steps are doubled until no arm moves (`training.until_converged`), which no task \
                 of one arm can tell; carry it out in one process, with `ocr-probe`"
            );
        }
        let identities: Vec<String> = runs
            .iter()
            .map(|(_, config)| config.cell_identity())
            .collect::<Result<_>>()?;
        let mut items: Vec<Item> = Vec::new();
        for (run, (_, config)) in runs.iter().enumerate() {
            for &arm in &config.arms {
                let shared = items
                    .iter_mut()
                    .find(|item| item.arm == arm && identities[item.runs[0]] == identities[run]);
                match shared {
                    Some(item) => item.runs.push(run),
                    None => items.push(Item {
                        arm,
                        runs: vec![run],
                    }),
                }
            }
        }
        Ok(Self { runs, items })
    }

    /// What an item is called: `ocr patch-merger`.
    #[must_use]
    pub fn name(&self, item: usize) -> String {
        format!("{} {}", self.runs_of(item), self.items[item].arm)
    }

    /// The runs of an item: `ocr`, or `ocr+capacity-94-characters`.
    #[must_use]
    pub fn runs_of(&self, item: usize) -> String {
        let runs = self.items[item].runs.iter();
        let names: Vec<&str> = runs.map(|&run| self.runs[run].0.as_str()).collect();
        names.join("+")
    }

    /// Most cells that an item can come to, if every further learning rate is asked for.
    #[must_use]
    pub fn most_cells(&self, item: usize) -> usize {
        let arm = self.items[item].arm;
        let mut counted: Vec<&ProbeConfig> = Vec::new();
        for &run in &self.items[item].runs {
            let config = &self.runs[run].1;
            let same = |other: &&ProbeConfig| {
                let [a, b] = [&config.training, &other.training];
                config.seeds == other.seeds
                    && config.rates_of(arm) == other.rates_of(arm)
                    && a.extensions == b.extensions
            };
            if !counted.iter().any(same) {
                counted.push(config);
            }
        }
        let cells = counted.iter().map(|config| {
            let training = &config.training;
            // A single rate has no edge to go beyond.
            let rates = config.rates_of(arm).len();
            let extensions = match rates {
                1 => 0,
                _ => training.extensions,
            };
            rates + extensions + config.seeds.len() - 1
        });
        cells.sum()
    }

    /// Optimiser steps of one cell of an item.
    #[must_use]
    pub fn steps(&self, item: usize) -> usize {
        self.runs[self.items[item].runs[0]].1.training.steps
    }

    /// The items of task `index` of `tasks`: as many for each, neighbours together, because they
    /// mostly read the same images.
    ///
    /// # Errors
    /// If there are fewer items than tasks, or no such task; the message names the range.
    pub fn of_task(&self, index: usize, tasks: usize) -> Result<Range<usize>> {
        let count = self.items.len();
        ensure!(
            (1..=count).contains(&tasks),
            "{tasks} tasks for {count} items: ask for 1 to {count}"
        );
        ensure!(
            index < tasks,
            "there is no task {index}: the tasks are 0 to {}",
            tasks - 1
        );
        Ok(index * count / tasks..(index + 1) * count / tasks)
    }

    /// The task of `tasks` that does `item`.
    #[must_use]
    pub fn task_of(&self, item: usize, tasks: usize) -> usize {
        let tasks = tasks.clamp(1, self.items.len().max(1));
        (0..tasks)
            .find(|&task| item < (task + 1) * self.items.len() / tasks)
            .unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use study::{FineGrained, Section, StudyConfig, StudyPreset};

    fn items(preset: StudyPreset) -> Items {
        let study = StudyConfig {
            preset,
            sections: Section::STUDY.to_vec(),
            fine_grained: FineGrained::in_study(&Section::STUDY),
            settings: toml::Table::new(),
        };
        let runs = study.parts().unwrap().into_iter();
        Items::of(runs.map(|part| (part.name(), part.config)).collect()).unwrap()
    }

    #[test]
    fn every_arm_of_every_run_is_in_exactly_one_item() {
        for preset in [StudyPreset::Smoke, StudyPreset::Quick, StudyPreset::Full] {
            let items = items(preset);
            for (run, (name, config)) in items.runs.iter().enumerate() {
                for &arm in &config.arms {
                    let found = items.items.iter();
                    let found = found.filter(|item| item.arm == arm && item.runs.contains(&run));
                    assert_eq!(found.count(), 1, "{arm} of {name}");
                }
            }
            let arms: usize = items.runs.iter().map(|(_, c)| c.arms.len()).sum();
            let covered: usize = items.items.iter().map(|item| item.runs.len()).sum();
            assert_eq!(arms, covered);
        }
    }

    #[test]
    fn runs_with_the_same_cells_share_the_item() {
        let (_, config) = items(StudyPreset::Smoke).runs.swap_remove(0);
        let mut fewer = config.clone();
        fewer.arms.truncate(1);
        fewer.seeds = vec![9];
        let mut longer = fewer.clone();
        longer.training.steps += 1;
        let arms = config.arms.len();
        let runs = [("a", config), ("b", fewer), ("c", longer)];
        let items = Items::of(runs.map(|(n, c)| (n.to_owned(), c)).into()).unwrap();
        assert_eq!(items.items.len(), arms + 1);
        assert_eq!(items.items[0].runs, [0, 1]);
        let arm = items.items[0].arm;
        assert_eq!(items.name(0), format!("a+b {arm}"));
        // Two seeds at one rate, and another seed.
        assert_eq!(items.most_cells(0), 2 + 1);
        assert_eq!(items.name(arms), format!("c {arm}"));
    }

    #[test]
    fn tasks_cover_the_items_once_and_an_index_out_of_range_is_told_the_range() {
        let items = items(StudyPreset::Quick);
        let count = items.items.len();
        for tasks in [1, 2, 7, count - 1, count] {
            let mut covered = Vec::new();
            for task in 0..tasks {
                let range = items.of_task(task, tasks).unwrap();
                assert!(!range.is_empty());
                for item in range {
                    assert_eq!(items.task_of(item, tasks), task);
                    covered.push(item);
                }
            }
            assert_eq!(covered, (0..count).collect::<Vec<_>>());
        }
        let error = items.of_task(7, 7).unwrap_err().to_string();
        assert!(error.contains("0 to 6"), "{error}");
        for tasks in [0, count + 1] {
            let error = items.of_task(0, tasks).unwrap_err().to_string();
            assert!(error.contains(&format!("1 to {count}")), "{error}");
        }
    }
}
