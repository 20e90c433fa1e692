//! One file per subcommand.

pub mod backends;
pub mod cell;
pub mod claims;
pub mod data;
pub mod docs;
pub mod encode;
pub mod fine_grained_probe;
pub mod how_many_words;
pub mod inspect;
pub mod match_noise;
pub mod merge;
pub mod ocr_probe;
pub mod parity;
pub mod plan;
pub mod pretrain_backbone;
pub mod render;
pub mod rendering;
pub mod report;
pub mod representation_probe;
pub mod slurm;
pub mod status;
pub mod study;
pub mod words;

use anyhow::{Result, ensure};
use burn::tensor::Device;
use bytesize::ByteSize;
use probe_data::{DEFAULT_LIMIT, FeatureCache};
use run_support::atomic;
use run_support::backend::{self, BackendChoice};
use run_support::lanes::Lanes;
use run_support::stop::{Stop, Stopped};
use runs::run_folder::{FolderConfig, RunFolder};
use runs::session::Session;
use std::path::{Path, PathBuf};

/// The error, and how to go on with the run in the folder `run` if the user or a full disk ended it.
fn how_to_go_on(error: anyhow::Error, run: &Path) -> anyhow::Error {
    // A run that had not begun has taken its folder back.
    let can_go_on = error.is::<Stopped>() || (atomic::is_disk_full(&error) && run.is_dir());
    if !can_go_on {
        return error;
    }
    let name = run.file_name().unwrap_or_default().to_string_lossy();
    error.context(format!(
        "not finished; go on with the same command and --resume --run {name}"
    ))
}

/// Says where `resume` found no run of that name to go on with, which may be misspelt. Scripts rely on its being
/// begun.
fn note_beginning(resume: bool, folder: &RunFolder) {
    if resume && folder.is_fresh() {
        let path = folder.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let results = path.parent().unwrap_or(path).display();
        eprintln!("note: no run `{name}` in {results} yet: begun anew");
    }
}

/// Puts the value of a flag, where it was given, in the place of a setting.
fn set<T: Clone>(place: &mut T, flag: &Option<T>) {
    if let Some(value) = flag {
        *place = value.clone();
    }
}

/// Whether two names are of one file that is there.
fn is_same(one: &Path, other: &Path) -> bool {
    let place = |path: &Path| std::fs::canonicalize(path).ok();
    place(one).is_some_and(|path| Some(path) == place(other))
}

/// Where computed features are kept.
#[derive(clap::Args, Clone, Debug)]
pub struct Caching {
    /// Folder for caches and fresh backbones.
    #[arg(long, default_value = "data")]
    pub data: PathBuf,
    /// Neither read nor write cached features.
    #[arg(long)]
    no_cache: bool,
    /// Most disk space of cached features, such as 500MB or 20GiB. What was used longest ago goes
    /// first; what a process uses stays until it ends.
    #[arg(long, value_name = "SIZE", default_value_t = DEFAULT_LIMIT, value_parser = byte_size)]
    cache_limit: ByteSize,
}

/// An amount of disk space; the library's errors name no remedy.
fn byte_size(text: &str) -> Result<ByteSize, String> {
    let refused = |error| format!("{error}; write for example 500MB, 20GiB or 0");
    text.parse().map_err(refused)
}

impl Caching {
    /// The cache, if there is to be one.
    #[must_use]
    pub fn cache(&self) -> Option<FeatureCache> {
        let cache = FeatureCache::new(&self.data.join("cache")).with_limit(self.cache_limit);
        (!self.no_cache).then_some(cache)
    }
}

/// Where and how to compute.
#[derive(clap::Args, Clone, Debug)]
pub struct Machine {
    /// Backend that computes: flex, wgpu, vulkan, cuda, tch, cpu or ndarray, where compiled in;
    /// `wgpu:1` is its second device (see `experiments backends`).
    #[arg(
        long,
        value_name = "NAME[:INDEX]",
        env = "BURN_DEVICE",
        default_value = "flex"
    )]
    pub backend: BackendChoice,
    /// Devices of the backend by number, separated by commas; cells are spread over them.
    #[arg(long, value_name = "INDEX,...", value_delimiter = ',')]
    device: Vec<usize>,
    /// Cells trained side by side, one thread each [default: all cores; 1 on a GPU].
    #[arg(long)]
    pub jobs: Option<usize>,
}

