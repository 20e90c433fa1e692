//! A run with every prediction compared to its target, once for all outputs.

use anyhow::{Context, Result, ensure};
use arms::ArmSpec;
use probe::ProbeConfig;
use probe::{CellOutcome, EvaluationMode, RunOutcome, Status, TestResult, TestSet, UsageRecord};
use probe_statistics::text_metrics::{PositionAccuracy, Reading, ReadingScores};
use rayon::prelude::*;

/// Kind of text whose characters are uniform and independent, so that chance and capacity are
/// known.
pub(super) const RANDOM: &str = "random";

/// The cells of a run, arms in the order of the config, then seeds.
pub(super) struct ScoredRun<'a> {
    pub config: &'a ProbeConfig,
    pub run: &'a RunOutcome,
    pub cells: Vec<ScoredCell<'a>>,
}

/// One cell.
pub(super) struct ScoredCell<'a> {
    pub outcome: &'a CellOutcome,
    /// By group, then mode.
    pub tests: Vec<ScoredTest<'a>>,
}

/// One group as one cell reads it.
pub(super) struct ScoredTest<'a> {
    pub result: &'a TestResult,
    pub set: &'a TestSet,
    /// One per image.
    pub readings: Vec<Reading>,
    pub scores: ReadingScores,
}

impl<'a> ScoredRun<'a> {
    /// Whether an arm has a visual vocabulary. What the projector of a checkpoint has, only its
    /// cells know.
    pub fn has_words(&self, arm: ArmSpec) -> bool {
        arm.kind.has_words() || (arm.kind.is_pretrained() && self.words(arm).is_some())
    }

    /// Whether a token may hold what does not stand in its block: the untouched features are no ceiling
    /// then.
    pub fn reads_beyond(&self, arm: ArmSpec) -> bool {
        let mut cells = self.cells_of(arm);
        arm.reads_beyond() || cells.any(|cell| cell.outcome.published_levels > 0)
    }

    /// Visual words of an arm (of one codebook), without indicator rows.
    pub fn words(&self, arm: ArmSpec) -> Option<usize> {
        arm.words().or_else(|| {
            let tests = self.cells_of(arm).flat_map(|cell| &cell.outcome.tests);
            let mut usages = tests.filter_map(|test| test.usage.as_ref());
            usages.next().map(|usage| usage.words)
        })
    }

    /// Compares all predictions.
    ///
    /// # Errors
    /// If the outcome does not fit the config or itself: an arm or seed that the config lacks, a
    /// group that does not exist, or not one prediction and label per image.
    pub fn new(config: &'a ProbeConfig, run: &'a RunOutcome) -> Result<Self> {
        for (group, set) in run.test_sets.iter().enumerate() {
            let images = set.targets.len();
            ensure!(
                set.clusters.len() == images && set.held_out.len() == images,
                "test group {group}: {images} texts, {} fonts, {} held-out marks; \
                 give one of each per image",
                set.clusters.len(),
                set.held_out.len()
            );
        }
        let mut ordered = Vec::with_capacity(run.cells.len());
        for cell in &run.cells {
            let spec = &cell.spec;
            let arm = config.arms.iter().position(|arm| *arm == spec.arm);
            let seed = config.seeds.iter().position(|seed| *seed == spec.seed);
            let place = arm.zip(seed).with_context(|| {
                format!(
                    "a result of arm `{}`, seed {} is not part of this config; \
                     write it to the folder of its own run",
                    spec.arm, spec.seed
                )
            })?;
            ordered.push((place, cell));
        }
        ordered.sort_by_key(|(place, _)| *place);
        for pair in ordered.windows(2) {
            ensure!(
                pair[0].0 != pair[1].0,
                "arm `{}`, seed {} has two results; keep the one at the chosen learning rate",
                pair[0].1.spec.arm,
                pair[0].1.spec.seed
            );
        }
        let cells = ordered
            .into_par_iter()
            .map(|(_, outcome)| ScoredCell::new(outcome, run))
            .collect::<Result<_>>()?;
        Ok(Self { config, run, cells })
    }

    /// The cells of an arm, in the order of the seeds.
    pub fn cells_of(&self, arm: ArmSpec) -> impl Iterator<Item = &ScoredCell<'a>> {
        self.cells
            .iter()
            .filter(move |cell| cell.outcome.spec.arm == arm)
    }

    /// An arm's readings of a group, one per finished seed.
    pub fn tests_of(
        &self,
        arm: ArmSpec,
        group: usize,
        mode: EvaluationMode,
    ) -> impl Iterator<Item = (u64, &ScoredTest<'a>)> {
        self.cells_of(arm).filter_map(move |cell| {
            let test = cell.test(group, mode)?;
            Some((cell.outcome.spec.seed, test))
        })
    }

    /// Characters per visual token of a group: exact for grids, the mean otherwise.
    pub fn density(&self, group: usize) -> f64 {
        density(&self.run.test_sets[group])
    }

    /// Test groups that are lines of data sets on disk.
    pub fn data_sets(&self) -> impl Iterator<Item = usize> {
        let sets = self.run.test_sets.iter().enumerate();
        sets.filter(|(_, set)| self.config.data.is_data_set(set))
            .map(|(group, _)| group)
    }

    /// Kinds of text: random characters first, then in the order of the test sets.
    pub fn conditions(&self) -> Vec<&'a str> {
        let mut conditions: Vec<&str> = Vec::new();
        for set in &self.run.test_sets {
            if !conditions.contains(&set.condition.as_str()) {
                conditions.push(&set.condition);
            }
        }
        conditions.sort_by_key(|condition| *condition != RANDOM);
        conditions
    }
}

