//! Stopping cleanly on Ctrl-C, or when a batch system asks to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// The user, or a batch system, asked to stop.
#[derive(Debug, thiserror::Error)]
#[error("stopped by Ctrl-C or SIGTERM; what was finished is kept")]
pub struct Stopped;

/// A flag that long loops look at.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// A flag that Ctrl-C and SIGTERM raise. A second Ctrl-C ends the process at once.
    ///
    /// # Errors
    /// If the system refuses the handler.
    pub fn on_ctrl_c() -> anyhow::Result<Self> {
        let stop = Self::default();
        let flag = stop.clone();
        ctrlc::set_handler(move || {
            if flag.0.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            eprintln!("\nstopping after the current step; press Ctrl-C again to end at once");
        })?;
        // Not by `ctrlc` and its `termination`: that takes SIGHUP as well, and so from `nohup`.
        #[cfg(unix)]
        signal_hook::flag::register(signal_hook::consts::SIGTERM, Arc::clone(&stop.0))?;
        Ok(stop)
    }

    /// Raises the flag.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether the flag is up.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }

    /// # Errors
    /// [`Stopped`] if the flag is up.
    pub fn check(&self) -> Result<(), Stopped> {
        if self.is_raised() {
            Err(Stopped)
        } else {
            Ok(())
        }
    }
}
