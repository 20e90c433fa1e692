//! The registry of arms: every projector of the comparison, by name.
//!
//! An arm is written `kind[@K]` with settings behind it: `patch-merger`, `gelu-mlp@256`,
//! `vet-st-argmax@1024+usage`, `vet-softmax@256+gain2`, `rvq@256+codes4`, `noisy-merger@0.5`.
//! The projector of a published checkpoint is `pretrained`, `pretrained+argmax`, `pretrained+top16`.
//!
//! Start with `kinds/mod.rs`: the table of all arms, a file for each family of them, and how to add one.
//! Every other place asks the table.
//!
//! Files besides: `definition` what a kind says about itself, `kind` what follows from that, `table`
//! the macros behind the lists, `spec` an arm and its settings, `grammar` arms as text, `error` what
//! is wrong with a text, `memory` what an arm takes, `setting` what stands behind a `+`, `thousandths` the numbers in it.

mod definition;
mod error;
mod grammar;
mod kind;
mod kinds;
mod memory;
mod setting;
mod spec;
mod table;
mod thousandths;

pub use definition::{Argument, ArmRole, ArmSizes, Build, CodeSizes, Definition};
pub use error::ArmError;
pub use kinds::{Arm, ArmKind, TokenizeOverride};
pub use setting::Setting;
pub use spec::{ArmSpec, Settings};
pub use thousandths::Thousandths;

/// Rows of the table that no patch is assigned to; 4 in Ovis2.5.
pub const INDICATORS: usize = 4;
