//! What the evaluation found, and its tables.

use probe_statistics::bootstrap::Interval;
use serde::Serialize;

use crate::ClaimsError;
use crate::registration::Family;

/// What can be said about a claim.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Verdict {
    /// Everything it asks for was found.
    #[serde(rename = "SUPPORTED")]
    Supported,
    /// Part of it was found to be otherwise.
    #[serde(rename = "REFUTED")]
    Refuted,
    /// The data allow neither.
    #[serde(rename = "UNDECIDED")]
    Undecided,
    /// Data are missing.
    #[serde(rename = "NOT MEASURED")]
    NotMeasured,
    /// An integrity gate that concerns it failed.
    #[serde(rename = "GATED")]
    Gated,
}

impl Verdict {
    /// The verdict as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::Supported => "SUPPORTED",
            Self::Refuted => "REFUTED",
            Self::Undecided => "UNDECIDED",
            Self::NotMeasured => "NOT MEASURED",
            Self::Gated => "GATED",
        }
    }
}

/// What a part of a claim says about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Supports,
    /// Its opposite holds.
    Contradicts,
    /// Neither was shown.
    Open,
    /// There are no data.
    Missing,
}

/// What one rule found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PartFinding {
    /// What was compared, such as "vet-st-argmax@1024 − patch-merger, character error".
    pub comparison: String,
    /// What it says about the claim.
    pub outcome: Outcome,
    /// Size of the effect; its unit is in the words.
    pub effect: Option<f64>,
    /// Lower end of its interval.
    pub low: Option<f64>,
    /// Upper end of its interval.
    pub high: Option<f64>,
    /// p-value before adjustment.
    pub p: Option<f64>,
    /// Smallest p-value that so many seeds can give.
    pub smallest_p: Option<f64>,
    /// Paired seeds.
    pub seeds: usize,
    /// Items per seed.
    pub items: usize,
    /// One sentence.
    pub words: String,
    /// Arms that were compared, as (study, arm).
    #[serde(skip)]
    pub arms: Vec<(String, String)>,
}

impl PartFinding {
    /// A part without data.
    pub(crate) fn missing(comparison: impl Into<String>, what: impl Into<String>) -> Self {
        Self {
            words: format!("Not measured: {}.", what.into()),
            outcome: Outcome::Missing,
            ..Self::open(comparison, "")
        }
    }

    /// A part whose data cannot decide it.
    pub(crate) fn open(comparison: impl Into<String>, why: impl Into<String>) -> Self {
        Self {
            comparison: comparison.into(),
            outcome: Outcome::Open,
            effect: None,
            low: None,
            high: None,
            p: None,
            smallest_p: None,
            seeds: 0,
            items: 0,
            words: why.into(),
            arms: Vec::new(),
        }
    }

    pub(crate) fn with_interval(mut self, interval: Option<Interval>) -> Self {
        self.low = interval.map(|interval| interval.low);
        self.high = interval.map(|interval| interval.high);
        self
    }
}

/// What was found about a claim.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ClaimFinding {
    /// Its id.
    pub id: String,
    /// The claim in words.
    pub text: String,
    /// Its family.
    pub family: Family,
    /// The verdict.
    pub verdict: Verdict,
    /// Largest p-value of its parts; absent unless every part has one.
    pub p: Option<f64>,
    /// Holm-adjusted over the primary family, Benjamini–Hochberg q among exploratory claims.
    pub adjusted_p: Option<f64>,
    /// One sentence or two on why.
    pub words: String,
    /// Failed gates that concern it.
    pub failed_gates: Vec<String>,
    /// Its parts.
    pub parts: Vec<PartFinding>,
}

/// State of a gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum GateState {
    /// Checked and in order.
    Passed,
    /// Checked and not in order.
    Failed,
    /// Nothing to check it on.
    NotMeasured,
}

/// What a gate found.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct GateFinding {
    /// Its id.
    pub id: String,
    /// Its state.
    pub state: GateState,
    /// Why.
    pub words: String,
    /// Claims whose verdict it takes away, because it failed or is required and was not measured.
    pub blocks: Vec<String>,
}

/// Verdicts and gates.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Report {
    /// One finding for each claim, in the order of the registration.
    pub claims: Vec<ClaimFinding>,
    /// One finding for each gate.
    pub gates: Vec<GateFinding>,
}

/// A row of the table of claims: one for each part, with what belongs to the claim repeated.
#[derive(Serialize)]
struct ClaimRow<'a> {
    claim: &'a str,
    family: Family,
    verdict: Verdict,
    p: Option<f64>,
    adjusted_p: Option<f64>,
    part: usize,
    comparison: &'a str,
    outcome: Outcome,
    effect: Option<f64>,
    low: Option<f64>,
    high: Option<f64>,
    part_p: Option<f64>,
    smallest_p: Option<f64>,
    seeds: usize,
    items: usize,
    words: &'a str,
    text: &'a str,
}

/// A row of the table of gates.
#[derive(Serialize)]
struct GateRow<'a> {
    gate: &'a str,
    state: GateState,
    blocks: String,
    words: &'a str,
}

impl Report {
    /// The claims as CSV, one row for each part.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn claims_csv(&self, writer: impl std::io::Write) -> Result<(), ClaimsError> {
        let mut table = csv::Writer::from_writer(writer);
        for claim in &self.claims {
            for (index, part) in claim.parts.iter().enumerate() {
                table.serialize(ClaimRow {
                    claim: &claim.id,
                    family: claim.family,
                    verdict: claim.verdict,
                    p: claim.p,
                    adjusted_p: claim.adjusted_p,
                    part: index + 1,
                    comparison: &part.comparison,
                    outcome: part.outcome,
                    effect: part.effect,
                    low: part.low,
                    high: part.high,
                    part_p: part.p,
                    smallest_p: part.smallest_p,
                    seeds: part.seeds,
                    items: part.items,
                    words: &part.words,
                    text: &claim.text,
                })?;
            }
        }
        table.flush().map_err(csv::Error::from)?;
        Ok(())
    }

    /// The gates as CSV.
    ///
    /// # Errors
    /// If the writer fails.
    pub fn gates_csv(&self, writer: impl std::io::Write) -> Result<(), ClaimsError> {
        let mut table = csv::Writer::from_writer(writer);
        for gate in &self.gates {
            table.serialize(GateRow {
                gate: &gate.id,
                state: gate.state,
                blocks: gate.blocks.join(" "),
                words: &gate.words,
            })?;
        }
        table.flush().map_err(csv::Error::from)?;
        Ok(())
    }
}
