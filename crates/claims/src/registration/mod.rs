//! The pre-registration: claims, gates and settings as data, checked on reading.

use std::collections::BTreeSet;

mod rules;

use probe_statistics::power::fewest_seeds;
use probe_statistics::sign_flip::Alternative;
use serde::{Deserialize, Serialize};

use crate::ceiling::TOLERANCE;
use crate::measurements::{Evaluation, Role};
use crate::{ClaimsError, Measurements};

pub use rules::{
    Against, Along, ArmsDiffer, Difference, Equivalence, GapClosed, GapSlope, Given, Hardening,
    Interaction, Knee, RateTrend, Rule, Rungs, ThresholdRatio, UsageCorrelation,
};

/// Everything that was fixed before measuring.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// Levels and numbers of draws.
    pub settings: Settings,
    /// The claims, in the order of the report.
    pub claims: Vec<Claim>,
    /// The integrity gates.
    #[serde(default)]
    pub gates: Vec<Gate>,
}

/// Levels and numbers of draws.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Significance level, for a claim after adjustment and for a part before.
    pub alpha: f64,
    /// Coverage of intervals.
    pub level: f64,
    /// Bootstrap draws.
    pub draws: usize,
    /// Draws of permutation tests.
    pub permutations: usize,
    /// Seed of all draws.
    pub seed: u64,
    /// Fewest clusters that are resampled as wholes; with fewer, single items are.
    pub fewest_clusters: usize,
}

impl Settings {
    /// Draws of the intervals of thresholds and of their ratios: psychometric functions are fitted
    /// anew in every draw, so there are fewer than elsewhere.
    #[must_use]
    pub fn threshold_draws(&self) -> usize {
        self.draws.min(2000)
    }

    /// Draws of the intervals of break-points, and simulated curves of their test: curves are fitted
    /// hundreds of times for one test, so there are fewer than elsewhere.
    #[must_use]
    pub fn knee_draws(&self) -> usize {
        self.permutations.min(999)
    }

    /// Draws of the intervals in integrity gates.
    #[must_use]
    pub fn gate_draws(&self) -> usize {
        self.draws.min(2000)
    }
}

/// Which correction a claim falls under.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// Holm's procedure over all primary claims.
    Primary,
    /// Benjamini–Hochberg over all exploratory claims.
    Exploratory,
}

/// One claim: supported if every part is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claim {
    /// Short name, such as "H1".
    pub id: String,
    /// The claim in words.
    pub text: String,
    /// Its family.
    pub family: Family,
    /// What must hold.
    pub parts: Vec<Rule>,
}

/// Which test sets are compared. Test sets that match are pooled, item by item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facets {
    /// The study.
    pub study: String,
    /// Conditions, such as `["random"]`; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Vec<String>>,
    /// Size of the alphabet; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub charset: Option<usize>,
    /// Smallest and largest number of characters per token; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub densities: Option<[f64; 2]>,
    /// Training steps; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub steps: Option<usize>,
    /// How tokens are made.
    #[serde(default)]
    pub evaluation: Evaluation,
}

/// Which arm is meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "select", rename_all = "kebab-case", deny_unknown_fields)]
pub enum ArmSelector {
    /// The arm of that name.
    Arm {
        /// Its name.
        arm: String,
    },
    /// The arm of a kind, of any size, with the smallest validation error.
    Kind {
        /// Name without the size.
        kind: String,
    },
    /// The arm of a role with the smallest validation error.
    Best {
        /// The role.
        role: Role,
    },
    /// The one of these arms with the smallest validation error.
    BestOf {
        /// Their names.
        arms: Vec<String>,
    },
    /// The MLP as wide as the vocabulary of the subject of the comparison.
    // With braces, as the rules without fields below: serde refuses unknown fields of these alone.
    WidthMatchedMlp {},
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// `Σ edits / Σ characters`.
    CharacterError,
    /// Share of items with an error: one minus word or task accuracy.
    WordError,
    /// Share of the pixels' variance that a reconstruction loses: the mean over items, each of which has as
    /// many "characters" as there are parts of a variance that are told apart.
    VarianceLost,
}

/// Whether the subject's error is claimed to be above or below the reference's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// Above.
    Higher,
    /// Below.
    Lower,
}

/// Sides of a sign-flip test. The direction of the claim must hold either way.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sides {
    /// One-sided.
    One,
    /// Two-sided.
    Two,
}

/// Direction of a break, as in [`probe_statistics::knee::Bend`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bend {
    /// The error rises faster beyond it.
    Upward,
    /// The error rises more slowly beyond it.
    Downward,
    /// Whichever fits better.
    Either,
}

