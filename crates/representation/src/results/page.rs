//! `report.html`: answer, figures, tables, configuration and provenance on one page.

use super::figures::Drawn;
use super::sentences::QUESTION;
use super::summary::{Measure, Row, Value};
use crate::config::{Objective, RepresentationConfig};
use crate::outcome::{CellOutcome, Subject};
use crate::run::Outcome;
use anyhow::{Context, Result};
use html_report::{Column, Figure, Picture, Report, Section, Table};
use probe::Status;
use run_results::{Manifest, registered};
use run_support::atomic;
use std::path::Path;

/// What the page is made from.
pub(super) struct Page<'a> {
    pub config: &'a RepresentationConfig,
    pub outcome: &'a Outcome,
    pub rows: &'a [Row],
    pub answer: Vec<String>,
    pub claims: Option<&'a claims::Report>,
    pub drawn: &'a [Drawn],
    pub warnings: &'a [String],
    pub manifest: &'a Manifest,
}

impl Page<'_> {
    /// Writes it into the folder of a run whose figures are drawn already.
    pub fn write(self, folder: &Path) -> Result<()> {
        let path = folder.join("report.html");
        let mut sections = vec![self.figures(folder)?];
        sections.extend(
            self.config
                .objectives
                .iter()
                .map(|&objective| self.table(Some(objective))),
        );
        sections.push(self.table(None));
        sections.push(reading());
        let mut warnings: Vec<String> = self
            .outcome
            .cells
            .iter()
            .chain(&self.outcome.tried)
            .filter_map(failure)
            .collect();
        warnings.extend(self.warnings.iter().cloned());
        if self.config.seeds.len() < 3 {
            let seeds = wording::counted(self.config.seeds.len(), "seed");
            warnings.push(format!("{seeds}: exploratory, no claim rests on it"));
        }
        let report = Report {
            title: "Representation probe".to_owned(),
            question: QUESTION.to_owned(),
            answer: self.answer,
            claims: self.claims.map_or_else(Vec::new, registered::page_claims),
            warnings,
            sections,
            configuration: toml::to_string(self.config)
                .context("the configuration does not fit into TOML")?,
            provenance: self.manifest.provenance(),
            ..Report::default()
        };
        let page = html_report::render(&report)
            .with_context(|| format!("cannot make {}", path.display()))?;
        atomic::write_bytes(&path, page.as_bytes())
    }

    fn figures(&self, folder: &Path) -> Result<Section> {
        let mut section = Section::new("Figures");
        for drawn in self.drawn {
            let path = folder.join("plots").join(format!("{}.svg", drawn.name));
            let svg = std::fs::read_to_string(&path)
                .with_context(|| format!("cannot read {}", path.display()))?;
            section.figure(Figure {
                title: drawn.title.clone(),
                how_to_read: drawn.how_to_read.clone(),
                picture: Picture::Svg(svg),
                data_file: format!("plots/{}.csv", drawn.name),
            });
        }
        Ok(section)
    }

    /// Every subject of an objective, or the baselines, on every part.
    fn table(&self, objective: Option<Objective>) -> Section {
        let mut section = Section::new(match objective {
            Some(objective) => format!("Trained to {objective}"),
            None => "Without tokens".to_owned(),
        });
        let mut columns = vec![Column::text("images"), Column::text("arm")];
        let headings = [
            "PSNR, dB",
            "SSIM",
            "variance lost",
            "characters wrong",
            "texts right",
            "identified",
            "features, linear R²",
            "features, network R²",
            "bits in use",
            "words in use",
        ];
        columns.extend(headings.map(Column::number));
        let rows = self
            .rows
            .iter()
            .filter(|row| row.objective == objective)
            .map(|row| {
                let of = |measure, show: fn(Value) -> String| {
                    row.value(measure).map_or_else(String::new, show)
                };
                let percent = |value: Value| {
                    wording::percent(value.mean) + &wording::bracket(Some(value.interval), 1)
                };
                let plain = |value: Value| {
                    wording::fixed(value.mean, 2) + &wording::interval(Some(value.interval), 2)
                };
                let r2 = |index: usize| {
                    row.feature_r2
                        .map_or_else(String::new, |r2| wording::fixed(r2[index], 3))
                };
                vec![
                    row.part.clone(),
                    match row.subject {
                        Subject::Arm(arm) => format!("`{arm}`"),
                        Subject::Original | Subject::Resized | Subject::MeanColour => {
                            row.subject.to_string()
                        }
                    },
                    of(Measure::Psnr, plain),
                    of(Measure::Ssim, plain),
                    of(Measure::Distortion, percent),
                    of(Measure::CharacterErrors, percent),
                    of(Measure::TextAccuracy, percent),
                    of(Measure::Identified, |value| wording::percent(value.mean)),
                    r2(0),
                    r2(1),
                    row.used_bits
                        .map_or_else(String::new, |bits| wording::fixed(bits, 1)),
                    row.words
                        .map_or_else(String::new, |[used, all]| format!("{used:.0} of {all:.0}")),
                ]
            });
        section.table(Table {
            title: section.heading.clone(),
            columns,
            rows: rows.collect(),
        });
        section
    }
}

fn failure(cell: &CellOutcome) -> Option<String> {
    match &cell.status {
        Status::Failed { step, reason } => {
            Some(format!("{} failed at step {step}: {reason}", cell.spec))
        }
        Status::Finished => None,
    }
}

/// What the columns mean.
fn reading() -> Section {
    let mut section = Section::new("How to read the tables");
    section.bullets(
        [
            "PSNR and SSIM compare pictures in 256 grey levels; 95% intervals are over seeds and clusters \
             of images (fonts, levels, photographs), or single images where a part has fewer than 5 \
             clusters. Where it has few they are too narrow. What did not vary has none.",
            "Variance lost is the mean squared error as a share of the variance of each picture; the mean \
             grey level alone loses all of it.",
            "Characters wrong and texts right are what a probe reads in the reconstructions that was \
             trained on originals behind the identity; it never saw a reconstruction.",
            "Identified is the share of images whose reconstruction is nearer to them than to any other \
             test image of their group; brightness and contrast do not count.",
            "R² is the share of the tower's features that a ridge regression, or a small network, finds in \
             the tokens of other images.",
            "Bits in use are the entropy of the words over all test tokens, or, for text, over those of as many \
             further images as were asked for (`tokens_counted` in metrics.csv); summed over the codes of a \
             token and at most their nominal bits.",
            "Towers do not see brightness and contrast of an image, so both are given to every \
             reconstruction.",
        ]
        .map(str::to_owned)
        .into(),
    );
    section
}
