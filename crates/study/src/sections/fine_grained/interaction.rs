//! Losses in reading and in fine detail against those in coarse tasks, on the logit scale.

use super::{COARSE, StudyResults};
use crate::section::Section;
use crate::table::StudyTable;
use anyhow::Result;
use claims::registration::{ArmSelector, Facets, Interaction, Metric, Rule, Sides};
use claims::{PartFinding, Role};
use probe_statistics::bootstrap::Interval;
use run_results::wording;

/// Condition of the reading of random characters.
const READING: &str = "random";

/// One row per arm that is compared with the MLP of its width: how much larger its loss is, in log
/// odds, in reading and in every task than in coarse tasks. Both tests of the study's protocol are
/// those of the claims.
///
/// # Errors
/// If the statistics refuse the data.
pub(super) fn interaction(study: &StudyResults<'_>) -> Result<Option<StudyTable>> {
    let (measurements, evaluator) = (study.measurements, study.evaluator);
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
    let facets = |condition: &str| Facets {
        study: study.to_owned(),
        conditions: Some(vec![condition.to_owned()]),
        charset: None,
        densities: None,
        steps: None,
        evaluation: claims::Evaluation::default(),
    };
    let mut rows: Vec<Vec<String>> = Vec::new();
    for facts in arms {
        for condition in &conditions {
            let part = evaluator.part(&Rule::Interaction(Interaction {
                focus: facets(condition),
                contrast: facets(COARSE),
                subject: ArmSelector::Arm {
                    arm: facts.arm.clone(),
                },
                reference: ArmSelector::WidthMatchedMlp {},
                metric: Metric::CharacterError,
                sides: Sides::Two,
            }))?;
            let mut row = vec![format!("`{}`", facts.arm), name(condition)];
            row.extend(cells(&part));
            rows.push(row);
        }
    }
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
               the five easier levels of the coarse tasks; 95% BCa intervals over seeds and clusters of \
               like images, exact sign-flip p over seeds, uncorrected. A positive number that both tests support: \
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
    let ends = part.low.zip(part.high);
    let interval = wording::interval(ends.map(|(low, high)| Interval { low, high }), 2);
    let p = |p: Option<f64>| p.map_or_else(String::new, |p| format!("{p:.3}"));
    [
        format!("{}{interval}", wording::signed(effect, 2)),
        p(part.p),
        p(part.smallest_p),
    ]
}
