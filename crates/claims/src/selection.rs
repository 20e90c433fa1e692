//! From selectors to arms, and from arms to paired outcomes.

use std::collections::{BTreeMap, BTreeSet};

use probe_statistics::bootstrap::{ResampledUnit, SeedItems, TestSetArms};

use crate::measurements::{Cell, Evaluation, Measurements, Role, Series};
use crate::registration::{ArmSelector, Facets};

/// Arms that read the same items under the same seeds, and how many of both there are.
#[derive(Debug)]
pub(crate) struct Paired {
    pub set: TestSetArms,
    pub seeds: Vec<u64>,
    pub items: usize,
    clusters: usize,
    /// The test sets that are pooled.
    pub cells: Vec<Cell>,
    /// How tokens were made, for the first column.
    pub evaluation: Evaluation,
}

impl Paired {
    /// Clusters if there are enough of them, otherwise items.
    pub fn unit(&self, fewest_clusters: usize) -> ResampledUnit {
        if self.clusters >= fewest_clusters.max(2) {
            ResampledUnit::Cluster
        } else {
            ResampledUnit::Item
        }
    }
}

impl Role {
    /// Name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ceiling => "ceiling",
            Self::Continuous => "continuous",
            Self::WidthMatchedMlp => "width-matched MLP",
            Self::Soft => "soft",
            Self::Hard => "hard",
            Self::Curriculum => "curriculum",
            Self::NoiseMatched => "noise-matched",
            Self::Floor => "floor",
        }
    }
}

/// The arm that a selector means on some data; `Err` says what is missing.
///
/// Arms compete on the test sets that most of them have: one with fewer test sets than another is
/// not chosen over it. Of arms that are named, all have to be there.
pub(crate) fn resolve(
    measurements: &Measurements,
    data: &Facets,
    selector: &ArmSelector,
    subject: Option<&str>,
) -> Result<String, String> {
    let facts = |arm: &str| measurements.facts(&data.study, arm);
    let width =
        match selector {
            ArmSelector::WidthMatchedMlp {} => {
                let subject = subject.unwrap_or_default();
                let width = facts(subject).and_then(|facts| facts.vocabulary);
                Some(width.ok_or_else(|| {
                    format!("the vocabulary of {subject} in study {}", data.study)
                })?)
            }
            ArmSelector::Arm { .. }
            | ArmSelector::Kind { .. }
            | ArmSelector::Best { .. }
            | ArmSelector::BestOf { .. } => None,
        };
    let wanted = |series: &&Series| match selector {
        ArmSelector::Arm { arm } => series.arm == *arm,
        ArmSelector::Kind { kind } => facts(&series.arm).is_some_and(|f| f.kind == *kind),
        ArmSelector::Best { role } => facts(&series.arm).is_some_and(|f| f.role == *role),
        ArmSelector::BestOf { arms } => arms.contains(&series.arm),
        ArmSelector::WidthMatchedMlp {} => facts(&series.arm)
            .is_some_and(|f| f.role == Role::WidthMatchedMlp && f.vocabulary == width),
    };
    if let ArmSelector::BestOf { arms } = selector {
        all_there(measurements, data, arms)?;
    }
    best_by_validation(data.series(measurements).filter(wanted))?.ok_or_else(|| {
        let what = match width {
            Some(width) => format!("an MLP {width} wide"),
            None => selector.describe(),
        };
        format!("{what} in {}", data.describe())
    })
}

/// Refuses to take the better of named arms where one of them lacks a test set that another has. None at all is
/// left to the caller.
fn all_there(measurements: &Measurements, data: &Facets, arms: &[String]) -> Result<(), String> {
    let cells = |arm: &str| by_cell(data.series(measurements), arm).len();
    let most = arms.iter().map(|arm| cells(arm)).max().unwrap_or(0);
    match arms.iter().find(|arm| cells(arm) < most) {
        Some(arm) => Err(format!("{arm} in {}", data.describe())),
        None => Ok(()),
    }
}

