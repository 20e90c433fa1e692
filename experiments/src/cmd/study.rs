//! `study`: all questions, claims and one report.

use super::Machine;
use crate::data::FeatureCache;
use crate::run_folder::RunFolder;
use crate::session::Session;
use crate::stop::{Stop, Stopped};
use crate::study::{Section, StudyConfig, StudyPreset, run_parts};
use anyhow::{Context, Result};
use std::path::PathBuf;
use std::time::Instant;

/// Runs every section of the study, evaluates the claims and writes one report.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Named size of the study.
    #[arg(long, value_enum, default_value = "quick")]
    preset: StudyPreset,
    /// Sections to run, separated by commas [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Option<Vec<Section>>,
    /// TOML file with settings on top of those of every run (any part of what `config.toml` of a
    /// run holds).
    #[arg(long)]
    config: Option<PathBuf>,
    /// Folder for caches.
    #[arg(long, default_value = "data")]
    data: PathBuf,
    /// Folder for results.
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Name of the study [default: study-PRESET, numbered if taken].
    #[arg(long)]
    run: Option<String>,
    /// Go on with an earlier study of the same configuration.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    machine: Machine,
}

impl Args {
    fn resolve(&self) -> Result<StudyConfig> {
        let settings = match &self.config {
            None => toml::Table::new(),
            Some(path) => {
                let text = std::fs::read_to_string(path).with_context(|| {
                    let path = path.display();
                    format!("{path}: cannot read the settings; check the path")
                })?;
                toml::from_str(&text)
                    .with_context(|| format!("{}: not valid TOML", path.display()))?
            }
        };
        Ok(StudyConfig {
            preset: self.preset,
            sections: self.only.clone().unwrap_or_else(|| Section::ALL.to_vec()),
            settings,
        })
    }
}

/// Runs the study.
///
/// # Errors
/// One clear message for whatever stopped it; finished cells stay in the study's folder.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let started = Instant::now();
    let config = args.resolve()?;
    // Before anything is made: settings that make no sense leave nothing behind.
    config.parts()?;
    let cache = FeatureCache::new(&args.data.join("cache"));
    let session = Session::open(&args.machine, Some(cache), stop)?;
    let base = format!("study-{}", config.preset.name());
    let name = args.run.as_deref();
    let folder = RunFolder::choose(&args.results, name, &base, args.resume, &config)?;
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
    println!(
        "{} runs in {:.0} s, {failed} failed cells",
        results.len(),
        started.elapsed().as_secs_f64()
    );
    Ok(())
}
