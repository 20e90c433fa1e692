//! What stands in the file beside the numbers of items.

use arms::ArmSpec;
use probe::{CellOutcome, ProbeConfig, TestSet, TrainingLength, Tuning};
use serde::{Deserialize, Serialize};

/// Everything but the tensors. As TOML, because its numbers read back as the bits that were written.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Record {
    /// Settings that the cells were trained with.
    pub config: ProbeConfig,
    pub class_names: Vec<String>,
    pub image_notes: Vec<String>,
    pub moving: Vec<ArmSpec>,
    pub groups: Vec<GroupRecord>,
    pub tuning: Vec<TuningRecord>,
    pub cells: Vec<CellRecord>,
    pub shorter: Vec<ShorterRecord>,
}

/// A test group without its items.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct GroupRecord {
    pub density: Option<f64>,
    pub mean_density: f64,
    pub condition: String,
    pub difficulty: Option<f64>,
    pub cluster_names: Vec<String>,
}

impl GroupRecord {
    pub fn of(set: &TestSet) -> Self {
        Self {
            density: set.density,
            mean_density: set.mean_density,
            condition: set.condition.clone(),
            difficulty: set.difficulty,
            cluster_names: set.cluster_names.clone(),
        }
    }
}

/// [`Tuning`]; TOML has no absent numbers in lists, so failed candidates are not numbers.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TuningRecord {
    pub arm: ArmSpec,
    pub rates: Vec<f64>,
    pub errors: Vec<f64>,
    pub chosen: Option<f64>,
    pub on_edge: bool,
}

impl TuningRecord {
    pub fn of(tuning: &Tuning) -> Self {
        let candidates = tuning.candidates.iter();
        let (rates, errors) = candidates
            .map(|(rate, error)| (*rate, error.unwrap_or(f64::NAN)))
            .unzip();
        Self {
            arm: tuning.arm,
            rates,
            errors,
            chosen: tuning.chosen,
            on_edge: tuning.on_edge,
        }
    }

    pub fn tuning(self) -> Tuning {
        let candidates = self.rates.into_iter().zip(self.errors);
        Tuning {
            arm: self.arm,
            candidates: candidates
                .map(|(rate, error)| (rate, Some(error).filter(|error| !error.is_nan())))
                .collect(),
            chosen: self.chosen,
            on_edge: self.on_edge,
        }
    }
}

/// A cell: its outcome without answers, edits and times.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct CellRecord {
    pub outcome: CellOutcome,
    /// One per test.
    pub tests: Vec<TestRecord>,
}

/// What the answers of a test came to that their edits do not say.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct TestRecord {
    pub one_minus_ned: f64,
    /// Right characters by place.
    pub right: Vec<u64>,
}

/// [`TrainingLength`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct ShorterRecord {
    pub steps: usize,
    pub cells: Vec<CellRecord>,
}

/// What stands before the names of a length's tensors.
pub(super) fn prefix(length: Option<usize>) -> String {
    length.map_or_else(String::new, |steps| format!("steps-{steps}/"))
}

/// Every length of a run, the final one first, with what stands before its names.
pub(super) fn lengths<'a>(
    cells: &'a [CellOutcome],
    shorter: &'a [TrainingLength],
) -> impl Iterator<Item = (String, &'a [CellOutcome])> {
    let shorter = shorter.iter();
    std::iter::once((prefix(None), cells))
        .chain(shorter.map(|length| (prefix(Some(length.steps)), length.cells.as_slice())))
}

/// Where the answers or edits of a test stand.
pub(super) fn test_name(what: &str, prefix: &str, cell: &CellOutcome, test: usize) -> String {
    let (spec, test) = (&cell.spec, &cell.tests[test]);
    let (group, mode) = (test.group, test.mode.name());
    format!("{prefix}{what}/{}/{}/{group}/{mode}", spec.arm, spec.seed)
}

/// Where a point of the hardening curve stands.
pub(super) fn hardening_name(prefix: &str, cell: &CellOutcome, point: usize) -> String {
    let (spec, point) = (&cell.spec, &cell.hardening[point]);
    format!(
        "{prefix}hardening/{}/{}/{}/{}",
        spec.arm, spec.seed, point.group, point.k
    )
}
