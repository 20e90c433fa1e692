//! Carrying out one run: data, cells, results.

use crate::kept_seed::KeptSeed;
use crate::progress::Progress;
use crate::run_folder::{Left, RunFolder};
use crate::watch::{Watch, Watched};
use anyhow::{Context, Result, anyhow, bail};
use burn::tensor::Device;
use probe::{
    CellStore, Observer, Prepared, ProbeConfig, Replicates, RunOutcome, run_until_converged,
};
use probe_data::FeatureCache;
use run_results::{Manifest, Outputs, Summary};
use run_results::{items_file, provenance};
use run_support::backend::BackendChoice;
use run_support::lanes::Lanes;
use run_support::stop::{Stop, Stopped};
use std::path::Path;
use std::time::Instant;

/// Why the numbers of a published run may not be had again.
pub const NO_ITEMS: &str = "nor an items.safetensors in their place (older runs have none: what they published \
                            cannot be computed again without training)";

/// Why its items do not stand in for a run's cells.
const SOME_CELLS: &str =
    "and items.safetensors stands in only where there are none (move cells/ away to use it)";

/// Where and with what runs are carried out.
pub struct Session<'a> {
    /// What computes.
    pub backend: BackendChoice,
    /// Its devices, at least one; cells are spread over them by their lanes.
    pub devices: Vec<Device>,
    /// Cells side by side.
    pub lanes: Lanes,
    /// Cached features, if they are to be used.
    pub cache: Option<FeatureCache>,
    /// How runs are watched.
    pub watch: Watch,
    /// Raised by Ctrl-C.
    pub stop: &'a Stop,
}

/// A run whose results are written.
#[derive(Debug)]
pub struct FinishedRun {
    /// What was measured.
    pub outcome: RunOutcome,
    /// What it comes to.
    pub summary: Summary,
    /// Where it came from.
    pub manifest: Manifest,
}

impl Drop for Session<'_> {
    /// What the session used may be evicted now.
    fn drop(&mut self) {
        if let Some(cache) = &self.cache {
            cache.trim();
        }
    }
}

impl<'a> Session<'a> {
    /// A session on `devices`, at least one, that nothing watches yet.
    #[must_use]
    pub fn new(
        backend: BackendChoice,
        devices: Vec<Device>,
        lanes: Lanes,
        cache: Option<FeatureCache>,
        stop: &'a Stop,
    ) -> Self {
        Self {
            backend,
            devices,
            lanes,
            cache,
            watch: Watch::default(),
            stop,
        }
    }

    /// The device of whatever is not spread over several.
    #[must_use]
    pub fn device(&self) -> &Device {
        &self.devices[0]
    }

    /// Trains and tests every cell of `config` that is not stored yet and writes the results. Where none was
    /// trained, the manifest of a finished run stays as it is.
    ///
    /// # Errors
    /// If data or backbone are missing, a file cannot be written, or Ctrl-C was pressed; cells
    /// finished before are stored. A folder that this run made and nothing was computed for is
    /// taken back.
    pub fn carry_out(
        &self,
        config: &ProbeConfig,
        folder: RunFolder,
        outputs: Outputs,
    ) -> Result<FinishedRun> {
        if folder.left(config) == Left::Seeds {
            return redo_from_items(config, folder.path(), outputs);
        }
        // Of the seeds that another process has finished: nothing else says what they were made from.
        let remedy = "or remove seeds/, whose finished seeds are then made again";
        let kept = KeptSeed::any(folder.path()).then(|| stored_manifest(folder.path(), remedy));
        let manifest = kept.transpose()?;
        let progress = Progress::new(self.lanes.count());
        let mut begun = Begun {
            manifest,
            watched: None,
        };
        let outcome = self.every_seed(config, &folder, &progress, &mut begun);
        progress.clear();
        if let Some(watched) = &begun.watched {
            watched.end(&outcome);
        }
        let has_trained = begun.watched.as_ref().is_some_and(Watched::has_trained);
        let (outcome, manifest) = match (outcome, begun.manifest) {
            (Ok(outcome), Some(manifest)) => {
                // What made nothing is not where the numbers of a finished run come from.
                let earlier = provenance::stored(folder.path()).filter(|earlier| {
                    let (then, now) = (&earlier.hashes, &manifest.hashes);
                    !has_trained && then.data == now.data && then.backbone == now.backbone
                });
                (outcome, earlier.unwrap_or(manifest))
            }
            (outcome, None) => {
                folder.abandon();
                return Err(outcome
                    .err()
                    .unwrap_or_else(|| anyhow!("a run without seeds")));
            }
            (Err(error), Some(_)) => return Err(error),
        };
        let finished = FinishedRun::write(folder.path(), config, outcome, manifest, outputs)?;
        KeptSeed::forget(folder.path())?;
        Ok(finished)
    }

