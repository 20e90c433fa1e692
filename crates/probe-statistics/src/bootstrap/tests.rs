use super::*;
use proptest::prelude::*;

const PLAN: BootstrapPlan = BootstrapPlan {
    unit: ResampledUnit::Item,
    draws: 20_000,
    level: 0.95,
    seed: 7,
};

const CER: Measure = Measure::CharacterErrorRate;

/// Edits of item `i` with `chars` characters: a share `tenths / 10` of items has some.
fn edits(i: u32, chars: u32, spread: u32, tenths: u32, factor: u32) -> u32 {
    if i * spread % 10 < tenths {
        i * factor % (chars + 1)
    } else {
        0
    }
}

/// 400 items of 3 to 9 characters in 20 clusters.
fn arm(seeds: &[u64], outcome: impl Fn(u32, u32) -> u32) -> Vec<SeedItems> {
    let items: Vec<ItemOutcome> = (0..400)
        .map(|i| ItemOutcome {
            cluster: i / 20,
            edits: outcome(i, 3 + i % 7),
            chars: 3 + i % 7,
        })
        .collect();
    let of_seed = |&seed| SeedItems {
        seed,
        items: items.clone(),
    };
    seeds.iter().map(of_seed).collect()
}

fn left(seeds: &[u64]) -> Vec<SeedItems> {
    arm(seeds, |i, chars| edits(i, chars, 7919, 3, 31))
}

fn right(seeds: &[u64]) -> Vec<SeedItems> {
    arm(seeds, |i, chars| edits(i, chars, 104_729, 2, 17))
}

/// SciPy's interval and standard error come from 200,000 draws; ours from 20,000 may differ by
/// chance by a few percent of a standard error.
fn assert_agrees(found: &Estimate, value: f64, se: f64, percentile: [f64; 2], bca: [f64; 2]) {
    assert!((found.value - value).abs() < 1e-12);
    assert!((found.standard_error / se - 1.0).abs() < 0.03, "{found:?}");
    for (end, expected) in [
        (found.percentile.low, percentile[0]),
        (found.percentile.high, percentile[1]),
        (found.bca.low, bca[0]),
        (found.bca.high, bca[1]),
    ] {
        assert!((end - expected).abs() < 0.06 * se, "{end} for {expected}");
    }
}

#[test]
fn one_arm_and_its_difference_agree_with_scipy() {
    // i = np.arange(400); c = 3 + i % 7; e = np.where(i * 7919 % 10 < 3, i * 31 % (c + 1), 0)
    // f = np.where(i * 104729 % 10 < 2, i * 17 % (c + 1), 0)
    // ratio = lambda e, c, axis: e.sum(axis=axis) / c.sum(axis=axis)
    // scipy.stats.bootstrap((e, c), ratio, paired=True, n_resamples=200000, method=...)
    // and the same with (e.sum - f.sum) / c.sum
    let value = bootstrap_value(&left(&[1]), CER, &PLAN).unwrap();
    assert_agrees(
        &value,
        0.150_187_734_668_335_43,
        0.016_206_8,
        [0.119_281, 0.182_752],
        [0.120_789, 0.184_615],
    );
    let difference = bootstrap_difference(&left(&[1]), &right(&[1]), CER, &PLAN).unwrap();
    assert_agrees(
        &difference,
        0.068_836_045_056_320_4,
        0.013_935_6,
        [0.042_131, 0.096_626],
        [0.043_176, 0.097_914],
    );
}

#[test]
fn clusters_agree_with_scipy_on_cluster_sums() {
    // g = np.minimum(np.where(i // 20 % 6 == 0, 3 * e, e), c), summed over clusters i // 20
    let arm = arm(&[1], |i, chars| {
        let edits = edits(i, chars, 7919, 3, 31);
        if i / 20 % 6 == 0 {
            (3 * edits).min(chars)
        } else {
            edits
        }
    });
    let plan = BootstrapPlan {
        unit: ResampledUnit::Cluster,
        ..PLAN
    };
    let found = bootstrap_value(&arm, CER, &plan).unwrap();
    assert_eq!((found.seeds, found.units), (1, 20));
    assert_agrees(
        &found,
        0.166_458_072_590_738_42,
        0.012_895_6,
        [0.141_482, 0.191_923],
        [0.142_195, 0.192_645],
    );
}

