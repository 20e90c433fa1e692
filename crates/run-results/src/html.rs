//! `report.html`: the verdict, figures, tables, configuration and provenance on one page.

use super::confusions::GroupConfusion;
use super::manifest::Manifest;
use super::plots::DrawnFigure;
use super::scored::ScoredRun;
use super::summary::Summary;
use super::verdict::{QUESTION, TITLE, Verdict};
use super::wording;
use anyhow::{Context, Result};
use html_report::{Column, Figure, Picture, Report, Section, Table};
use probe::EvaluationMode;
use probe_statistics::bootstrap::Measure;
use run_support::atomic;
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

/// Substitutions shown per arm and group; `confusions.csv` has more.
const SHOWN_PAIRS: usize = 6;

/// What the page is made from.
pub(super) struct Page<'a> {
    pub scored: &'a ScoredRun<'a>,
    pub summary: &'a Summary,
    pub verdict: &'a Verdict,
    pub figures: &'a [DrawnFigure],
    pub confusions: &'a [GroupConfusion],
    pub manifest: &'a Manifest,
}

impl Page<'_> {
    /// Writes `report.html` into the folder of a run, whose figures are drawn already.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = folder.join("report.html");
        let page = html_report::render(&self.report(folder)?)
            .with_context(|| format!("cannot make {}", path.display()))?;
        atomic::write_bytes(&path, page.as_bytes())
    }

    fn report(&self, folder: &Path) -> Result<Report> {
        let mut sections: Vec<Section> = self.verdict.words_right.iter().cloned().collect();
        if !self.figures.is_empty() {
            sections.push(self.figures(folder)?);
        }
        sections.push(self.overview());
        sections.push(self.verdict.comparisons.clone());
        sections.extend(self.verdict.details.iter().cloned());
        sections.push(self.tuning());
        sections.push(self.confusions());
        let configuration = toml::to_string(self.scored.config)
            .context("the configuration does not fit into TOML")?;
        Ok(Report {
            title: TITLE.to_owned(),
            question: QUESTION.to_owned(),
            answer: self.verdict.answer.clone(),
            key_numbers: self.verdict.key_numbers.clone(),
            warnings: self.verdict.warnings.clone(),
            claims: Vec::new(),
            gates: self.verdict.gates.clone(),
            sections,
            configuration,
            provenance: self.manifest.provenance(),
        })
    }

    fn figures(&self, folder: &Path) -> Result<Section> {
        let mut section = Section::new("Figures");
        for figure in self.figures {
            let path = folder.join("plots").join(format!("{}.svg", figure.name));
            let svg = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            section.figure(Figure {
                title: figure.title.clone(),
                how_to_read: figure.how_to_read.to_owned(),
                picture: Picture::Svg(svg),
                data_file: format!("plots/{}.csv", figure.name),
            });
        }
        Ok(section)
    }

    /// Every arm with its size and what it reads, without intervals.
    fn overview(&self) -> Section {
        let mut section = Section::new("Summary");
        section.paragraph(
            "Means over the seeds that finished, read without noise: character error rate (CER), \
             and the share of texts read without any error. Intervals follow under Comparisons.",
        );
        let groups = &self.summary.groups;
        let mut columns = vec![
            Column::text("arm"),
            Column::number("parameters"),
            Column::number("seeds"),
        ];
        for group in groups {
            let density = wording::rounded(group.density);
            for measure in ["CER", "all right"] {
                let condition = &group.condition;
                columns.push(Column::number(format!(
                    "{measure}, {density} × {condition}"
                )));
            }
        }
        let rows =
            self.summary.arms.iter().map(|arm| {
                let parameters = arm.parameters.map_or_else(String::new, wording::count);
                let seeds = match arm.failures.len() {
                    0 => arm.finished.to_string(),
                    failed => format!("{} ({failed} failed)", arm.finished),
                };
                let mut row = vec![format!("`{}`", arm.arm), parameters, seeds];
                for group in 0..groups.len() {
                    for measure in [Measure::CharacterErrorRate, Measure::WordAccuracy] {
                        let mode = EvaluationMode::Deterministic;
                        let found = self.summary.row(arm.arm, group, mode, measure);
                        let value = found.and_then(|row| row.value);
                        row.push(value.map_or_else(
                            || "failed".to_owned(),
                            |value| wording::percent(value.mean),
                        ));
                    }
                }
                row
            });
        section.table(Table {
            title: "Summary".to_owned(),
            rows: rows.collect(),
            columns,
        });
        if !groups.is_empty() {
            section.paragraph("Column heads: characters per token × kind of text.");
        }
        section
    }

    /// Every learning rate that was tried.
    fn tuning(&self) -> Section {
        let mut section = Section::new("Tuning");
        section.paragraph("Validation CER at every learning rate that was tried.");
        let candidates = self
            .scored
            .run
            .tuning
            .iter()
            .flat_map(|arm| &arm.candidates);
        let mut rates: Vec<f64> = candidates.map(|(rate, _)| *rate).collect();
        rates.sort_by(f64::total_cmp);
        rates.dedup();
        let mut columns = vec![Column::text("arm")];
        columns.extend(rates.iter().map(|rate| Column::number(format!("{rate:?}"))));
        columns.push(Column::number("chosen"));
        let rows = self.scored.run.tuning.iter().map(|tuning| {
            let mut row = vec![format!("`{}`", tuning.arm)];
            for rate in &rates {
                let mut candidates = tuning.candidates.iter();
                row.push(match candidates.find(|(tried, _)| tried == rate) {
                    Some((_, Some(cer))) => wording::percent(*cer),
                    Some((_, None)) => "failed".to_owned(),
                    None => "–".to_owned(),
                });
            }
            let edge = if tuning.on_edge && tuning.candidates.len() > 1 {
                " (edge)"
            } else {
                ""
            };
            row.push(
                tuning
                    .chosen
                    .map_or_else(|| "–".to_owned(), |rate| format!("{rate:?}{edge}")),
            );
            row
        });
        section.table(Table {
            title: "Validation error by learning rate".to_owned(),
            rows: rows.collect(),
            columns,
        });
        section
    }

    /// The most frequent substitutions.
    fn confusions(&self) -> Section {
        let mut section = Section::new("Confusions");
        if !self.scored.run.has_answers() {
            section.paragraph(
                "This page was made from `items.safetensors`, which counts errors and does not hold \
                 what was read; `confusions.csv` has the substitutions where it was kept.",
            );
            return section;
        }
        section.paragraph(
            "The most frequent substitutions, pooled over seeds: character shown → character \
             read, with the share of its occurrences. More in `confusions.csv`.",
        );
        let columns = vec![
            Column::text("arm"),
            Column::number("characters per token"),
            Column::text("text"),
            Column::text("shown → read"),
        ];
        let rows = self.confusions.iter().map(|counted| {
            let group = &self.summary.groups[counted.group];
            let pairs = counted
                .confusion
                .characters
                .top_confusions(SHOWN_PAIRS)
                .into_iter();
            let pairs = pairs.map(|pair| {
                let occurrences = counted.confusion.characters.occurrences(pair.target);
                let share = pair.count as f64 / occurrences as f64;
                let (shown, read) = (pair.target, pair.predicted);
                format!("{shown} → {read} {}", wording::percent(share))
            });
            vec![
                format!("`{}`", counted.arm),
                wording::rounded(group.density).to_string(),
                group.condition.clone(),
                pairs.collect::<Vec<_>>().join(", "),
            ]
        });
        section.table(Table {
            title: "Confusions".to_owned(),
            rows: rows.collect(),
            columns,
        });
        section
    }
}

