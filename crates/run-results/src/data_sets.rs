//! Data sets that the user named: words right behind every arm, and whether the images can be read at all.

use super::comparison::{Comparison, Estimator, Value, arm_of, seed_items};
use super::scored::ScoredRun;
use super::summary::Summary;
use super::wording;
use anyhow::Result;
use arms::{ArmKind, ArmRole, ArmSpec};
use probe::EvaluationMode;
use probe_statistics::bootstrap::Measure;
use rayon::prelude::*;

/// Share of the words of a data set that must be read behind `identity` before anything is concluded about
/// connectors from it.
///
/// `identity` passes on all that the tower sees. Where the reader fails on more than every second word even
/// so, the words that are read are the easy ones, and arms differ by how far their readers have come, not by
/// what they lose.
pub const READABLE_WORDS: f64 = 0.5;

/// What helps where images are beyond the reader.
const REMEDY: &str = "What may help: a longer training (`--steps`, `--until-converged`), cleaner crops \
                      (one upright word or line each, with little around it), and images like these to \
                      train on (`--train-dataset`)";

/// A test group of lines that were not rendered, with the words that every arm reads right, without noise.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// Index of the test group.
    pub group: usize,
    /// Its name in results.
    pub name: String,
    /// Images.
    pub images: usize,
    /// Whether the images can be read.
    pub readability: Readability,
    /// Arms, in the order of the config.
    pub arms: Vec<ArmWords>,
}

/// Whether the images of a data set can be read: what `identity`, which passes on all that the tower sees,
/// reads of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Readability {
    /// Enough words are right to compare arms: so many.
    Read(Value),
    /// Fewer than [`READABLE_WORDS`].
    Beyond(Value),
    /// `identity` is not among the arms.
    NotAsked,
    /// No cell of `identity` finished.
    NotMeasured,
}

/// Words of a data set that are read right behind an arm, as shares of its images.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ArmWords {
    /// The arm.
    pub arm: ArmSpec,
    /// Seeds that finished.
    pub seeds: usize,
    /// Words right; none if no seed finished.
    pub right: Option<Value>,
    /// Character error rate.
    pub cer: Option<Value>,
    /// Difference of the words right to `identity`.
    pub against_identity: Option<Comparison>,
    /// Difference of the words right to `patch-merger`.
    pub against_merger: Option<Comparison>,
}

/// All data sets of a run, in the order of its test groups.
///
/// # Errors
/// If the statistics refuse the data.
pub(super) fn data_sets(scored: &ScoredRun<'_>, summary: &Summary) -> Result<Vec<DataSet>> {
    let groups: Vec<usize> = scored.data_sets().collect();
    let sets = groups
        .into_par_iter()
        .map(|group| data_set(scored, summary, group));
    sets.collect()
}

fn data_set(scored: &ScoredRun<'_>, summary: &Summary, group: usize) -> Result<DataSet> {
    let arms = scored.config.arms.par_iter();
    let arms: Vec<ArmWords> = arms
        .map(|&arm| arm_words(scored, summary, group, arm))
        .collect::<Result<_>>()?;
    let identity = arm_of(scored.config, ArmKind::Identity);
    let readability = match identity {
        None => Readability::NotAsked,
        Some(identity) => {
            let found = arms.iter().find(|words| words.arm == identity);
            match found.and_then(|words| words.right) {
                None => Readability::NotMeasured,
                Some(right) if right.mean < READABLE_WORDS => Readability::Beyond(right),
                Some(right) => Readability::Read(right),
            }
        }
    };
    let info = &summary.groups[group];
    Ok(DataSet {
        group,
        // Folders may be called anything.
        name: info.condition.replace(char::is_control, "?"),
        images: info.images,
        readability,
        arms,
    })
}

fn arm_words(
    scored: &ScoredRun<'_>,
    summary: &Summary,
    group: usize,
    arm: ArmSpec,
) -> Result<ArmWords> {
    let mode = EvaluationMode::Deterministic;
    let row = summary.row(arm, group, mode, Measure::WordAccuracy);
    let identity = arm_of(scored.config, ArmKind::Identity).filter(|other| *other != arm);
    let against_identity = match identity {
        Some(identity) => {
            let unit = summary.groups[group].unit;
            let estimator = Estimator::new(scored.config, Measure::WordAccuracy, unit);
            let [own, other] = [arm, identity].map(|arm| seed_items(scored, arm, group, mode));
            estimator.compare(&own, &other, identity)?
        }
        None => None,
    };
    Ok(ArmWords {
        arm,
        seeds: row.map_or(0, |row| row.seeds),
        right: row.and_then(|row| row.value),
        cer: summary.cer(arm, group).and_then(|row| row.value),
        against_identity,
        against_merger: row.and_then(|row| row.against_merger),
    })
}