/// An integrity check and the claims that it concerns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Gate {
    /// Short name.
    pub id: String,
    /// Claims it concerns; all if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocks: Option<Vec<String>>,
    /// Whether a claim is gated if this was not measured.
    #[serde(default)]
    pub required: bool,
    /// Whether its words name the verdicts that it takes away, if it fails.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub names_changes: bool,
    /// What is checked.
    pub check: GateRule,
}

/// What a gate checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum GateRule {
    /// Every trainable parameter of every arm received a gradient; concerns claims about the arm.
    GradientsPresent {},
    /// The mean predictor has an R² of 0 within the tolerance wherever an R² is reported.
    MeanPredictor {
        /// Largest distance from 0.
        tolerance: f64,
    },
    /// Arms of the floor are not better than chance by more than the tolerance.
    BlindAtChance {
        /// In accuracy.
        tolerance: f64,
    },
    /// No arm reads better than the ceiling by more than the tolerance, all comparisons at once.
    CeilingAboveAll {
        /// In character error; [`TOLERANCE`], by which runs check themselves, if absent.
        #[serde(default = "ceiling_tolerance")]
        tolerance: f64,
    },
    /// Control-task accuracy equals the reference's within the margin; concerns claims about the arm.
    ControlTaskEquality {
        /// Half-width of equality, in accuracy.
        margin: f64,
        /// The arm that others are compared with.
        reference: ArmSelector,
    },
    /// Of two arms of a study that a part of a claim compares, the one that reads better does not
    /// memorise more in the control task by more than the margin and more than chance; concerns claims
    /// about the pair. The other way round is allowed: it only hides a difference.
    ControlTaskAdvantage {
        /// Largest advantage, in accuracy.
        margin: f64,
    },
    /// Arms are ordered alike by accuracy and by codelength, in every study that measured both.
    RankingsAgree {
        /// Smallest Kendall τ.
        tau: f64,
    },
    /// No chosen setting lies on the edge of its grid; concerns claims about the arm.
    NoOptimumOnEdge {},
}

fn ceiling_tolerance() -> f64 {
    TOLERANCE
}

impl Registration {
    /// Reads and checks `claims.toml`.
    ///
    /// # Errors
    /// If the text is not TOML of this form, an id repeats, a gate names an unknown claim, or a
    /// number is out of range.
    pub fn from_toml(text: &str) -> Result<Self, ClaimsError> {
        let registration: Self = toml::from_str(text)?;
        registration.check()?;
        Ok(registration)
    }

    /// Fewest paired seeds with which a claim of the family can be supported at all: those whose
    /// smallest sign-flip p survives the first step of Holm's procedure.
    ///
    /// # Errors
    /// If the significance level is out of range.
    pub fn fewest_seeds(&self, family: Family, sides: Sides) -> Result<usize, ClaimsError> {
        let alternative = match sides {
            Sides::One => Alternative::Greater,
            Sides::Two => Alternative::TwoSided,
        };
        let size = self.family_size(family).max(1) as f64;
        fewest_seeds(self.settings.alpha / size, alternative).map_err(|source| {
            ClaimsError::Statistics {
                what: "the number of seeds".to_owned(),
                source,
            }
        })
    }

    /// Number of claims in a family.
    pub(crate) fn family_size(&self, family: Family) -> usize {
        let claims = self.claims.iter();
        claims.filter(|claim| claim.family == family).count()
    }

    pub(crate) fn check(&self) -> Result<(), ClaimsError> {
        let Settings {
            alpha,
            level,
            draws,
            permutations,
            ..
        } = self.settings;
        require("settings", "alpha", alpha, alpha > 0.0 && alpha < 1.0)?;
        require("settings", "level", level, level > 0.0 && level < 1.0)?;
        require("settings", "draws", draws as f64, draws >= 2)?;
        require(
            "settings",
            "permutations",
            permutations as f64,
            permutations >= 1,
        )?;
        let mut ids = BTreeSet::new();
        for claim in &self.claims {
            let what = format!("claim {}", claim.id.escape_debug());
            if claim.id.trim().is_empty() || claim.id.contains(char::is_control) {
                return Err(invalid(
                    &what,
                    "tables name claims by their id; give it one on one line",
                ));
            }
            if !ids.insert(claim.id.as_str()) {
                return Err(invalid(
                    &what,
                    "this id occurs twice; give each claim its own",
                ));
            }
            if claim.parts.is_empty() {
                return Err(invalid(&what, "it has no parts; give at least one rule"));
            }
            for rule in &claim.parts {
                rule.check(&what)?;
            }
        }
        let mut gate_ids = BTreeSet::new();
        for gate in &self.gates {
            let what = format!("gate {}", gate.id);
            // Words of a gate say what else would take a verdict away, by the ids of the others.
            if !gate_ids.insert(gate.id.as_str()) {
                return Err(invalid(
                    &what,
                    "this id occurs twice; give each gate its own",
                ));
            }
            let unknown = gate
                .blocks
                .iter()
                .flatten()
                .find(|id| !ids.contains(id.as_str()));
            if let Some(id) = unknown {
                return Err(invalid(
                    &what,
                    &format!("it blocks {id}, but there is no such claim"),
                ));
            }
            gate.check.check(&what)?;
        }
        Ok(())
    }
}