impl Manifest {
    /// Names and values for people.
    #[must_use]
    pub fn provenance(&self) -> Vec<(String, String)> {
        let unknown = || "unknown".to_owned();
        let started = UNIX_EPOCH.checked_add(Duration::from_secs(self.started_unix_s));
        let started = started.map_or_else(unknown, |time| {
            humantime::format_rfc3339_seconds(time).to_string()
        });
        let seeds: Vec<String> = self.seeds.iter().map(u64::to_string).collect();
        let mut rows = vec![
            ("version", self.version.clone()),
            ("commit", self.commit.clone().unwrap_or_else(unknown)),
            ("burn", self.burn_version.clone()),
            ("backend", self.backend.clone()),
            ("device", self.device.clone()),
            ("processors", self.cpu_count.to_string()),
            ("cells side by side", self.lanes.to_string()),
            ("seeds", seeds.join(", ")),
            ("started", started),
        ]
        .into_iter()
        .map(|(name, value)| (name.to_owned(), value))
        .collect::<Vec<_>>();
        for stage in &self.stages {
            let memory = stage.peak_memory_mib.map_or_else(String::new, |memory| {
                format!(", peak memory so far {memory:.0} MiB")
            });
            let name = format!("stage {}", stage.stage);
            rows.push((name, format!("{:.1} s{memory}", stage.seconds)));
        }
        let hashes = &self.hashes;
        for (kind, hashes) in [("images", &hashes.data), ("features", &hashes.features)] {
            let hashes = hashes.iter();
            rows.extend(hashes.map(|(name, hash)| (format!("{kind} {name}"), hash.clone())));
        }
        if let Some(hash) = &hashes.backbone {
            rows.push(("backbone".to_owned(), hash.clone()));
        }
        rows
    }
}
