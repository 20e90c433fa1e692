//! `NAME[:INDEX]`, as `--backend` and `BURN_DEVICE` take it.

use super::{Backend, Child, End, device};
use crate::stop::Stop;
use anyhow::{Result, bail};
use burn::tensor::Device;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long a driver may take to open a device and multiply two small matrices.
const TRIAL: Duration = Duration::from_secs(120);

/// A backend, and the number of the device where the default one is not meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackendChoice {
    /// The backend.
    pub backend: Backend,
    /// Number of the device, from 0; for LibTorch the number of the CUDA card.
    pub index: Option<usize>,
}

/// Why a text names no backend.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChoiceError {
    /// No such backend.
    #[error("unknown backend `{found}`; possible values: {}", names())]
    Unknown {
        /// The text.
        found: String,
    },
    /// What follows the colon is no number.
    #[error("backend `{found}`: after the colon comes the number of a device, as in `{backend}:0`")]
    Index {
        /// The text.
        found: String,
        /// The backend before the colon.
        backend: Backend,
    },
}

fn names() -> String {
    Backend::ALL.map(Backend::name).join(", ")
}

impl FromStr for BackendChoice {
    type Err = ChoiceError;

    fn from_str(text: &str) -> Result<Self, ChoiceError> {
        let (name, index) = match text.split_once(':') {
            Some((name, index)) => (name, Some(index)),
            None => (text, None),
        };
        let found = text.to_owned();
        // burn takes the names in BURN_DEVICE in capitals as well.
        let known = |backend: &Backend| backend.name().eq_ignore_ascii_case(name);
        let Some(backend) = Backend::ALL.into_iter().find(known) else {
            return Err(ChoiceError::Unknown { found });
        };
        match index.map(str::parse).transpose() {
            Ok(index) => Ok(Self { backend, index }),
            Err(_) => Err(ChoiceError::Index { found, backend }),
        }
    }
}

impl fmt::Display for BackendChoice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.backend.name())?;
        match self.index {
            Some(index) => write!(f, ":{index}"),
            None => Ok(()),
        }
    }
}

impl From<Backend> for BackendChoice {
    fn from(backend: Backend) -> Self {
        Self {
            backend,
            index: None,
        }
    }
}

impl BackendChoice {
    /// The device. A driver that may crash is tried out in a child process first.
    ///
    /// # Errors
    /// If the backend is not compiled in, finds no such device, or does not work; the message says
    /// what to do.
    pub fn open(self) -> Result<Device> {
        if self.backend.is_compiled_in() && self.backend.has_driver() {
            let end = Child::start(&["backends", &self.to_string(), "--child", "trial"])?.lines(
                TRIAL,
                &Stop::default(),
                |_| {},
            )?;
            if end != End::Finished {
                bail!(
                    "backend `{self}` does not work here: {end}; it needs {}, `experiments backends` \
                     shows which backends work",
                    self.backend.needs()
                );
            }
        }
        self.open_unguarded()
    }

    /// The device, from a driver that is trusted not to crash.
    ///
    /// # Errors
    /// If the backend is not compiled in or finds no such device.
    pub fn open_unguarded(self) -> Result<Device> {
        match device::open(self)? {
            Some(device) => Ok(device),
            None => bail!(
                "backend `{0}` is not compiled in; build with `cargo run -p experiments --features \
                 {0} -- ...`, or leave --backend (and BURN_DEVICE) away",
                self.backend
            ),
        }
    }

    /// Pieces of work that pay side by side on `cores` processors: one on a device that is shared.
    #[must_use]
    pub fn lanes(self, cores: usize) -> usize {
        match self.backend {
            Backend::Flex | Backend::Ndarray => cores,
            Backend::Tch if self.index.is_none() => cores,
            Backend::Wgpu | Backend::Vulkan | Backend::Cuda | Backend::Tch | Backend::Cpu => 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_survive_a_round_trip_with_and_without_a_device() {
        for backend in Backend::ALL {
            for text in [backend.name().to_owned(), format!("{backend}:3")] {
                assert_eq!(text.parse::<BackendChoice>().unwrap().to_string(), text);
            }
        }
    }

    #[test]
    fn capitals_are_taken_as_burn_takes_them() {
        let choice: BackendChoice = "Cuda:1".parse().unwrap();
        assert_eq!((choice.backend, choice.index), (Backend::Cuda, Some(1)));
    }

    #[test]
    fn an_unknown_backend_is_answered_with_the_known_ones() {
        for text in ["abacus", "", ":0", "flex,wgpu", "flex "] {
            let message = text.parse::<BackendChoice>().unwrap_err().to_string();
            for backend in Backend::ALL {
                assert!(message.contains(backend.name()), "{message}");
            }
        }
    }

    #[test]
    fn a_device_that_is_no_number_is_answered_with_an_example() {
        for text in ["cuda:", "cuda:first", "cuda:-1", "cuda:0:1"] {
            let message = text.parse::<BackendChoice>().unwrap_err().to_string();
            assert!(message.contains("`cuda:0`"), "{message}");
        }
    }

    #[test]
    fn a_backend_that_is_not_compiled_in_names_its_feature() {
        for backend in Backend::ALL.into_iter().filter(|b| !b.is_compiled_in()) {
            let error = BackendChoice::from(backend).open().unwrap_err().to_string();
            assert!(error.contains(&format!("`{backend}` is not compiled in")));
            assert!(error.contains(&format!("--features {backend}")), "{error}");
        }
    }

    #[test]
    fn the_reference_opens_and_has_one_device() {
        assert!(BackendChoice::from(Backend::Flex).open().is_ok());
        let second = "flex:1".parse::<BackendChoice>().unwrap();
        let error = second.open().unwrap_err().to_string();
        assert!(error.contains("`flex` has no device 1"), "{error}");
    }

    #[test]
    fn cells_run_side_by_side_on_processors_and_one_by_one_on_cards() {
        let lanes = |text: &str| text.parse::<BackendChoice>().unwrap().lanes(8);
        assert_eq!([lanes("flex"), lanes("tch"), lanes("ndarray")], [8; 3]);
        assert_eq!([lanes("wgpu"), lanes("cuda:1"), lanes("tch:0")], [1; 3]);
    }
}
