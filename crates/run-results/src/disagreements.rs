//! Which images of a data set one arm reads right and another does not, and which of them are shown.

use super::data_sets::DataSet;
use super::scored::{ScoredRun, ScoredTest};
use arms::{ArmRole, ArmSpec};
use probe::EvaluationMode;
use probe_data::spread;

/// Pairs of arms that are shown.
pub(super) const MOST_PAIRS: usize = 4;
/// Images that are shown of each direction of a pair.
pub(super) const MOST_IMAGES: usize = 6;

/// The images that an arm reads right in more seeds than another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Disagreement {
    /// The arm that reads them.
    pub reads: ArmSpec,
    /// The arm that does not.
    pub misreads: ArmSpec,
    /// How many there are.
    pub images: usize,
    /// Those to show, in the order of the set.
    pub shown: Vec<Shown>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shown {
    /// Its number in the test set.
    pub item: usize,
    /// First seed in which one arm reads it and the other does not.
    pub seed: u64,
    /// Number of such seeds.
    pub seeds: usize,
    /// Seeds that finished in both arms.
    pub of: usize,
}

/// The best-reading arm of a data set against others, both ways.
pub(super) fn pairs(scored: &ScoredRun<'_>, set: &DataSet) -> Vec<[Disagreement; 2]> {
    let ranked = set.ranked();
    let Some(((best, _), others)) = ranked.split_first() else {
        return Vec::new();
    };
    let others: Vec<ArmSpec> = others.iter().map(|(arm, _)| *arm).collect();
    let others = worth_showing(&others).into_iter();
    others
        .map(|other| {
            [
                disagreement(scored, set.group, *best, other),
                disagreement(scored, set.group, other, *best),
            ]
        })
        .collect()
}

/// Of arms in falling order of words right, those to show, in the same order: the first of every class
/// that the run is about, then the next ones.
fn worth_showing(arms: &[ArmSpec]) -> Vec<ArmSpec> {
    let classes: [fn(ArmRole) -> bool; 4] = [
        |role| role == ArmRole::Ceiling,
        |role| role == ArmRole::Merger,
        |role| has_hard_words(role),
        |role| role == ArmRole::SoftWords || role == ArmRole::Published,
    ];
    let of_class = |class: fn(ArmRole) -> bool| arms.iter().position(|arm| class(arm.kind.role()));
    let mut places: Vec<usize> = classes.into_iter().filter_map(of_class).collect();
    for place in 0..arms.len() {
        if places.len() < MOST_PAIRS && !places.contains(&place) {
            places.push(place);
        }
    }
    places.sort_unstable();
    places.into_iter().map(|place| arms[place]).collect()
}

fn has_hard_words(role: ArmRole) -> bool {
    match role {
        ArmRole::HardWords | ArmRole::SampledWords | ArmRole::Curriculum | ArmRole::Codebook => {
            true
        }
        ArmRole::Ceiling
        | ArmRole::Merger
        | ArmRole::Control
        | ArmRole::WidthMatchedMlp
        | ArmRole::NoiseMatched
        | ArmRole::SoftWords
        | ArmRole::Floor
        | ArmRole::Published => false,
    }
}

fn disagreement(
    scored: &ScoredRun<'_>,
    group: usize,
    reads: ArmSpec,
    misreads: ArmSpec,
) -> Disagreement {
    let mode = EvaluationMode::Deterministic;
    let shared: Vec<(u64, &ScoredTest<'_>, &ScoredTest<'_>)> = scored
        .tests_of(reads, group, mode)
        .filter_map(|(seed, own)| {
            let mut others = scored.tests_of(misreads, group, mode);
            let (_, other) = others.find(|(other, _)| *other == seed)?;
            Some((seed, own, other))
        })
        .collect();
    let images = scored.run.test_sets[group].targets.len();
    let found: Vec<(usize, Shown)> = (0..images)
        .filter_map(|item| candidate(&shared, item))
        .collect();
    let mut shown = choose(&found);
    shown.sort_by_key(|shown| shown.item);
    Disagreement {
        reads,
        misreads,
        images: found.len(),
        shown,
    }
}

