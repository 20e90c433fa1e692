//! Measurements in which a claim is true, or is not.

use claims::{Measurements, Role, Series};

use crate::support::{Truth, error, facts, four_arms, series, varied};

/// Reading and a coarse task in which one item is one answer.
pub fn reading_and_coarse(gaps: [f64; 2]) -> Measurements {
    let mut all = four_arms("ocr", 0.1 + gaps[0], 0.1, 0.1, 0.1);
    for (arm, role, rate) in [
        ("vet-st-argmax@1024", Role::Hard, 0.1 + gaps[1]),
        ("gelu-mlp@1024", Role::WidthMatchedMlp, 0.1),
    ] {
        let truth = Truth {
            chars: 1,
            items: 600,
            ..error(rate)
        };
        all.series.push(varied("coarse", arm, truth, |series| {
            series.condition = "face".to_owned();
            series.charset = 8;
        }));
        all.arms.push(facts("coarse", arm, role));
    }
    all
}

pub fn softmax(gap: f64) -> Measurements {
    let mut all = four_arms("ocr", 0.3, 0.1, 0.1, 0.1);
    // Arms that are equal read the same items alike, up to a few seeds and items.
    let mut soft = all.series[1].clone();
    soft.arm = "vet-softmax@1024".to_owned();
    for (index, seed) in soft.seeds.iter_mut().enumerate() {
        for (item, outcome) in seed.items.iter_mut().enumerate() {
            let worse = (item as f64 * 0.618_034).fract() < 5.0 * gap;
            if worse || (index % 3 == 0 && item == 17 && outcome.edits == 0) {
                outcome.edits += 1;
            }
        }
    }
    all.series[3] = soft;
    all
}

/// Curves of error by density: hard arms fail at their capacity, smooth ones rise evenly.
pub fn capacity(places: [f64; 2], smooth_knee: Option<f64>) -> Measurements {
    let mut all = Measurements::default();
    let sharp = |place: f64, density: f64| {
        let eta = 0.01_f64.ln() + 0.05 * density + 2.0 * (density - place).max(0.0);
        1.0 / (1.0 + (-eta).exp())
    };
    let even = |density: f64| 1.0 / (1.0 + (4.5 - 0.25 * density).exp());
    let arms = [
        ("vet-st-argmax@68", Role::Hard, Some((6.0, places[0]))),
        ("vet-st-argmax@4100", Role::Hard, Some((12.0, places[1]))),
        ("patch-merger", Role::Continuous, None),
        ("vet-softmax@1028", Role::Soft, None),
    ];
    for (arm, role, code) in arms {
        all.arms.push(facts("capacity", arm, role));
        for density in [0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0] {
            let rate = match (code, smooth_knee) {
                (Some((_, place)), _) => sharp(place, density),
                (None, Some(place)) => sharp(place, density),
                (None, None) => even(density),
            };
            let truth = Truth {
                seed_spread: 0.0,
                items: 100,
                ..error(rate)
            };
            all.series.push(varied("capacity", arm, truth, |series| {
                series.charset = 5;
                series.density = Some(density);
                series.bits_nominal = code.map(|(bits, _)| bits);
                series.bits_used = series.bits_nominal;
            }));
        }
    }
    all
}

pub fn ladder(errors: [f64; 4], used: [f64; 4]) -> Measurements {
    let mut all = Measurements::default();
    for (index, (rate, used)) in errors.into_iter().zip(used).enumerate() {
        let bits = [4.0, 8.0, 16.0, 32.0][index];
        let arm = format!("code-{bits}@{}", 2_u64.pow(4 + index as u32));
        all.arms.push(facts("rate-ladder", &arm, Role::Hard));
        all.series
            .push(varied("rate-ladder", &arm, error(rate), |series| {
                series.bits_nominal = Some(bits);
                series.bits_used = Some(used);
                series.learning_rate = Some(0.001 * (index + 1) as f64);
            }));
    }
    let arm = "gelu-mlp@1024";
    all.arms
        .push(facts("rate-ladder", arm, Role::WidthMatchedMlp));
    let mut mlp = all.series[3].clone();
    mlp.arm = arm.to_owned();
    mlp.seeds
        .iter_mut()
        .for_each(|seed| seed.items[0].edits = 0);
    all.series.push(mlp);
    all
}

/// Twelve hard arms; the error follows the used bits with the given sign.
pub fn usage(arms: usize, sign: f64) -> Measurements {
    let mut all = Measurements::default();
    for index in 0..arms {
        let used = 2.0 + (index * 5 % 12) as f64;
        let arm = format!("code-{index}@{}", 256 << (index % 4));
        all.arms.push(facts("rate-ladder", &arm, Role::Hard));
        let rate = 0.4 + 0.02 * sign * (used - 7.0);
        all.series
            .push(varied("rate-ladder", &arm, error(rate), |series| {
                series.bits_used = Some(used);
                series.learning_rate = Some([0.001, 0.002, 0.004][index % 3]);
            }));
    }
    all
}

