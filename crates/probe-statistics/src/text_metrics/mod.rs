//! How well a predicted text matches its reference.
//!
//! A character is one Unicode scalar value. Case folding, normalisation (NFC, NFKD) and filtering
//! by alphabet are protocol choices and belong to the caller, who applies them to both texts.

mod confusion;
mod position;
mod reading;

pub use confusion::{CONFUSABLE_GROUPS, ConfusableGroup, ConfusedPair, Confusion, align};
pub use position::PositionAccuracy;
pub use reading::{Reading, ReadingScores};
