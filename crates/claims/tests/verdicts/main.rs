//! Every claim has measurements under which it must be supported, refuted and undecided.

#[path = "../support/mod.rs"]
mod support;

mod each_claim;
mod whole_study;
mod worlds;
