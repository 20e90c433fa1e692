//! What a study leaves behind: tables, figures and one page.

use super::answer::Answer;
use super::config::StudyConfig;
use super::measurements::measurements;
use super::page::Page;
use super::part::PartResult;
use super::section::Section;
use super::sections::{Findings, StudyResults};
use super::table::StudyTable;
use anyhow::{Context, Result};
use claims::{Evaluator, Registration};
use run_results::{csv_file, registered};
use run_support::atomic;
use std::collections::BTreeMap;
use std::path::Path;

/// Writes tables, figures and `report.html` into the folder of a study.
///
/// # Errors
/// If a file cannot be written.
pub fn write(
    folder: &Path,
    config: &StudyConfig,
    registration: &Registration,
    results: &[PartResult],
) -> Result<Conclusions> {
    let plots = folder.join("plots");
    atomic::make_folder(&plots)?;
    // Tables, answer and claims that give the same number take it from one place.
    let measurements = measurements(results)?;
    let findings = findings(StudyResults {
        runs: results,
        measurements: &measurements,
        evaluator: &Evaluator::new(&measurements, &registration.settings)?,
    })?;
    for found in findings.values() {
        for table in &found.tables {
            write_table(folder, table)?;
        }
        for figure in &found.figures {
            figure.draw(&plots)?;
        }
    }
    let claims = registered::evaluate(folder, registration, &measurements)?;
    let answer = joined_answer(&findings);
    let report = Page {
        folder,
        config,
        results,
        findings: &findings,
        answer: &answer,
        claims: &claims,
    }
    .report()?;
    let path = folder.join("report.html");
    let page =
        html_report::render(&report).with_context(|| format!("cannot make {}", path.display()))?;
    atomic::write_bytes(&path, page.as_bytes())?;
    Ok(Conclusions { answer, claims })
}

/// What every section found; nothing where none of its runs is there.
fn findings(study: StudyResults<'_>) -> Result<BTreeMap<Section, Findings>> {
    let mut all = BTreeMap::new();
    for section in Section::all() {
        let mut found = (section.definition().findings)(&study)?;
        found.tables.retain(|table| !table.rows.is_empty());
        all.insert(section, found);
    }
    Ok(all)
}

/// In the order of the study; a section that can stand alone answers another question and comes last.
fn joined_answer(findings: &BTreeMap<Section, Findings>) -> Answer {
    let mut order: Vec<Section> = Section::all().collect();
    order.sort_by_key(|section| section.definition().stand_alone.is_some());
    Answer::joined(order.iter().map(|section| &findings[section].answer))
}

/// What the study comes to.
#[derive(Debug)]
pub struct Conclusions {
    /// The answer.
    pub answer: Answer,
    /// Claims and integrity checks.
    pub claims: claims::Report,
}

impl Conclusions {
    /// The verdicts, for the terminal.
    #[must_use]
    pub fn table(&self) -> String {
        registered::table(&self.claims)
    }
}

/// `tables/<name>.csv`, with the cells of the page.
fn write_table(folder: &Path, table: &StudyTable) -> Result<()> {
    let place = folder.join("tables");
    atomic::make_folder(&place)?;
    let plain: Vec<String> = table
        .header
        .iter()
        .map(|name| name.replace('`', ""))
        .collect();
    let header: Vec<&str> = plain.iter().map(String::as_str).collect();
    let path = place.join(format!("{}.csv", table.name));
    csv_file::write(&path, &header, |rows| {
        let mut cells = table.rows.iter();
        cells.try_for_each(|row| rows.add(row.iter().map(|cell| cell.replace('`', ""))))
    })
}
