//! Long-run behaviour of the tests and intervals on data whose truth is known.

use probe_statistics::bootstrap::{
    BootstrapPlan, ItemOutcome, Measure, ResampledUnit, SeedItems, bootstrap_difference,
};
use probe_statistics::sign_flip::{Alternative, MonteCarlo, sign_flip_test};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// The error rate of the left arm exceeds that of the right by this much on average.
const TRUE_DIFFERENCE: f64 = 0.05;

/// A crossed experiment on `fonts × items_per_font` texts that every seed reads.
#[derive(Debug, Clone, Copy)]
struct Experiment {
    seeds: usize,
    fonts: usize,
    items_per_font: usize,
    /// Characters per text, each wrong independently: the fewer, the more noise per item and seed.
    chars: u32,
    /// How far a seed, an item and a font move the left arm's error rate at most.
    seed_effect: f64,
    item_effect: f64,
    font_effect: f64,
}

/// Fonts do not matter and chance errors hardly do; each variant states what it changes.
const BASE: Experiment = Experiment {
    seeds: 8,
    fonts: 4,
    items_per_font: 25,
    chars: 100,
    seed_effect: 0.01,
    item_effect: 0.15,
    font_effect: 0.0,
};

impl Experiment {
    /// Outcomes of the left and of the right arm.
    fn simulate(&self, rng: &mut ChaCha8Rng) -> [Vec<SeedItems>; 2] {
        let mut uniform = |size: f64, count: usize| -> Vec<f64> {
            (0..count).map(|_| rng.random_range(-size..=size)).collect()
        };
        let items = self.fonts * self.items_per_font;
        let seed_effects = uniform(self.seed_effect, self.seeds);
        let item_effects = uniform(self.item_effect, items);
        let font_effects = uniform(self.font_effect, self.fonts);
        // Shared by both arms, so that pairing has something to cancel.
        let difficulty = uniform(0.2, items);
        let mut arm = |rate: &dyn Fn(usize, usize) -> f64| -> Vec<SeedItems> {
            (0..self.seeds)
                .map(|seed| SeedItems {
                    seed: seed as u64,
                    items: (0..items)
                        .map(|item| {
                            let p = rate(seed, item);
                            ItemOutcome {
                                cluster: (item / self.items_per_font) as u32,
                                edits: (0..self.chars).map(|_| u32::from(rng.random_bool(p))).sum(),
                                chars: self.chars,
                            }
                        })
                        .collect(),
                })
                .collect()
        };
        let right = arm(&|_, item| 0.4 + difficulty[item]);
        let left = arm(&|seed, item| {
            let font = font_effects[item / self.items_per_font];
            let own = seed_effects[seed] + item_effects[item] + font;
            0.4 + TRUE_DIFFERENCE + difficulty[item] + own
        });
        [left, right]
    }

    /// Fractions of 400 samples whose percentile and BCa 95 % intervals hold the true difference.
    /// Such a fraction has a standard error of 0.011 at 0.95.
    fn coverage(&self, unit: ResampledUnit) -> [f64; 2] {
        const SAMPLES: u64 = 400;
        let mut covered = [0_u32; 2];
        for sample in 0..SAMPLES {
            let mut rng = ChaCha8Rng::seed_from_u64(1000 + sample);
            let [left, right] = self.simulate(&mut rng);
            let plan = BootstrapPlan {
                unit,
                draws: 400,
                level: 0.95,
                seed: sample,
            };
            let found = bootstrap_difference(&left, &right, Measure::CharacterErrorRate, &plan)
                .expect("both arms hold the same items");
            covered[0] += u32::from(found.percentile.contains(TRUE_DIFFERENCE));
            covered[1] += u32::from(found.bca.contains(TRUE_DIFFERENCE));
        }
        let coverage = covered.map(|count| f64::from(count) / SAMPLES as f64);
        println!("{unit:?}, {self:?}: {coverage:?}");
        coverage
    }
}

fn assert_all_within(range: std::ops::RangeInclusive<f64>, coverage: [f64; 2]) {
    for fraction in coverage {
        assert!(range.contains(&fraction), "{coverage:?} outside {range:?}");
    }
}

#[test]
fn interval_covers_shared_items_at_its_level() {
    let crossed = BASE.coverage(ResampledUnit::Item);
    assert_all_within(0.917..=0.983, crossed);
}

#[test]
fn interval_errs_on_the_wide_side_when_chance_errors_dominate() {
    let noisy = Experiment { chars: 6, ..BASE };
    let crossed = noisy.coverage(ResampledUnit::Item);
    assert_all_within(0.97..=1.0, crossed);
}

#[test]
fn cluster_interval_covers_font_effects_that_the_item_interval_misses() {
    let fonts = Experiment {
        seeds: 5,
        fonts: 24,
        items_per_font: 10,
        item_effect: 0.05,
        font_effect: 0.1,
        ..BASE
    };
    let clusters = fonts.coverage(ResampledUnit::Cluster);
    assert_all_within(0.90..=0.983, clusters);
    let items = fonts.coverage(ResampledUnit::Item);
    assert_all_within(0.0..=0.75, items);
}

#[test]
fn ten_dominating_seeds_are_nearly_covered_and_three_are_not() {
    let ten = Experiment {
        seeds: 10,
        seed_effect: 0.1,
        item_effect: 0.02,
        ..BASE
    };
    let found = ten.coverage(ResampledUnit::Item);
    assert_all_within(0.86..=0.97, found);
    let three = Experiment { seeds: 3, ..ten };
    let found = three.coverage(ResampledUnit::Item);
    assert_all_within(0.5..=0.85, found);
}

#[test]
fn sign_flip_rejects_a_true_null_at_its_nominal_rate() {
    // With 8 pairs the two-sided p-value takes multiples of 2/256, so p ≤ 0.05 means 12/256.
    const SAMPLES: usize = 4000;
    let no_draws = MonteCarlo { draws: 1, seed: 0 };
    for (alternative, nominal) in [
        (Alternative::TwoSided, 12.0 / 256.0),
        (Alternative::Greater, 12.0 / 256.0),
        (Alternative::Less, 12.0 / 256.0),
    ] {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let mut rejected = 0;
        for _ in 0..SAMPLES {
            let differences: Vec<f64> = (0..8)
                .map(|_| {
                    // Symmetric about 0 but far from normal.
                    let u: f64 = rng.random_range(-1.0..1.0);
                    u.powi(5)
                })
                .collect();
            let p = sign_flip_test(&differences, alternative, no_draws)
                .unwrap()
                .p;
            rejected += usize::from(p <= 0.05);
        }
        let rate = rejected as f64 / SAMPLES as f64;
        let error = (nominal * (1.0 - nominal) / SAMPLES as f64).sqrt();
        assert!(
            (rate - nominal).abs() < 3.0 * error,
            "{alternative:?}: {rate}"
        );
    }
}
