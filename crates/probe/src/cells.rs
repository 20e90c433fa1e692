//! All cells of a run: tuning on validation images, then the other seeds.

use super::config::ProbeConfig;
use super::outcome::{CellOutcome, CellSpec, RunOutcome, Status, Tuning};
use super::preparation::Prepared;
use super::soundness::Soundness;
use super::store::CellStore;
use super::training::{TrainedCell, test_cell, train_cell};
use super::tuning::{beyond, choose, keep_best};
use anyhow::Result;
use burn::module::Module;
use burn::tensor::Device;
use run_support::lanes::Lanes;
use run_support::stop::{Stop, Stopped};
use std::cmp::Reverse;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

/// Is told how a run goes; called from several threads.
pub trait Observer: Sync {
    /// `total` cells are about to run, `done` of which were finished before.
    fn stage(&self, name: &str, total: usize, done: usize);
    /// A cell starts on a lane.
    fn cell_started(&self, lane: usize, spec: &CellSpec, steps: usize);
    /// A cell has made `step` steps.
    fn cell_step(&self, lane: usize, step: usize);
    /// A cell is finished.
    fn cell_finished(&self, lane: usize, outcome: &CellOutcome);
    /// Something that the user should know and that does not stop the run.
    fn note(&self, text: &str) {
        eprintln!("note: {text}");
    }
}

/// Runs every cell that the store does not hold yet.
///
/// The first seed is trained at every learning rate; the best on validation images is chosen and
/// tested, and the other seeds are trained at that rate. The cell of the first seed at the chosen
/// rate is one of the results, so tuning costs nothing extra for it. Until it is tested, the best
/// model of every arm is kept, in memory and on disk.
///
/// # Errors
/// [`Stopped`] if `stop` is raised; otherwise if a cell cannot be built or stored. Cells finished
/// before that are in the store.
pub fn run_cells(
    config: &ProbeConfig,
    prepared: &Prepared,
    store: &CellStore,
    lanes: &Lanes,
    devices: &[Device],
    stop: &Stop,
    observer: &dyn Observer,
) -> Result<RunOutcome> {
    let study = Study {
        config,
        prepared,
        store,
        lanes,
        devices,
        stop,
        observer,
        soundness: Soundness::of(config, prepared),
    };
    let (tuning, tried) = study.tune()?;
    let specs: Vec<CellSpec> = tuning
        .iter()
        .filter_map(|tuning| tuning.chosen.map(|rate| (tuning.arm, rate)))
        .flat_map(|(arm, learning_rate)| {
            config.seeds[1..].iter().map(move |&seed| CellSpec {
                arm,
                seed,
                learning_rate,
            })
        })
        .collect();
    let replicated = study.run("seeds", &specs, true, |lane, spec| {
        let trained = study.train(lane, spec, false)?;
        let outcome = study.test(lane, trained)?;
        store.save(&outcome)?;
        Ok(outcome)
    })?;
    for spec in &specs {
        // A kill right after the save may have left it.
        store.half_done(spec).discard()?;
    }
    let cells = tuning
        .iter()
        .zip(&tried)
        .flat_map(|(tuning, tried)| {
            let chosen = tried
                .iter()
                .find(|cell| Some(cell.spec.learning_rate) == tuning.chosen)
                // Every candidate failed: the first stands for the arm, as failed.
                .or_else(|| tried.first());
            let others = replicated.iter().filter(|cell| cell.spec.arm == tuning.arm);
            chosen.into_iter().chain(others).cloned()
        })
        .collect();
    Ok(RunOutcome {
        test_sets: prepared.test_sets(),
        test_images: prepared.test_images(config),
        class_names: prepared.class_names.clone(),
        image_notes: prepared.image_notes.clone(),
        tuning,
        cells,
        shorter: Vec::new(),
        moving: Vec::new(),
    })
}

/// What every stage needs.
struct Study<'a> {
    config: &'a ProbeConfig,
    prepared: &'a Prepared,
    store: &'a CellStore,
    lanes: &'a Lanes,
    /// Lanes take turns in them.
    devices: &'a [Device],
    stop: &'a Stop,
    observer: &'a dyn Observer,
    soundness: Soundness<'a>,
}

