//! The page of a study.

use super::answer::Answer;
use super::config::StudyConfig;
use super::part::{PartResult, of_section};
use super::section::Section;
use super::sections::Findings;
use anyhow::{Context, Result};
use html_report::{Column, Figure, Picture, Report, Table};
use probe::{ImageSource, ProbeConfig};
use run_results::registered;
use run_results::wording;
use std::collections::BTreeMap;
use std::path::Path;

const TITLE: &str = "Does turning visual features into tokens hurt OCR?";
const QUESTION: &str = "Qwen2.5-VL pools 2×2 patches with an MLP (PatchMerger); Ovis maps them to \
    a distribution over visual words and looks the words up in a table (VET). The same small probe \
    is trained behind each of them, behind other discretisers and behind controls, on the features \
    of a frozen tower: what does each of them lose?";
/// Longest list of cells in a warning.
const MOST_NAMED: usize = 20;
/// What has to be known before the numbers are used.
const LIMITS: [&str; 2] = [
    "The tower is a small ViT that was pre-trained to read rendered text, the text is rendered, and \
     a probe is not a language model: the numbers order connectors by the text that can still be \
     read behind them. They do not predict the score of Ovis or Qwen on a benchmark.",
    "Training is shorter than in the releases, and most vocabularies are smaller. Where hard words fail \
     above their capacity, capacity is the reason that more training cannot mend; below it, \
     optimisation is part of the loss.",
];

/// What the page is made of.
pub(super) struct Page<'a> {
    pub folder: &'a Path,
    pub config: &'a StudyConfig,
    pub results: &'a [PartResult],
    pub findings: &'a BTreeMap<Section, Findings>,
    pub answer: &'a Answer,
    pub claims: &'a claims::Report,
}

impl Page<'_> {
    pub(super) fn report(&self) -> Result<Report> {
        let mut sections = Vec::new();
        for &section in &self.config.sections {
            sections.push(self.section(section)?);
        }
        sections.extend(self.images());
        let mut warnings: Vec<String> = LIMITS.map(str::to_owned).into();
        warnings.extend(self.absent()?);
        warnings.extend(self.failures());
        warnings.extend(self.troubles());
        let (title, question) = match Section::stand_alone(&self.config.sections) {
            Some(alone) => (alone.title, alone.question),
            None => (TITLE, QUESTION),
        };
        Ok(Report {
            title: title.to_owned(),
            question: question.to_owned(),
            answer: self.answer.paragraphs.clone(),
            key_numbers: self.answer.key_numbers.clone(),
            warnings,
            claims: registered::page_claims(self.claims),
            gates: registered::page_gates(self.claims),
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

    /// What was left out of fonts and data sets, which runs may share.
    fn images(&self) -> Option<html_report::Section> {
        let mut notes: Vec<String> = Vec::new();
        for result in self.results {
            for note in &result.outcome.image_notes {
                if !notes.contains(note) {
                    notes.push(note.clone());
                }
            }
        }
        let mut section = html_report::Section::new("What became of the images");
        let any = !notes.is_empty();
        section.bullets(notes);
        any.then_some(section)
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
        "Run `{}`: {} arms, {}, {}, {} steps, {} test images per {per}, {asked}.",
        result.part.name(),
        config.arms.len(),
        wording::counted(config.seeds.len(), "seed"),
        trained_on(config),
        wording::count(training.steps),
        wording::count(images.test),
    )
}

/// The training images of a kind, and how many of them a short training sees; kinds take turns.
fn trained_on(config: &ProbeConfig) -> String {
    let (data, training) = (&config.data, &config.training);
    let kinds = match data.source.perception() {
        Some(_) => 1,
        None => data.train_contents.len() * data.densities.len(),
    };
    let images = data.images.train;
    let seen = training.steps.div_ceil(kinds.max(1)) * training.batch;
    let all = format!("{} training images", wording::count(images));
    // Until it has converged, a training makes more steps than these.
    match training.until_converged.is_none() && seen < images {
        true => format!("{all}, of which {} are seen", wording::count(seen)),
        false => all,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Preset;

    #[test]
    fn a_short_training_is_told_with_the_images_that_it_sees() {
        let mut config = Preset::Quick.config();
        config.data.images.train = 125_000;
        config.training.batch = 32;
        for (densities, steps, told) in [
            (
                vec![1.0],
                250,
                "125,000 training images, of which 8,000 are seen",
            ),
            (vec![1.0], 4000, "125,000 training images"),
            (
                vec![1.0, 2.0],
                4000,
                "125,000 training images, of which 64,000 are seen",
            ),
        ] {
            config.data.densities = densities;
            config.training.steps = steps;
            assert_eq!(trained_on(&config), told);
        }
    }
}
