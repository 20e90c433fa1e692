//! The pre-registration: claims, gates and settings as data, checked on reading.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::measurements::{Evaluation, Role};
use crate::{ClaimsError, Measurements};

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
    /// The MLP as wide as the vocabulary of the subject of the comparison.
    WidthMatchedMlp,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Metric {
    /// `Σ edits / Σ characters`.
    CharacterError,
    /// Share of items with an error: one minus word or task accuracy.
    WordError,
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

/// One testable statement. Margins and effects are fractions.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Rule {
    /// The errors of two arms differ in a direction: sign-flip test and bootstrap interval. With a
    /// margin, equality within it contradicts.
    Difference {
        /// Test sets.
        data: Facets,
        /// The arm the claim is about.
        subject: ArmSelector,
        /// What it is compared with.
        reference: ArmSelector,
        /// What is compared.
        metric: Metric,
        /// Direction of the claim.
        direction: Direction,
        /// Sides of the sign-flip test.
        sides: Sides,
        /// Smallest difference that matters.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        margin: Option<f64>,
    },
    /// The difference of two arms is larger on one set of data than on another, in log odds.
    Interaction {
        /// Where the difference is claimed to be larger.
        focus: Facets,
        /// Where it is claimed to be smaller.
        contrast: Facets,
        /// The arm the claim is about.
        subject: ArmSelector,
        /// What it is compared with.
        reference: ArmSelector,
        /// What is compared, as log odds.
        metric: Metric,
        /// Sides of the sign-flip test.
        sides: Sides,
    },
    /// The errors of two arms are equal within a margin: two one-sided tests over seeds.
    Equivalence {
        /// Test sets.
        data: Facets,
        /// The arm the claim is about.
        subject: ArmSelector,
        /// What it is compared with.
        reference: ArmSelector,
        /// What is compared.
        metric: Metric,
        /// Half-width of equality.
        margin: f64,
        /// Largest difference of the reconstruction R² of the arms, where they must match.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        matched_r2: Option<f64>,
    },
    /// Hard arms have a knee within their code budget, its place grows with the bits, and smooth
    /// arms have none: broken-stick against plain logistic regression.
    Knee {
        /// Test sets, over several densities.
        data: Facets,
        /// Role of the arms that must have a knee, wherever their nominal bits are in the pair.
        role: Role,
        /// Arms that must have none.
        smooth: Vec<ArmSelector>,
        /// Nominal bits whose break-points are compared, the fewer first.
        bits_pair: [f64; 2],
        /// Expected ratio of these break-points.
        ratio: f64,
        /// Kind of break that counts as a knee.
        bend: Bend,
        /// Curves are cut after the first density whose error exceeds this share of chance error.
        saturation: f64,
    },
    /// The error falls with the nominal bits of the code: Page's test over seeds.
    RateTrend {
        /// Test sets.
        data: Facets,
        /// Role of the arms; at equal bits the best by validation is taken.
        role: Role,
        /// Arm that enough bits should equal.
        reference: ArmSelector,
        /// What is compared.
        metric: Metric,
        /// Margin of that equality.
        margin: f64,
    },
    /// Used bits predict the error over arms, given learning rate and vocabulary: partial Spearman.
    UsageCorrelation {
        /// Test sets.
        data: Facets,
        /// Role of the arms.
        role: Role,
        /// What is predicted.
        metric: Metric,
        /// Correlation to be reached, below 0.
        rho: f64,
    },
    /// Several arms do not all have the same error: Friedman's test over seeds.
    ArmsDiffer {
        /// Test sets.
        data: Facets,
        /// The arms.
        arms: Vec<ArmSelector>,
        /// What is compared.
        metric: Metric,
        /// Equality of all pairs within it contradicts.
        margin: f64,
    },
    /// A soft arm read with its best word only loses, and more words recover it: Page's test over k.
    Hardening {
        /// Test sets, read with all words; the same with top-k are found by it.
        data: Facets,
        /// The soft arm.
        subject: ArmSelector,
        /// What is compared.
        metric: Metric,
        /// Margin within which k words equal all.
        margin: f64,
        /// Number of words to compare the answer with, such as the one of a released model.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        published_words: Option<usize>,
    },
    /// An arm closes part of the gap between another and a reference.
    GapClosed {
        /// Test sets.
        data: Facets,
        /// The arm that should close it.
        subject: ArmSelector,
        /// The arm with the gap.
        baseline: ArmSelector,
        /// The arm without.
        reference: ArmSelector,
        /// What is compared.
        metric: Metric,
        /// Share of the gap to be closed.
        fraction: f64,
        /// Share that the interval must exclude.
        floor: f64,
        /// Sides of the sign-flip test.
        sides: Sides,
    },
    /// The threshold of a fine-grained task is higher: ratio of psychometric thresholds.
    ThresholdRatio {
        /// Test sets over several stimulus levels, of one condition.
        data: Facets,
        /// The arm the claim is about.
        subject: ArmSelector,
        /// What it is compared with.
        reference: ArmSelector,
        /// Share of right answers at the threshold.
        proportion: f64,
        /// Largest lapse rate.
        largest_lapse: f64,
        /// Sides of the sign-flip test.
        sides: Sides,
    },
    /// The difference of two arms shrinks as characters grow: slope over pixels per character.
    GapSlope {
        /// Test sets over several widths of characters.
        data: Facets,
        /// The arm the claim is about.
        subject: ArmSelector,
        /// What it is compared with.
        reference: ArmSelector,
        /// What is compared.
        metric: Metric,
        /// Sides of the sign-flip test.
        sides: Sides,
    },
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
    /// What is checked.
    pub check: GateRule,
}

