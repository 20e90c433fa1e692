//! A cell in the middle of its training, on disk.
//!
//! Long cells are saved about once a minute, so that a crash costs no more than that, and cells of a
//! tuning grid once more at their end, since only the best one is tested, after all the others. What is read
//! back continues bit for bit: weights and optimiser state are stored as they are, the order of the
//! batches is drawn again from the seed, and of the noise the place in its stream is kept.

use super::model::CellModel;
use super::outcome::{CellSpec, Evaluation};
use crate::optimize::OptimizerConfig;
use anyhow::{Context, Result};
use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::store::ModuleRecord;
use burn::tensor::Bytes;
use rand_chacha::ChaCha8Rng;
use run_support::atomic;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, BufReader, Read, Seek};
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// Time between two saves.
const INTERVAL: Duration = Duration::from_secs(60);
/// The file: the length of the header, the header, the model, the state of the optimiser, and the SHA-256 of all that.
const LENGTH_BYTES: u64 = 8;
const HASH_BYTES: u64 = 32;

/// Where the half-done state of one cell is kept, and when it is due.
#[derive(Debug)]
pub struct HalfDone {
    path: PathBuf,
    spec: CellSpec,
    saved: Instant,
    kept: bool,
}

/// A cell's training after some steps.
#[derive(Debug)]
pub struct Progress {
    /// Steps done.
    pub step: usize,
    /// The curve so far.
    pub history: Vec<Evaluation>,
    /// What the first step found, see [`CellOutcome::without_gradient`](super::CellOutcome).
    pub without_gradient: Option<Vec<String>>,
    /// Wall time spent so far, in seconds.
    pub seconds: f64,
}

#[derive(Serialize, Deserialize)]
struct Header {
    step: usize,
    seconds: f64,
    /// Place in the stream of training noise; a string, because TOML has no 128-bit numbers.
    noise: String,
    model_bytes: u64,
    without_gradient: Option<Vec<String>>,
    /// Whose state it is: a file of another name is not taken for it.
    cell: CellSpec,
    history: Vec<Evaluation>,
}

impl HalfDone {
    /// Keeps the state of the cell `spec` in the file `path`.
    #[must_use]
    pub fn new(path: PathBuf, spec: CellSpec) -> Self {
        Self {
            path,
            spec,
            saved: Instant::now(),
            kept: false,
        }
    }

    /// Whether the state after the last step is saved as well, for a test later on.
    #[must_use]
    pub fn kept_when_done(self, kept: bool) -> Self {
        Self { kept, ..self }
    }

    /// Whether it is time to save.
    #[must_use]
    pub fn is_due(&self) -> bool {
        self.saved.elapsed() >= INTERVAL
    }

    /// Whether the state after the last step is to be saved.
    #[must_use]
    pub fn is_kept_when_done(&self) -> bool {
        self.kept
    }

    /// Saves the state, atomically.
    ///
    /// # Errors
    /// If the disk is full or the folder is read-only.
    pub fn save(
        &mut self,
        model: &CellModel,
        optimizer: &ModuleOptimizer,
        noise: &ChaCha8Rng,
        progress: Progress,
    ) -> Result<()> {
        let unfit = "a half-done cell does not fit into its file";
        let model = model.clone().into_record().into_bytes().context(unfit)?;
        let header = toml::to_string(&Header {
            step: progress.step,
            seconds: progress.seconds,
            noise: noise.get_word_pos().to_string(),
            model_bytes: model.len() as u64,
            without_gradient: progress.without_gradient,
            cell: self.spec.clone(),
            history: progress.history,
        })
        .context(unfit)?;
        atomic::write(&self.path, |out| {
            let mut hash = Sha256::new();
            let mut add = |part: &[u8]| {
                hash.update(part);
                out.write_all(part)
            };
            add(&(header.len() as u64).to_le_bytes())?;
            add(header.as_bytes())?;
            add(&model)?;
            // The one goes before the other is made: together they have the size of the whole cell, and a
            // cell of 65,536 words has gigabytes.
            drop(model);
            add(&optimizer.into_bytes().context(unfit)?)?;
            Ok(out.write_all(&hash.finalize())?)
        })?;
        self.saved = Instant::now();
        Ok(())
    }

    /// The state that was saved, if there is one and it is whole: model, optimiser and progress;
    /// `noise` is moved to its place. A damaged file, or one of another cell, counts as absent.
    #[must_use]
    pub fn load(
        &self,
        fresh: &CellModel,
        optimizer: &OptimizerConfig,
        noise: &mut ChaCha8Rng,
    ) -> Option<(CellModel, ModuleOptimizer, Progress)> {
        let mut file = BufReader::new(File::open(&self.path).ok()?);
        let content = file.get_ref().metadata().ok()?.len();
        let content = content.checked_sub(HASH_BYTES)?;
        let mut hash = Sha256::new();
        io::copy(&mut (&mut file).take(content), &mut hash).ok()?;
        if read(&mut file, HASH_BYTES)? != hash.finalize().as_slice() {
            return None;
        }
        file.rewind().ok()?;
        let length = read(&mut file, LENGTH_BYTES)?;
        let length = u64::from_le_bytes(length.try_into().ok()?);
        let header = read(&mut file, length)?;
        let header: Header = toml::from_str(std::str::from_utf8(&header).ok()?).ok()?;
        if header.cell != self.spec {
            return None;
        }
        let before = [LENGTH_BYTES, length, header.model_bytes];
        let state_bytes = content.checked_sub(before.iter().sum())?;
        let mut part = |bytes: u64| Some(Bytes::from_bytes_vec(read(&mut file, bytes)?));
        let record = ModuleRecord::from_bytes(part(header.model_bytes)?).ok()?;
        let model = fresh.clone().try_load_record(record).ok()?;
        let optimizer = optimizer.init(&model);
        let optimizer = optimizer.from_bytes(part(state_bytes)?).ok()?;
        noise.set_word_pos(header.noise.parse().ok()?);
        Some((
            model,
            optimizer,
            Progress {
                step: header.step,
                history: header.history,
                without_gradient: header.without_gradient,
                seconds: header.seconds,
            },
        ))
    }

    /// Removes the state of a cell that is finished.
    ///
    /// # Errors
    /// If it is there and cannot be removed.
    pub fn discard(&self) -> Result<()> {
        atomic::remove_stale(&self.path)
    }
}

/// The next bytes of a file; none if it has not so many.
fn read(file: &mut impl Read, bytes: u64) -> Option<Vec<u8>> {
    let mut found = Vec::with_capacity(usize::try_from(bytes).ok()?);
    file.take(bytes).read_to_end(&mut found).ok()?;
    (found.len() as u64 == bytes).then_some(found)
}