impl Study<'_> {
    /// Trains the first seed at every learning rate, goes on beyond the ends of the grid where the
    /// best rate lies on one, and tests the best. The candidates of each arm are sorted by rate.
    fn tune(&self) -> Result<(Vec<Tuning>, Vec<Vec<CellOutcome>>)> {
        let kept: Mutex<Vec<TrainedCell>> = Mutex::new(Vec::new());
        let mut wanted: Vec<(usize, f64)> = (0..self.config.arms.len())
            .flat_map(|arm| {
                let rates = self.config.rates_of(self.config.arms[arm]).iter();
                rates.map(move |&rate| (arm, rate))
            })
            .collect();
        let mut tried: Vec<Vec<CellOutcome>> = vec![Vec::new(); self.config.arms.len()];
        for extension in 0..=self.config.training.extensions {
            let specs: Vec<CellSpec> = wanted
                .iter()
                .map(|&(arm, learning_rate)| self.first(arm, learning_rate))
                .collect();
            let outcomes = self.run("tuning", &specs, false, |lane, spec| {
                let trained = self.train(lane, spec, true)?;
                let outcome = trained.outcome.clone();
                self.store.save_untested(&outcome)?;
                let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                for worse in keep_best(&mut kept, trained) {
                    self.store.half_done(&worse.outcome.spec).discard()?;
                }
                Ok(outcome)
            })?;
            for ((arm, _), outcome) in wanted.iter().zip(outcomes) {
                tried[*arm].push(outcome);
            }
            for candidates in &mut tried {
                let rate = |cell: &CellOutcome| cell.spec.learning_rate;
                candidates.sort_by(|a, b| rate(a).total_cmp(&rate(b)));
            }
            wanted = tried
                .iter()
                .enumerate()
                .filter_map(|(arm, candidates)| Some((arm, beyond(&choose(candidates))?)))
                .collect();
            if wanted.is_empty() || extension == self.config.training.extensions {
                break;
            }
        }
        self.test_best(&kept, &mut tried)?;
        for cell in tried.iter().flatten() {
            self.store.half_done(&cell.spec).discard()?;
        }
        Ok((tried.iter().map(|cells| choose(cells)).collect(), tried))
    }

    /// The cell of an arm's first seed.
    fn first(&self, arm: usize, learning_rate: f64) -> CellSpec {
        CellSpec {
            arm: self.config.arms[arm],
            seed: self.config.seeds[0],
            learning_rate,
        }
    }

    /// Tests the chosen candidate of every arm.
    fn test_best(
        &self,
        kept: &Mutex<Vec<TrainedCell>>,
        tried: &mut [Vec<CellOutcome>],
    ) -> Result<()> {
        loop {
            let untested: Vec<(usize, usize)> = tried
                .iter()
                .enumerate()
                .filter_map(|(arm, candidates)| {
                    let chosen = choose(candidates).chosen?;
                    let best = candidates
                        .iter()
                        .position(|cell| cell.spec.learning_rate == chosen)?;
                    candidates[best].tests.is_empty().then_some((arm, best))
                })
                .collect();
            // A model that breaks down in its test leaves the choice to the others.
            if untested.is_empty() || self.prepared.test.is_empty() {
                return Ok(());
            }
            self.observer.stage("testing", untested.len(), 0);
            let tested = self.lanes.map(untested.len(), |lane, item| {
                let (arm, best) = untested[item];
                let spec = &tried[arm][best].spec;
                let known = {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    let place = kept.iter().position(|cell| cell.outcome.spec == *spec);
                    place.map(|place| kept.swap_remove(place))
                };
                let trained = match known {
                    Some(trained) => trained,
                    // Trained before the run was interrupted: its model is on disk.
                    None => self.train(lane, spec, true)?,
                };
                let outcome = self.test(lane, trained)?;
                self.store.save(&outcome)?;
                self.observer.cell_finished(lane, &outcome);
                anyhow::Ok(outcome)
            });
            if tested.len() < untested.len() {
                return Err(Stopped.into());
            }
            for ((arm, best), outcome) in untested.into_iter().zip(tested) {
                tried[arm][best] = outcome?;
            }
        }
    }

    /// The stored outcome of a cell. One that this run cannot have written counts as absent, and a note names it.
    fn stored(&self, spec: &CellSpec, are_tested: bool) -> Option<CellOutcome> {
        let check = |cell: &CellOutcome| self.soundness.check(cell, are_tested);
        self.store.read(spec, check).unwrap_or_else(|error| {
            let note =
                format!("{error:#}; the cell counts as absent, and --resume trains it again");
            self.observer.note(&note);
            None
        })
    }

    /// The outcomes of `specs`, from the store or from `work`, which stores them; all `are_tested`, or only those
    /// that were chosen.
    fn run(
        &self,
        name: &str,
        specs: &[CellSpec],
        are_tested: bool,
        work: impl Fn(usize, &CellSpec) -> Result<CellOutcome> + Sync,
    ) -> Result<Vec<CellOutcome>> {
        let known: Vec<Option<CellOutcome>> = specs
            .iter()
            .map(|spec| self.stored(spec, are_tested))
            .collect();
        let mut todo: Vec<usize> = (0..specs.len()).filter(|&i| known[i].is_none()).collect();
        // Large vocabularies take longest; begun last, they would keep one lane at work and the others waiting.
        todo.sort_by_key(|&i| Reverse(specs[i].arm.words()));
        self.observer
            .stage(name, specs.len(), specs.len() - todo.len());
        let fresh = self.lanes.map(todo.len(), |lane, index| {
            let outcome = work(lane, &specs[todo[index]])?;
            self.observer.cell_finished(lane, &outcome);
            anyhow::Ok(outcome)
        });
        let mut outcomes = known;
        for (place, outcome) in todo.into_iter().zip(fresh) {
            outcomes[place] = Some(outcome?);
        }
        let outcomes: Option<Vec<CellOutcome>> = outcomes.into_iter().collect();
        outcomes.ok_or_else(|| Stopped.into())
    }

    fn device(&self, lane: usize) -> &Device {
        &self.devices[lane % self.devices.len()]
    }

    /// Trains a cell; its last state stays on disk if it is to be `kept` for a test later on.
    fn train(&self, lane: usize, spec: &CellSpec, kept: bool) -> Result<TrainedCell> {
        self.stop.check()?;
        let (config, observer) = (self.config, self.observer);
        observer.cell_started(lane, spec, config.training.steps);
        let report = |step| observer.cell_step(lane, step);
        guarded(
            || {
                // The frozen projector of a checkpoint may be gigabytes, too many for every minute.
                let is_small = !spec.arm.kind.is_pretrained();
                let half_done = is_small.then(|| self.store.half_done(spec).kept_when_done(kept));
                train_cell(
                    config,
                    self.prepared,
                    spec,
                    self.device(lane),
                    self.stop,
                    half_done,
                    report,
                )
            },
            |reason| TrainedCell {
                outcome: broken(spec, reason),
                model: None,
            },
        )
    }

    fn test(&self, lane: usize, mut trained: TrainedCell) -> Result<CellOutcome> {
        let spec = trained.outcome.spec.clone();
        let device = self.device(lane);
        if self.devices.len() > 1 {
            // Another lane may have trained it.
            trained.model = trained.model.map(|model| model.to_device(device));
        }
        guarded(
            || test_cell(self.config, self.prepared, trained, device, self.stop),
            |reason| broken(&spec, reason),
        )
    }
}

/// A panic inside a cell (a bug, or a device that fails) ends that cell, not the run: `broken` makes its
/// outcome from the reason.
///
/// # Errors
/// Those of `work`.
pub fn guarded<T>(work: impl FnOnce() -> Result<T>, broken: impl FnOnce(String) -> T) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let reason = panic
            .downcast_ref::<String>()
            .map(String::as_str)
            .or_else(|| panic.downcast_ref::<&str>().copied())
            .unwrap_or("unknown panic");
        Ok(broken(format!("internal error: {reason}")))
    })
}

/// The outcome of a cell that ended for `reason`, with nothing measured.
fn broken(spec: &CellSpec, reason: String) -> CellOutcome {
    CellOutcome {
        status: Status::Failed { step: 0, reason },
        ..CellOutcome::begun(spec.clone())
    }
}
