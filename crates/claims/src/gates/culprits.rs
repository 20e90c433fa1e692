//! What a gate found wrong, and the claims that this concerns.

use std::collections::BTreeSet;

use crate::finding::ClaimFinding;
use crate::measurements::ArmFacts;

/// Longest list of culprits in a sentence.
pub(super) const MOST_NAMED: usize = 6;

/// What was found wrong.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Culprit {
    /// A whole study: concerns the claims that use any arm of it.
    Study(String),
    /// One arm: concerns the claims that use it.
    Arm { study: String, arm: String },
    /// The comparison of two arms: concerns the claims with a part that compares them.
    Pair { study: String, arms: [String; 2] },
}

impl Culprit {
    pub fn arm(facts: &ArmFacts) -> Self {
        Self::Arm {
            study: facts.study.clone(),
            arm: facts.arm.clone(),
        }
    }

    pub fn concerns(&self, claim: &ClaimFinding) -> bool {
        claim.parts.iter().any(|part| {
            let uses = |study: &String, arm: &String| {
                let mut arms = part.arms.iter();
                arms.any(|(used_study, used)| used_study == study && used == arm)
            };
            match self {
                Self::Study(study) => part.arms.iter().any(|(used, _)| used == study),
                Self::Arm { study, arm } => uses(study, arm),
                Self::Pair { study, arms } => arms.iter().all(|arm| uses(study, arm)),
            }
        })
    }

    fn name(&self) -> String {
        match self {
            Self::Study(study) => study.clone(),
            Self::Arm { study, arm } => format!("{arm} of {study}"),
            Self::Pair {
                study,
                arms: [left, right],
            } => format!("{left} and {right} of {study}"),
        }
    }
}

/// Each once, in order.
pub(super) fn distinct(culprits: Vec<Culprit>) -> Vec<Culprit> {
    let set: BTreeSet<Culprit> = culprits.into_iter().collect();
    set.into_iter().collect()
}

/// The first few, for a sentence.
pub(super) fn names(culprits: &[Culprit]) -> String {
    let named = culprits.iter().take(MOST_NAMED).map(Culprit::name);
    let mut text = named.collect::<Vec<_>>().join(", ");
    if culprits.len() > MOST_NAMED {
        text.push_str(&format!(" and {} more", culprits.len() - MOST_NAMED));
    }
    text
}
