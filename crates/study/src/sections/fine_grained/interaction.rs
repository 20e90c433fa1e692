//! Losses in reading and in fine detail against those in coarse tasks, on the logit scale.

use super::{COARSE, REGISTRATION};
use crate::section::Section;
use crate::table::StudyTable;
use anyhow::Result;
use claims::registration::{ArmSelector, Claim, Facets, Family, Interaction, Metric, Rule, Sides};
use claims::{Measurements, PartFinding, Registration, Role, evaluate};
use probe_statistics::bootstrap::Interval;
use run_results::wording;

/// Condition of the reading of random characters.
const READING: &str = "random";
/// Draws of an interval of a table; those of claims are more.
const MOST_DRAWS: usize = 2000;

/// One row per arm that is compared with the MLP of its width: how much larger its loss is, in log
/// odds, in reading and in every task than in coarse tasks. Both tests of the study's protocol are
/// those of the claims.
///
/// # Errors
/// If the statistics refuse the data.
pub(super) fn interaction(measurements: &Measurements) -> Result<Option<StudyTable>> {
    let study = Section::FineGrained.name();
    let series = || measurements.series.iter().filter(move |s| s.study == study);
    if !series().any(|s| s.condition == COARSE) {
        return Ok(None);
    }
    let mut conditions: Vec<&str> = Vec::new();
    for one in series().filter(|s| s.condition != COARSE) {
        if !conditions.contains(&one.condition.as_str()) {
            conditions.push(&one.condition);
        }
    }
    conditions.sort_by_key(|condition| *condition != READING);
    let arms = measurements.arms.iter().filter(|facts| {
        facts.study == study && matches!(facts.role, Role::Soft | Role::Hard | Role::Curriculum)
    });
    let mut registration = Registration::from_toml(REGISTRATION)?;
    registration.settings.draws = registration.settings.draws.min(MOST_DRAWS);
    registration.gates.clear();
    registration.claims.clear();
    for facts in arms {
        let facets = |condition: &str| Facets {
            study: study.to_owned(),
            conditions: Some(vec![condition.to_owned()]),
            charset: None,
            densities: None,
            evaluation: claims::Evaluation::default(),
        };
        registration.claims.push(Claim {
            id: facts.arm.clone(),
            text: facts.arm.clone(),
            family: Family::Exploratory,
            parts: conditions
                .iter()
                .map(|condition| {
                    Rule::Interaction(Interaction {
                        focus: facets(condition),
                        contrast: facets(COARSE),
                        subject: ArmSelector::Arm {
                            arm: facts.arm.clone(),
                        },
                        reference: ArmSelector::WidthMatchedMlp,
                        metric: Metric::CharacterError,
                        sides: Sides::Two,
                    })
                })
                .collect(),
        });
    }
    let report = evaluate(&registration, measurements)?;
    let rows: Vec<Vec<String>> = report
        .claims
        .iter()
        .flat_map(|claim| {
            conditions
                .iter()
                .zip(&claim.parts)
                .map(move |(condition, part)| {
                    let mut row = vec![format!("`{}`", claim.id), name(condition)];
                    row.extend(cells(part));
                    row
                })
        })
        .collect();
    let names = [
        "arm",
        "loss in",
        "minus loss in coarse tasks",
        "p",
        "smallest p",
    ];
    Ok((!rows.is_empty()).then(|| StudyTable {
        name: "fine_grained_interaction",
        title: "Is the loss one of reading and of detail?",
        note: "Log odds of an error, arm minus the MLP of the same width, minus the same difference on \
               the five easier levels of the coarse tasks; 95% BCa intervals over seeds and images, \
               exact sign-flip p over seeds, uncorrected. A positive number that both tests support: \
               the arm loses more there than in coarse tasks.",
        header: names.map(str::to_owned).into(),
        rows,
    }))
}

fn name(condition: &str) -> String {
    if condition == READING {
        "reading".to_owned()
    } else {
        condition.to_owned()
    }
}

/// Effect with its interval, p, and the smallest p that so many seeds can give.
fn cells(part: &PartFinding) -> [String; 3] {
    let Some(effect) = part.effect else {
        return ["–".to_owned(), String::new(), String::new()];
    };
    let interval = match (part.low, part.high) {
        (Some(low), Some(high)) => {
            format!(" {}", wording::interval(Interval { low, high }, 2))
        }
        _ => String::new(),
    };
    let p = |p: Option<f64>| p.map_or_else(String::new, |p| format!("{p:.3}"));
    [
        format!("{}{interval}", wording::signed(effect, 2)),
        p(part.p),
        p(part.smallest_p),
    ]
}
