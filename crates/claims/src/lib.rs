//! Pre-registered claims as data, and the verdicts that measurements allow on them.
//!
//! A [`Registration`] is read from `claims.toml`: for each claim its words, the arms and data it
//! compares, the test and the margin. A study fills [`Measurements`]; [`evaluate`] brings the two
//! together and says SUPPORTED, REFUTED, UNDECIDED, NOT MEASURED or GATED for each claim, with the
//! numbers behind it and one sentence in words. Nothing here trains, reads images or knows how arms
//! are built.
//!
//! ```
//! use claims::{Measurements, Registration, Verdict, evaluate};
//!
//! let registration = Registration::from_toml(
//!     r#"
//!     [settings]
//!     alpha = 0.05
//!     level = 0.95
//!     draws = 10000
//!     permutations = 9999
//!     seed = 1
//!     fewest_clusters = 5
//!
//!     [[claims]]
//!     id = "H1"
//!     text = "Hard codes hurt reading."
//!     family = "primary"
//!
//!     [[claims.parts]]
//!     rule = "difference"
//!     data = { study = "ocr", conditions = ["random"], charset = 94 }
//!     subject = { select = "best", role = "hard" }
//!     reference = { select = "width-matched-mlp" }
//!     metric = "character-error"
//!     direction = "higher"
//!     sides = "one"
//!     "#,
//! )?;
//! let report = evaluate(&registration, &Measurements::default())?;
//! assert_eq!(report.claims[0].verdict, Verdict::NotMeasured);
//! # Ok::<(), claims::ClaimsError>(())
//! ```
//!
//! # How a verdict comes about
//! A claim is a conjunction of parts, each with its own rule. A part *supports* the claim if its
//! test is significant at `alpha` and its hierarchical bootstrap interval agrees; it *contradicts*
//! the claim if both agree on the opposite (or on equality within the margin) at `alpha` divided by
//! the number of claims in the family. The p-value of a claim is the largest of its parts
//! (intersection-union). Over the primary family these p-values are adjusted by Holm's procedure, a
//! claim without a p-value counting as 1; exploratory claims get Benjamini–Hochberg q-values.
//!
//! | Verdict | When |
//! |---|---|
//! | REFUTED | a part contradicts |
//! | NOT MEASURED | data are missing; the sentence says which |
//! | UNDECIDED | a part is open, or the adjusted p-value exceeds `alpha` |
//! | SUPPORTED | all parts support, and the adjusted p-value agrees |
//! | GATED | measured, but an integrity gate that concerns it failed |

mod error;
mod evaluation;
mod finding;
mod gates;
mod measurements;
pub mod registration;
mod selection;

pub use error::ClaimsError;
pub use evaluation::{Evaluator, evaluate};
pub use finding::{ClaimFinding, GateFinding, GateState, Outcome, PartFinding, Report, Verdict};
pub use gates::ceiling;
pub use measurements::{ArmFacts, Evaluation, Measurements, PublishedDifference, Role, Series};
pub use registration::{Claim, Family, Registration};
