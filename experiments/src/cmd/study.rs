//! `study`: all questions, claims and one report.

use super::Machine;
use crate::data::FeatureCache;
use crate::run_folder::RunFolder;
use crate::session::Session;
use crate::settings;
use crate::stop::{Stop, Stopped};
use crate::study::{self, Section, StudyConfig, StudyPreset, run_parts, verdicts};
use anyhow::Result;
use std::path::PathBuf;
use std::time::Instant;

/// Runs every section of the study, evaluates the claims and writes one report.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Sections to run, separated by commas [default: all but fine-grained].
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
    /// Folder for caches.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Folder for results.
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Name of the folder [default: the command and the preset, numbered if taken].
    #[arg(long)]
    run: Option<String>,
    /// Go on where an earlier run of the same configuration stopped.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    machine: Machine,
}

/// Runs the study.
///
/// # Errors
/// One clear message for whatever stopped it; finished cells stay in the study's folder.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let sections = args.only.as_deref().unwrap_or(&Section::STUDY);
    args.common.run(sections, "study", stop)
}

impl Common {
    fn resolve(&self, sections: &[Section]) -> Result<StudyConfig> {
        let settings = match &self.config {
            None => toml::Table::new(),
            Some(path) => settings::read_table(path)?,
        };
        Ok(StudyConfig {
            preset: self.preset,
            sections: sections.to_vec(),
            settings,
        })
    }

    /// Runs sections into a folder named after `command`.
    ///
    /// # Errors
    /// One clear message for whatever stopped it; finished cells stay in the folder.
    pub fn run(&self, sections: &[Section], command: &str, stop: &Stop) -> Result<()> {
        let started = Instant::now();
        let config = self.resolve(sections)?;
        // Before anything is made: settings that make no sense leave nothing behind.
        config.parts()?;
        let registration = verdicts::registration(self.claims.as_deref())?;
        let cache = FeatureCache::new(&self.data.join("cache"));
        let session = Session::open(&self.machine, Some(cache), stop)?;
        let base = format!("{command}-{}", config.preset.name());
        let name = self.run.as_deref();
        let folder = RunFolder::choose(&self.results, name, &base, self.resume, &config)?;
        let path = folder.path().to_owned();
        eprintln!("results go to {}", path.display());
        let results = run_parts(&config, &path, &session).map_err(|error| {
            if error.is::<Stopped>() {
                let run = path.file_name().unwrap_or_default().to_string_lossy();
                error.context(format!(
                    "not finished; go on with the same command and --resume --run {run}"
                ))
            } else {
                error
            }
        })?;
        let failed: usize = results
            .iter()
            .flat_map(|result| &result.summary.arms)
            .map(|arm| arm.failures.len())
            .sum();
        let written = study::write(&path, &config, &registration, &results)?;
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
