//! Integrity gates: what must be in order before a verdict is worth anything.
//!
//! A failed gate takes away the verdicts of the claims it lists that use the arm, or for gates about
//! whole studies the study, in which it failed. Gates about pairs of arms take away those whose parts
//! compare the pair.

pub mod ceiling;
pub(crate) mod changes;
mod control_task;
mod culprits;

use std::collections::BTreeMap;

use probe_statistics::StatisticsError;
use probe_statistics::bootstrap::{BootstrapPlan, ResampledUnit, bootstrap_statistic};
use probe_statistics::correlation::kendall_tau;

use crate::ClaimsError;
use crate::finding::{ClaimFinding, GateFinding, GateState};
use crate::measurements::{ArmFacts, Evaluation, Measurements, Role, Series};
use crate::registration::{Gate, GateRule, Registration, Settings};
use crate::selection::pair;
use culprits::Culprit;

/// Fewest arms whose order says anything.
const FEWEST_RANKED: usize = 3;

/// What checks look at.
#[derive(Clone, Copy)]
struct Context<'a> {
    measurements: &'a Measurements,
    settings: &'a Settings,
    /// Those that the gate can block.
    claims: &'a [&'a ClaimFinding],
    /// Whether it names them.
    are_named: bool,
}

impl Context<'_> {
    /// Whether what happens in a study can concern the claims that the gate is about.
    fn concerns(&self, study: &str) -> bool {
        let used = |claim: &&ClaimFinding| {
            let mut arms = claim.parts.iter().flat_map(|part| &part.arms);
            arms.any(|(used, _)| used == study)
        };
        !self.are_named || self.claims.iter().any(used)
    }
}

/// What a check found.
struct Check {
    /// Whether there was anything to check.
    measured: bool,
    culprits: Vec<Culprit>,
    words: String,
}

pub(crate) fn evaluate(
    registration: &Registration,
    measurements: &Measurements,
    claims: &[ClaimFinding],
) -> Result<Vec<GateFinding>, ClaimsError> {
    let gates = registration.gates.iter();
    gates
        .map(|gate| {
            let claims: Vec<&ClaimFinding> = claims
                .iter()
                .filter(|claim| {
                    gate.blocks
                        .as_ref()
                        .is_none_or(|ids| ids.contains(&claim.id))
                })
                .collect();
            let context = Context {
                measurements,
                settings: &registration.settings,
                claims: &claims,
                are_named: gate.blocks.is_some(),
            };
            let check = check(&gate.check, context).map_err(|source| ClaimsError::Statistics {
                what: format!("gate {}", gate.id),
                source,
            })?;
            Ok(finding(gate, check, &claims))
        })
        .collect()
}

fn finding(gate: &Gate, check: Check, claims: &[&ClaimFinding]) -> GateFinding {
    let state = match (check.culprits.is_empty(), check.measured) {
        (false, _) => GateState::Failed,
        (true, true) => GateState::Passed,
        (true, false) => GateState::NotMeasured,
    };
    let concerns = |claim: &ClaimFinding| {
        let mut culprits = check.culprits.iter();
        culprits.any(|culprit| culprit.concerns(claim))
    };
    let blocks = claims
        .iter()
        .filter(|claim| match state {
            GateState::Passed => false,
            GateState::Failed => concerns(claim),
            GateState::NotMeasured => gate.required,
        })
        .map(|claim| claim.id.clone())
        .collect();
    GateFinding {
        id: gate.id.clone(),
        state,
        words: check.words,
        blocks,
    }
}

fn check(rule: &GateRule, context: Context<'_>) -> Result<Check, StatisticsError> {
    let Context {
        measurements,
        settings,
        ..
    } = context;
    match rule {
        GateRule::GradientsPresent {} => Ok(arm_flag(
            measurements,
            |facts| facts.gradients_present.map(|present| !present),
            "All trainable parameters received gradients",
            "Parameters without a gradient",
        )),
        GateRule::NoOptimumOnEdge {} => Ok(arm_flag(
            measurements,
            ArmFacts::tuned_on_edge,
            "No tuned optimum lies on the edge of its grid",
            "Tuned optimum on the edge of the grid",
        )),
        GateRule::MeanPredictor { tolerance } => Ok(mean_predictor(measurements, *tolerance)),
        GateRule::BlindAtChance { tolerance } => blind(context, *tolerance),
        GateRule::CeilingAboveAll { tolerance } => {
            ceiling::check(measurements, settings, *tolerance)
        }
        GateRule::ControlTaskEquality { margin, reference } => {
            control_task::equality(measurements, settings, *margin, reference)
        }
        GateRule::ControlTaskAdvantage { margin } => control_task::advantage(context, *margin),
        GateRule::RankingsAgree { tau } => rankings(measurements, *tau),
    }
}

/// A fact that every arm must have, and that must not be true.
fn arm_flag(
    measurements: &Measurements,
    bad: impl Fn(&ArmFacts) -> Option<bool>,
    good_words: &str,
    bad_words: &str,
) -> Check {
    let known: Vec<(&ArmFacts, bool)> = measurements
        .arms
        .iter()
        .filter_map(|facts| Some((facts, bad(facts)?)))
        .collect();
    let culprits: Vec<Culprit> = known
        .iter()
        .filter(|(_, bad)| *bad)
        .map(|(facts, _)| Culprit::arm(facts))
        .collect();
    let unknown = measurements.arms.len() - known.len();
    let words = if !culprits.is_empty() {
        format!("{bad_words}: {}.", culprits::names(&culprits))
    } else if known.is_empty() {
        format!("{good_words}: not measured.")
    } else if unknown > 0 {
        format!(
            "{good_words}, in {} arms; {unknown} not measured.",
            known.len()
        )
    } else {
        format!("{good_words}, in {} arms.", known.len())
    };
    Check {
        // An arm that was not looked at is not in order.
        measured: !known.is_empty() && unknown == 0,
        culprits,
        words,
    }
}

