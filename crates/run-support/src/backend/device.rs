//! Devices of the backends that are compiled in.

use super::{Backend, BackendChoice};
use anyhow::{Result, bail};
use burn::tensor::Device;
#[cfg(any(feature = "wgpu", feature = "vulkan"))]
use burn::tensor::DeviceKind;
#[cfg(any(
    feature = "wgpu",
    feature = "vulkan",
    feature = "cuda",
    feature = "cpu",
    feature = "tch"
))]
use burn::tensor::DeviceType;

/// Devices that a backend can be told to use by number, in order; for LibTorch, the CUDA cards.
/// Empty if the backend is not compiled in. Asking may crash in a driver.
#[must_use]
pub fn devices(backend: Backend) -> Vec<Device> {
    match backend {
        #[cfg(feature = "flex")]
        Backend::Flex => vec![Device::flex()],
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => Device::enumerate(DeviceType::Wgpu).into_vec(),
        #[cfg(feature = "vulkan")]
        Backend::Vulkan => Device::enumerate(DeviceType::Vulkan).into_vec(),
        #[cfg(feature = "cuda")]
        Backend::Cuda => Device::enumerate(DeviceType::Cuda).into_vec(),
        #[cfg(feature = "tch")]
        Backend::Tch => Device::enumerate(DeviceType::LibTorch).into_vec(),
        #[cfg(feature = "cpu")]
        Backend::Cpu => Device::enumerate(DeviceType::Cpu).into_vec(),
        #[cfg(feature = "ndarray")]
        #[allow(deprecated)]
        // burn will drop it; kept for cross-checks while 0.22 is ours
        Backend::Ndarray => vec![Device::ndarray()],
        #[cfg(not(feature = "flex"))]
        Backend::Flex => Vec::new(),
        #[cfg(not(feature = "wgpu"))]
        Backend::Wgpu => Vec::new(),
        #[cfg(not(feature = "vulkan"))]
        Backend::Vulkan => Vec::new(),
        #[cfg(not(feature = "cuda"))]
        Backend::Cuda => Vec::new(),
        #[cfg(not(feature = "tch"))]
        Backend::Tch => Vec::new(),
        #[cfg(not(feature = "cpu"))]
        Backend::Cpu => Vec::new(),
        #[cfg(not(feature = "ndarray"))]
        Backend::Ndarray => Vec::new(),
    }
}

/// The device chosen; `None` if its backend is not compiled in.
///
/// # Errors
/// If the backend finds no such device.
pub(super) fn open(choice: BackendChoice) -> Result<Option<Device>> {
    let BackendChoice { backend, index } = choice;
    if !backend.is_compiled_in() {
        return Ok(None);
    }
    #[cfg(feature = "tch")]
    #[allow(deprecated)]
    // burn will drop it; kept while 0.22 is ours
    if (backend, index) == (Backend::Tch, None) {
        return Ok(Some(Device::libtorch()));
    }
    let found = devices(backend);
    let Some(first) = found.first() else {
        bail!(
            "backend `{choice}` finds no device; it needs {}",
            backend.needs()
        );
    };
    let Some(index) = index else {
        return Ok(Some(preferred(backend, first)));
    };
    match found.get(index) {
        Some(device) => Ok(Some(device.clone())),
        None => bail!(
            "backend `{backend}` has no device {index}; it has {}",
            found
                .iter()
                .enumerate()
                .map(|(index, device)| format!("{backend}:{index} ({})", describe(device)))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// The device that a backend takes by itself: the most powerful for graphics APIs, else the first.
fn preferred(backend: Backend, first: &Device) -> Device {
    match backend {
        #[cfg(feature = "wgpu")]
        Backend::Wgpu => Device::wgpu(DeviceKind::DefaultDevice),
        #[cfg(feature = "vulkan")]
        Backend::Vulkan => Device::vulkan(DeviceKind::DefaultDevice),
        #[cfg(not(feature = "wgpu"))]
        Backend::Wgpu => first.clone(),
        #[cfg(not(feature = "vulkan"))]
        Backend::Vulkan => first.clone(),
        Backend::Flex | Backend::Cuda | Backend::Tch | Backend::Cpu | Backend::Ndarray => {
            first.clone()
        }
    }
}

/// What a device is, in words. Opens it.
#[must_use]
pub fn describe(device: &Device) -> String {
    #[cfg(any(
        feature = "wgpu",
        feature = "vulkan",
        feature = "cuda",
        feature = "cpu"
    ))]
    if let Some(identity) = device.identity() {
        return identity.name;
    }
    // `Device<LibTorch(Cuda(0))>`
    let text = format!("{:?}", device.clone().without_autodiff());
    if text.contains("Cuda") {
        return "CUDA card".to_owned();
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("CPU, {cores} threads")
}

/// Lets a backend use `count` threads per piece of work, where it does not ask rayon.
pub fn set_threads(backend: Backend, count: usize) {
    #[cfg(feature = "tch")]
    if backend == Backend::Tch {
        tch::set_num_threads(i32::try_from(count).unwrap_or(i32::MAX));
    }
    let _ = (backend, count);
}
