//! Tests that use ranks only: trends over ordered levels, and differences between several arms.
//!
//! | Design | Question | Test |
//! |---|---|---|
//! | every seed sees all levels | do values rise along the levels? | [`page_test`] |
//! | every seed sees all arms | do the arms differ at all? | [`friedman_test`] |
//!
//! Equal values share the mean of their ranks, and every null distribution is the one given those
//! ties.

mod friedman;
mod page;
mod ranks;

pub use friedman::{Friedman, friedman_test};
pub use page::{Page, page_test};
pub(crate) use ranks::mid_ranks;

/// Where the null distribution of a p-value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullDistribution {
    /// Every arrangement is counted.
    Exact,
    /// Normal approximation with the variance given the ties.
    Normal,
}

/// Direction in which values are expected to move along the levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trend {
    /// Values rise from the first level to the last.
    Rising,
    /// Values fall from the first level to the last.
    Falling,
}

impl Trend {
    /// The value as a rising trend would have it.
    pub(crate) fn oriented(self, value: f64) -> f64 {
        match self {
            Self::Rising => value,
            Self::Falling => -value,
        }
    }
}

/// Tables that the tests of both are checked on.
#[cfg(test)]
mod examples {
    /// Five seeds at five levels, without ties.
    pub const ROWS: [[f64; 5]; 5] = [
        [3.0, 4.0, 2.0, 6.0, 5.0],
        [1.0, 2.0, 3.0, 5.0, 4.0],
        [2.0, 4.0, 1.0, 3.0, 5.0],
        [1.0, 3.0, 2.0, 4.0, 6.0],
        [3.0, 2.0, 4.0, 5.0, 7.0],
    ];
    /// Ratings of three conditions by ten students, the example of SciPy's manual; with ties.
    pub const RATINGS: [[f64; 3]; 10] = [
        [3.0, 4.0, 3.0],
        [2.0, 2.0, 4.0],
        [3.0, 3.0, 5.0],
        [1.0, 3.0, 2.0],
        [2.0, 3.0, 2.0],
        [2.0, 4.0, 5.0],
        [1.0, 2.0, 4.0],
        [3.0, 4.0, 4.0],
        [2.0, 4.0, 5.0],
        [1.0, 3.0, 4.0],
    ];

    pub fn rows<const K: usize>(table: &[[f64; K]]) -> Vec<Vec<f64>> {
        table.iter().map(|row| row.to_vec()).collect()
    }
}
