//! Writing `items.safetensors`.

use super::record::{
    CellRecord, GroupRecord, Record, ShorterRecord, TestRecord, TuningRecord, hardening_name,
    lengths, test_name,
};
use super::{FILE, FORMAT, FORMAT_KEY, RECORD};
use crate::scored::positions;
use crate::seal::{self, Lists};
use anyhow::{Context, Result};
use flate2::Compression;
use flate2::write::ZlibEncoder;
use probe::{CellOutcome, ProbeConfig, RunOutcome, TestResult, TestSet};
use probe_statistics::text_metrics::{Reading, ReadingScores};
use run_support::atomic;
use safetensors::tensor::Dtype;
use std::collections::HashMap;
use std::io::Write;
use std::path::Path;

/// Writes the file into the folder of a run whose answers are there, or what was counted of them.
///
/// # Errors
/// If it cannot be written.
pub fn write(folder: &Path, config: &ProbeConfig, run: &RunOutcome) -> Result<()> {
    let path = folder.join(FILE);
    let bytes = bytes(config, run).with_context(|| format!("cannot make {}", path.display()))?;
    atomic::write_bytes(&path, &bytes)
}

fn bytes(config: &ProbeConfig, run: &RunOutcome) -> Result<Vec<u8>> {
    let mut tensors = Tensors::default();
    for (group, set) in run.test_sets.iter().enumerate() {
        match classes(set.targets.iter().map(probe_data::Answer::class)) {
            Some(classes) => tensors.add(format!("right/{group}"), classes),
            None => {
                let chars = set.targets.iter().map(|target| target.units() as u32);
                tensors.add(format!("chars/{group}"), chars.collect());
            }
        }
        tensors.add(format!("cluster/{group}"), set.clusters.clone());
        let held_out = set.held_out.iter().map(|&mark| u32::from(mark));
        tensors.add(format!("held_out/{group}"), held_out.collect());
    }
    for (prefix, cells) in lengths(&run.cells, &run.shorter) {
        for cell in cells {
            add_cell(&mut tensors, &prefix, cell, &run.test_sets);
        }
    }
    let cells = |cells: &[CellOutcome]| -> Vec<CellRecord> {
        let cells = cells.iter();
        cells.map(|cell| record(cell, &run.test_sets)).collect()
    };
    let record = Record {
        config: config.clone(),
        class_names: run.class_names.clone(),
        image_notes: run.image_notes.clone(),
        moving: run.moving.clone(),
        groups: run.test_sets.iter().map(GroupRecord::of).collect(),
        tuning: run.tuning.iter().map(TuningRecord::of).collect(),
        cells: cells(&run.cells),
        shorter: run
            .shorter
            .iter()
            .map(|length| ShorterRecord {
                steps: length.steps,
                cells: cells(&length.cells),
            })
            .collect(),
    };
    let record = toml::to_string(&record).context("the run does not fit into TOML")?;
    let mut packed = ZlibEncoder::new(Vec::new(), Compression::best());
    packed.write_all(record.as_bytes())?;
    tensors.serialize(packed.finish()?)
}

/// The answers of a cell where they are classes, their edits otherwise, and those of its hardening curve.
fn add_cell(tensors: &mut Tensors, prefix: &str, cell: &CellOutcome, sets: &[TestSet]) {
    for (index, test) in cell.tests.iter().enumerate() {
        if let Some(counted) = &test.counted {
            tensors.add(
                test_name("edits", prefix, cell, index),
                counted.edits.clone(),
            );
            continue;
        }
        let set = &sets[test.group];
        let right = classes(set.targets.iter().map(probe_data::Answer::class));
        let answers = classes(test.predictions.iter().map(probe_data::Answer::class));
        match right.and(answers) {
            Some(answers) => tensors.add(test_name("answers", prefix, cell, index), answers),
            None => {
                let edits = readings(set, test).map(|reading| reading.edits as u32);
                tensors.add(test_name("edits", prefix, cell, index), edits.collect());
            }
        }
    }
    for (index, point) in cell.hardening.iter().enumerate() {
        // Cells of older versions have the error alone.
        if !point.edits.is_empty() {
            tensors.add(hardening_name(prefix, cell, index), point.edits.clone());
        }
    }
}

fn readings(set: &TestSet, test: &TestResult) -> impl Iterator<Item = Reading> {
    let pairs = set.targets.iter().zip(&test.predictions);
    pairs.map(|(target, prediction)| target.compare(prediction))
}

/// The classes, if every answer is one.
fn classes(answers: impl Iterator<Item = Option<u16>>) -> Option<Vec<u32>> {
    answers.map(|class| class.map(u32::from)).collect()
}

/// A cell without what is a tensor, and without its times, so that the same seeds give the same bytes.
fn record(cell: &CellOutcome, sets: &[TestSet]) -> CellRecord {
    let mut outcome = cell.clone();
    outcome.seconds = 0.0;
    for test in &mut outcome.tests {
        test.predictions.clear();
    }
    for point in &mut outcome.hardening {
        point.edits.clear();
    }
    // Most of a training curve, and no table or figure shows it.
    for usage in outcome
        .history
        .iter_mut()
        .filter_map(|point| point.usage.as_mut())
    {
        usage.top_k_mass.clear();
    }
    let tests = cell.tests.iter().map(|test| {
        if let Some(counted) = &test.counted {
            return TestRecord {
                one_minus_ned: counted.one_minus_ned,
                right: counted.positions.correct().to_vec(),
            };
        }
        let set = &sets[test.group];
        let readings: Vec<Reading> = readings(set, test).collect();
        // A group without a character has no scores, and no verdict asks for them.
        let scores = ReadingScores::of(&readings);
        TestRecord {
            one_minus_ned: scores.map_or(f64::NAN, |scores| scores.one_minus_ned),
            right: positions(set, test).correct().to_vec(),
        }
    });
    CellRecord {
        tests: tests.collect(),
        outcome,
    }
}

/// Named lists of whole numbers.
#[derive(Default)]
struct Tensors(Lists);

impl Tensors {
    fn add(&mut self, name: String, numbers: Vec<u32>) {
        let count = numbers.len();
        let largest = numbers.iter().copied().max().unwrap_or(0);
        let (dtype, bytes) = if u8::try_from(largest).is_ok() {
            let bytes = numbers.iter().map(|&number| number as u8);
            (Dtype::U8, bytes.collect())
        } else if u16::try_from(largest).is_ok() {
            let bytes = numbers.iter().map(|&number| (number as u16).to_le_bytes());
            (Dtype::U16, bytes.flatten().collect())
        } else {
            let bytes = numbers.iter().map(|number| number.to_le_bytes());
            (Dtype::U32, bytes.flatten().collect())
        };
        self.0.insert(name, (dtype, count, bytes));
    }

    fn serialize(mut self, record: Vec<u8>) -> Result<Vec<u8>> {
        self.0
            .insert(RECORD.to_owned(), (Dtype::U8, record.len(), record));
        // One entry: several would stand in an order of their own in every file.
        let metadata = HashMap::from([(FORMAT_KEY.to_owned(), FORMAT.to_owned())]);
        seal::serialize(self.0, Some(metadata))
    }
}
