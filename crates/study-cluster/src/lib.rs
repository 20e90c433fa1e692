//! A study on many machines: SLURM, or anything else that starts processes on a shared disk.
//!
//! Work is cut into items, a run and an arm each: the arm's learning rate is tuned and its other
//! seeds are trained, which depends on nothing that another item does. A task works on one item or
//! a few and writes finished cells into the study's folder, and nothing else; cells are found by
//! what they are, appear whole, and those in training are saved every minute, so a task may be
//! killed and started again anywhere. Tables, figures and claims are made from the cells by
//! `merge`, with the bytes that one machine would have written.

mod items;
mod merge;
mod place;
mod script;
mod task;
mod work;

pub use items::{Item, Items};
pub use merge::{Merged, MergedRun, Missing, recall, write_run, write_study};
pub use place::Place;
pub use script::{
    Array, Resources, check_memory, check_option, check_partition, check_time, quoted,
};
pub use task::{TaskResult, run_items};
pub use work::Work;
