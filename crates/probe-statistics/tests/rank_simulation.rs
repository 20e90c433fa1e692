//! How often rank tests and the bootstrap of a statistic are wrong and right.

use probe_statistics::bootstrap::{
    BootstrapPlan, ItemOutcome, Rate, ResampledUnit, SeedItems, TestSetArms, bootstrap_statistic,
};
use probe_statistics::rank_tests::{Trend, friedman_test, page_test};
use probe_statistics::sign_flip::MonteCarlo;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Share of `samples` simulated studies with p at most 0.05.
fn rejected(samples: u64, p: impl Fn(&mut ChaCha8Rng) -> f64) -> f64 {
    let significant = (0..samples)
        .filter(|&sample| p(&mut ChaCha8Rng::seed_from_u64(500 + sample)) <= 0.05)
        .count();
    significant as f64 / samples as f64
}

/// Skewed noise around `mean`, with a common part per row.
fn table(rows: usize, means: &[f64], rng: &mut ChaCha8Rng) -> Vec<Vec<f64>> {
    (0..rows)
        .map(|_| {
            let row: f64 = rng.random_range(-1.0..1.0);
            means
                .iter()
                .map(|mean| row + mean + rng.random::<f64>().powi(3))
                .collect()
        })
        .collect()
}

#[test]
fn page_keeps_its_level_and_finds_a_trend() {
    let page = |step: f64| {
        rejected(1000, |rng| {
            let means: Vec<f64> = (0..5).map(|j| step * f64::from(j)).collect();
            page_test(&table(8, &means, rng), Trend::Rising).unwrap().p
        })
    };
    // Standard error 0.007 at 0.05; the exact test takes few values, so it may lie below.
    let level = page(0.0);
    assert!((0.025..0.072).contains(&level), "{level}");
    assert!(page(0.1) > 0.85, "{}", page(0.1));
    assert!(page(-0.1) < 0.005);
}

#[test]
fn friedman_keeps_its_level_and_finds_one_arm_that_differs() {
    let friedman = |effect: f64| {
        rejected(300, |rng| {
            let blocks = table(8, &[0.0, 0.0, 0.0, effect], rng);
            let mc = MonteCarlo {
                draws: 199,
                seed: 1,
            };
            friedman_test(&blocks, mc).unwrap().p
        })
    };
    let level = friedman(0.0);
    assert!((0.01..0.09).contains(&level), "{level}");
    assert!(friedman(0.7) > 0.8, "{}", friedman(0.7));
}

#[test]
fn interval_of_a_difference_in_differences_covers_the_truth() {
    // Logit of the error rate of two arms on two test sets; the arms differ by 1 on the first and
    // by 0.4 on the second.
    const TRUTH: f64 = 0.6;
    let plan = BootstrapPlan {
        unit: ResampledUnit::Cluster,
        draws: 300,
        level: 0.95,
        seed: 4,
    };
    let interaction = |rates: &[Vec<Rate>]| {
        let gap = |set: &[Rate]| set[0].error_logit() - set[1].error_logit();
        gap(&rates[0]) - gap(&rates[1])
    };
    const SAMPLES: u64 = 100;
    let mut covered = 0;
    for sample in 0..SAMPLES {
        let mut rng = ChaCha8Rng::seed_from_u64(sample);
        let mut noise = |n: usize, size: f64| -> Vec<f64> {
            (0..n).map(|_| rng.random_range(-size..size)).collect()
        };
        let (seeds, fonts) = (noise(10, 0.2), noise(2 * 20, 0.4));
        let sets: Vec<TestSetArms> = [(1.0, 0), (0.4, 20)]
            .into_iter()
            .map(|(gap, first_font)| {
                let mut arm = |shift: f64, own: f64| -> Vec<SeedItems> {
                    (0..10)
                        .map(|seed| SeedItems {
                            seed: seed as u64,
                            items: (0..100)
                                .map(|item: usize| {
                                    let font = fonts[first_font + item % 20] * (1.0 + own);
                                    let eta = -0.5 + shift + own * seeds[seed] + font;
                                    let p = 1.0 / (1.0 + (-eta).exp());
                                    ItemOutcome {
                                        cluster: (item % 20) as u32,
                                        edits: (0..8).map(|_| u32::from(rng.random_bool(p))).sum(),
                                        chars: 8,
                                    }
                                })
                                .collect(),
                        })
                        .collect()
                };
                TestSetArms {
                    arms: vec![arm(gap, 0.5), arm(0.0, 0.0)],
                }
            })
            .collect();
        let found = bootstrap_statistic(&sets, &plan, interaction).unwrap();
        covered += u64::from(found.bca.unwrap().contains(TRUTH));
    }
    // Averaging over fonts flattens logits a little; 95 expected, standard deviation 2.2.
    assert!(covered >= 86, "{covered}");
}
