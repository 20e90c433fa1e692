//! Which of burn's backends computes, and on which of its devices.
//!
//! [`Backend`] lists the backends that can be compiled in, [`BackendChoice`] is one of them with the
//! number of a device, `device` opens it, and `child` tries it out in a process of its own, because a
//! driver that crashes takes the whole process with it.

mod child;
mod choice;
mod device;

pub use child::{Child, End};
pub use child::{complain, complain_on_panic};
pub use choice::{BackendChoice, ChoiceError};
pub use device::{describe, devices, set_threads};

use std::fmt;

/// A backend of burn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Backend {
    /// Pure Rust on the CPU, the default and the reference for the others.
    Flex,
    /// WebGPU shaders on any GPU.
    Wgpu,
    /// SPIR-V on Vulkan.
    Vulkan,
    /// NVIDIA GPUs.
    Cuda,
    /// LibTorch.
    Tch,
    /// CubeCL with LLVM on the CPU.
    Cpu,
    /// The ndarray crate.
    Ndarray,
}

impl Backend {
    /// Every backend, in the order in which `experiments backends` lists them.
    pub const ALL: [Self; 7] = [
        Self::Flex,
        Self::Wgpu,
        Self::Vulkan,
        Self::Cuda,
        Self::Tch,
        Self::Cpu,
        Self::Ndarray,
    ];

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

    /// Whether this program was built with it.
    #[must_use]
    pub fn is_compiled_in(self) -> bool {
        match self {
            Self::Flex => cfg!(feature = "flex"),
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Tch => cfg!(feature = "tch"),
            Self::Cpu => cfg!(feature = "cpu"),
            Self::Ndarray => cfg!(feature = "ndarray"),
        }
    }

    /// What it needs on the machine that runs it.
    #[must_use]
    pub fn needs(self) -> &'static str {
        match self {
            Self::Flex | Self::Ndarray | Self::Cpu => "nothing",
            Self::Wgpu => {
                "a Vulkan, Metal or DirectX 12 driver (in software: the Debian packages \
                 mesa-vulkan-drivers and libvulkan1)"
            }
            Self::Vulkan => "a GPU with its Vulkan driver",
            Self::Cuda => "an NVIDIA GPU with its driver, and the CUDA toolkit (CUDA_PATH)",
            Self::Tch => "LibTorch 2.9.0 where it was when this program was built",
        }
    }

    /// Whether a driver of others' making stands behind it, which may crash.
    #[must_use]
    pub fn has_driver(self) -> bool {
        matches!(self, Self::Wgpu | Self::Vulkan | Self::Cuda | Self::Cpu)
    }
}

impl fmt::Display for Backend {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
