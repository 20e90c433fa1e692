//! A cell that is stopped in the middle of its training goes on where it stopped, to the same bits.

#![allow(clippy::unwrap_used)]

use burn::tensor::Device;
use probe::{
    CellOutcome, CellSpec, CellStore, Observer, Prepared, Preset, ProbeConfig, Regime, RunOutcome,
    SplitSizes, run_cells, test_cell, train_cell,
};
use run_support::lanes::Lanes;
use run_support::stop::{Stop, Stopped};
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

const STEPS: usize = 7;

fn config(regime: Regime) -> ProbeConfig {
    let mut config = Preset::Smoke.config();
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data");
    config.backbone = data.join("backbones/small-vit.safetensors");
    config.regime = regime;
    config.data.densities = vec![1.0];
    config.data.images = SplitSizes {
        train: 40,
        validation: 8,
        test: 8,
        test_words: 8,
    };
    config.training.steps = STEPS;
    config.training.batch = 8;
    config.training.evaluations = 3;
    config
}

struct Bench {
    config: ProbeConfig,
    prepared: Prepared,
    store: CellStore,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new(regime: Regime) -> Self {
        let config = config(regime);
        let lanes = Lanes::open(1).unwrap();
        let (device, stop) = (Device::flex(), Stop::default());
        let prepared = Prepared::new(&config, None, &lanes, &device, &stop).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = CellStore::open(folder.path(), &config, "inputs").unwrap();
        Self {
            config,
            prepared,
            store,
            folder,
        }
    }

    /// Trains and tests a cell, stopping after `stop_after` steps if there is such a number.
    fn run(&self, spec: &CellSpec, stop_after: Option<usize>) -> anyhow::Result<CellOutcome> {
        let (device, stop) = (Device::flex(), Stop::default());
        let half_done = Some(self.store.half_done(spec));
        let report = |done| {
            if stop_after == Some(done) {
                stop.raise();
            }
        };
        let (config, prepared) = (&self.config, &self.prepared);
        let trained = train_cell(config, prepared, spec, &device, &stop, half_done, report)?;
        let mut outcome = test_cell(config, prepared, trained, &device, &stop)?;
        outcome.seconds = 0.0;
        Ok(outcome)
    }

    fn files(&self) -> Vec<std::path::PathBuf> {
        let entries = std::fs::read_dir(self.folder.path()).unwrap();
        entries.map(|entry| entry.unwrap().path()).collect()
    }
}

fn spec(arm: &str) -> CellSpec {
    CellSpec {
        arm: arm.parse().unwrap(),
        seed: 3,
        learning_rate: 0.01,
    }
}

#[test]
fn a_stopped_cell_goes_on_to_the_same_bits() {
    for (regime, arm) in [
        (Regime::Frozen, "vet-gumbel@24+usage"),
        (Regime::Frozen, "patch-merger"),
        (Regime::LastBlock, "vet-softmax@24"),
        (Regime::Frozen, "rvq@16+codes2"),
        (Regime::LastBlock, "vq@16"),
        (Regime::Frozen, "noisy-merger@0.5"),
        (Regime::LastBlock, "vq@16+kmeans+rotation"),
        (Regime::Frozen, "rvq@16+codes2+kmeans"),
        (Regime::Frozen, "simvq@16+kmeans"),
        (Regime::Frozen, "vet-st-argmax@24+kmeans"),
        (Regime::Frozen, "oracle-words@24"),
        (Regime::Frozen, "oracle-words@40+text"),
    ] {
        let (bench, spec) = (Bench::new(regime), spec(arm));
        let uninterrupted = bench.run(&spec, None).unwrap();
        assert!(bench.files().is_empty(), "nothing is due within a minute");
        for stop_after in [2, 5] {
            let error = bench.run(&spec, Some(stop_after)).unwrap_err();
            assert!(error.is::<Stopped>(), "{error}");
            assert_eq!(bench.files().len(), 1);
        }
        let resumed = bench.run(&spec, None).unwrap();
        assert_eq!(resumed, uninterrupted, "{arm}");
        bench.store.save(&resumed).unwrap();
        let left = bench.files();
        assert_eq!(left.len(), 1, "the finished cell takes its place: {left:?}");
        assert_eq!(bench.store.read(&spec, |_| Ok(())).unwrap(), Some(resumed));
    }
}

#[test]
fn a_start_from_the_training_set_changes_what_is_learnt_and_repeats_itself() {
    let bench = Bench::new(Regime::Frozen);
    for (plain, started) in [
        ("vq@16", "vq@16+kmeans"),
        ("vet-st-argmax@68", "vet-st-argmax@68+kmeans"),
    ] {
        let run = |arm: &str| bench.run(&spec(arm), None).unwrap();
        let (plain, started) = (run(plain), run(started));
        // Before the first step: the words in use of 8 images.
        let used = |outcome: &CellOutcome| outcome.history[0].usage.as_ref().unwrap().codes_used;
        assert!(
            used(&started) > used(&plain),
            "{} {}",
            used(&started),
            used(&plain)
        );
        assert_eq!(run(&started.spec.arm.to_string()), started);
    }
}

