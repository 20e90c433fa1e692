//! Made-up runs for tests: a probability of misreading per arm and density becomes predictions.
//!
//! Numbers of a plausible shape; not results.

use arms::{ArmKind, ArmSpec};
use ovis_vet::TableInit;
use probe::optimize::OptimizerConfig;
use probe::reader::SequenceSize;
use probe::{
    CellOutcome, CellSpec, DataConfig, Evaluation, EvaluationMode, HardeningResult, ImageSource,
    LayoutKind, ProbeConfig, ReaderKind, Regime, Replication, RunOutcome, SplitSizes, Status,
    TestResult, TestSet, TrainingConfig, Tuning, UsageRecord,
};
use probe_data::{Answer, StoredConfig};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;
use text_images::{Charset, Content, Degradation};

/// A config of the given arms and seeds, with little of everything.
pub(super) fn config(arms: &[&str], seeds: usize, densities: &[f64]) -> ProbeConfig {
    ProbeConfig {
        preset: "synthetic".to_owned(),
        arms: arms.iter().map(|arm| arm.parse().unwrap()).collect(),
        seeds: (1..=seeds as u64).collect(),
        replication: Replication::Start,
        regime: Regime::Frozen,
        reader: ReaderKind::Anchored,
        reader_size: SequenceSize::default(),
        d_token: 128,
        table_init: TableInit::MatchedOutput,
        backbone: "backbone.safetensors".into(),
        checkpoint: None,
        hardening_images: 20,
        reconstruction_images: 0,
        usage_tokens: 0,
        bootstrap_draws: 200,
        data: DataConfig {
            source: ImageSource::default(),
            next_block: false,
            layout: LayoutKind::Grid,
            merge: None,
            image_px: None,
            charset: Charset::Alnum36,
            densities: densities.to_vec(),
            train_contents: vec![Content::Random],
            test_contents: vec![Content::Random],
            images: SplitSizes {
                train: 1000,
                validation: 50,
                test: 40,
                test_words: 40,
            },
            seed: 1,
            train_seed: None,
            degradation: Degradation::default(),
            fonts: None,
            text_file: None,
            stored: StoredConfig::default(),
        },
        training: TrainingConfig {
            steps: 300,
            until_converged: None,
            batch: 64,
            learning_rates: vec![0.001, 0.002],
            rates_of_arms: BTreeMap::new(),
            extensions: 0,
            usage_weight: 1.0,
            evaluations: 3,
            evaluation_images: 60,
            optimizer: OptimizerConfig::default(),
        },
    }
}

/// Probability that an arm misreads a character at a density.
pub(super) type Misreads<'a> = &'a dyn Fn(ArmSpec, f64) -> f64;

/// A finished run in which arms misread as told.
pub(super) fn run(config: &ProbeConfig, misreads: Misreads<'_>) -> RunOutcome {
    let contents = config.data.test_contents.iter();
    let test_sets: Vec<TestSet> = contents
        .flat_map(|content| {
            let densities = config.data.densities.iter();
            densities.map(move |&density| test_set(config, *content, density))
        })
        .collect();
    let tuning = config.arms.iter().map(|&arm| Tuning {
        arm,
        candidates: vec![(0.001, Some(0.3)), (0.002, Some(0.2))],
        chosen: Some(0.002),
        on_edge: arm.kind == ArmKind::Linear,
    });
    let mut cells = Vec::new();
    for &arm in &config.arms {
        for &seed in &config.seeds {
            cells.push(cell(config, &test_sets, arm, seed, misreads));
        }
    }
    RunOutcome {
        tuning: tuning.collect(),
        test_sets,
        test_images: Vec::new(),
        class_names: Vec::new(),
        image_notes: Vec::new(),
        cells,
        shorter: Vec::new(),
        moving: Vec::new(),
    }
}

/// Makes a cell fail as training does: at a step, with a curve up to there.
pub(super) fn fail(run: &mut RunOutcome, arm: &str, seed: u64, step: usize) {
    let cells = run.cells.iter_mut();
    for cell in cells.filter(|cell| cell.spec.arm.to_string() == arm && cell.spec.seed == seed) {
        cell.status = Status::Failed {
            step,
            reason: "loss is NaN".to_owned(),
        };
        cell.history.retain(|point| point.step < step);
        cell.validation_cer = None;
        cell.tests.clear();
        cell.hardening.clear();
    }
}

fn test_set(config: &ProbeConfig, content: Content, density: f64) -> TestSet {
    let mut rng = ChaCha8Rng::seed_from_u64((density * 8.0) as u64);
    let chars = config.data.charset.chars();
    let images = config.data.images.test;
    let length = (density * 8.0) as usize;
    let text = |_| {
        let characters = (0..length).map(|_| chars[rng.random_range(0..chars.len())]);
        Answer::Text(characters.collect())
    };
    TestSet {
        density: Some(density),
        mean_density: density,
        condition: content.to_string(),
        difficulty: None,
        targets: (0..images).map(text).collect(),
        clusters: (0..images).map(|item| (item % 8) as u32).collect(),
        cluster_names: (0..8).map(|font| format!("Font {font}")).collect(),
        held_out: (0..images).map(|item| item % 8 >= 6).collect(),
    }
}

