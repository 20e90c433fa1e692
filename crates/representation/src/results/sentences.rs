//! The answer in words, from the rows of the summary.

use super::summary::{Measure, Row};
use crate::config::{Objective, RepresentationConfig};
use crate::outcome::Subject;
use arms::ArmRole;

/// What is asked.
pub(super) const QUESTION: &str = "Can a vocabulary of visual words represent an image?";

/// The answer, one paragraph per objective, then what it rests on.
pub(super) fn answer(config: &RepresentationConfig, rows: &[Row]) -> Vec<String> {
    let mut paragraphs = Vec::new();
    for &objective in config.objectives.iter().rev() {
        let mut parts: Vec<&str> = Vec::new();
        for row in rows {
            if !parts.contains(&row.part.as_str()) {
                parts.push(&row.part);
            }
        }
        let sentences: Vec<String> = parts
            .iter()
            .filter_map(|part| sentence(rows, objective, part))
            .collect();
        if !sentences.is_empty() {
            let head = match objective {
                Objective::Read => format!(
                    "Projectors trained to read for {} steps and then frozen:",
                    wording::count(config.read_steps)
                ),
                Objective::Reconstruct => format!(
                    "Projectors trained to reconstruct for {} steps:",
                    wording::count(config.decode_steps)
                ),
            };
            paragraphs.push(format!("**{head}** {}", sentences.join(" ")));
        }
    }
    let seeds = wording::counted(config.seeds.len(), "seed");
    paragraphs.push(format!(
        "{seeds}, {} decoder steps, the same decoder behind every arm. Brightness and contrast of an image \
         are given to every reconstruction. Longer training would move all numbers, those of hard words \
         most.",
        wording::count(config.decode_steps)
    ));
    paragraphs
}

/// The row of the arm with the most words among those of a role.
fn largest<'a>(rows: &[&'a Row], wanted: impl Fn(ArmRole, &Row) -> bool) -> Option<&'a Row> {
    let found = rows.iter().filter(|row| {
        let arm = row.subject.arm();
        arm.is_some_and(|arm| wanted(arm.kind.role(), row))
    });
    found
        .copied()
        .max_by_key(|row| row.subject.arm().and_then(|arm| arm.words()))
}

fn sentence(rows: &[Row], objective: Objective, part: &str) -> Option<String> {
    let of_part: Vec<&Row> = rows.iter().filter(|row| row.part == part).collect();
    let here: Vec<&Row> = of_part
        .iter()
        .copied()
        .filter(|row| row.objective == Some(objective))
        .collect();
    let one_code = |row: &Row| row.subject.arm().is_some_and(|arm| arm.codes() == 1);
    let merger = largest(&here, |role, _| role == ArmRole::Merger);
    let soft = largest(&here, |role, _| role == ArmRole::SoftWords);
    let hard = largest(&here, |role, row| {
        matches!(role, ArmRole::HardWords | ArmRole::Codebook) && one_code(row)
    });
    let several = largest(&here, |role, row| {
        matches!(role, ArmRole::HardWords | ArmRole::Codebook) && !one_code(row)
    });
    let chosen = [merger, soft, hard, several];
    let shown: Vec<String> = chosen.into_iter().flatten().map(figures_of).collect();
    if shown.is_empty() {
        return None;
    }
    let resized = of_part.iter().find(|row| row.subject == Subject::Resized);
    let original = of_part.iter().find(|row| row.subject == Subject::Original);
    let density = of_part[0].density;
    let per_token = density.map_or("", |density| match density == 1.0 {
        true => " character per token",
        false => " characters per token",
    });
    let mut sentence = format!(
        "{}{per_token}: {}",
        wording::capital(part),
        wording::listed(&shown)
    );
    if let Some(row) = resized {
        sentence += &format!(
            "; the picture shrunk to as many numbers {}",
            numbers_of(row)
        );
    }
    if let Some(wrong) = original.and_then(|row| row.value(Measure::CharacterErrors)) {
        sentence += &format!(
            "; of originals the reader gets {} wrong",
            wording::percent(wrong.mean)
        );
    }
    Some(sentence + ".")
}

fn figures_of(row: &Row) -> String {
    let bits = row.used_bits.map_or_else(String::new, |bits| {
        format!(" ({} bits in use)", wording::fixed(bits, 1))
    });
    format!("`{}`{bits} {}", row.subject, numbers_of(row))
}

fn numbers_of(row: &Row) -> String {
    let mut numbers = Vec::new();
    if let Some(psnr) = row.value(Measure::Psnr) {
        numbers.push(format!("{} dB", wording::fixed(psnr.mean, 1)));
    }
    if let Some(wrong) = row.value(Measure::CharacterErrors) {
        numbers.push(format!(
            "{} of the characters wrong",
            wording::percent(wrong.mean)
        ));
    }
    numbers.join(", ")
}
