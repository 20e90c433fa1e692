//! One file per subcommand.

pub mod backends;
pub mod cell;
pub mod claims;
pub mod data;
pub mod encode;
pub mod fine_grained_probe;
pub mod merge;
pub mod ocr_probe;
pub mod parity;
pub mod plan;
pub mod pretrain_backbone;
pub mod render;
pub mod rendering;
pub mod report;
pub mod slurm;
pub mod study;

use crate::backend::{self, BackendChoice};
use crate::lanes::Lanes;
use anyhow::{Result, ensure};
use burn::tensor::Device;

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
    /// Cells trained side by side, one thread each [default: all cores; 1 on a GPU].
    #[arg(long)]
    pub jobs: Option<usize>,
}

impl Machine {
    /// Opens device and lanes.
    ///
    /// # Errors
    /// If the backend is not compiled in or does not work, or no thread can be started.
    pub fn open(&self) -> Result<(Device, Lanes)> {
        ensure!(
            self.jobs != Some(0),
            "--jobs 0 would do nothing; give at least 1"
        );
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let device = self.backend.open()?;
        let lanes = Lanes::open(self.jobs.unwrap_or(self.backend.lanes(cores)))?;
        // Lanes are one thread each, and LibTorch knows nothing of them.
        backend::set_threads(self.backend.backend, 1);
        Ok((device, lanes))
    }
}