fn cell(
    config: &ProbeConfig,
    test_sets: &[TestSet],
    arm: ArmSpec,
    seed: u64,
    misreads: Misreads<'_>,
) -> CellOutcome {
    let index = config.arms.iter().position(|other| *other == arm).unwrap() as u64;
    let mut rng = ChaCha8Rng::seed_from_u64(seed * 1000 + index);
    let mut tests = Vec::new();
    for (group, set) in test_sets.iter().enumerate() {
        let probability = misreads(arm, set.mean_density);
        let mut add = |mode, probability: f64| {
            let texts = set.targets.iter();
            tests.push(TestResult {
                group,
                mode,
                predictions: texts
                    .map(|text| misread(config, text, probability, &mut rng))
                    .collect(),
                usage: usage(arm, 1.0),
                counted: None,
            });
        };
        add(EvaluationMode::Deterministic, probability);
        if arm.kind.is_sampled() {
            add(EvaluationMode::Sampled, (probability * 1.2).min(1.0));
        }
    }
    let last = misreads(arm, config.data.densities[0]);
    let steps = [0, 100, 200, 300];
    CellOutcome {
        spec: CellSpec {
            arm,
            seed,
            learning_rate: 0.002,
        },
        status: Status::Finished,
        parameters: 10_000 + arm.vocabulary.unwrap_or(0),
        multiply_adds_per_token: 9000,
        bits_per_token: arm.nominal_bits(),
        published_levels: 0,
        reader_parameters: 5000,
        without_gradient: None,
        history: steps
            .map(|step| {
                let decay = (-(step as f64) / 80.0).exp();
                Evaluation {
                    step,
                    train_loss: (step > 0).then_some(3.5 * decay + last),
                    validation_cer: last + (0.97 - last) * decay * (1.0 - 0.02 * seed as f64),
                    usage: usage(arm, decay),
                }
            })
            .to_vec(),
        validation_cer: Some(last),
        validation_loss: None,
        tests,
        hardening: hardening(config, test_sets, arm, misreads),
        temperatures: Vec::new(),
        reconstruction: None,
        seconds: 1.0,
    }
}

fn misread(config: &ProbeConfig, text: &Answer, probability: f64, rng: &mut ChaCha8Rng) -> Answer {
    let charset = config.data.charset;
    let change = |character: char| {
        if !rng.random_bool(probability) {
            return character;
        }
        let class = charset.class_of(character).unwrap();
        let shift = rng.random_range(1..charset.size());
        charset.chars()[(class + shift) % charset.size()]
    };
    Answer::Text(text.text().unwrap().chars().map(change).collect())
}

fn usage(arm: ArmSpec, progress: f64) -> Option<UsageRecord> {
    let words = arm.words().filter(|_| arm.kind.has_words())?;
    let share = match (arm.kind.is_hard(), arm.usage) {
        (true, false) => 0.2,
        _ => 0.9,
    };
    let live = (words as f64 * (share + (1.0 - share) * progress * 0.5)).round();
    let token_entropy_bits = if arm.kind.is_hard() {
        0.0
    } else {
        2.0 + 4.0 * progress
    };
    Some(UsageRecord {
        codebooks: 1,
        words,
        tokens: 320,
        token_entropy_bits,
        marginal_entropy_bits: live.log2() * 0.95,
        corrected_entropy_bits: arm.kind.is_hard().then(|| live.log2()),
        entropy_error_bits: arm.kind.is_hard().then_some(0.05),
        unseen_mass: arm.kind.is_hard().then_some(0.02),
        perplexity: live,
        codes_used: live as usize,
        codes_covering_90: (live * 0.8) as usize,
        top_k_mass: vec![(1, 0.5), (words, 1.0)],
        fraction_above_small: 0.1,
        dead_codebooks: 0,
    })
}

fn hardening(
    config: &ProbeConfig,
    test_sets: &[TestSet],
    arm: ArmSpec,
    misreads: Misreads<'_>,
) -> Vec<HardeningResult> {
    if !arm.kind.hardens() || config.hardening_images == 0 {
        return Vec::new();
    }
    // What words a checkpoint's projector has, the arm does not say: here none.
    let Some(words) = arm.words() else {
        return Vec::new();
    };
    let mut counts: Vec<usize> = std::iter::successors(Some(1), |k| Some(k * 2))
        .take_while(|&k| k < words)
        .collect();
    counts.push(words);
    let groups = test_sets.iter().enumerate();
    groups
        .flat_map(|(group, set)| {
            let last = misreads(arm, set.mean_density);
            counts.iter().map(move |&k| HardeningResult {
                group,
                k,
                cer: last + (0.9 - last) * (-((k as f64).log2()) / 2.0).exp(),
                characters: 500,
                edits: Vec::new(),
            })
        })
        .collect()
}