impl DataSet {
    /// Whether arms may be compared on it, as far as one can tell.
    #[must_use]
    pub fn allows_conclusions(&self) -> bool {
        match self.readability {
            Readability::Read(_) | Readability::NotAsked | Readability::NotMeasured => true,
            Readability::Beyond(_) => false,
        }
    }

    /// Arms that see the image and finished, those with most words right first; of equal ones the first of
    /// the config.
    #[must_use]
    pub fn ranked(&self) -> Vec<(ArmSpec, f64)> {
        let arms = self.arms.iter().filter(|words| sees(words.arm));
        let mut ranked: Vec<(ArmSpec, f64)> = arms
            .filter_map(|words| Some((words.arm, words.right?.mean)))
            .collect();
        ranked.sort_by(|a, b| b.1.total_cmp(&a.1));
        ranked
    }

    /// What has to be said first: whether anything can be concluded from these images, and the words right.
    #[must_use]
    pub fn opening(&self) -> String {
        let Self { name, images, .. } = self;
        let least = least();
        match self.readability {
            Readability::Beyond(right) => format!(
                "**Nothing can be concluded about connectors from `{name}`.** Behind `identity`, which passes \
                 on all that the tower sees, {} of its {} are read without an error; below {least} it is the \
                 reader that fails, and differences between connectors say little about them. {REMEDY}.",
                wording::value(Some(right)),
                wording::counted(*images, "image"),
            ),
            Readability::Read(right) => format!(
                "**Words right on `{name}`:** behind `identity`, which passes on all that the tower sees, {} of \
                 its {} are read without an error.{}",
                wording::value(Some(right)),
                wording::counted(*images, "image"),
                self.differences()
            ),
            Readability::NotAsked => format!(
                "**Whether `{name}` can be read at all cannot be told:** `identity`, which passes on all that \
                 the tower sees, is not among the arms; name it with the others (`--arms identity,...`). \
                 Without it, a difference between connectors may be one of a reader that fails on all of \
                 them.{}",
                self.best()
            ),
            Readability::NotMeasured => format!(
                "**Whether `{name}` can be read at all cannot be told:** no cell of `identity`, which passes on \
                 all that the tower sees, finished.{}",
                self.best()
            ),
        }
    }

    /// Every arm that sees the image against `identity`.
    fn differences(&self) -> String {
        let compared = self.arms.iter().filter(|words| sees(words.arm));
        let compared = compared.filter_map(|words| Some((words.arm, words.against_identity?)));
        let parts: Vec<String> = compared
            .map(|(arm, comparison)| format!("`{arm}` {}", wording::judged_right(&comparison)))
            .collect();
        match parts.is_empty() {
            true => String::new(),
            false => format!(
                " Against it, with 95% intervals in points of words right: {}.",
                parts.join("; ")
            ),
        }
    }

    /// The arm with most words right, and how many.
    fn best(&self) -> String {
        let words = self.ranked().into_iter().next();
        let words = words.and_then(|(best, _)| self.arms.iter().find(|words| words.arm == best));
        words.map_or_else(String::new, |words| {
            format!(
                " Most words right: {} of {} behind `{}`.",
                wording::value(words.right),
                wording::counted(self.images, "image"),
                words.arm
            )
        })
    }
}

impl Summary {
    /// The data set that a test group is, if it is one.
    #[must_use]
    pub fn data_set(&self, group: usize) -> Option<&DataSet> {
        self.data_sets.iter().find(|set| set.group == group)
    }

    /// Whether arms may be compared on a test group: only data sets can be beyond the reader.
    #[must_use]
    pub fn allows_conclusions(&self, group: usize) -> bool {
        self.data_set(group).is_none_or(DataSet::allows_conclusions)
    }

    /// What has to be said about data sets before anything else, one paragraph each; nothing if no cell
    /// finished.
    #[must_use]
    pub fn openings(&self) -> Vec<String> {
        if self.rows.iter().all(|row| row.value.is_none()) {
            return Vec::new();
        }
        self.data_sets.iter().map(DataSet::opening).collect()
    }
}

/// [`READABLE_WORDS`] in words.
pub(super) fn least() -> String {
    format!("{:.0}%", 100.0 * READABLE_WORDS)
}

/// Not the floor, behind which there is nothing to read.
fn sees(arm: ArmSpec) -> bool {
    arm.kind.role() != ArmRole::Floor
}
