//! What every command stands on, and nothing of what is measured.
//!
//! Files are written whole or not at all ([`atomic`]), folders are locked ([`lock`]), Ctrl-C and
//! SIGTERM end a run in good order ([`stop`]), work is spread over threads ([`lanes`]), settings come
//! from presets, TOML and flags ([`settings`]), and [`backend`] opens what computes.

pub mod atomic;
pub mod backend;
pub mod lanes;
pub mod lock;
pub mod memory;
pub mod settings;
pub mod stop;
