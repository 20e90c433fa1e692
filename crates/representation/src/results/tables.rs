//! `metrics.csv`, `summary.csv` and `learning_curves.csv`.

use super::summary::{Measure, Row};
use crate::outcome::CellOutcome;
use crate::run::Outcome;
use anyhow::Result;
use probe::Status;
use run_results::csv_file::{self, number, optional};
use std::path::Path;

/// Writes one row per cell, part and measure, over all images of the part.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn metrics(path: &Path, outcome: &Outcome) -> Result<()> {
    let header = [
        "arm",
        "objective",
        "seed",
        "learning_rate",
        "images",
        "measure",
        "value",
    ];
    csv_file::write(path, &header, |file| {
        for cell in &outcome.cells {
            let head = head(cell);
            let mut add = |images: &str, measure: &str, value: String| {
                let fields = head.iter().map(String::as_str);
                file.add(fields.chain([images, measure, value.as_str()]))
            };
            if let Status::Failed { step, .. } = &cell.status {
                add("", "failed_at_step", step.to_string())?;
            }
            add("", "parameters", cell.parameters.to_string())?;
            add(
                "",
                "decoder_parameters",
                cell.decoder_parameters.to_string(),
            )?;
            add("", "validation_l1", optional(cell.validation_l1))?;
            add("", "reading_validation_cer", optional(cell.reading_cer))?;
            for part in &cell.parts {
                let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len().max(1) as f64;
                let name = part.name.as_str();
                add(
                    name,
                    Measure::Distortion.name(),
                    number(mean(&part.distortion)),
                )?;
                add(name, Measure::Psnr.name(), number(mean(&part.psnr)))?;
                add(name, Measure::Ssim.name(), number(mean(&part.ssim)))?;
                let right = part.identified.iter().filter(|right| **right).count();
                let share = right as f64 / part.identified.len().max(1) as f64;
                add(name, Measure::Identified.name(), number(share))?;
                if !part.edits.is_empty() {
                    let edits: u32 = part.edits.iter().sum();
                    let characters: u32 = part.characters.iter().sum();
                    let rate = f64::from(edits) / f64::from(characters.max(1));
                    add(name, Measure::CharacterErrors.name(), number(rate))?;
                }
                if let Some(features) = part.features {
                    add(name, "feature_r2_linear", number(features.linear))?;
                    add(name, "feature_r2_network", number(features.network))?;
                }
                if let Some(usage) = &part.usage {
                    add(name, "words_used", usage.codes_used.to_string())?;
                    add(name, "tokens_counted", usage.tokens.to_string())?;
                    add(name, "used_bits", optional(usage.corrected_entropy_bits))?;
                }
            }
        }
        Ok(())
    })
}

fn head(cell: &CellOutcome) -> [String; 4] {
    let spec = &cell.spec;
    let objective = spec.objective.map_or("", |objective| objective.name());
    // The reader of the baselines is that of the seed.
    let rate = spec.objective.map(|_| spec.learning_rate);
    [
        spec.subject.to_string(),
        objective.to_owned(),
        spec.seed.to_string(),
        optional(rate),
    ]
}

/// Writes one row per arm, objective and part, with 95% intervals.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn summary(path: &Path, rows: &[Row]) -> Result<()> {
    let mut header = vec![
        "arm",
        "objective",
        "kind",
        "images",
        "n",
        "seeds",
        "identified_among",
    ];
    header.extend(["density", "relative_glyph_height"]);
    let columns: Vec<[String; 3]> = Measure::ALL
        .iter()
        .map(|measure| ["", "_low", "_high"].map(|end| format!("{}{end}", measure.name())))
        .collect();
    header.extend(columns.iter().flatten().map(String::as_str));
    header.extend(["feature_r2_linear", "feature_r2_network"]);
    header.extend(["nominal_bits", "used_bits", "words_used", "words"]);
    csv_file::write(path, &header, |file| {
        for row in rows {
            let mut fields = vec![
                row.subject.to_string(),
                row.objective
                    .map_or("", |objective| objective.name())
                    .to_owned(),
                row.kind.name().to_owned(),
                row.part.clone(),
                row.images.to_string(),
                row.seeds.to_string(),
                row.identified_among.to_string(),
                optional(row.density),
                optional(row.relative_glyph_height),
            ];
            for measure in Measure::ALL {
                let value = row.value(measure);
                fields.push(optional(value.map(|value| value.mean)));
                fields.push(optional(value.map(|value| value.interval.low)));
                fields.push(optional(value.map(|value| value.interval.high)));
            }
            let [linear, network] = [0, 1].map(|i: usize| row.feature_r2.map(|r2| r2[i]));
            let [used, all] = [0, 1].map(|i: usize| row.words.map(|words| words[i]));
            let numbers = [linear, network, row.nominal_bits, row.used_bits, used, all];
            fields.extend(numbers.map(optional));
            file.add(fields)?;
        }
        Ok(())
    })
}

/// Writes the training curve of every cell, tried rates included.
///
/// # Errors
/// If the file cannot be written.
pub(super) fn curves(path: &Path, outcome: &Outcome) -> Result<()> {
    let header = [
        "arm",
        "objective",
        "seed",
        "learning_rate",
        "step",
        "batch_l1",
    ];
    csv_file::write(path, &header, |file| {
        for cell in outcome.cells.iter().chain(&outcome.tried) {
            for (step, error) in &cell.history {
                let head = head(cell);
                let fields = head.iter().cloned();
                file.add(fields.chain([step.to_string(), number(*error)]))?;
            }
        }
        Ok(())
    })
}
