//! Agreement of two orderings, and whether one ordering explains another beyond third quantities.

mod kendall;
mod spearman;

pub use kendall::kendall_tau;
pub use spearman::{PartialSpearman, partial_spearman, partial_spearman_test};