#[test]
fn identical_seeds_leave_only_the_items() {
    // With no seed variance at all, the error is that of one seed.
    let seeds = [1, 2, 3, 4];
    let single = bootstrap_value(&left(&[1]), CER, &PLAN)
        .unwrap()
        .standard_error;
    let crossed = bootstrap_value(&left(&seeds), CER, &PLAN)
        .unwrap()
        .standard_error;
    assert!((crossed / single - 1.0).abs() < 0.03);
}

#[test]
fn seeds_are_resampled_when_items_agree() {
    // Each item has one character; seed s errs on all (1) or none (0) of its items, so draws
    // are means of three resampled seeds.
    let arm: Vec<SeedItems> = [0, 0, 1]
        .iter()
        .enumerate()
        .map(|(seed, &edits)| SeedItems {
            seed: seed as u64,
            items: vec![
                ItemOutcome {
                    cluster: 0,
                    edits,
                    chars: 1
                };
                5
            ],
        })
        .collect();
    let found = bootstrap_value(&arm, CER, &PLAN).unwrap();
    // Binomial(3, 1/3) / 3 has standard deviation sqrt(2/27).
    assert!((found.standard_error - (2.0_f64 / 27.0).sqrt()).abs() < 0.005);
    assert!((found.value - 1.0 / 3.0).abs() < 1e-15);
}

#[test]
fn word_accuracy_counts_items_without_edits() {
    let arm = left(&[1, 2]);
    let exact = arm[0].items.iter().filter(|item| item.edits == 0).count();
    let found = bootstrap_value(&arm, Measure::WordAccuracy, &PLAN).unwrap();
    assert_eq!(found.value, exact as f64 / 400.0);
    assert!(found.percentile.low < found.value && found.value < found.percentile.high);
}

#[test]
fn an_arm_does_not_differ_from_itself() {
    let found = bootstrap_difference(&left(&[1, 2]), &left(&[1, 2]), CER, &PLAN).unwrap();
    assert_eq!((found.value, found.standard_error), (0.0, 0.0));
    assert_eq!(
        found.bca,
        Interval {
            low: 0.0,
            high: 0.0
        }
    );
}

#[test]
fn pairing_narrows_the_interval_of_a_difference() {
    let worse = arm(&[1], |i, chars| {
        edits(i, chars, 7919, 3, 31).max(u32::from(i % 40 == 0))
    });
    let difference = bootstrap_difference(&worse, &left(&[1]), CER, &PLAN).unwrap();
    let alone = bootstrap_value(&left(&[1]), CER, &PLAN).unwrap();
    assert!(difference.standard_error < 0.2 * alone.standard_error);
}

#[test]
fn draws_repeat_for_a_seed_and_change_with_it() {
    let plan = BootstrapPlan { draws: 50, ..PLAN };
    let first = bootstrap_value(&left(&[1, 2]), CER, &plan).unwrap();
    assert_eq!(first, bootstrap_value(&left(&[1, 2]), CER, &plan).unwrap());
    let other = BootstrapPlan { seed: 8, ..plan };
    assert_ne!(first, bootstrap_value(&left(&[1, 2]), CER, &other).unwrap());
}

#[test]
fn empty_references_are_allowed_among_others() {
    let mut items = vec![
        ItemOutcome {
            cluster: 0,
            edits: 1,
            chars: 0
        };
        3
    ];
    items.push(ItemOutcome {
        cluster: 1,
        edits: 1,
        chars: 4,
    });
    let arm = [SeedItems { seed: 1, items }];
    let found = bootstrap_value(&arm, CER, &PLAN).unwrap();
    assert_eq!(found.value, 1.0);
    assert!(found.bca.high.is_finite() && found.standard_error.is_finite());
}

