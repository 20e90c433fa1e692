//! Pre-registered claims and integrity checks, evaluated and put into words.

use crate::wording;
use anyhow::Result;
use claims::{ClaimFinding, Measurements, PartFinding, Registration};
use html_report::{Claim, Gate, GateState, Verdict};
use probe_statistics::bootstrap::Interval;
use run_support::atomic;
use std::path::Path;

/// Decimals of an effect on the page.
const MOST_DECIMALS: usize = 4;
/// Columns of the table of verdicts in a file.
const NARROW: u16 = 120;

/// Evaluates the claims on what was measured and writes `claims.csv`, and `gates.csv` where
/// checks were registered; without any, those of another registration go.
///
/// # Errors
/// If the statistics refuse the data, or a file cannot be written.
pub fn evaluate(
    folder: &Path,
    registration: &Registration,
    measurements: &Measurements,
) -> Result<claims::Report> {
    let report = claims::evaluate(registration, measurements)?;
    atomic::write(
        &folder.join("claims.csv"),
        |out| Ok(report.claims_csv(out)?),
    )?;
    let gates = folder.join("gates.csv");
    match report.gates.is_empty() {
        // They would pass for checks of these claims.
        true => atomic::remove_stale(&gates)?,
        false => atomic::write(&gates, |out| Ok(report.gates_csv(out)?))?,
    }
    Ok(report)
}

/// The claims for the page.
#[must_use]
pub fn page_claims(report: &claims::Report) -> Vec<Claim> {
    report.claims.iter().map(page_claim).collect()
}

fn page_claim(finding: &ClaimFinding) -> Claim {
    // The part with the largest p decides; without p, the first.
    let decisive = finding
        .parts
        .iter()
        .max_by(|a, b| a.p.unwrap_or(-1.0).total_cmp(&b.p.unwrap_or(-1.0)))
        .or_else(|| finding.parts.first());
    let sentence = match finding.failed_gates.len() {
        0 => finding.words.clone(),
        _ => format!(
            "{} Failed checks: {}.",
            finding.words,
            finding.failed_gates.join(", ")
        ),
    };
    let seeds = finding.parts.iter().map(|part| part.seeds).min();
    Claim {
        id: finding.id.clone(),
        text: finding.text.clone(),
        verdict: match finding.verdict {
            claims::Verdict::Supported => Verdict::Supported,
            claims::Verdict::Refuted => Verdict::Refuted,
            claims::Verdict::Undecided => Verdict::Undecided,
            claims::Verdict::NotMeasured | claims::Verdict::Gated => Verdict::Withheld,
        },
        effect: decisive
            .and_then(|part| part.effect)
            .map(|effect| wording::significant(effect, MOST_DECIMALS)),
        interval: decisive.and_then(interval),
        p: finding.p,
        adjusted_p: finding.adjusted_p,
        n: seeds
            .filter(|seeds| *seeds > 0)
            .map(|seeds| wording::counted(seeds, "seed")),
        sentence,
    }
}

fn interval(part: &PartFinding) -> Option<String> {
    let (low, high) = (part.low?, part.high?);
    let ends = wording::significant_interval(Some(Interval { low, high }), MOST_DECIMALS);
    (!ends.is_empty()).then(|| ends.trim_start().to_owned())
}

/// The checks for the page.
#[must_use]
pub fn page_gates(report: &claims::Report) -> Vec<Gate> {
    let gates = report.gates.iter();
    gates
        .map(|gate| Gate {
            name: gate.id.clone(),
            state: match gate.state {
                claims::GateState::Passed => GateState::Passed,
                claims::GateState::Failed => GateState::Failed,
                claims::GateState::NotMeasured => GateState::NotMeasured,
            },
            reason: match gate.blocks.len() {
                0 => gate.words.clone(),
                _ => format!("{} No verdict for {}.", gate.words, gate.blocks.join(", ")),
            },
        })
        .collect()
}

/// The verdicts, for the terminal.
#[must_use]
pub fn table(report: &claims::Report) -> String {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::UTF8_FULL_CONDENSED);
    table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
    if table.width().is_none() {
        // Not a terminal.
        table.set_width(NARROW);
    }
    table.set_header(["claim", "verdict", "adjusted p", "why"]);
    for claim in &report.claims {
        let p = claim.adjusted_p.map(|p| format!("{p:.4}"));
        table.add_row([
            claim.id.clone(),
            claim.verdict.name().to_owned(),
            p.unwrap_or_default(),
            claim.words.clone(),
        ]);
    }
    table.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETTINGS: &str = r#"
        claims = []

        [settings]
        alpha = 0.05
        level = 0.95
        draws = 100
        permutations = 99
        seed = 1
        fewest_clusters = 5
    "#;
    const CHECK: &str = r#"
        [[gates]]
        id = "gradients"
        check = { rule = "gradients-present" }
    "#;

    #[test]
    fn checks_of_another_registration_do_not_stay_beside_the_claims() {
        let folder = tempfile::tempdir().unwrap();
        let has_checks = |registration: &str| {
            let registration = Registration::from_toml(registration).unwrap();
            evaluate(folder.path(), &registration, &Measurements::default()).unwrap();
            assert!(folder.path().join("claims.csv").is_file());
            folder.path().join("gates.csv").exists()
        };
        assert!(has_checks(&format!("{SETTINGS}{CHECK}")));
        assert!(!has_checks(SETTINGS));
        assert!(!has_checks(SETTINGS));
    }
}
