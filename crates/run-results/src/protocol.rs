//! `protocol.csv`: readings of data sets on disk, scored as scene-text recognition does it.

use super::csv_file::{self, number, optional};
use super::scored::{ScoredCell, ScoredRun};
use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use probe::EvaluationMode;
use probe_data::scene_charset;
use probe_statistics::text_metrics::{Reading, ReadingScores};
use scene_text::{LabelPolicy, ProtocolRow, SceneCharset, compare, protocol_rows};
use std::path::Path;

/// Writes `protocol.csv` and returns the table for the terminal, or removes an outdated file if the
/// run has no test set on disk that holds lines.
///
/// Every set is a row, then the unions whose six sets are all there, then all sets together. Scores
/// count images, not sets, so those of a union are the field's combined ones. They are given for
/// the usual protocol, blind to case and to all but letters and digits, and for the charset of the
/// study if it is larger.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<Option<String>> {
    let groups = line_groups(scored);
    if groups.is_empty() {
        run_support::atomic::remove_stale(path)?;
        return Ok(None);
    }
    let header = [
        "arm",
        "seed",
        "mode",
        "protocol",
        "set",
        "images",
        "published_images",
        "word_accuracy",
        "one_minus_ned",
        "cer",
    ];
    let charsets = charsets(scored)?;
    let policy = scored.config.data.stored.label_policy;
    csv_file::write(path, &header, |rows| {
        for cell in &scored.cells {
            let arm = cell.outcome.spec.arm.to_string();
            let seed = cell.outcome.spec.seed.to_string();
            for mode in [EvaluationMode::Deterministic, EvaluationMode::Sampled] {
                for &charset in &charsets {
                    for row in rows_of(cell, mode, charset, &groups, policy) {
                        let published = row.published_images.map(|images| images.to_string());
                        let score =
                            |of: fn(&ReadingScores) -> f64| optional(row.scores.as_ref().map(of));
                        rows.add([
                            &*arm,
                            &*seed,
                            mode.name(),
                            &*charset.to_string(),
                            &*row.name,
                            &*number(row.images as f64),
                            &*published.unwrap_or_default(),
                            &*score(|scores| scores.word_accuracy),
                            &*score(|scores| scores.one_minus_ned),
                            &*score(|scores| scores.cer),
                        ])?;
                    }
                }
            }
        }
        Ok(())
    })?;
    Ok(Some(table(scored, &groups)))
}

/// The usual protocol, and the charset of the study if it tells more characters apart.
fn charsets(scored: &ScoredRun<'_>) -> Result<Vec<SceneCharset>> {
    let own = scene_charset(scored.config.data.charset)?;
    let mut charsets = vec![SceneCharset::Lower36];
    if own.size() > SceneCharset::Lower36.size() {
        charsets.push(own);
    }
    Ok(charsets)
}

/// Test groups that come from data sets on disk.
fn line_groups(scored: &ScoredRun<'_>) -> Vec<usize> {
    match scene_charset(scored.config.data.charset) {
        Ok(_) => scored.data_sets().collect(),
        Err(_) => Vec::new(),
    }
}

fn rows_of(
    cell: &ScoredCell<'_>,
    mode: EvaluationMode,
    charset: SceneCharset,
    groups: &[usize],
    policy: LabelPolicy,
) -> Vec<ProtocolRow> {
    // Of a label without a character of the charset nothing can be read right: both readers of the field leave it
    // out, but for the policy that filters nothing.
    let counts =
        |target: &str| policy == LabelPolicy::DtrbUnfiltered || !charset.fold(target).is_empty();
    let sets: Vec<(String, Vec<Reading>)> = groups
        .iter()
        .filter_map(|&group| {
            let test = cell.test(group, mode)?;
            let texts = test.set.targets.iter().zip(&test.result.predictions);
            let readings = texts.filter_map(|(target, prediction)| {
                let target = target.text().filter(|target| counts(target))?;
                Some(compare(charset, target, prediction.text()?))
            });
            Some((test.set.condition.clone(), readings.collect()))
        })
        .collect();
    protocol_rows(&sets)
}

/// Word accuracy by arm and set, mean over seeds, without noise, by the usual protocol.
fn table(scored: &ScoredRun<'_>, groups: &[usize]) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    let policy = scored.config.data.stored.label_policy;
    let mut header: Vec<Cell> = Vec::new();
    for &arm in &scored.config.arms {
        let of_seeds: Vec<Vec<ProtocolRow>> = scored
            .cells_of(arm)
            .map(|cell| {
                let mode = EvaluationMode::Deterministic;
                rows_of(cell, mode, SceneCharset::Lower36, groups, policy)
            })
            .filter(|rows| !rows.is_empty())
            .collect();
        let Some(first) = of_seeds.first() else {
            table.add_row([arm.to_string(), "failed".to_owned()]);
            continue;
        };
        if header.is_empty() {
            header.push(Cell::new("arm"));
            header.extend(first.iter().map(|row| {
                let images = match row.published_images {
                    Some(all) if all != row.images => format!("{} of {all}", row.images),
                    _ => row.images.to_string(),
                };
                let name = row.name.replace(char::is_control, "?");
                Cell::new(format!("{name}\n{images} images"))
            }));
            table.set_header(header.clone());
        }
        let mut cells = vec![Cell::new(arm)];
        for place in 0..first.len() {
            let accuracies: Vec<f64> = of_seeds
                .iter()
                .filter_map(|rows| Some(rows.get(place)?.scores?.word_accuracy))
                .collect();
            let text = if accuracies.is_empty() {
                "-".to_owned()
            } else {
                let mean = accuracies.iter().sum::<f64>() / accuracies.len() as f64;
                format!("{:.1}%", 100.0 * mean)
            };
            cells.push(Cell::new(text).set_alignment(CellAlignment::Right));
        }
        table.add_row(cells);
    }
    format!(
        "{}\nwords read right, blind to case and punctuation, mean over seeds; every image counts \
         once\n",
        table.trim_fmt()
    )
}
