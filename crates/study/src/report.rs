//! What a study leaves behind: tables, figures and one page.

use super::answer::Answer;
use super::config::StudyConfig;
use super::measurements::measurements;
use super::part::{PartResult, of_section};
use super::section::Section;
use super::sections::{Findings, StudyResults};
use super::table::StudyTable;
use super::verdicts;
use anyhow::{Context, Result};
use claims::{Evaluator, Registration};
use html_report::{Column, Figure, Picture, Report, Table};
use probe::ImageSource;
use run_results::{csv_file, wording};
use run_support::atomic;
use std::collections::BTreeMap;
use std::path::Path;

const TITLE: &str = "Does turning visual features into tokens hurt OCR?";
const QUESTION: &str = "Qwen2.5-VL pools 2×2 patches with an MLP (PatchMerger); Ovis maps them to \
    a distribution over visual words and looks the words up in a table (VET). The same small probe \
    is trained behind each of them, behind other discretisers and behind controls, on the features \
    of one frozen tower: what does each of them lose?";
/// Longest list of cells in a warning.
const MOST_NAMED: usize = 20;
/// Columns of the table of verdicts in a file.
const NARROW: u16 = 120;
/// What has to be known before the numbers are used.
const LIMITS: [&str; 2] = [
    "The tower is a small ViT that was pre-trained to read rendered text, the text is rendered, and \
     a probe is not a language model: the numbers order connectors by the text that can still be \
     read behind them. They do not predict the score of Ovis or Qwen on a benchmark.",
    "Vocabularies are smaller and training is shorter than in the releases. Where hard words fail \
     above their capacity, capacity is the reason that more training cannot mend; below it, \
     optimisation is part of the loss.",
];

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
    let claims = verdicts::evaluate(folder, registration, &measurements)?;
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

/// What every section of the study found; nothing where none of its runs is there.
fn findings(study: StudyResults<'_>) -> Result<BTreeMap<Section, Findings>> {
    let mut all = BTreeMap::new();
    for section in Section::STUDY {
        let mut found = (section.definition().findings)(&study)?;
        found.tables.retain(|table| !table.rows.is_empty());
        all.insert(section, found);
    }
    Ok(all)
}

/// In the order of the study; a section that can stand alone answers another question and comes last.
fn joined_answer(findings: &BTreeMap<Section, Findings>) -> Answer {
    let mut order = Section::STUDY.to_vec();
    order.sort_by_key(|section| section.definition().alone.is_some());
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
        let mut table = comfy_table::Table::new();
        table.load_preset(comfy_table::presets::UTF8_FULL_CONDENSED);
        table.set_content_arrangement(comfy_table::ContentArrangement::Dynamic);
        if table.width().is_none() {
            // Not a terminal.
            table.set_width(NARROW);
        }
        table.set_header(["claim", "verdict", "adjusted p", "why"]);
        for claim in &self.claims.claims {
            let p = claim.adjusted_p.map(|p| format!("{p:.4}"));
            table.add_row([
                claim.id.clone(),
                claim.verdict.name().to_owned(),
                p.unwrap_or_default(),
                claim.words.clone(),
            ]);
        }
        table.to_string()
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

struct Page<'a> {
    folder: &'a Path,
    config: &'a StudyConfig,
    results: &'a [PartResult],
    findings: &'a BTreeMap<Section, Findings>,
    answer: &'a Answer,
    claims: &'a claims::Report,
}

