//! Synthetic measurements whose truth is known.

#![allow(dead_code, reason = "every test file uses a part of it")]

use claims::{
    ArmFacts, ClaimFinding, Evaluation, Measurements, Registration, Report, Role, Series, evaluate,
};
use probe_statistics::bootstrap::{ItemOutcome, SeedItems};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Characters per item.
const CHARS: u32 = 5;
/// Fonts.
const CLUSTERS: u32 = 10;

/// How an arm does on a test set.
#[derive(Debug, Clone, Copy)]
pub struct Truth {
    /// Mean error rate per character.
    pub error: f64,
    /// How far seeds move it at most.
    pub seed_spread: f64,
    pub seeds: u64,
    pub items: u32,
    /// Characters per item.
    pub chars: u32,
}

pub const TRUTH: Truth = Truth {
    error: 0.1,
    seed_spread: 0.004,
    seeds: 10,
    items: 200,
    chars: CHARS,
};

pub fn error(error: f64) -> Truth {
    Truth { error, ..TRUTH }
}

/// A series of random strings; the truth decides its outcomes, the name its randomness.
pub fn series(study: &str, arm: &str, truth: Truth) -> Series {
    varied(study, arm, truth, |_| ())
}

/// As [`series`], with its facets changed before outcomes are drawn.
pub fn varied(study: &str, arm: &str, truth: Truth, vary: impl Fn(&mut Series)) -> Series {
    let mut series = Series {
        study: study.to_owned(),
        arm: arm.to_owned(),
        charset: 94,
        condition: "random".to_owned(),
        density: None,
        evaluation: Evaluation::Deterministic,
        k: None,
        stimulus: None,
        pixels_per_character: None,
        steps: None,
        bits_nominal: None,
        bits_used: None,
        learning_rate: None,
        validation_error: Some(truth.error),
        chance_accuracy: None,
        seeds: Vec::new(),
        published: Vec::new(),
    };
    vary(&mut series);
    let mut name = format!(
        "{}/{}/{}/{}/{:?}/{:?}/{:?}/{:?}",
        series.study,
        series.arm,
        series.condition,
        series.charset,
        series.density,
        series.stimulus,
        series.pixels_per_character,
        series.k
    );
    if let Some(steps) = series.steps {
        name.push_str(&format!("/{steps}"));
    }
    series.seeds = (0..truth.seeds)
        .map(|seed| {
            let mut key = [0; 32];
            for (index, byte) in name.bytes().enumerate() {
                key[index % 24] = byte.wrapping_add(31_u8.wrapping_mul(key[index % 24]));
            }
            key[24..].copy_from_slice(&seed.to_le_bytes());
            let mut rng = ChaCha8Rng::from_seed(key);
            let spread = truth.seed_spread.max(1e-9);
            let own = truth.error + rng.random_range(-spread..spread);
            let items = (0..truth.items).map(|item| ItemOutcome {
                cluster: item % CLUSTERS,
                edits: (0..truth.chars)
                    .map(|_| u32::from(rng.random_bool(own.clamp(0.0, 1.0))))
                    .sum(),
                chars: truth.chars,
            });
            SeedItems {
                seed,
                items: items.collect(),
            }
        })
        .collect();
    series
}

pub fn facts(study: &str, arm: &str, role: Role) -> ArmFacts {
    let (kind, size) = arm
        .split_once('@')
        .map_or((arm, None), |(kind, size)| (kind, Some(size)));
    let mut facts = ArmFacts::new(study, arm, kind, role);
    facts.vocabulary = size.and_then(|size| size.split('+').next()?.parse().ok());
    facts
}

/// A hard arm, its MLP, a merger and a soft arm in a study, with the given errors.
pub fn four_arms(study: &str, hard: f64, mlp: f64, merger: f64, soft: f64) -> Measurements {
    let arms = [
        ("vet-st-argmax@1024", Role::Hard, hard),
        ("gelu-mlp@1024", Role::WidthMatchedMlp, mlp),
        ("patch-merger", Role::Continuous, merger),
        ("vet-softmax@1024", Role::Soft, soft),
    ];
    Measurements {
        series: arms
            .iter()
            .map(|(arm, _, rate)| series(study, arm, error(*rate)))
            .collect(),
        arms: arms
            .iter()
            .map(|(arm, role, _)| facts(study, arm, *role))
            .collect(),
    }
}

/// The registration of the study with fewer draws, and only the claims named.
pub fn registered(ids: &[&str]) -> Registration {
    let text = include_str!("../../../study/registrations/claims.toml");
    let mut registration =
        Registration::from_toml(text).expect("the claims of the study are readable");
    registration.settings.draws = 300;
    registration.settings.permutations = 299;
    registration
        .claims
        .retain(|claim| ids.contains(&claim.id.as_str()));
    for gate in &mut registration.gates {
        if let Some(blocks) = &mut gate.blocks {
            blocks.retain(|id| ids.contains(&id.as_str()));
        }
    }
    registration
}

pub fn report(ids: &[&str], measurements: &Measurements) -> Report {
    evaluate(&registered(ids), measurements).expect("synthetic arms pair")
}

/// The finding about a claim of the study.
pub fn find(id: &str, measurements: &Measurements) -> ClaimFinding {
    let report = report(&[id], measurements);
    println!(
        "{id}: {:?}: {}",
        report.claims[0].verdict, report.claims[0].words
    );
    report.claims[0].clone()
}

/// All series with their first `seeds` seeds only.
pub fn with_seeds(measurements: &Measurements, seeds: usize) -> Measurements {
    let mut fewer = measurements.clone();
    for series in &mut fewer.series {
        series.seeds.truncate(seeds);
    }
    fewer
}
