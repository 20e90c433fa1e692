//! From measurements to verdicts.

mod arms_differ;
mod differences;
mod gap_slope;
mod hardening;
mod knee;
mod rate_trend;
mod recovery;
mod rungs;
mod tests_over_seeds;
mod thresholds;
mod usage;

use std::collections::BTreeSet;

use probe_statistics::StatisticsError;
use probe_statistics::multiplicity::{benjamini_hochberg, holm};
use probe_statistics::power::fewest_seeds;
use probe_statistics::sign_flip::{Alternative, smallest_p};

use self::wording::number;
use crate::finding::{ClaimFinding, Outcome, PartFinding, Report, Verdict};
use crate::gates;
use crate::registration::{
    ArmSelector, Claim, Facets, Family, Metric, Registration, Rule, Settings,
};
use crate::selection::{self, by_cell};
use crate::{ClaimsError, GateFinding, GateState, Measurements};
pub(crate) use ::wording::claims as wording;
use thresholds::ThresholdCache;

/// Evaluates every claim and gate.
///
/// # Errors
/// If the registration is impossible, a series or arm is given twice, or arms that are compared
/// were tested on different items.
pub fn evaluate(
    registration: &Registration,
    measurements: &Measurements,
) -> Result<Report, ClaimsError> {
    registration.check()?;
    let mut evaluator = Evaluator::new(measurements, &registration.settings)?;
    let mut claims = Vec::new();
    for claim in &registration.claims {
        evaluator.alpha_against =
            registration.settings.alpha / registration.family_size(claim.family).max(1) as f64;
        claims.push(evaluator.claim(claim)?);
    }
    adjust(registration, &mut claims)?;
    for claim in &mut claims {
        conclude(registration, claim);
    }
    let mut gates = gates::evaluate(registration, measurements, &claims)?;
    let before = gates::changes::verdicts(&claims);
    for claim in &mut claims {
        block(claim, &gates);
    }
    // After the claims, whose words give the reason of a gate and not what it does to others.
    gates::changes::name(registration, &mut gates, &before);
    Ok(Report { claims, gates })
}

/// Evaluates single rules: those of claims, and those that tables of a study are made of. One
/// evaluator fits every arm once.
pub struct Evaluator<'a> {
    measurements: &'a Measurements,
    settings: &'a Settings,
    /// Level at which a part contradicts its claim.
    alpha_against: f64,
    thresholds: ThresholdCache,
}

impl<'a> Evaluator<'a> {
    /// An evaluator of rules that stand by themselves: they are contradicted at the level at which
    /// they are supported.
    ///
    /// # Errors
    /// If a series or an arm is given twice.
    pub fn new(
        measurements: &'a Measurements,
        settings: &'a Settings,
    ) -> Result<Self, ClaimsError> {
        measurements.check()?;
        Ok(Self {
            measurements,
            settings,
            alpha_against: settings.alpha,
            thresholds: ThresholdCache::default(),
        })
    }
}