/// What a gate checks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case", deny_unknown_fields)]
pub enum GateRule {
    /// Every trainable parameter of every arm received a gradient; concerns claims about the arm.
    GradientsPresent,
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
        /// In character error.
        tolerance: f64,
    },
    /// Control-task accuracy equals the reference's within the margin; concerns claims about the arm.
    ControlTaskEquality {
        /// Half-width of equality, in accuracy.
        margin: f64,
        /// The arm that others are compared with.
        reference: ArmSelector,
    },
    /// Arms are ordered alike by accuracy and by codelength, in every study that measured both.
    RankingsAgree {
        /// Smallest Kendall τ.
        tau: f64,
    },
    /// No chosen setting lies on the edge of its grid; concerns claims about the arm.
    NoOptimumOnEdge,
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
            let what = format!("claim {}", claim.id);
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
        for gate in &self.gates {
            let what = format!("gate {}", gate.id);
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

impl Rule {
    fn check(&self, what: &str) -> Result<(), ClaimsError> {
        let positive = |name: &str, value: f64| require(what, name, value, value > 0.0);
        let share =
            |name: &str, value: f64| require(what, name, value, (0.0..1.0).contains(&value));
        match self {
            Self::Difference { margin, data, .. } => {
                data.check(what)?;
                margin.map_or(Ok(()), |margin| positive("margin", margin))
            }
            Self::Interaction {
                focus, contrast, ..
            } => {
                focus.check(what)?;
                contrast.check(what)
            }
            Self::Equivalence {
                margin,
                matched_r2,
                data,
                ..
            } => {
                data.check(what)?;
                positive("margin", *margin)?;
                matched_r2.map_or(Ok(()), |tolerance| positive("matched_r2", tolerance))
            }
            Self::Knee {
                bits_pair: [fewer, more],
                ratio,
                saturation,
                data,
                ..
            } => {
                data.check(what)?;
                require(what, "bits_pair", *fewer, *fewer > 0.0 && fewer < more)?;
                require(what, "ratio", *ratio, *ratio > 1.0)?;
                require(
                    what,
                    "saturation",
                    *saturation,
                    *saturation > 0.0 && *saturation <= 1.0,
                )
            }
            Self::RateTrend { margin, data, .. } | Self::Hardening { margin, data, .. } => {
                data.check(what)?;
                positive("margin", *margin)
            }
            Self::UsageCorrelation { rho, data, .. } => {
                data.check(what)?;
                require(what, "rho", *rho, *rho < 0.0 && *rho > -1.0)
            }
            Self::ArmsDiffer {
                arms, margin, data, ..
            } => {
                data.check(what)?;
                require(what, "number of arms", arms.len() as f64, arms.len() >= 2)?;
                positive("margin", *margin)
            }
            Self::GapClosed {
                fraction,
                floor,
                data,
                ..
            } => {
                data.check(what)?;
                require(what, "fraction", *fraction, *fraction > 0.0)?;
                require(what, "floor", *floor, floor <= fraction)
            }
            Self::ThresholdRatio {
                proportion,
                largest_lapse,
                data,
                ..
            } => {
                data.check(what)?;
                share("proportion", *proportion)?;
                share("largest_lapse", *largest_lapse)
            }
            Self::GapSlope { data, .. } => data.check(what),
        }
    }
}

impl GateRule {
    fn check(&self, what: &str) -> Result<(), ClaimsError> {
        let positive = |name: &str, value: f64| require(what, name, value, value >= 0.0);
        match self {
            Self::MeanPredictor { tolerance }
            | Self::BlindAtChance { tolerance }
            | Self::CeilingAboveAll { tolerance } => positive("tolerance", *tolerance),
            Self::ControlTaskEquality { margin, .. } => {
                require(what, "margin", *margin, *margin > 0.0)
            }
            Self::RankingsAgree { tau } => require(what, "tau", *tau, (-1.0..=1.0).contains(tau)),
            Self::GradientsPresent | Self::NoOptimumOnEdge => Ok(()),
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
            Self::WidthMatchedMlp => "the width-matched MLP".to_owned(),
        }
    }
}

fn invalid(what: &str, reason: &str) -> ClaimsError {
    ClaimsError::Invalid {
        what: what.to_owned(),
        reason: reason.to_owned(),
    }
}

fn require(what: &str, name: &str, value: f64, possible: bool) -> Result<(), ClaimsError> {
    if possible {
        return Ok(());
    }
    Err(invalid(what, &format!("{name} cannot be {value}")))
}