fn mean_predictor(measurements: &Measurements, tolerance: f64) -> Check {
    let reported: Vec<&ArmFacts> = measurements
        .arms
        .iter()
        .filter(|facts| facts.reconstruction_r2.is_some())
        .collect();
    let wrong = |facts: &&&ArmFacts| {
        facts
            .mean_predictor_r2
            .is_none_or(|r2| r2.is_nan() || r2.abs() > tolerance)
    };
    let culprits: Vec<Culprit> = reported
        .iter()
        .filter(wrong)
        .map(|facts| Culprit::arm(facts))
        .collect();
    let largest = reported.iter().filter_map(|facts| facts.mean_predictor_r2);
    let words = if !culprits.is_empty() {
        format!(
            "R² without a mean-predictor baseline within {tolerance} of 0: {}.",
            culprits::names(&culprits)
        )
    } else if reported.is_empty() {
        "Mean-predictor baseline: no R² measured.".to_owned()
    } else {
        format!(
            "The mean predictor has an R² of {:.3} at most, in {} arms.",
            largest.map(f64::abs).fold(0.0, f64::max),
            reported.len()
        )
    };
    Check {
        measured: !reported.is_empty(),
        culprits,
        words,
    }
}

fn blind(context: Context<'_>, tolerance: f64) -> Result<Check, StatisticsError> {
    let Context {
        measurements,
        settings,
        ..
    } = context;
    let mut culprits = Vec::new();
    let mut largest: Option<(f64, String)> = None;
    for series in with_role(measurements, Role::Floor) {
        if !context.concerns(&series.study) {
            continue;
        }
        let column = BTreeMap::from([(series.cell(), series)]);
        let Ok(paired) = pair(&[(series.arm.clone(), column)], None) else {
            continue;
        };
        let chance = series
            .chance_accuracy
            .unwrap_or(1.0 / series.charset.max(1) as f64);
        let plan = plan(settings, paired.unit(settings.fewest_clusters));
        let excess = bootstrap_statistic(std::slice::from_ref(&paired.set), &plan, |rates| {
            1.0 - rates[0][0].error_rate() - chance
        })?;
        let certain = excess.percentile.is_some_and(|interval| interval.low > 0.0);
        if excess.value > tolerance && certain {
            culprits.push(Culprit::Study(series.study.clone()));
        }
        if largest
            .as_ref()
            .is_none_or(|(value, _)| excess.value > *value)
        {
            largest = Some((excess.value, series.describe()));
        }
    }
    let words = match &largest {
        None => "Blind arm: not measured.".to_owned(),
        Some((value, series)) => {
            let state = if culprits.is_empty() { "at" } else { "not at" };
            format!(
                "The blind arm is {state} chance: at most {:+.2} points above it ({series}).",
                100.0 * value
            )
        }
    };
    Ok(Check {
        measured: largest.is_some(),
        culprits: culprits::distinct(culprits),
        words,
    })
}

fn rankings(measurements: &Measurements, least: f64) -> Result<Check, StatisticsError> {
    let mut studies: BTreeMap<&str, (Vec<f64>, Vec<f64>)> = BTreeMap::new();
    for facts in &measurements.arms {
        if let (Some(accuracy), Some(bits)) = (facts.accuracy, facts.codelength_bits) {
            let columns = studies.entry(&facts.study).or_default();
            columns.0.push(accuracy);
            columns.1.push(-bits);
        }
    }
    studies.retain(|_, (accuracy, _)| accuracy.len() >= FEWEST_RANKED);
    let mut culprits = Vec::new();
    let mut sentences = Vec::new();
    for (study, (accuracy, shortness)) in &studies {
        let tau = kendall_tau(accuracy, shortness)?;
        if tau.is_none_or(|tau| tau < least) {
            culprits.push(Culprit::Study((*study).to_owned()));
        }
        let tau = tau.map_or("undefined".to_owned(), |tau| format!("{tau:.2}"));
        sentences.push(format!("{tau} in {study} over {} arms", accuracy.len()));
    }
    let words = if studies.is_empty() {
        format!("Codelength against accuracy: not measured for {FEWEST_RANKED} arms of a study.")
    } else {
        format!(
            "Kendall's τ of accuracy and codelength, {least} or more needed: {}.",
            sentences.join("; ")
        )
    };
    Ok(Check {
        measured: !studies.is_empty(),
        culprits,
        words,
    })
}

fn with_role(measurements: &Measurements, role: Role) -> impl Iterator<Item = &Series> {
    measurements.series.iter().filter(move |series| {
        let facts = measurements.facts(&series.study, &series.arm);
        series.evaluation == Evaluation::Deterministic
            && facts.is_some_and(|facts| facts.role == role)
    })
}

fn plan(settings: &Settings, unit: ResampledUnit) -> BootstrapPlan {
    BootstrapPlan {
        unit,
        draws: settings.gate_draws(),
        level: settings.level,
        seed: settings.seed,
    }
}
