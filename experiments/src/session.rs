//! Carrying out one run: data, cells, results.

use crate::backend::BackendChoice;
use crate::cmd::Machine;
use crate::data::FeatureCache;
use crate::lanes::Lanes;
use crate::probe::{CellStore, Prepared, ProbeConfig, RunOutcome, run_study};
use crate::progress::Progress;
use crate::provenance;
use crate::results::{self, Extent, Manifest, Summary};
use crate::run_folder::RunFolder;
use crate::stop::{Stop, Stopped};
use anyhow::{Result, anyhow};
use burn::tensor::Device;
use std::time::Instant;

/// Where and with what runs are carried out.
pub struct Session<'a> {
    /// What computes.
    pub backend: BackendChoice,
    /// Its device.
    pub device: Device,
    /// Cells side by side.
    pub lanes: Lanes,
    /// Cached features, if they are to be used.
    pub cache: Option<FeatureCache>,
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
    /// Things the user should know: fonts left out, images left out.
    pub warnings: Vec<String>,
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
    /// Opens device and lanes.
    ///
    /// # Errors
    /// If the backend does not work here.
    pub fn open(machine: &Machine, cache: Option<FeatureCache>, stop: &'a Stop) -> Result<Self> {
        let (device, lanes) = machine.open()?;
        Ok(Self {
            backend: machine.backend,
            device,
            lanes,
            cache,
            stop,
        })
    }

    /// Trains and tests every cell of `config` that is not stored yet and writes the results.
    ///
    /// # Errors
    /// If data or backbone are missing, a file cannot be written, or Ctrl-C was pressed; cells
    /// finished before are stored. A folder that this run made and nothing was computed for is
    /// taken back.
    pub fn carry_out(
        &self,
        config: &ProbeConfig,
        folder: RunFolder,
        extent: Extent,
    ) -> Result<FinishedRun> {
        let prepared = match self.prepare(config) {
            Ok(prepared) => prepared,
            Err(error) => {
                folder.abandon();
                return Err(error);
            }
        };
        for warning in &prepared.warnings {
            eprintln!("note: {warning}");
        }
        let lanes = &self.lanes;
        let mut manifest = provenance::manifest(config, self.backend, &self.device, lanes.count());
        provenance::add_preparation(&mut manifest, &prepared);
        let store = CellStore::open(&folder.cells(), config, &prepared.inputs_hash())?;
        let progress = Progress::new(lanes.count());
        let clock = Instant::now();
        let outcome = run_study(
            config,
            &prepared,
            &store,
            lanes,
            &self.device,
            self.stop,
            &progress,
        );
        progress.clear();
        let outcome = outcome?;
        provenance::add_stage(&mut manifest, "cells", clock.elapsed().as_secs_f64());
        let summary = results::write(folder.path(), config, &outcome, &manifest, extent)?;
        Ok(FinishedRun {
            outcome,
            summary,
            manifest,
            warnings: prepared.warnings,
        })
    }

    /// Writes the results of a finished run again from its cells; the manifest stays as it is.
    ///
    /// # Errors
    /// If a cell is missing, or belongs to images or a backbone that have changed since.
    pub fn redo(
        &self,
        config: &ProbeConfig,
        folder: &RunFolder,
        extent: Extent,
    ) -> Result<FinishedRun> {
        let path = folder.path();
        let prepared = self.prepare(config)?;
        let store = CellStore::open(&folder.cells(), config, &prepared.inputs_hash())?;
        let progress = Progress::new(self.lanes.count());
        // Nothing is to be trained: a cell that is not in the store stops at once.
        let no_training = Stop::default();
        no_training.raise();
        let outcome = run_study(
            config,
            &prepared,
            &store,
            &self.lanes,
            &self.device,
            &no_training,
            &progress,
        );
        progress.clear();
        let outcome = outcome.map_err(|error| {
            if error.is::<Stopped>() {
                anyhow!(
                    "{}: not all cells of this configuration, data and backbone are there; \
                     finish the run with its own command and --resume --run NAME",
                    path.display()
                )
            } else {
                error
            }
        })?;
        let manifest = provenance::stored(path).unwrap_or_else(|| {
            let mut manifest =
                provenance::manifest(config, self.backend, &self.device, self.lanes.count());
            provenance::add_preparation(&mut manifest, &prepared);
            manifest
        });
        let summary = results::write(path, config, &outcome, &manifest, extent)?;
        Ok(FinishedRun {
            outcome,
            summary,
            manifest,
            warnings: prepared.warnings,
        })
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
            &self.device,
            self.stop,
        )
    }
}