/// The arm with the smallest mean validation error among those with the most test sets; `None` if
/// there is no series, `Err` if arms compete without validation errors.
pub(crate) fn best_by_validation<'m>(
    series: impl Iterator<Item = &'m Series>,
) -> Result<Option<String>, String> {
    let mut arms: BTreeMap<&str, Vec<Option<f64>>> = BTreeMap::new();
    for one in series {
        arms.entry(&one.arm).or_default().push(one.validation_error);
    }
    let most = arms.values().map(Vec::len).max().unwrap_or(0);
    arms.retain(|_, errors| errors.len() == most);
    if arms.len() <= 1 {
        return Ok(arms.into_keys().next().map(str::to_owned));
    }
    let mut best: Option<(&str, f64)> = None;
    for (arm, errors) in arms {
        let known: Option<Vec<f64>> = errors.into_iter().collect();
        let Some(known) = known else {
            return Err(format!(
                "the validation error of {arm}, to choose an arm by"
            ));
        };
        let mean = known.iter().sum::<f64>() / known.len() as f64;
        if best.is_none_or(|(_, smallest)| mean < smallest) {
            best = Some((arm, mean));
        }
    }
    Ok(best.map(|(arm, _)| arm.to_owned()))
}

/// Series of one arm by test set.
pub(crate) fn by_cell<'m>(
    series: impl Iterator<Item = &'m Series>,
    arm: &str,
) -> BTreeMap<Cell, &'m Series> {
    series
        .filter(|series| series.arm == arm)
        .map(|series| (series.cell(), series))
        .collect()
}

/// Pools the test sets that all columns have, for the seeds that all of them have; `Err` says what
/// is missing. A column is an arm, or one evaluation of an arm.
pub(crate) fn pair(
    columns: &[(String, BTreeMap<Cell, &Series>)],
    seeds: Option<&[u64]>,
) -> Result<Paired, String> {
    let Some((first_name, first)) = columns.first() else {
        return Err("any arm".to_owned());
    };
    if let Some((name, _)) = columns.iter().find(|(_, cells)| cells.is_empty()) {
        return Err(format!("series of {name}"));
    }
    let cells: Vec<&Cell> = first
        .keys()
        .filter(|cell| columns.iter().all(|(_, cells)| cells.contains_key(cell)))
        .collect();
    let names = || {
        let names: Vec<&str> = columns.iter().map(|(name, _)| name.as_str()).collect();
        names.join(", ")
    };
    if cells.is_empty() {
        return Err(format!("a test set that {} share", names()));
    }
    let mut common: BTreeSet<u64> = first[cells[0]].seeds.iter().map(|s| s.seed).collect();
    for (_, column) in columns {
        for cell in &cells {
            let found: BTreeSet<u64> = column[cell].seeds.iter().map(|s| s.seed).collect();
            common = common.intersection(&found).copied().collect();
        }
    }
    if let Some(seeds) = seeds {
        common.retain(|seed| seeds.contains(seed));
    }
    if common.is_empty() {
        return Err(format!("a seed that {} share", names()));
    }
    let arms: Vec<Vec<SeedItems>> = columns
        .iter()
        .map(|(_, column)| {
            let of_seed = |&seed: &u64| {
                let items = cells.iter().flat_map(|cell| {
                    let runs = column[cell].seeds.iter();
                    runs.filter(move |run| run.seed == seed)
                        .flat_map(|run| run.items.iter().copied())
                });
                SeedItems {
                    seed,
                    items: items.collect(),
                }
            };
            common.iter().map(of_seed).collect()
        })
        .collect();
    let items = arms[0].first().map_or(0, |seed| seed.items.len());
    if items < 2 {
        return Err(format!("more than {items} test items of {first_name}"));
    }
    let clusters: BTreeSet<u32> = arms[0][0].items.iter().map(|item| item.cluster).collect();
    Ok(Paired {
        set: TestSetArms { arms },
        seeds: common.into_iter().collect(),
        items,
        clusters: clusters.len(),
        evaluation: first[cells[0]].evaluation,
        cells: cells.into_iter().cloned().collect(),
    })
}