impl Page<'_> {
    fn report(&self) -> Result<Report> {
        let mut sections = Vec::new();
        for &section in &self.config.sections {
            sections.push(self.section(section)?);
        }
        let mut warnings: Vec<String> = LIMITS.map(str::to_owned).into();
        warnings.extend(self.absent()?);
        warnings.extend(self.failures());
        warnings.extend(self.troubles());
        let (title, question) = match Section::alone(&self.config.sections) {
            Some(alone) => (alone.title, alone.question),
            None => (TITLE, QUESTION),
        };
        Ok(Report {
            title: title.to_owned(),
            question: question.to_owned(),
            answer: self.answer.paragraphs.clone(),
            key_numbers: self.answer.key_numbers.clone(),
            warnings,
            claims: verdicts::page_claims(self.claims),
            gates: verdicts::page_gates(self.claims),
            sections,
            configuration: toml::to_string(self.config)
                .context("the configuration does not fit into TOML")?,
            provenance: self.provenance(),
        })
    }

    /// Runs and arms that the study has and this report has not, because they are not finished.
    fn absent(&self) -> Result<Option<String>> {
        let mut absent = Vec::new();
        for part in self.config.parts()? {
            let name = part.name();
            let found = self
                .results
                .iter()
                .find(|result| result.part.name() == name);
            match found {
                None => absent.push(format!("`{name}`")),
                Some(result) => {
                    let arms = part.config.arms.iter();
                    let left_out = arms.filter(|arm| !result.part.config.arms.contains(arm));
                    absent.extend(left_out.map(|arm| format!("`{arm}` in `{name}`")));
                }
            }
        }
        let listed = absent.join(", ");
        Ok((!absent.is_empty())
            .then(|| format!("Not finished when this report was made, and left out: {listed}.")))
    }

    /// Cells that broke down, by name.
    fn failures(&self) -> Option<String> {
        let mut failed = Vec::new();
        for result in self.results {
            for arm in &result.summary.arms {
                for failure in &arm.failures {
                    failed.push(format!(
                        "`{}` seed {} in `{}` at step {}: {}",
                        arm.arm,
                        failure.seed,
                        result.part.name(),
                        failure.step,
                        failure.reason
                    ));
                }
            }
        }
        (!failed.is_empty()).then(|| format!("Cells that broke down: {}.", failed.join("; ")))
    }

    /// What speaks against the numbers of cells that finished.
    fn troubles(&self) -> Option<String> {
        let mut found = Vec::new();
        for result in self.results {
            for arm in &result.summary.arms {
                let run = result.part.name();
                let troubles = arm.troubles.iter();
                found.extend(
                    troubles.map(|trouble| format!("{} in `{run}`", trouble.told(arm.arm))),
                );
            }
        }
        let count = found.len();
        if count > MOST_NAMED {
            found.truncate(MOST_NAMED);
            found.push(format!(
                "and {} more, in `metrics.csv` of the runs",
                count - MOST_NAMED
            ));
        }
        (count > 0).then(|| {
            format!(
                "Cells that finished and are in the means, but with a dead codebook (its words have \
                 less than 0.1 bits) or a training loss above twice that of guessing: {}.",
                found.join("; ")
            )
        })
    }

    fn section(&self, section: Section) -> Result<html_report::Section> {
        let mut page = html_report::Section::new(section.question());
        for result in of_section(self.results, section) {
            page.paragraph(describe(result));
        }
        let found = &self.findings[&section];
        for figure in &found.figures {
            let stem = format!("plots/{}", figure.name);
            page.figure(self.figure(&stem, &figure.curves.title, figure.how_to_read)?);
        }
        for result in of_section(self.results, section) {
            for plot in section.definition().run_plots {
                let stem = format!("{}/plots/{}", result.part.name(), plot.name);
                if self.folder.join(format!("{stem}.svg")).is_file() {
                    page.figure(self.figure(&stem, plot.title, plot.how_to_read)?);
                }
            }
        }
        for table in &found.tables {
            page.heading(table.title);
            page.paragraph(table.note);
            page.table(Table {
                title: table.title.to_owned(),
                columns: table
                    .header
                    .iter()
                    .enumerate()
                    .map(|(index, head)| match index {
                        0 => Column::text(head),
                        _ => Column::number(head),
                    })
                    .collect(),
                rows: table.rows.clone(),
            });
        }
        Ok(page)
    }

    fn figure(&self, stem: &str, title: &str, how_to_read: &str) -> Result<Figure> {
        let path = self.folder.join(format!("{stem}.svg"));
        let svg = std::fs::read_to_string(&path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Figure {
            title: title.to_owned(),
            how_to_read: how_to_read.to_owned(),
            picture: Picture::Svg(svg),
            data_file: format!("{stem}.csv"),
        })
    }

    fn provenance(&self) -> Vec<(String, String)> {
        let mut rows = match self.results.first() {
            Some(result) => result.manifest.provenance(),
            None => Vec::new(),
        };
        // What differs between the runs stands in their own manifests.
        rows.retain(|(name, _)| {
            !["stage ", "images ", "features ", "seeds"]
                .iter()
                .any(|kind| name.starts_with(kind))
        });
        for result in self.results {
            let seconds: f64 = result
                .manifest
                .stages
                .iter()
                .map(|stage| stage.seconds)
                .sum();
            rows.push((
                format!("run {}", result.part.name()),
                format!("{seconds:.0} s"),
            ));
        }
        rows
    }
}

/// What a run was, in a sentence.
fn describe(result: &PartResult) -> String {
    let config = &result.part.config;
    let (images, training) = (&config.data.images, &config.training);
    let (asked, per) = match &config.data.source {
        ImageSource::Perception(kind) => (format!("{} answers", kind.classes().len()), "level"),
        ImageSource::Photographs(photographs) => {
            let source = &photographs.dataset;
            let classes = result.outcome.class_names.len();
            return format!(
                "Run `{}`: {source}, {classes} classes, {} arms, {}, {} steps.",
                result.part.name(),
                config.arms.len(),
                wording::counted(config.seeds.len(), "seed"),
                wording::count(training.steps)
            );
        }
        ImageSource::Text { .. } | ImageSource::Relabelled(_) => {
            let size = config.data.charset.size();
            (format!("alphabet of {size}"), "density and kind of text")
        }
    };
    format!(
        "Run `{}`: {} arms, {}, {} training images, {} steps, {} test images per {per}, {asked}.",
        result.part.name(),
        config.arms.len(),
        wording::counted(config.seeds.len(), "seed"),
        wording::count(images.train),
        wording::count(training.steps),
        wording::count(images.test),
    )
}
