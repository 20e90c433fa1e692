//! The rules that parts of claims follow. Margins, differences and shares are fractions.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::{
    ArmSelector, Bend, Direction, Facets, Metric, Sides, invalid, margin_of_errors, require,
};
use crate::ClaimsError;
use crate::measurements::Role;

/// One testable statement.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "rule", rename_all = "kebab-case")]
pub enum Rule {
    /// See [`Difference`].
    Difference(Difference),
    /// See [`Interaction`].
    Interaction(Interaction),
    /// See [`Equivalence`].
    Equivalence(Equivalence),
    /// See [`Knee`].
    Knee(Knee),
    /// See [`RateTrend`].
    RateTrend(RateTrend),
    /// See [`UsageCorrelation`].
    UsageCorrelation(UsageCorrelation),
    /// See [`ArmsDiffer`].
    ArmsDiffer(ArmsDiffer),
    /// See [`Hardening`].
    Hardening(Hardening),
    /// See [`GapClosed`].
    GapClosed(GapClosed),
    /// See [`ThresholdRatio`].
    ThresholdRatio(ThresholdRatio),
    /// See [`GapSlope`].
    GapSlope(GapSlope),
    /// See [`Rungs`].
    Rungs(Rungs),
}

/// The errors of two arms differ in a direction: sign-flip test and bootstrap interval. With a
/// margin, equality within it contradicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Difference {
    /// Test sets.
    pub data: Facets,
    /// The arm the claim is about.
    pub subject: ArmSelector,
    /// What it is compared with.
    pub reference: ArmSelector,
    /// What is compared.
    pub metric: Metric,
    /// Direction of the claim.
    pub direction: Direction,
    /// Sides of the sign-flip test.
    pub sides: Sides,
    /// Smallest difference that matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub margin: Option<f64>,
}

/// The difference of two arms is larger on one set of data than on another, in log odds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Interaction {
    /// Where the difference is claimed to be larger.
    pub focus: Facets,
    /// Where it is claimed to be smaller.
    pub contrast: Facets,
    /// The arm the claim is about.
    pub subject: ArmSelector,
    /// What it is compared with.
    pub reference: ArmSelector,
    /// What is compared, as log odds.
    pub metric: Metric,
    /// Sides of the sign-flip test.
    pub sides: Sides,
}

/// The errors of two arms are equal within a margin: two one-sided tests over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Equivalence {
    /// Test sets.
    pub data: Facets,
    /// The arm the claim is about.
    pub subject: ArmSelector,
    /// What it is compared with.
    pub reference: ArmSelector,
    /// What is compared.
    pub metric: Metric,
    /// Half-width of equality.
    pub margin: f64,
    /// Largest difference of the reconstruction R² of the arms, where they must match.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub matched_r2: Option<f64>,
}

/// Hard arms have a knee within their code budget, its place grows with the bits, and smooth
/// arms have none: a curve with a break against one without.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Knee {
    /// Test sets, over several densities.
    pub data: Facets,
    /// Role of the arms that must have a knee, wherever their nominal bits are in the pair.
    pub role: Role,
    /// Arms that must have none.
    pub smooth: Vec<ArmSelector>,
    /// Nominal bits whose break-points are compared, the fewer first.
    pub bits_pair: [f64; 2],
    /// Expected ratio of these break-points.
    pub ratio: f64,
    /// Kind of break that counts as a knee.
    pub bend: Bend,
    /// Curves are cut after the first density whose error exceeds this share of chance error; 1 cuts
    /// nothing.
    pub saturation: f64,
    /// Which curves are compared.
    #[serde(default, skip_serializing_if = "Against::is_default")]
    pub against: Against,
}

/// The curve without a break that one with a break is compared with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Against {
    /// A logistic line; see [`probe_statistics::knee::knee_test`].
    #[default]
    Line,
    /// A rise from a floor to chance, whose break is the end of the floor; see
    /// [`probe_statistics::knee::saturating_test`]. Needs no cut, and breaks upward.
    Saturating,
}

impl Against {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

/// The error falls with the nominal bits of the code: Page's test over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateTrend {
    /// Test sets.
    pub data: Facets,
    /// Role of the arms; at equal bits the best by validation is taken.
    pub role: Role,
    /// Arm that enough bits should equal.
    pub reference: ArmSelector,
    /// What is compared.
    pub metric: Metric,
    /// Margin of that equality.
    pub margin: f64,
}

