//! One file per subcommand.

pub mod ocr_probe;
pub mod pretrain_backbone;
pub mod render;
pub mod report;

use crate::backend::Backend;
use crate::lanes::Lanes;
use anyhow::{Result, ensure};
use burn::tensor::Device;

/// Where and how to compute.
#[derive(clap::Args, Clone, Debug)]
pub struct Machine {
    /// Backend that computes.
    #[arg(long, value_enum, default_value = "flex")]
    pub backend: Backend,
    /// Cells trained side by side, one thread each [default: all cores].
    #[arg(long)]
    pub jobs: Option<usize>,
}

impl Machine {
    /// Opens device and lanes.
    ///
    /// # Errors
    /// If the backend is not compiled in or no thread can be started.
    pub fn open(&self) -> Result<(Device, Lanes)> {
        ensure!(
            self.jobs != Some(0),
            "--jobs 0 would do nothing; give at least 1"
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Ok((
            self.backend.device()?,
            Lanes::open(self.jobs.unwrap_or(cores))?,
        ))
    }
}