/// An image that the first arm of `shared` reads right in more seeds than the second, with by how many.
fn candidate(
    shared: &[(u64, &ScoredTest<'_>, &ScoredTest<'_>)],
    item: usize,
) -> Option<(usize, Shown)> {
    let (mut only_own, mut only_other, mut first) = (0_usize, 0_usize, None);
    for (seed, own, other) in shared {
        match (own.readings[item].exact, other.readings[item].exact) {
            (true, false) => {
                only_own += 1;
                first = first.or(Some(*seed));
            }
            (false, true) => only_other += 1,
            (true, true) | (false, false) => {}
        }
    }
    let more = only_own.checked_sub(only_other).filter(|more| *more > 0)?;
    let shown = Shown {
        item,
        seed: first?,
        seeds: only_own,
        of: shared.len(),
    };
    Some((more, shown))
}

/// Those of most seeds; among equals, spread evenly over the set, which may be sorted by anything.
fn choose(found: &[(usize, Shown)]) -> Vec<Shown> {
    let mut most = found.iter().map(|(more, _)| *more).max();
    let mut chosen = Vec::new();
    while let Some(more) = most
        && chosen.len() < MOST_IMAGES
    {
        let equals: Vec<Shown> = found
            .iter()
            .filter(|(own, _)| *own == more)
            .map(|(_, shown)| *shown)
            .collect();
        let places = spread(equals.len(), MOST_IMAGES - chosen.len());
        chosen.extend(places.into_iter().map(|place| equals[place]));
        let fewer = found.iter().map(|(own, _)| *own).filter(|own| *own < more);
        most = fewer.max();
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(seeds: &[usize]) -> Vec<(usize, Shown)> {
        let found = seeds.iter().enumerate().map(|(item, &seeds)| {
            let shown = Shown {
                item,
                seed: 1,
                seeds,
                of: 3,
            };
            (seeds, shown)
        });
        found.collect()
    }

    fn items(seeds: &[usize]) -> Vec<usize> {
        let mut items: Vec<usize> = choose(&found(seeds)).iter().map(|s| s.item).collect();
        items.sort_unstable();
        items
    }

    #[test]
    fn of_many_arms_every_class_is_shown() {
        let arms = |names: &[&str]| -> Vec<ArmSpec> {
            let names = names.iter();
            names.map(|name| name.parse().unwrap()).collect()
        };
        let ranked = [
            "linear",
            "gelu-mlp@8",
            "identity",
            "vet-softmax@8",
            "patch-merger",
            "vet-st-argmax@8",
            "vq@8",
        ];
        let shown = [
            "identity",
            "vet-softmax@8",
            "patch-merger",
            "vet-st-argmax@8",
        ];
        assert_eq!(worth_showing(&arms(&ranked)), arms(&shown));
        let few = ["linear", "gelu-mlp@8", "mean-pool", "identity"];
        assert_eq!(worth_showing(&arms(&few)), arms(&few));
        let next = ["linear", "gelu-mlp@8", "mean-pool", "vq@8", "identity"];
        let shown = ["linear", "gelu-mlp@8", "vq@8", "identity"];
        assert_eq!(worth_showing(&arms(&next)), arms(&shown));
    }

    #[test]
    fn images_of_most_seeds_come_first_and_the_rest_is_spread() {
        let mut seeds = vec![1; 40];
        assert_eq!(items(&seeds), [0, 6, 13, 20, 26, 33]);
        (seeds[7], seeds[39]) = (3, 2);
        assert_eq!(items(&seeds), [0, 7, 10, 20, 29, 39]);
        assert_eq!(items(&[2; 3]), [0, 1, 2]);
        assert!(items(&[]).is_empty());
    }
}
