//! Does turning visual features into tokens hurt OCR?
//!
//! The same small reading probe is trained behind each projector of [`arm`], on the features of
//! one backbone, and what each projector loses is measured.

pub mod arm;
pub mod atomic;
pub mod backend;
pub mod cluster;
pub mod cmd;
pub mod data;
pub mod encode;
pub mod inspect;
pub mod lanes;
pub mod lock;
pub mod memory;
pub mod optimize;
pub mod pretrain;
pub mod probe;
pub mod progress;
pub mod provenance;
pub mod published;
pub mod reader;
pub mod results;
pub mod run_folder;
pub mod session;
pub mod settings;
pub mod stop;
pub mod study;
pub mod survey;
pub mod watch;
