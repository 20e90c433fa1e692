//! `items.safetensors`: a finished run as numbers, item by item, small enough to be published.
//!
//! Cells hold what every image was read as, and are far too large for a repository. This file holds how
//! many errors that reading has, and beside it everything that tables, verdict, figures and claims are
//! made from, so that they can be made again, to the byte, by whoever has the file alone.
//!
//! | Tensor | Type, shape | What |
//! |---|---|---|
//! | `chars/GROUP` | whole numbers, `[images]` | characters of the right answer |
//! | `right/GROUP` | whole numbers, `[images]` | instead, where classes are asked: the right class |
//! | `cluster/GROUP` | whole numbers, `[images]` | font or source |
//! | `held_out/GROUP` | 0 or 1, `[images]` | whether the font was kept out of training |
//! | `edits/ARM/SEED/GROUP/MODE` | whole numbers, `[images]` | edits of the answer |
//! | `answers/ARM/SEED/GROUP/MODE` | whole numbers, `[images]` | instead, where classes are asked: the class that was answered |
//! | `hardening/ARM/SEED/GROUP/K` | whole numbers, `[images]` | edits with the `K` best words only |
//! | `run` | bytes | everything else as TOML, compressed (zlib): settings, groups in order, tuning, cells |
//! | `sha256` | bytes | [checksum](crate::seal) of all other tensors |
//!
//! Whole numbers have the narrowest of `U8`, `U16` and `U32` that holds the largest. Shorter trainings of a
//! run whose steps were doubled stand under `steps-STEPS/`. Times are left out: the same seeds give the same
//! bytes. What was read is left out as well, so `predictions.csv`, `confusions.csv`, `protocol.csv` and
//! pictures of single images cannot be made from it.

mod reading;
mod record;
mod writing;

pub use reading::read;
pub use writing::write;

/// Name of the file in the folder of a run.
pub const FILE: &str = "items.safetensors";

/// Name of the metadata entry that says what the file is.
const FORMAT_KEY: &str = "format";
/// What it says; another number where older versions could not read it.
const FORMAT: &str = "items of a run, version 1";
/// Tensor of the record.
const RECORD: &str = "run";