pub fn estimators(errors: [f64; 4]) -> Measurements {
    let kinds = [
        "vet-st-argmax@256",
        "vet-st-argmax-raw@256",
        "vet-gumbel@256",
        "vet-gumbel-annealed@256",
    ];
    Measurements {
        series: kinds
            .iter()
            .zip(errors)
            .map(|(arm, rate)| series("estimators", arm, error(rate)))
            .collect(),
        arms: kinds
            .iter()
            .map(|arm| facts("estimators", arm, Role::Hard))
            .collect(),
    }
}

pub fn hardening(errors: &[(usize, f64)], all_words: f64) -> Measurements {
    let arm = "vet-softmax@1024";
    let full = series("hardening", arm, error(all_words));
    let mut all = Measurements {
        series: vec![full.clone()],
        arms: vec![facts("hardening", arm, Role::Soft)],
    };
    for &(k, rate) in errors {
        let mut top_k: Series = varied("hardening", arm, error(rate), |series| {
            series.evaluation = claims::Evaluation::TopK;
            series.k = Some(k);
        });
        if rate == all_words {
            top_k.seeds = full.seeds.clone();
            top_k.seeds[k % 10].items[0].edits += 1;
        }
        all.series.push(top_k);
    }
    all
}

pub fn regimes(curriculum: f64, scratch: f64, mlp: f64) -> Measurements {
    let arms = [
        ("vet-deferred@1024", Role::Curriculum, curriculum),
        ("vet-st-argmax@1024", Role::Hard, scratch),
        ("gelu-mlp@1024", Role::WidthMatchedMlp, mlp),
    ];
    Measurements {
        series: arms
            .iter()
            .map(|(arm, _, rate)| series("ocr", arm, error(*rate)))
            .collect(),
        arms: arms
            .iter()
            .map(|(arm, role, _)| facts("ocr", arm, *role))
            .collect(),
    }
}

/// Landolt and vernier answers of observers with the given 75 %-thresholds.
pub fn acuity(hard: f64, mlp: f64) -> Measurements {
    let mut all = Measurements::default();
    for (arm, role, threshold) in [
        ("vet-st-argmax@1024", Role::Hard, hard),
        ("gelu-mlp@1024", Role::WidthMatchedMlp, mlp),
    ] {
        all.arms.push(facts("fine-grained", arm, role));
        for (condition, answers) in [("landolt-gap", 4), ("vernier", 2)] {
            for level in [0.5, 1.0, 2.0, 3.0, 4.0, 8.0] {
                let guess = 1.0 / answers as f64;
                // 75 % where the logistic is at (0.75 - guess) / (1 - guess).
                let odds = (0.75 - guess) / 0.25;
                let seen = 1.0 / (1.0 + (-((level / threshold).ln() / 0.3 + f64::ln(odds))).exp());
                let truth = Truth {
                    chars: 1,
                    items: 60,
                    seed_spread: 0.01,
                    ..error(1.0 - guess - (1.0 - guess) * seen)
                };
                all.series
                    .push(varied("fine-grained", arm, truth, |series| {
                        series.condition = condition.to_owned();
                        series.charset = answers;
                        series.stimulus = Some(level);
                    }));
            }
        }
    }
    all
}

pub fn redundancy(gaps: [f64; 3], noise: f64, noise_r2: f64) -> Measurements {
    let mut all = Measurements::default();
    for (width, gap) in [8.0, 12.0, 16.0].into_iter().zip(gaps) {
        for (arm, rate) in [("vet-st-argmax@1024", 0.1 + gap), ("gelu-mlp@1024", 0.1)] {
            all.series
                .push(varied("redundancy", arm, error(rate), |series| {
                    series.pixels_per_character = Some(width);
                }));
        }
    }
    all.arms
        .push(facts("redundancy", "vet-st-argmax@1024", Role::Hard));
    all.arms
        .push(facts("redundancy", "gelu-mlp@1024", Role::WidthMatchedMlp));
    let hard = series("ocr", "vet-st-argmax@1024", error(0.2));
    let mut noisy = series("ocr", "patch-merger+noise", error(0.2 + noise));
    if noise == 0.0 {
        noisy.seeds = hard.seeds.clone();
        noisy.seeds[2].items[0].edits += 1;
    }
    all.series.extend([hard, noisy]);
    for (arm, role, r2) in [
        ("vet-st-argmax@1024", Role::Hard, 0.5),
        ("patch-merger+noise", Role::NoiseMatched, noise_r2),
    ] {
        let mut facts = facts("ocr", arm, role);
        facts.reconstruction_r2 = Some(r2);
        facts.mean_predictor_r2 = Some(0.001);
        all.arms.push(facts);
    }
    all
}