/// What all commands that train or read cells have in common.
#[derive(clap::Args, Clone, Debug)]
pub struct Computing {
    #[command(flatten)]
    caching: Caching,
    #[command(flatten)]
    machine: Machine,
}

impl Computing {
    /// Opens devices, lanes and cache for runs.
    ///
    /// # Errors
    /// As [`Machine::open_all`].
    pub fn session<'a>(&self, stop: &'a Stop) -> Result<Session<'a>> {
        let (devices, lanes) = self.machine.open_all()?;
        let cache = self.caching.cache();
        Ok(Session::new(
            self.machine.backend,
            devices,
            lanes,
            cache,
            stop,
        ))
    }
}

/// Where a run goes, and how it is carried out.
#[derive(clap::Args, Clone, Debug)]
pub struct CarryingOut {
    /// Folder for results.
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Name of the folder in it [default: the command and the preset, numbered if taken].
    #[arg(long)]
    run: Option<String>,
    /// Go on where an earlier run of the same configuration stopped.
    #[arg(long)]
    resume: bool,
    /// Write training curves for TensorBoard, into `tensorboard/` of the results folder.
    #[arg(long)]
    tensorboard: bool,
    #[command(flatten)]
    computing: Computing,
}

impl CarryingOut {
    /// As [`Computing::session`], watched as asked for.
    ///
    /// # Errors
    /// As [`Computing::session`].
    pub fn session<'a>(&self, stop: &'a Stop) -> Result<Session<'a>> {
        let mut session = self.computing.session(stop)?;
        session.watch.tensorboard = self.tensorboard;
        Ok(session)
    }

    /// The folder of the earlier run that is gone on with, if one is named.
    pub fn earlier(&self) -> Option<PathBuf> {
        let name = self.run.as_ref().filter(|_| self.resume)?;
        Some(self.results.join(name))
    }

    /// Makes the folder of `config`, called `base` unless it was given a name, or finds it again.
    ///
    /// # Errors
    /// As [`RunFolder::choose`].
    pub fn folder<C: FolderConfig>(&self, base: &str, config: &C) -> Result<RunFolder> {
        let name = self.run.as_deref();
        let folder = RunFolder::choose(&self.results, name, base, self.resume, config)?;
        note_beginning(self.resume, &folder);
        Ok(folder)
    }
}

impl Machine {
    /// The backend with each device that is asked for.
    fn choices(&self) -> Result<Vec<BackendChoice>> {
        if self.device.is_empty() {
            return Ok(vec![self.backend]);
        }
        ensure!(
            self.backend.index.is_none(),
            "`{}` names a device, and so does --device; leave one out",
            self.backend
        );
        let choice = |&index| BackendChoice {
            index: Some(index),
            ..self.backend
        };
        Ok(self.device.iter().map(choice).collect())
    }

    /// Opens the device and lanes, for what is not spread over several devices.
    ///
    /// # Errors
    /// As [`open_all`](Self::open_all), or if several devices are asked for.
    pub fn open(&self) -> Result<(Device, Lanes)> {
        ensure!(
            self.device.len() < 2,
            "this command computes on one device; name one with --device"
        );
        let (mut devices, lanes) = self.open_all()?;
        Ok((devices.swap_remove(0), lanes))
    }

    /// Opens devices and lanes: as many lanes on each as pay there.
    ///
    /// # Errors
    /// If the backend is not compiled in or does not work, or no thread can be started.
    pub fn open_all(&self) -> Result<(Vec<Device>, Lanes)> {
        ensure!(
            self.jobs != Some(0),
            "--jobs 0 would do nothing; give at least 1"
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let choices = self.choices()?;
        let devices: Vec<Device> = choices
            .iter()
            .map(|choice| choice.open())
            .collect::<Result<_>>()?;
        let lanes = match choices[0].lanes(cores) {
            1 => devices.len(),
            lanes => lanes,
        };
        let lanes = Lanes::open(self.jobs.unwrap_or(lanes))?;
        // Lanes are one thread each, and LibTorch knows nothing of them.
        backend::set_threads(self.backend.backend, 1);
        Ok((devices, lanes))
    }
}
