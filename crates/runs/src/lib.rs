//! Carrying out one run: data, cells and results in a folder of its own, and how it is watched.
//!
//! [`session`] trains what is missing and writes the results, [`run_folder`] is the folder that belongs
//! to one configuration, [`watch`] the event log, its reading and TensorBoard's curves, [`progress`]
//! the bars on the terminal.

mod kept_seed;
pub mod progress;
pub mod run_folder;
pub mod session;
pub mod watch;