impl GateRule {
    fn check(&self, what: &str) -> Result<(), ClaimsError> {
        match self {
            Self::MeanPredictor { tolerance }
            | Self::BlindAtChance { tolerance }
            | Self::CeilingAboveAll { tolerance } => {
                require(what, "tolerance", *tolerance, *tolerance >= 0.0)?;
                share(what, "tolerance", *tolerance)
            }
            Self::ControlTaskEquality { margin, .. } | Self::ControlTaskAdvantage { margin } => {
                margin_of_errors(what, "margin", *margin)
            }
            Self::RankingsAgree { tau } => require(what, "tau", *tau, (-1.0..=1.0).contains(tau)),
            Self::GradientsPresent {} | Self::NoOptimumOnEdge {} => Ok(()),
        }
    }
}

impl Facets {
    fn check(&self, what: &str) -> Result<(), ClaimsError> {
        if let Some([from, to]) = self.densities {
            require(what, "densities", from, from <= to)?;
        }
        Ok(())
    }

    /// Series that match, of every arm.
    pub(crate) fn series<'m>(
        &self,
        measurements: &'m Measurements,
    ) -> impl Iterator<Item = &'m crate::Series> {
        let facets = self.clone();
        measurements.series.iter().filter(move |series| {
            let condition = facets.conditions.as_ref();
            let density = facets.densities.zip(series.density);
            series.study == facets.study
                && condition.is_none_or(|names| names.contains(&series.condition))
                && facets.charset.is_none_or(|size| size == series.charset)
                && (facets.densities.is_none()
                    || density.is_some_and(|([from, to], d)| (from..=to).contains(&d)))
                && (facets.steps.is_none() || facets.steps == series.steps)
                && series.evaluation == facets.evaluation
        })
    }

    /// Name for messages.
    pub(crate) fn describe(&self) -> String {
        let mut text = format!("study {}", self.study);
        if let Some(conditions) = &self.conditions {
            text.push_str(&format!(", {}", conditions.join(" or ")));
        }
        if let Some(charset) = self.charset {
            text.push_str(&format!(", {charset} symbols"));
        }
        if let Some([from, to]) = self.densities {
            text.push_str(&format!(", {from} to {to} characters per token"));
        }
        if let Some(steps) = self.steps {
            text.push_str(&format!(", {} training steps", ::wording::count(steps)));
        }
        text
    }
}

impl ArmSelector {
    /// Name for messages.
    pub(crate) fn describe(&self) -> String {
        match self {
            Self::Arm { arm } => arm.clone(),
            Self::Kind { kind } => format!("any {kind}"),
            Self::Best { role } => format!("a {} arm", role.name()),
            Self::BestOf { arms } => format!("the better of {}", arms.join(" and ")),
            Self::WidthMatchedMlp {} => "the width-matched MLP".to_owned(),
        }
    }
}

fn invalid(what: &str, reason: &str) -> ClaimsError {
    ClaimsError::Invalid {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}

/// Checks how much two errors may differ: above 0, and no percentage.
fn margin_of_errors(what: &str, name: &str, value: f64) -> Result<(), ClaimsError> {
    require(what, name, value, value > 0.0)?;
    share(what, name, value)
}

/// Errors are shares, and so is what they differ by.
fn share(what: &str, name: &str, value: f64) -> Result<(), ClaimsError> {
    if value < 1.0 {
        return Ok(());
    }
    Err(invalid(
        what,
        &format!("{name} cannot be {value}: errors are shares, 0.01 is one point"),
    ))
}

fn require(what: &str, name: &str, value: f64, possible: bool) -> Result<(), ClaimsError> {
    if possible {
        return Ok(());
    }
    Err(invalid(what, &format!("{name} cannot be {value}")))
}
