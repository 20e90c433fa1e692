//! `study`: all questions, claims and one report.

use super::CarryingOut;
use anyhow::{Context, Result};
use probe_data::{missing_boxes, on_problem, open_photographs};
use run_support::settings;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use std::path::PathBuf;
use std::time::Instant;
use study::{FineGrained, Section, StudyConfig, StudyPreset, run_parts, verdicts};

/// Runs every section of the study, evaluates the claims and writes one report.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Sections to run, separated by commas [default: all]; with --resume, some of the study that is gone on
    /// with, where it is made in pieces.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Option<Vec<Section>>,
    #[command(flatten)]
    common: Common,
}

/// What the commands that run sections have in common.
#[derive(clap::Args, Clone, Debug)]
pub struct Common {
    /// Named size.
    #[arg(long, value_enum, default_value = "quick")]
    preset: StudyPreset,
    /// TOML file with settings on top of those of every run (any part of what `config.toml` of a
    /// run holds).
    #[arg(long)]
    config: Option<PathBuf>,
    /// Claims as TOML [default: those that the study was made for].
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    #[command(flatten)]
    carrying_out: CarryingOut,
}

/// Runs the study.
///
/// # Errors
/// One clear message for whatever stopped it; finished cells stay in the study's folder.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let sections = args.only.as_deref();
    let sections = sections.unwrap_or_else(|| args.common.preset.sections());
    let config = args.common.resolve(sections)?;
    args.common.run(&config, "study", stop)
}

impl Common {
    /// What is asked for: the preset, and the settings of the file on top.
    ///
    /// # Errors
    /// If the file cannot be read, is not TOML, or its settings make no sense.
    pub fn resolve(&self, sections: &[Section]) -> Result<StudyConfig> {
        let settings = match &self.config {
            None => toml::Table::new(),
            Some(path) => settings::read_table(path)?,
        };
        let config = StudyConfig {
            preset: self.preset,
            sections: sections.to_vec(),
            fine_grained: FineGrained::in_study(sections),
            settings,
        };
        if let Some(path) = &self.config {
            config.parts().with_context(|| path.display().to_string())?;
        }
        Ok(config)
    }

    /// The study that is gone on with, where it is made in pieces and some of its sections are asked for.
    fn whole_study(&self, config: &StudyConfig) -> Result<Option<StudyConfig>> {
        let Some(path) = self.carrying_out.earlier() else {
            return Ok(None);
        };
        let Ok((_, whole)) = RunFolder::read::<StudyConfig>(&path) else {
            // What is wrong with it is said when it is opened.
            return Ok(None);
        };
        Ok(config.is_piece_of(&whole)?.then_some(whole))
    }

    /// Runs a study into a folder named after `command`.
    ///
    /// # Errors
    /// One clear message for whatever stopped it; finished cells stay in the folder.
    pub fn run(&self, config: &StudyConfig, command: &str, stop: &Stop) -> Result<()> {
        let started = Instant::now();
        // Before anything is made: settings that make no sense leave nothing behind.
        config.parts()?;
        for source in &config.fine_grained.datasets {
            let asked = &config.fine_grained;
            let dataset = open_photographs(source, on_problem(asked.skip_broken))?;
            if asked.box_margin.is_some() {
                missing_boxes(source, &dataset)?;
            }
        }
        let sections = &config.sections;
        let whole = self.whole_study(config)?;
        let config = whole.as_ref().unwrap_or(config);
        let registration =
            verdicts::registration(self.claims.as_deref(), config.preset, &config.sections)?;
        let session = self.carrying_out.session(stop)?;
        let base = format!("{command}-{}", config.preset.name());
        let folder = self.carrying_out.folder(&base, config)?;
        let path = folder.path().to_owned();
        eprintln!("results go to {}", path.display());
        let results = run_parts(config, sections, &path, &session)
            .map_err(|error| super::how_to_go_on(error, &path))?;
        let failed: usize = results
            .iter()
            .flat_map(|result| &result.summary.arms)
            .map(|arm| arm.failures.len())
            .sum();
        let written = study::write(&path, config, &registration, &results)
            .map_err(|error| super::how_to_go_on(error, &path))?;
        println!("{}\n", written.answer.paragraphs.join("\n\n"));
        println!("{}", written.table());
        println!(
            "{} runs in {:.0} s, {failed} failed cells; open {}",
            results.len(),
            started.elapsed().as_secs_f64(),
            path.join("report.html").display()
        );
        Ok(())
    }
}
