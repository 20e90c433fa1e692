//! `metrics.csv`: one row per measured number. `history.csv`: the training curves.
//!
//! Neither holds wall times, so the same seeds give the same bytes.

use super::csv_file::{self, Rows, number, optional};
use super::scored::{ScoredCell, ScoredRun, ScoredTest, density};
use super::trouble;
use anyhow::Result;
use clap::ValueEnum;
use probe::{EvaluationMode, TestSet, UsageRecord};
use probe::{LayoutKind, ProbeConfig};
use probe_statistics::text_metrics::ReadingScores;
use std::path::Path;

const HEADER: [&str; 13] = [
    "task",
    "arm",
    "regime",
    "vocabulary",
    "seed",
    "learning_rate",
    "density",
    "charset",
    "condition",
    "mode",
    "metric",
    "value",
    "n",
];

/// Writes `metrics.csv`: arms in the order of the config, then seeds, groups and metrics.
///
/// `n` counts what a value is a mean of: characters, images or tokens. Values of a whole cell have
/// neither density nor condition. A failed cell has one row, `failed`, with the step.
pub(super) fn write(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    csv_file::write(path, &HEADER, |rows| {
        for cell in &scored.cells {
            let mut writer = CellRows::new(scored.config, cell, rows);
            if let Some((step, _)) = cell.failure() {
                writer.add(None, "failed", step as f64, None)?;
                continue;
            }
            writer.add_cost(cell)?;
            writer.add_exploded(scored, cell)?;
            for group in 0..scored.run.test_sets.len() {
                for test in cell.tests.iter().filter(|test| test.result.group == group) {
                    writer.add_test(test)?;
                }
                writer.add_hardening(cell, group, &scored.run.test_sets[group])?;
                writer.add_temperatures(cell, group, &scored.run.test_sets[group])?;
            }
        }
        Ok(())
    })
}

/// Writes the rows of one cell, whose first fields are the same throughout.
struct CellRows<'a, 'b> {
    cell: [String; 6],
    charset: String,
    rows: &'a mut Rows<'b>,
}

type Place<'a> = Option<(&'a TestSet, EvaluationMode)>;

impl<'a, 'b> CellRows<'a, 'b> {
    fn new(config: &ProbeConfig, cell: &ScoredCell<'_>, rows: &'a mut Rows<'b>) -> Self {
        let spec = &cell.outcome.spec;
        let vocabulary = spec.arm.vocabulary.map(|words| words.to_string());
        Self {
            cell: [
                task(config.data.layout).to_owned(),
                spec.arm.to_string(),
                name_of(config.regime),
                vocabulary.unwrap_or_default(),
                spec.seed.to_string(),
                number(spec.learning_rate),
            ],
            charset: config.data.charset.to_string(),
            rows,
        }
    }

    fn add(&mut self, place: Place<'_>, metric: &str, value: f64, n: Option<u64>) -> Result<()> {
        let [density, condition, mode] = match place {
            Some((set, mode)) => [
                number(density(set)),
                set.condition.clone(),
                mode.name().to_owned(),
            ],
            None => [const { String::new() }; 3],
        };
        let n = n.map(|n| n.to_string()).unwrap_or_default();
        let cell = self.cell.iter().map(String::as_str);
        let rest = [&density, &self.charset, &condition, &mode, metric];
        let value = number(value);
        self.rows.add(cell.chain(rest).chain([&*value, &*n]))
    }