    /// The cells of all seeds: at once, or seed by seed where each has images of its own.
    fn every_seed<'p>(
        &self,
        config: &ProbeConfig,
        folder: &RunFolder,
        progress: &'p Progress,
        begun: &mut Begun<'p>,
    ) -> Result<RunOutcome> {
        let mut replicates = Replicates::of(config);
        // Cells of seeds that were finished before, which nothing else tells of.
        let mut kept_cells = 0;
        while let Some(replicate) = replicates.next() {
            let seed = config.own_seed(&replicate);
            let kept = seed.map(|seed| KeptSeed::of(folder.path(), seed));
            if let Some(outcome) = kept.as_ref().and_then(|kept| kept.read(&replicate)) {
                let tried = outcome.tuning.iter().map(|tuning| tuning.candidates.len());
                kept_cells += tried.sum::<usize>();
                replicates.add(outcome);
                continue;
            }
            let prepared = self.prepare(&replicate)?;
            for note in prepared.notes() {
                eprintln!("note: {note}");
            }
            let manifest = begun.manifest.get_or_insert_with(|| self.manifest(config));
            provenance::add_preparation(manifest, &prepared, seed);
            let watched = begun.watched.get_or_insert_with(|| {
                let name = folder.path().file_name().unwrap_or_default();
                self.watch(progress, &name.to_string_lossy(), config, &folder.cells())
            });
            watched.is_later_seed(replicates.count() > 0);
            if kept_cells > 0 {
                watched.stage("seeds", kept_cells, kept_cells);
                kept_cells = 0;
            }
            let clock = Instant::now();
            let outcome = self.train_watched(&replicate, &prepared, &folder.cells(), watched)?;
            provenance::add_stage(manifest, "cells", clock.elapsed().as_secs_f64());
            replicates.add(match kept {
                None => outcome,
                Some(kept) => {
                    manifest.write(&folder.path().join("manifest.json"))?;
                    kept.keep(&replicate, &outcome)?
                }
            });
        }
        replicates.joined()
    }

    /// Writes the results of a finished run again from its cells; the manifest stays as it is. Where cells
    /// are missing, from its [`items_file`], without images or backbone.
    ///
    /// # Errors
    /// If a cell is missing, or belongs to images or a backbone that have changed since, and there is no file
    /// of items that belongs to the run.
    pub fn redo(
        &self,
        config: &ProbeConfig,
        folder: &RunFolder,
        outputs: Outputs,
    ) -> Result<FinishedRun> {
        let path = folder.path();
        let missing = || {
            anyhow!(
                "{}: not all cells of this configuration, data and backbone are there; \
                 finish the run with its own command and --resume --run NAME",
                path.display()
            )
        };
        match folder.left(config) {
            Left::Cells => {}
            Left::Items | Left::Seeds => return redo_from_items(config, path, outputs),
            Left::TooLittle(_) => bail!(
                "{}: not all cells are there, {}; finish the run with its own command and --resume --run NAME",
                path.display(),
                if folder.has_items() {
                    SOME_CELLS
                } else {
                    NO_ITEMS
                }
            ),
        }
        let prepared = self.prepare(config)?;
        let progress = Progress::new(self.lanes.count());
        let outcome = self.recall(config, &prepared, &folder.cells(), &progress);
        progress.clear();
        let outcome = outcome?.ok_or_else(missing)?;
        let manifest = provenance::stored(path).unwrap_or_else(|| {
            eprintln!(
                "note: {}: missing or damaged; the new one tells of this machine, whoever trained the cells",
                path.join("manifest.json").display()
            );
            let mut manifest = self.manifest(config);
            provenance::add_preparation(&mut manifest, &prepared, None);
            manifest
        });
        FinishedRun::write(path, config, outcome, manifest, outputs)
    }

    /// Every cell of the run `name` of `config`: those that are not in the folder `cells` are trained.
    ///
    /// # Errors
    /// If a cell cannot be built or stored, or Ctrl-C was pressed; cells finished before are stored.
    pub fn train(
        &self,
        name: &str,
        config: &ProbeConfig,
        prepared: &Prepared,
        cells: &Path,
    ) -> Result<RunOutcome> {
        let progress = Progress::new(self.lanes.count());
        let watched = self.watch(&progress, name, config, cells);
        let outcome = self.train_watched(config, prepared, cells, &watched);
        progress.clear();
        watched.end(&outcome);
        outcome
    }

    fn watch<'p>(
        &self,
        progress: &'p Progress,
        name: &str,
        config: &ProbeConfig,
        cells: &Path,
    ) -> Watched<'p> {
        let top = cells.parent().unwrap_or(cells);
        let (lanes, arms) = (self.lanes.count(), config.arms.len());
        Watched::begin(progress, &self.watch, top, name, lanes, arms)
    }

    fn train_watched(
        &self,
        config: &ProbeConfig,
        prepared: &Prepared,
        cells: &Path,
        watched: &Watched<'_>,
    ) -> Result<RunOutcome> {
        let store = |config: &ProbeConfig| CellStore::open(cells, config, &prepared.inputs_hash());
        let (lanes, devices) = (&self.lanes, &self.devices);
        run_until_converged(config, prepared, store, lanes, devices, self.stop, watched)
    }

    /// Every cell of `config` from the folder `cells`, without training; none if one is missing.
    ///
    /// # Errors
    /// If the folder cannot be made.
    pub fn recall(
        &self,
        config: &ProbeConfig,
        prepared: &Prepared,
        cells: &Path,
        observer: &dyn Observer,
    ) -> Result<Option<RunOutcome>> {
        let store = |config: &ProbeConfig| CellStore::open(cells, config, &prepared.inputs_hash());
        let (lanes, devices) = (&self.lanes, &self.devices);
        // A cell that is not in the store stops at once.
        let stopped = Stop::default();
        stopped.raise();
        match run_until_converged(config, prepared, store, lanes, devices, &stopped, observer) {
            Ok(outcome) => Ok(Some(outcome)),
            Err(error) if error.is::<Stopped>() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What is known of a run that is made here, but for its images and towers.
    #[must_use]
    pub fn manifest(&self, config: &ProbeConfig) -> Manifest {
        let lanes = self.lanes.count();
        let mut manifest = provenance::manifest(&config.seeds, self.backend, self.device(), lanes);
        if self.devices.len() > 1 {
            manifest.device = format!("{} x {}", self.devices.len(), manifest.device);
        }
        manifest
    }

    /// Data and features of a run.
    ///
    /// # Errors
    /// If data or backbone are missing.
    pub fn prepare(&self, config: &ProbeConfig) -> Result<Prepared> {
        Prepared::new(
            config,
            self.cache.as_ref(),
            &self.lanes,
            self.device(),
            self.stop,
        )
    }
}

impl FinishedRun {
    /// Writes the results of an outcome of `config` into the folder of the run.
    fn write(
        path: &Path,
        config: &ProbeConfig,
        outcome: RunOutcome,
        manifest: Manifest,
        outputs: Outputs,
    ) -> Result<Self> {
        let config = &outcome.trained_with(config);
        let summary = run_results::write(path, config, &outcome, &manifest, outputs)?;
        Ok(Self {
            outcome,
            summary,
            manifest,
        })
    }
}

/// What is there of a run as soon as its first images are.
struct Begun<'p> {
    manifest: Option<Manifest>,
    watched: Option<Watched<'p>>,
}

/// As [`Session::redo`], from the file of items alone.
fn redo_from_items(config: &ProbeConfig, path: &Path, outputs: Outputs) -> Result<FinishedRun> {
    eprintln!(
        "{}: from {}, without cells",
        path.display(),
        items_file::FILE
    );
    let outcome = items_file::read(path, config)?;
    let manifest = stored_manifest(path, "or make the run again")?;
    let finished = FinishedRun::write(path, config, outcome, manifest, outputs)?;
    // Who was killed after the items of all seeds had been written has left those of each.
    KeptSeed::forget(path)?;
    Ok(finished)
}

/// The manifest of a run whose numbers are there already; `remedy` is what else can be done where it is not.
fn stored_manifest(path: &Path, remedy: &str) -> Result<Manifest> {
    provenance::stored(path).with_context(|| {
        let file = path.join("manifest.json");
        format!(
            "{}: missing or damaged; bring it back, {remedy}",
            file.display()
        )
    })
}