#[test]
fn arms_that_do_not_pair_are_refused() {
    let difference = |l: &[SeedItems], r: &[SeedItems]| bootstrap_difference(l, r, CER, &PLAN);
    let error = difference(&left(&[1, 2]), &right(&[2, 1])).unwrap_err();
    assert!(matches!(error, StatisticsError::SeedsDiffer { .. }));
    let error = difference(&left(&[1, 1]), &right(&[1, 1])).unwrap_err();
    assert_eq!(error, StatisticsError::RepeatedSeed { seed: 1 });

    let mut other = right(&[1, 2]);
    other[1].items[3].chars += 1;
    let error = difference(&left(&[1, 2]), &other).unwrap_err();
    assert!(matches!(
        error,
        StatisticsError::ItemsDiffer {
            seed: 2,
            item: 3,
            ..
        }
    ));
    other[1].items.truncate(3);
    let error = difference(&left(&[1, 2]), &other).unwrap_err();
    assert!(matches!(
        error,
        StatisticsError::ItemsDiffer {
            seed: 2,
            item: 3,
            ..
        }
    ));
}

#[test]
fn seeds_with_their_own_items_are_refused() {
    let mut arm = left(&[1, 2]);
    arm[1].items.truncate(300);
    let error = bootstrap_value(&arm, CER, &PLAN).unwrap_err();
    assert!(matches!(
        error,
        StatisticsError::ItemsDiffer {
            seed: 2,
            item: 300,
            ..
        }
    ));
}

#[test]
fn unusable_plans_and_samples_are_refused() {
    let value = |arm: &[SeedItems], plan| bootstrap_value(arm, CER, &plan);
    assert!(value(&left(&[1]), BootstrapPlan { draws: 1, ..PLAN }).is_err());
    for level in [0.0, 1.0, f64::NAN] {
        assert!(value(&left(&[1]), BootstrapPlan { level, ..PLAN }).is_err());
    }
    assert!(value(&[], PLAN).is_err());
    let one_font = arm(&[1], |_, _| 1)
        .into_iter()
        .map(|mut seed| {
            seed.items.iter_mut().for_each(|item| item.cluster = 0);
            seed
        })
        .collect::<Vec<_>>();
    let by_cluster = BootstrapPlan {
        unit: ResampledUnit::Cluster,
        ..PLAN
    };
    assert!(value(&one_font, by_cluster).is_err());
    let empty = vec![
        ItemOutcome {
            cluster: 0,
            edits: 1,
            chars: 0
        };
        4
    ];
    let error = value(
        &[SeedItems {
            seed: 9,
            items: empty,
        }],
        PLAN,
    )
    .unwrap_err();
    assert!(matches!(error, StatisticsError::EmptyReferences { .. }));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn value_is_the_ratio_of_sums_and_swapping_arms_mirrors_it(
        outcomes in prop::collection::vec((1_u32..9, 0_u32..9, 0_u32..9, 0_u32..3), 4..20),
    ) {
        let arm = |pick: fn(&(u32, u32, u32, u32)) -> u32| -> Vec<SeedItems> {
            let items = outcomes
                .iter()
                .map(|o| ItemOutcome { cluster: o.3, edits: pick(o), chars: o.0 })
                .collect::<Vec<_>>();
            [3, 5].map(|seed| SeedItems { seed, items: items.clone() }).to_vec()
        };
        let (left, right) = (arm(|o| o.1), arm(|o| o.2));
        let plan = BootstrapPlan { draws: 40, ..PLAN };
        let forth = bootstrap_difference(&left, &right, CER, &plan).unwrap();
        let back = bootstrap_difference(&right, &left, CER, &plan).unwrap();
        let sum = |pick: fn(&(u32, u32, u32, u32)) -> u32| -> f64 {
            outcomes.iter().map(|o| f64::from(pick(o))).sum()
        };
        prop_assert!((forth.value - (sum(|o| o.1) - sum(|o| o.2)) / sum(|o| o.0)).abs() < 1e-12);
        prop_assert_eq!(forth.value, -back.value);
        prop_assert!((forth.percentile.low + back.percentile.high).abs() < 1e-12);
        prop_assert!((forth.bca.low + back.bca.high).abs() < 1e-9);
    }
}