/// The error rises by the margin from no size of a code to the next, a one-sided t-test over seeds and the
/// interval, and falls from the smallest to the largest, one-sided sign flips and the interval. All have to hold,
/// so its p is the largest of theirs.
///
/// [`RateTrend`] asks about the order as a whole; this asks about every step. One that is shown to get worse by
/// more than the margin contradicts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rungs {
    /// Test sets.
    pub data: Facets,
    /// Role of the arms; at equal nominal bits the best by validation is taken.
    pub role: Role,
    /// What is compared.
    pub metric: Metric,
    /// From how much on a larger size counts as worse.
    pub margin: f64,
}

/// Used bits predict the error over arms, given other properties of them: partial Spearman.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UsageCorrelation {
    /// Test sets.
    pub data: Facets,
    /// Role of the arms.
    pub role: Role,
    /// What is predicted.
    pub metric: Metric,
    /// Correlation to be reached, below 0.
    pub rho: f64,
    /// What is held fixed.
    #[serde(
        default = "Given::learning_rate_and_vocabulary",
        skip_serializing_if = "Given::is_default"
    )]
    pub given: Vec<Given>,
}

/// A property of an arm that a correlation over arms holds fixed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Given {
    /// Learning rate of the final training.
    LearningRate,
    /// Words of the vocabulary.
    Vocabulary,
    /// Bits that the code can hold.
    NominalBits,
}

impl Given {
    fn learning_rate_and_vocabulary() -> Vec<Self> {
        vec![Self::LearningRate, Self::Vocabulary]
    }

    fn is_default(given: &[Self]) -> bool {
        given == Self::learning_rate_and_vocabulary()
    }

    /// Name for messages.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LearningRate => "learning rate",
            Self::Vocabulary => "vocabulary",
            Self::NominalBits => "nominal bits",
        }
    }
}

/// Several arms do not all have the same error: Friedman's test over seeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArmsDiffer {
    /// Test sets.
    pub data: Facets,
    /// The arms.
    pub arms: Vec<ArmSelector>,
    /// What is compared.
    pub metric: Metric,
    /// Equality of all pairs within it contradicts.
    pub margin: f64,
}

/// A soft arm read with its best word only loses, and more words recover it: Page's test over k.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hardening {
    /// Test sets, read with all words; the same with top-k are found by it.
    pub data: Facets,
    /// The soft arm.
    pub subject: ArmSelector,
    /// What is compared.
    pub metric: Metric,
    /// Margin within which k words equal all.
    pub margin: f64,
    /// Number of words to compare the answer with, such as the one of a released model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_words: Option<usize>,
}

/// An arm closes part of the gap between another and a reference.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapClosed {
    /// Test sets.
    pub data: Facets,
    /// The arm that should close it.
    pub subject: ArmSelector,
    /// The arm with the gap.
    pub baseline: ArmSelector,
    /// The arm without.
    pub reference: ArmSelector,
    /// What is compared.
    pub metric: Metric,
    /// Share of the gap to be closed.
    pub fraction: f64,
    /// Share that the interval must exclude.
    pub floor: f64,
    /// Sides of the sign-flip test.
    pub sides: Sides,
}

/// The threshold of a fine-grained task is higher: ratio of psychometric thresholds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ThresholdRatio {
    /// Test sets over several stimulus levels, of one condition.
    pub data: Facets,
    /// The arm the claim is about.
    pub subject: ArmSelector,
    /// What it is compared with.
    pub reference: ArmSelector,
    /// Share of right answers at the threshold.
    pub proportion: f64,
    /// Largest lapse rate.
    pub largest_lapse: f64,
    /// Sides of the sign-flip test.
    pub sides: Sides,
}

/// The difference of two arms shrinks along the size of characters or the length of training: slope.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GapSlope {
    /// Test sets over several places along the axis.
    pub data: Facets,
    /// The arm the claim is about.
    pub subject: ArmSelector,
    /// What it is compared with.
    pub reference: ArmSelector,
    /// What is compared.
    pub metric: Metric,
    /// Sides of the sign-flip test.
    pub sides: Sides,
    /// The axis.
    #[serde(default, skip_serializing_if = "Along::is_default")]
    pub along: Along,
    /// For [`Along::TrainingSteps`]: a change over the last doubling within it is a plateau, which the
    /// words then say. It has no part in the verdict.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plateau: Option<f64>,
}

/// What a difference is followed along.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Along {
    /// Pixels of a character's side; the slope is per pixel.
    #[default]
    CharacterSide,
    /// Training steps; the slope is per doubling. Arms are chosen at the longest training.
    TrainingSteps,
}

impl Along {
    fn is_default(&self) -> bool {
        *self == Self::default()
    }
}