#[test]
fn steps_that_were_made_are_not_made_again() {
    let (bench, spec) = (Bench::new(Regime::Frozen), spec("linear"));
    bench.run(&spec, Some(5)).unwrap_err();
    let steps = std::sync::Mutex::new(Vec::new());
    let (device, stop) = (Device::flex(), Stop::default());
    let half_done = Some(bench.store.half_done(&spec));
    let report = |done| steps.lock().unwrap().push(done);
    let (config, prepared) = (&bench.config, &bench.prepared);
    train_cell(config, prepared, &spec, &device, &stop, half_done, report).unwrap();
    assert_eq!(*steps.lock().unwrap(), [6, 7]);
}

#[test]
fn a_damaged_state_counts_as_absent() {
    let (bench, spec) = (Bench::new(Regime::Frozen), spec("linear"));
    let uninterrupted = bench.run(&spec, None).unwrap();
    bench.run(&spec, Some(3)).unwrap_err();
    let file = bench.files().pop().unwrap();
    let whole = std::fs::read(&file).unwrap();
    let mut flipped = whole.clone();
    flipped[whole.len() / 2] ^= 1;
    for damaged in [&whole[..whole.len() / 2], &[], &flipped] {
        std::fs::write(&file, damaged).unwrap();
        assert_eq!(bench.run(&spec, None).unwrap(), uninterrupted);
    }
}

#[test]
fn the_state_of_another_cell_counts_as_absent() {
    let bench = Bench::new(Regime::Frozen);
    let slower = CellSpec {
        learning_rate: 0.001,
        ..spec("linear")
    };
    let uninterrupted = bench.run(&spec("linear"), None).unwrap();
    bench.run(&slower, Some(3)).unwrap_err();
    let other = bench.files().pop().unwrap();
    let state = std::fs::read(&other).unwrap();
    std::fs::remove_file(other).unwrap();
    bench.run(&spec("linear"), Some(3)).unwrap_err();
    std::fs::write(bench.files().pop().unwrap(), state).unwrap();
    assert_eq!(bench.run(&spec("linear"), None).unwrap(), uninterrupted);
}

/// Counts steps, and stops a run at the beginning of a stage.
struct Watch<'a> {
    stage: &'a str,
    stop: Stop,
    steps: AtomicUsize,
}

impl Observer for Watch<'_> {
    fn stage(&self, name: &str, _total: usize, _done: usize) {
        if name == self.stage {
            self.stop.raise();
        }
    }
    fn cell_started(&self, _lane: usize, _spec: &CellSpec, _steps: usize) {}
    fn cell_step(&self, _lane: usize, _step: usize) {
        self.steps.fetch_add(1, Ordering::Relaxed);
    }
    fn cell_finished(&self, _lane: usize, _outcome: &CellOutcome) {}
}

#[test]
fn models_that_wait_for_their_test_are_not_trained_again() {
    let mut bench = Bench::new(Regime::Frozen);
    let arms = ["linear", "vet-gumbel@24+usage"].map(|arm| arm.parse().unwrap());
    bench.config.arms = arms.into();
    bench.config.seeds = vec![1, 2];
    bench.config.training.learning_rates = vec![0.002, 0.01, 0.05];
    let run = |store: &CellStore, stage| -> (anyhow::Result<RunOutcome>, usize) {
        let watch = Watch {
            stage,
            stop: Stop::default(),
            steps: AtomicUsize::new(0),
        };
        let (lanes, device) = (Lanes::open(2).unwrap(), Device::flex());
        let (config, prepared) = (&bench.config, &bench.prepared);
        let outcome = run_cells(
            config,
            prepared,
            store,
            &lanes,
            std::slice::from_ref(&device),
            &watch.stop,
            &watch,
        );
        (outcome, watch.steps.into_inner())
    };
    let timeless = |outcome: RunOutcome| -> Vec<CellOutcome> {
        let cells = outcome.cells.into_iter();
        cells
            .map(|cell| CellOutcome {
                seconds: 0.0,
                ..cell
            })
            .collect()
    };
    let other = tempfile::tempdir().unwrap();
    let store = CellStore::open(other.path(), &bench.config, "inputs").unwrap();
    let (whole, steps) = run(&store, "never");
    assert_eq!(steps, (2 * 3 + 2) * STEPS);

    let (stopped, steps) = run(&bench.store, "testing");
    assert!(stopped.unwrap_err().is::<Stopped>());
    assert_eq!(steps, 2 * 3 * STEPS);
    // Six cells, and the models of the two that are to be tested.
    assert_eq!(bench.files().len(), 6 + 2);
    let (resumed, steps) = run(&bench.store, "never");
    assert_eq!(steps, 2 * STEPS, "the second seed only");
    assert_eq!(timeless(resumed.unwrap()), timeless(whole.unwrap()));
    assert_eq!(bench.files().len(), 6 + 2, "eight cells and nothing else");
}
