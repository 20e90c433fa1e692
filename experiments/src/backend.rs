//! Which of burn's backends computes.

use anyhow::{Result, bail};
use burn::tensor::Device;
use std::fmt;

/// A backend of burn, chosen at run time among those compiled in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Backend {
    /// Pure-Rust CPU backend, the default.
    Flex,
    /// WebGPU shaders on any GPU.
    Wgpu,
    /// SPIR-V on Vulkan.
    Vulkan,
    /// NVIDIA GPUs.
    Cuda,
    /// LibTorch.
    Tch,
    /// CubeCL on the CPU.
    Cpu,
    /// The ndarray crate.
    Ndarray,
}

impl Backend {
    /// Name on the command line, and of the cargo feature that compiles it in.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Flex => "flex",
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Cuda => "cuda",
            Self::Tch => "tch",
            Self::Cpu => "cpu",
            Self::Ndarray => "ndarray",
        }
    }

    /// A device of this backend.
    ///
    /// # Errors
    /// If it is not compiled in; the message names the cargo feature to add.
    pub fn device(self) -> Result<Device> {
        match self {
            #[cfg(feature = "flex")]
            Self::Flex => Ok(Device::flex()),
            #[cfg(feature = "ndarray")]
            #[allow(deprecated)]
            // burn will drop it; kept for cross-checks while 0.22 is ours
            Self::Ndarray => Ok(Device::ndarray()),
            _ => bail!(
                "backend `{0}` is not compiled in; {1}",
                self.name(),
                self.remedy()
            ),
        }
    }

    fn remedy(self) -> String {
        match self {
            Self::Flex | Self::Ndarray => format!(
                "build with `cargo run -p experiments --features {} -- ...`",
                self.name()
            ),
            _ => "this version offers `flex` and `ndarray`".to_owned(),
        }
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