impl Rule {
    /// Sides of the sign flips over seeds that its p comes from, which few seeds limit; `None` where other tests
    /// decide.
    #[must_use]
    pub fn sign_flips(&self) -> Option<Sides> {
        match self {
            Self::Difference(rule) => Some(rule.sides),
            Self::Interaction(rule) => Some(rule.sides),
            Self::GapClosed(rule) => Some(rule.sides),
            Self::ThresholdRatio(rule) => Some(rule.sides),
            Self::GapSlope(rule) => Some(rule.sides),
            Self::Rungs(_) => Some(Sides::One),
            Self::Hardening(_) => Some(Sides::Two),
            Self::Equivalence(_)
            | Self::Knee(_)
            | Self::RateTrend(_)
            | Self::UsageCorrelation(_)
            | Self::ArmsDiffer(_) => None,
        }
    }

    /// The test sets that it asks for.
    pub(crate) fn data(&self) -> Vec<&Facets> {
        match self {
            Self::Interaction(rule) => vec![&rule.focus, &rule.contrast],
            Self::Difference(Difference { data, .. })
            | Self::Equivalence(Equivalence { data, .. })
            | Self::Knee(Knee { data, .. })
            | Self::RateTrend(RateTrend { data, .. })
            | Self::UsageCorrelation(UsageCorrelation { data, .. })
            | Self::ArmsDiffer(ArmsDiffer { data, .. })
            | Self::Hardening(Hardening { data, .. })
            | Self::GapClosed(GapClosed { data, .. })
            | Self::ThresholdRatio(ThresholdRatio { data, .. })
            | Self::GapSlope(GapSlope { data, .. })
            | Self::Rungs(Rungs { data, .. }) => vec![data],
        }
    }

    pub(super) fn check(&self, what: &str) -> Result<(), ClaimsError> {
        for data in self.data() {
            data.check(what)?;
        }
        match self {
            Self::Difference(Difference { margin, .. }) => {
                margin.map_or(Ok(()), |margin| margin_of_errors(what, "margin", margin))
            }
            Self::Interaction(_) => Ok(()),
            Self::Equivalence(Equivalence {
                margin, matched_r2, ..
            }) => {
                margin_of_errors(what, "margin", *margin)?;
                matched_r2.map_or(Ok(()), |tolerance| {
                    require(what, "matched_r2", tolerance, tolerance > 0.0)
                })
            }
            Self::Knee(Knee {
                bits_pair: [fewer, more],
                ratio,
                saturation,
                bend,
                against,
                ..
            }) => {
                if *against == Against::Saturating && *bend != Bend::Upward {
                    return Err(invalid(
                        what,
                        "against = \"saturating\" looks for a floor that ends; give bend = \"upward\"",
                    ));
                }
                require(what, "bits_pair", *fewer, *fewer > 0.0 && fewer < more)?;
                require(what, "ratio", *ratio, *ratio > 1.0)?;
                require(
                    what,
                    "saturation",
                    *saturation,
                    *saturation > 0.0 && *saturation <= 1.0,
                )
            }
            Self::RateTrend(RateTrend { margin, .. })
            | Self::Rungs(Rungs { margin, .. })
            | Self::Hardening(Hardening { margin, .. }) => {
                margin_of_errors(what, "margin", *margin)
            }
            Self::UsageCorrelation(UsageCorrelation { rho, given, .. }) => {
                let different: BTreeSet<&Given> = given.iter().collect();
                if given.is_empty() || different.len() < given.len() {
                    return Err(invalid(
                        what,
                        "given has to name at least one property, and each once",
                    ));
                }
                require(what, "rho", *rho, *rho < 0.0 && *rho > -1.0)
            }
            Self::ArmsDiffer(ArmsDiffer { arms, margin, .. }) => {
                require(what, "number of arms", arms.len() as f64, arms.len() >= 2)?;
                margin_of_errors(what, "margin", *margin)
            }
            Self::GapClosed(GapClosed {
                fraction, floor, ..
            }) => {
                require(what, "fraction", *fraction, *fraction > 0.0)?;
                require(what, "floor", *floor, floor <= fraction)
            }
            Self::ThresholdRatio(ThresholdRatio {
                proportion,
                largest_lapse,
                ..
            }) => {
                // At 0 there is no threshold, and the evaluation would end there after all training.
                let lies_between = *proportion > 0.0 && *proportion < 1.0;
                require(what, "proportion", *proportion, lies_between)?;
                let is_share = (0.0..1.0).contains(largest_lapse);
                require(what, "largest_lapse", *largest_lapse, is_share)
            }
            Self::GapSlope(GapSlope { along, plateau, .. }) => match (along, plateau) {
                (_, None) => Ok(()),
                (Along::TrainingSteps, Some(margin)) => margin_of_errors(what, "plateau", *margin),
                (Along::CharacterSide, Some(_)) => Err(invalid(
                    what,
                    "plateau is about trainings; give it with along = \"training-steps\" only",
                )),
            },
        }
    }
}
