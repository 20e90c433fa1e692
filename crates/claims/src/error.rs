//! The one error type of this crate.

use probe_statistics::StatisticsError;
use thiserror::Error;

/// What is wrong with a registration or with measurements.
#[derive(Debug, Error)]
pub enum ClaimsError {
    /// The registration is not what this version understands.
    #[error("the claims cannot be read: {0}")]
    Read(#[from] toml::de::Error),
    /// A claim, gate or setting is impossible.
    #[error("{what}: {reason}")]
    Invalid {
        /// Claim, gate or setting.
        what: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// Two series answer the same question.
    #[error("two series hold {series}; merge their seeds into one")]
    RepeatedSeries {
        /// Arm and facets of both.
        series: String,
    },
    /// Two facts describe the same arm of the same study.
    #[error("study {study} describes arm {arm} twice; give each arm once")]
    RepeatedArm {
        /// The study.
        study: String,
        /// The arm.
        arm: String,
    },
    /// Measurements do not fit together.
    #[error("{what} cannot be evaluated")]
    Statistics {
        /// Claim or gate that was evaluated.
        what: String,
        /// What was wrong with its data.
        source: StatisticsError,
    },
    /// A table could not be written.
    #[error("the table of verdicts cannot be written")]
    Table(#[from] csv::Error),
}
