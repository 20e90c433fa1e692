//! What the fine-grained section says, in sentences made from its numbers.

use super::READING;
use super::thresholds::{TaskThresholds, worded};
use crate::answer::{Answer, HARD, SOFT, named};
use crate::part::PartResult;
use crate::section::Section;
use crate::sections::StudyResults;
use arms::{ArmKind, ArmSpec};
use html_report::KeyNumber;
use run_results::wording;

/// Thresholds of hard and soft words over those of the MLP of their width, beside what they cost
/// in reading.
pub(super) fn answer(study: &StudyResults<'_>, thresholds: &[TaskThresholds]) -> Answer {
    let mut answer = Answer::default();
    let reading = study
        .of(Section::FineGrained)
        .find(|result| result.part.variant == READING);
    // Beside other sections, reading is theirs.
    let first = reading.or_else(|| study.of(Section::FineGrained).next());
    let Some(first) = first else {
        return answer;
    };
    let arms = &first.part.config.arms;
    let soft = arms
        .iter()
        .find(|arm| arm.kind == ArmKind::VetSoftmax)
        .copied();
    for (arm, what) in [(first.best_hard(), HARD), (soft, SOFT)] {
        let Some(arm) = arm else { continue };
        let mut parts = Vec::new();
        for task in thresholds {
            let Some(found) = task.over_mlp(arm) else {
                continue;
            };
            parts.push(format!("{} {}", task.kind, worded(found)));
            answer.key_numbers.push(KeyNumber {
                label: format!("{}: threshold of `{arm}` over that of the MLP", task.kind),
                value: worded(found),
                note: format!("95% interval, {}", seeds(first)),
            });
        }
        let mut sentences = Vec::new();
        if !parts.is_empty() {
            sentences.push(format!(
                "{what} (`{arm}`{}): the smallest difference told three times in four, over that of the \
                 MLP of the same width: {}.",
                picked(arm, arms, &first.part.name()),
                parts.join("; ")
            ));
        }
        sentences.extend(reading.and_then(|reading| read(reading, arm)));
        if !sentences.is_empty() {
            answer.paragraphs.push(sentences.join(" "));
        }
    }
    answer
}

/// How a hard arm was picked in a run, where there are others that the sentence is not about.
fn picked(arm: ArmSpec, arms: &[ArmSpec], run: &str) -> String {
    let others = arms
        .iter()
        .filter(|other| arm.kind.is_hard() && other.kind.is_hard() && **other != arm);
    let others: Vec<String> = others.map(|other| format!("`{other}`")).collect();
    match others.is_empty() {
        true => String::new(),
        false => format!(
            ", of the hard tables the best on the validation images of `{run}`; for {} see the table of thresholds",
            wording::listed(&others)
        ),
    }
}

/// What the arm costs in reading.
fn read(reading: &PartResult, arm: ArmSpec) -> Option<String> {
    let row = reading.summary.cer(arm, 0)?;
    let comparison = row.against_matched.or(row.against_merger)?;
    Some(format!(
        "In reading random characters, against {}, `{arm}` is {} (CER {}), {}.",
        named(comparison.reference),
        wording::judged(&comparison),
        wording::value(row.value),
        seeds(reading)
    ))
}

fn seeds(result: &PartResult) -> String {
    wording::counted(result.part.config.seeds.len(), "seed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_arm_among_others_is_told_with_how_it_was_picked() {
        let names = ["vet-softmax@260", "vet-st-argmax@260+usage", "vq@256"];
        let arms = names.map(|name| name.parse::<ArmSpec>().unwrap());
        let told = picked(arms[1], &arms, "fine-grained-reading");
        assert!(told.contains("validation images of `fine-grained-reading`; for `vq@256` see"));
        assert_eq!(picked(arms[0], &arms, ""), "");
        assert_eq!(picked(arms[1], &arms[..2], ""), "");
    }
}
