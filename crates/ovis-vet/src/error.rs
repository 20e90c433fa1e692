//! The one error type of this crate.

/// Why a [`VetConfig`](crate::VetConfig) describes no visual embedding table.
#[derive(Debug, thiserror::Error, PartialEq)]
#[non_exhaustive]
pub enum VetError {
    /// An axis has no extent.
    #[error("visual embedding table: {axis} is 0; set it to 1 or more")]
    EmptyAxis {
        /// The field of the config.
        axis: &'static str,
    },
    /// Indicator rows leave no visual words.
    #[error(
        "visual embedding table: {indicators} of {words_total} rows are indicators, so no visual \
         word is left; set words_total to {} or more",
        indicators + 1
    )]
    NoWords {
        /// Rows of the table.
        words_total: usize,
        /// Rows kept for indicators.
        indicators: usize,
    },
    /// A fraction that leaves nothing on one side.
    #[error("visual embedding table: {name} is {found}; set it to a number between 0 and 1")]
    BadShare {
        /// What the number is.
        name: &'static str,
        /// The number given.
        found: f64,
    },
    /// A scale that is not a positive finite number.
    #[error("visual embedding table: {name} is {found}; set it to a finite number above 0")]
    BadScale {
        /// What the number is.
        name: &'static str,
        /// The number given.
        found: f64,
    },
    /// `top-k` without any word.
    #[error("tokenize function top-k: k is 0; keep 1 word or more")]
    EmptyTopK,
    /// A token of no codes.
    #[error("visual embedding table: codes per token is 0; set it to 1 or more")]
    NoCodes,
}

pub(crate) fn check_scale(name: &'static str, found: f64) -> Result<(), VetError> {
    if found.is_finite() && found > 0.0 {
        Ok(())
    } else {
        Err(VetError::BadScale { name, found })
    }
}
