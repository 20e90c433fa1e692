//! What a failed gate changes: the verdicts that its claims would have without it.

use crate::finding::{ClaimFinding, GateFinding, GateState, Verdict};
use crate::registration::Registration;

/// Appends to the words of the gates that ask for it which verdicts they take away.
///
/// `claims` have the verdicts that their parts give, before any gate.
pub(crate) fn name(
    registration: &Registration,
    gates: &mut [GateFinding],
    claims: &[(String, Verdict)],
) {
    let all = gates.to_vec();
    for (gate, finding) in registration.gates.iter().zip(gates) {
        if gate.names_changes && takes_away(finding) {
            let sentence = sentence(finding, &all, claims);
            finding.words = format!("{} {sentence}", finding.words);
        }
    }
}

/// The verdicts before any gate, for [`name`].
pub(crate) fn verdicts(claims: &[ClaimFinding]) -> Vec<(String, Verdict)> {
    let claims = claims.iter();
    claims
        .map(|claim| (claim.id.clone(), claim.verdict))
        .collect()
}

/// A gate that was not measured takes verdicts away if it is required.
fn takes_away(gate: &GateFinding) -> bool {
    gate.state == GateState::Failed || !gate.blocks.is_empty()
}

fn sentence(gate: &GateFinding, all: &[GateFinding], claims: &[(String, Verdict)]) -> String {
    let taken = claims
        .iter()
        // A claim without data has no verdict to lose.
        .filter(|(id, verdict)| gate.blocks.contains(id) && *verdict != Verdict::NotMeasured)
        .map(|(id, verdict)| {
            let others: Vec<&str> = all
                .iter()
                .filter(|other| other.id != gate.id && other.blocks.contains(id))
                .map(|other| other.id.as_str())
                .collect();
            match others.as_slice() {
                [] => format!("{id} {}", verdict.name()),
                others => format!("{id} {} (but for {})", verdict.name(), others.join(" and ")),
            }
        })
        .collect::<Vec<_>>();
    match taken.as_slice() {
        [] => "Without this check no verdict would change.".to_owned(),
        taken => format!("Without this check: {}.", taken.join(", ")),
    }
}