impl<'a> ScoredCell<'a> {
    fn new(outcome: &'a CellOutcome, run: &'a RunOutcome) -> Result<Self> {
        let spec = &outcome.spec;
        let mut tests = Vec::with_capacity(outcome.tests.len());
        if outcome.status == Status::Finished {
            for result in &outcome.tests {
                let test = ScoredTest::new(result, run).with_context(|| {
                    format!("results of arm `{}`, seed {}", spec.arm, spec.seed)
                })?;
                tests.extend(test);
            }
        }
        tests.sort_by_key(|test| (test.result.group, test.result.mode));
        Ok(Self { outcome, tests })
    }

    /// Step and reason, if training broke down.
    pub fn failure(&self) -> Option<(usize, &'a str)> {
        match &self.outcome.status {
            Status::Finished => None,
            Status::Failed { step, reason } => Some((*step, reason)),
        }
    }

    /// The reading of a group.
    pub fn test(&self, group: usize, mode: EvaluationMode) -> Option<&ScoredTest<'a>> {
        let mut tests = self.tests.iter();
        tests.find(|test| test.result.group == group && test.result.mode == mode)
    }
}

impl<'a> ScoredTest<'a> {
    /// `None` for a group whose labels are all empty: there is nothing to read in it.
    fn new(result: &'a TestResult, run: &'a RunOutcome) -> Result<Option<Self>> {
        let set = run.test_sets.get(result.group).with_context(|| {
            format!(
                "test group {} does not exist; there are {}",
                result.group,
                run.test_sets.len()
            )
        })?;
        let answers = match &result.counted {
            Some(counted) => counted.edits.len(),
            None => result.predictions.len(),
        };
        ensure!(
            answers == set.targets.len(),
            "test group {}: {answers} predictions for {} images; evaluate every image once",
            result.group,
            set.targets.len()
        );
        let readings: Vec<Reading> = match &result.counted {
            Some(counted) => {
                let pairs = set.targets.iter().zip(&counted.edits);
                pairs
                    .map(|(target, &edits)| Reading {
                        edits: edits as usize,
                        reference_chars: target.units(),
                        exact: edits == 0,
                        // That of all images together is known, below.
                        ned_similarity: f64::NAN,
                    })
                    .collect()
            }
            None => {
                let pairs = set.targets.iter().zip(&result.predictions);
                pairs
                    .map(|(target, prediction)| target.compare(prediction))
                    .collect()
            }
        };
        if readings.iter().all(|reading| reading.reference_chars == 0) {
            return Ok(None);
        }
        let mut scores = ReadingScores::of(&readings)?;
        if let Some(counted) = &result.counted {
            scores.one_minus_ned = counted.one_minus_ned;
        }
        Ok(Some(Self {
            result,
            set,
            readings,
            scores,
        }))
    }

    /// Right characters by place.
    pub fn positions(&self) -> PositionAccuracy {
        match &self.result.counted {
            Some(counted) => counted.positions.clone(),
            None => positions(self.set, self.result),
        }
    }

    /// Scores of the images whose font was, or was not, kept out of training; `None` if there is
    /// no such image. Their 1-NED is not a number where answers were not kept.
    pub fn scores_where(&self, held_out: bool) -> Option<ReadingScores> {
        let readings = self.readings.iter().zip(&self.set.held_out);
        let chosen = readings.filter(|(_, mark)| **mark == held_out);
        ReadingScores::of(chosen.map(|(reading, _)| reading)).ok()
    }

    /// Use of the vocabulary.
    pub fn usage(&self) -> Option<&'a UsageRecord> {
        self.result.usage.as_ref()
    }
}

/// Right characters of the answers to a test group, by place.
pub(super) fn positions(set: &TestSet, result: &TestResult) -> PositionAccuracy {
    let mut positions = PositionAccuracy::default();
    for (target, prediction) in set.targets.iter().zip(&result.predictions) {
        target.observe_positions(prediction, &mut positions);
    }
    positions
}

/// Characters per visual token: exact for grids, the mean otherwise.
pub(super) fn density(set: &TestSet) -> f64 {
    set.density.unwrap_or(set.mean_density)
}