impl Evaluator<'_> {
    fn claim(&self, claim: &Claim) -> Result<ClaimFinding, ClaimsError> {
        let parts = claim
            .parts
            .iter()
            .map(|rule| {
                self.part(rule).map_err(|source| ClaimsError::Statistics {
                    what: format!("claim {}", claim.id),
                    source,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        let p_values: Option<Vec<f64>> = parts.iter().map(|part| part.p).collect();
        Ok(ClaimFinding {
            id: claim.id.clone(),
            text: claim.text.clone(),
            family: claim.family,
            verdict: Verdict::Undecided,
            p: p_values.map(|p| p.into_iter().fold(0.0, f64::max)),
            adjusted_p: None,
            words: String::new(),
            failed_gates: Vec::new(),
            parts,
        })
    }

    /// What the measurements say about a rule; data that are missing are named in the finding.
    ///
    /// # Errors
    /// If arms that are compared were tested on different items.
    pub fn part(&self, rule: &Rule) -> Result<PartFinding, StatisticsError> {
        let mut found = match rule {
            Rule::Difference(rule) => self.difference(rule),
            Rule::Interaction(rule) => self.interaction(rule),
            Rule::Equivalence(rule) => self.equivalence(rule),
            Rule::Knee(rule) => self.knee(rule),
            Rule::RateTrend(rule) => self.rate_trend(rule),
            Rule::UsageCorrelation(rule) => self.usage_correlation(rule),
            Rule::ArmsDiffer(rule) => self.arms_differ(rule),
            Rule::Hardening(rule) => self.hardening(rule),
            Rule::GapClosed(rule) => self.gap_closed(rule),
            Rule::ThresholdRatio(rule) => self.threshold_ratio(rule),
            Rule::GapSlope(rule) => self.gap_slope(rule),
            Rule::Rungs(rule) => self.rungs(rule),
        }?;
        for data in rule.data() {
            if let Some(sentence) = self.absent_conditions(data) {
                found.words.push_str(&format!(" {sentence}"));
            }
        }
        Ok(found)
    }

    /// Which conditions no measurement of their study has: they may be misspelt. Of a study without any
    /// measurement the words say so already.
    fn absent_conditions(&self, data: &Facets) -> Option<String> {
        let series = self.measurements.series.iter();
        let of_study = series.filter(|series| series.study == data.study);
        let there: BTreeSet<&str> = of_study.map(|series| series.condition.as_str()).collect();
        let quoted = |name: &str| format!("`{name}`");
        let asked = data.conditions.iter().flatten().map(String::as_str);
        let absent = asked.filter(|name| !there.contains(name)).map(quoted);
        let absent: Vec<String> = absent.collect();
        if absent.is_empty() || there.is_empty() {
            return None;
        }
        let there: Vec<String> = there.into_iter().map(quoted).collect();
        Some(format!(
            "Study {} has no condition {}, only {}.",
            data.study,
            absent.join(", "),
            there.join(", ")
        ))
    }

    /// Names of the subject and the arms it is compared with; `Err` says what is missing.
    fn resolve(
        &self,
        data: &Facets,
        subject: &ArmSelector,
        others: &[&ArmSelector],
    ) -> Result<Vec<String>, String> {
        let subject = selection::resolve(self.measurements, data, subject, None)?;
        let mut names = vec![subject.clone()];
        for other in others {
            let name = selection::resolve(self.measurements, data, other, Some(&subject))?;
            if names.contains(&name) {
                return Err(format!("an arm other than {name} in {}", data.describe()));
            }
            names.push(name);
        }
        Ok(names)
    }

    /// Pools the outcomes of several arms; `Err` says what is missing.
    fn pair(
        &self,
        data: &Facets,
        arms: &[String],
        seeds: Option<&[u64]>,
    ) -> Result<selection::Paired, String> {
        let columns: Vec<_> = arms
            .iter()
            .map(|arm| (arm.clone(), by_cell(data.series(self.measurements), arm)))
            .collect();
        selection::pair(&columns, seeds).map_err(|what| format!("{what} in {}", data.describe()))
    }

    /// The names of `subject` and `others` with their outcomes, pooled; `Err` says what is missing.
    fn resolve_paired(
        &self,
        data: &Facets,
        subject: &ArmSelector,
        others: &[&ArmSelector],
    ) -> Result<(Vec<String>, selection::Paired), String> {
        let arms = self.resolve(data, subject, others)?;
        let paired = self.pair(data, &arms, None)?;
        Ok((arms, paired))
    }
}

/// Names of arms with their study.
fn in_study(data: &Facets, arms: &[String]) -> Vec<(String, String)> {
    let names = arms.iter();
    names.map(|arm| (data.study.clone(), arm.clone())).collect()
}

impl Metric {
    fn of(self, rate: &probe_statistics::bootstrap::Rate) -> f64 {
        match self {
            Self::CharacterError | Self::VarianceLost => rate.error_rate(),
            Self::WordError => 1.0 - rate.exact_rate(),
        }
    }

    fn logit(self, rate: &probe_statistics::bootstrap::Rate) -> f64 {
        match self {
            Self::CharacterError | Self::VarianceLost => rate.error_logit(),
            Self::WordError => -rate.exact_logit(),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::CharacterError => "character error",
            Self::WordError => "word error",
            Self::VarianceLost => "variance lost",
        }
    }
}

/// Adjusts the p-values of each family. A claim without one counts as 1: the family was fixed
/// beforehand, whatever was measured of it.
fn adjust(registration: &Registration, claims: &mut [ClaimFinding]) -> Result<(), ClaimsError> {
    for family in [Family::Primary, Family::Exploratory] {
        let members: Vec<usize> = (0..claims.len())
            .filter(|&index| claims[index].family == family)
            .collect();
        let p_values: Vec<f64> = members
            .iter()
            .map(|&index| claims[index].p.unwrap_or(1.0))
            .collect();
        let adjusted = match family {
            Family::Primary => holm(&p_values),
            Family::Exploratory => benjamini_hochberg(&p_values),
        };
        let adjusted = adjusted.map_err(|source| ClaimsError::Statistics {
            what: "the family of claims".to_owned(),
            source,
        })?;
        debug_assert_eq!(registration.family_size(family), members.len());
        for (&index, adjusted) in members.iter().zip(adjusted) {
            claims[index].adjusted_p = claims[index].p.map(|_| adjusted);
        }
    }
    Ok(())
}

/// Verdict and words from the parts and the adjusted p-value.
fn conclude(registration: &Registration, claim: &mut ClaimFinding) {
    let alpha = registration.settings.alpha;
    let of = |outcome: Outcome| -> Vec<&str> {
        let parts = claim.parts.iter().filter(|part| part.outcome == outcome);
        parts.map(|part| part.words.as_str()).collect()
    };
    let (against, missing, open) = (
        of(Outcome::Contradicts),
        of(Outcome::Missing),
        of(Outcome::Open),
    );
    let significant = claim.adjusted_p.is_some_and(|p| p <= alpha);
    let (verdict, words) = if !against.is_empty() {
        (Verdict::Refuted, against.join(" "))
    } else if !missing.is_empty() {
        (Verdict::NotMeasured, missing.join(" "))
    } else if !open.is_empty() {
        (Verdict::Undecided, open.join(" "))
    } else if significant {
        (Verdict::Supported, of(Outcome::Supports).join(" "))
    } else {
        let words = of(Outcome::Supports).join(" ");
        let why = too_few_for_the_family(registration, claim);
        (Verdict::Undecided, format!("{words} {why}"))
    };
    (claim.verdict, claim.words) = (verdict, words);
}

/// Why a claim whose parts all support it is not supported.
fn too_few_for_the_family(registration: &Registration, claim: &ClaimFinding) -> String {
    let alpha = registration.settings.alpha;
    let adjusted = claim.adjusted_p.map_or("missing".to_owned(), number);
    let mut words = format!("But the p-value adjusted over the family is {adjusted}.");
    let size = registration.family_size(claim.family) as f64;
    let limit = claim
        .parts
        .iter()
        .filter_map(|part| part.smallest_p.map(|p| (p, part.seeds)))
        .max_by(|a, b| a.0.total_cmp(&b.0));
    if let Some((smallest, seeds)) = limit
        && smallest * size > alpha
    {
        words.push_str(&format!(
            " {seeds} seeds: the smallest p is {}.",
            number(smallest)
        ));
        // One-sided tests reach half the value.
        let two_sided = smallest >= smallest_p(seeds, Alternative::TwoSided);
        let alternative = if two_sided {
            Alternative::TwoSided
        } else {
            Alternative::Greater
        };
        if let Ok(needed) = fewest_seeds(alpha / size, alternative) {
            words.push_str(&format!(" {needed} seeds would do."));
        }
    }
    words
}

/// Takes the verdict away where a gate says so.
fn block(claim: &mut ClaimFinding, gates: &[GateFinding]) {
    let failed: Vec<&GateFinding> = gates
        .iter()
        .filter(|gate| gate.state != GateState::Passed && gate.blocks.contains(&claim.id))
        .collect();
    claim.failed_gates = failed.iter().map(|gate| gate.id.clone()).collect();
    if failed.is_empty() || claim.verdict == Verdict::NotMeasured {
        return;
    }
    let reasons: Vec<&str> = failed.iter().map(|gate| gate.words.as_str()).collect();
    claim.words = format!(
        "Would be {}, but: {} ({})",
        claim.verdict.name(),
        reasons.join(" "),
        claim.words
    );
    claim.verdict = Verdict::Gated;
}