    fn add_cost(&mut self, cell: &ScoredCell<'_>) -> Result<()> {
        let outcome = cell.outcome;
        let values = [
            ("parameters", Some(outcome.parameters as f64)),
            (
                "multiply_adds_per_token",
                Some(outcome.multiply_adds_per_token as f64),
            ),
            ("bits_per_token", outcome.bits_per_token),
            ("reader_parameters", Some(outcome.reader_parameters as f64)),
            ("validation_cer", outcome.validation_cer),
            ("validation_loss_nats", outcome.validation_loss),
            (
                "reconstruction_r2",
                outcome.reconstruction.map(|found| found.r2),
            ),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                self.add(None, metric, value, None)?;
            }
        }
        Ok(())
    }

    /// A row only where there is something to say.
    fn add_exploded(&mut self, scored: &ScoredRun<'_>, cell: &ScoredCell<'_>) -> Result<()> {
        match trouble::exploded_loss(scored, cell.outcome) {
            Some((_, loss)) => self.add(None, "exploded_loss", loss, None),
            None => Ok(()),
        }
    }

    fn add_test(&mut self, test: &ScoredTest<'_>) -> Result<()> {
        let place = Some((test.set, test.result.mode));
        let scores = &test.scores;
        let (items, chars) = (scores.items as u64, scores.reference_chars as u64);
        self.add(place, "cer", scores.cer, Some(chars))?;
        self.add(place, "word_accuracy", scores.word_accuracy, Some(items))?;
        self.add(place, "one_minus_ned", scores.one_minus_ned, Some(items))?;
        for (metric, held_out) in [("cer_seen_fonts", false), ("cer_held_out_fonts", true)] {
            if let Some(ReadingScores {
                cer,
                reference_chars,
                ..
            }) = test.scores_where(held_out)
            {
                self.add(place, metric, cer, Some(reference_chars as u64))?;
            }
        }
        let positions = test.positions();
        let accuracies = positions.by_position().into_iter().zip(positions.counts());
        for (index, (accuracy, count)) in accuracies.enumerate() {
            let metric = format!("position_accuracy/{}", index + 1);
            self.add(place, &metric, accuracy, Some(*count))?;
        }
        match test.usage() {
            Some(usage) => self.add_usage(place, usage),
            None => Ok(()),
        }
    }

    fn add_usage(&mut self, place: Place<'_>, usage: &UsageRecord) -> Result<()> {
        let n = Some(usage.tokens);
        let several = (usage.codebooks > 1).then_some(usage.codebooks as f64);
        let dead = (usage.dead_codebooks > 0).then_some(usage.dead_codebooks as f64);
        let values = [
            ("codebooks", several),
            ("token_entropy_bits", Some(usage.token_entropy_bits)),
            ("marginal_entropy_bits", Some(usage.marginal_entropy_bits)),
            ("corrected_entropy_bits", usage.corrected_entropy_bits),
            ("perplexity", Some(usage.perplexity)),
            ("codes_used", Some(usage.codes_used as f64)),
            ("codes_covering_90", Some(usage.codes_covering_90 as f64)),
            ("dead_codebooks", dead),
        ];
        for (metric, value) in values {
            if let Some(value) = value {
                self.add(place, metric, value, n)?;
            }
        }
        for (k, mass) in &usage.top_k_mass {
            self.add(place, &format!("top_k_mass/{k}"), *mass, n)?;
        }
        self.add(place, "fraction_above_1e-4", usage.fraction_above_small, n)
    }

    fn add_temperatures(
        &mut self,
        cell: &ScoredCell<'_>,
        group: usize,
        set: &TestSet,
    ) -> Result<()> {
        let results = cell.outcome.temperatures.iter();
        for result in results.filter(|result| result.group == group) {
            let place = Some((set, EvaluationMode::Deterministic));
            let metric = format!("cer_temperature/{}", result.temperature);
            self.add(place, &metric, result.cer, Some(result.characters as u64))?;
        }
        Ok(())
    }

    fn add_hardening(&mut self, cell: &ScoredCell<'_>, group: usize, set: &TestSet) -> Result<()> {
        let results = cell.outcome.hardening.iter();
        for result in results.filter(|result| result.group == group) {
            let place = Some((set, EvaluationMode::Deterministic));
            let metric = format!("cer_top_k/{}", result.k);
            self.add(place, &metric, result.cer, Some(result.characters as u64))?;
        }
        Ok(())
    }
}

/// Writes `history.csv`. A failed cell ends with a row at its step, status `failed`.
pub(super) fn write_history(path: &Path, scored: &ScoredRun<'_>) -> Result<()> {
    let header = [
        "arm",
        "seed",
        "step",
        "train_loss",
        "validation_cer",
        "token_entropy_bits",
        "codes_used",
        "perplexity",
        "status",
    ];
    csv_file::write(path, &header, |rows| {
        for cell in &scored.cells {
            let arm = cell.outcome.spec.arm.to_string();
            let seed = cell.outcome.spec.seed.to_string();
            for point in &cell.outcome.history {
                let usage = point.usage.as_ref();
                rows.add([
                    &*arm,
                    &*seed,
                    &*point.step.to_string(),
                    &*optional(point.train_loss),
                    &*number(point.validation_cer),
                    &*optional(usage.map(|usage| usage.token_entropy_bits)),
                    &*optional(usage.map(|usage| usage.codes_used as f64)),
                    &*optional(usage.map(|usage| usage.perplexity)),
                    "ok",
                ])?;
            }
            if let Some((step, _)) = cell.failure() {
                let step = step.to_string();
                rows.add([&*arm, &*seed, &*step, "", "", "", "", "", "failed"])?;
            }
        }
        Ok(())
    })
}

fn task(layout: LayoutKind) -> &'static str {
    match layout {
        LayoutKind::Grid => "ocr-grid",
        LayoutKind::Strip => "ocr-strip",
    }
}

/// The name a setting has on the command line.
pub(super) fn name_of(value: impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}
