//! `representation-probe`: what do visual tokens still know of the pixels?

use super::{Computing, set};
use anyhow::{Context, Result, bail};
use arms::ArmSpec;
use perception_tasks::TaskKind;
use probe::Replication;
use representation::results::{self, Measure, Row};
use representation::{Images, Objective, Outcome, Preset, RepresentationConfig, Run};
use run_results::{provenance, registered};
use run_support::settings::overlay_file;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use std::path::PathBuf;
use std::time::Instant;
use text_images::Charset;

/// Trains the same pixel decoder behind each projector and reports what comes back.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Named size.
    #[arg(long, value_enum, default_value = "quick")]
    preset: Preset,
    /// TOML file with settings on top of the preset (any part of what `representation.toml` of a run
    /// holds); flags go on top of it.
    #[arg(long)]
    config: Option<PathBuf>,
    /// Arms, separated by commas, for example `patch-merger,vet-softmax@1028,vq@4096`.
    #[arg(long, value_delimiter = ',')]
    arms: Option<Vec<ArmSpec>>,
    /// What projectors are trained for: read, reconstruct, or both separated by a comma.
    #[arg(long, value_enum, value_delimiter = ',')]
    objectives: Option<Vec<Objective>>,
    /// Number of paired seeds: 1 to N.
    #[arg(long)]
    seeds: Option<u64>,
    /// What differs between the seeds besides start, order and noise.
    #[arg(long, value_enum)]
    replication: Option<Replication>,
    /// Folder of photographs, searched with its subfolders; crops of them are decoded beside text and
    /// tasks. docs/representation.md has a recipe for openly licensed ones.
    #[arg(long, value_name = "DIR")]
    dataset: Option<PathBuf>,
    /// Count the use of hard words on so many tokens of further test images, over all densities and kinds
    /// of text together, instead of the test images; a vocabulary of 65,536 words needs a million at each.
    #[arg(long, value_name = "N")]
    usage_tokens: Option<usize>,
    /// Alphabet: 10, 16, 36, 62 or 94 characters.
    #[arg(long)]
    charset: Option<Charset>,
    /// Characters per visual token, separated by commas.
    #[arg(long, value_delimiter = ',')]
    densities: Option<Vec<f64>>,
    /// Fine-grained tasks whose images are decoded, separated by commas.
    #[arg(long, value_delimiter = ',')]
    tasks: Option<Vec<TaskKind>>,
    /// Optimiser steps in which a projector learns to read.
    #[arg(long)]
    read_steps: Option<usize>,
    /// Optimiser steps of the decoder.
    #[arg(long)]
    decode_steps: Option<usize>,
    /// Learning rates every arm is tried with, separated by commas.
    #[arg(long, value_delimiter = ',')]
    learning_rates: Option<Vec<f64>>,
    /// Pre-trained backbone.
    #[arg(long)]
    backbone: Option<PathBuf>,
    /// Folder for results.
    #[arg(long, default_value = "results")]
    results: PathBuf,
    /// Name of the run [default: representation-probe-PRESET, numbered if taken].
    #[arg(long)]
    run: Option<String>,
    /// Go on with an earlier run of the same configuration, or write its results again.
    #[arg(long)]
    resume: bool,
    #[command(flatten)]
    computing: Computing,
}

impl Args {
    /// The resolved configuration: preset, then file, then flags.
    fn resolve(&self) -> Result<RepresentationConfig> {
        let preset = self.preset.config();
        let mut config = match &self.config {
            Some(path) => overlay_file(&preset, path)?,
            None => preset,
        };
        set(&mut config.arms, &self.arms);
        set(&mut config.objectives, &self.objectives);
        set(&mut config.replication, &self.replication);
        set(&mut config.charset, &self.charset);
        set(&mut config.densities, &self.densities);
        set(&mut config.tasks, &self.tasks);
        set(&mut config.read_steps, &self.read_steps);
        set(&mut config.decode_steps, &self.decode_steps);
        set(&mut config.learning_rates, &self.learning_rates);
        set(&mut config.usage_tokens, &self.usage_tokens);
        set(&mut config.backbone, &self.backbone);
        if self.dataset.is_some() {
            config.photographs.clone_from(&self.dataset);
        }
        if let Some(seeds) = self.seeds {
            config.seeds = (1..=seeds).collect();
        }
        let checked = config.check();
        match &self.config {
            Some(path) => {
                checked.with_context(|| format!("with the settings of {}", path.display()))?;
            }
            None => checked?,
        }
        Ok(config)
    }
}

/// Runs it.
///
/// # Errors
/// One clear message for whatever stopped it; finished cells stay in the run's folder.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let started = Instant::now();
    let config = args.resolve()?;
    let session = args.computing.session(stop)?;
    let base = format!("representation-probe-{}", config.preset);
    let folder = RunFolder::choose(
        &args.results,
        args.run.as_deref(),
        &base,
        args.resume,
        &config,
    )?;
    super::note_beginning(args.resume, &folder);
    eprintln!("results go to {}", folder.path().display());
    eprintln!("rendering images and computing features ...");
    let path = folder.path().to_owned();
    let (lanes, device) = (&session.lanes, session.device());
    let text = config.text()?;
    let mut manifest = session.manifest(&text);
    let (mut outcomes, mut warnings): (Vec<Outcome>, Vec<String>) = (Vec::new(), Vec::new());
    for replicate in config.replicates()? {
        let prepared = Images::prepare(&replicate, session.cache.as_ref(), lanes, device, stop);
        let images = match prepared {
            Ok(images) => images,
            Err(error) if outcomes.is_empty() => {
                folder.abandon();
                return Err(error);
            }
            Err(error) => return Err(super::how_to_go_on(error, &path)),
        };
        for warning in &images.warnings {
            if !warnings.contains(warning) {
                eprintln!("note: {warning}");
                warnings.push(warning.clone());
            }
        }
        let seed = text.own_seed(&replicate.text()?);
        provenance::add_preparation(&mut manifest, &images.text, seed);
        let clock = Instant::now();
        let run = Run {
            config: &replicate,
            first: outcomes.first(),
            images: &images,
            cells: &folder.cells(),
            lanes,
            devices: &session.devices,
            stop,
        };
        let outcome = run
            .carry_out()
            .map_err(|error| super::how_to_go_on(error, &path))?;
        outcomes.push(outcome);
        provenance::add_stage(&mut manifest, "cells", clock.elapsed().as_secs_f64());
    }
    let outcome = Outcome::joined(outcomes)?;
    // What computed nothing is not where the numbers of a finished run come from.
    let earlier = provenance::stored(&path).filter(|earlier| {
        let (then, now) = (&earlier.hashes, &manifest.hashes);
        outcome.computed == 0 && then.data == now.data && then.backbone == now.backbone
    });
    let manifest = earlier.unwrap_or(manifest);
    let written = results::write(&path, &config, &outcome, &warnings, &manifest)?;
    println!("{}", table(&written.rows));
    if let Some(claims) = &written.claims {
        println!("{}", registered::table(claims));
    }
    println!(
        "{:.0} s in all; read {}, or open {} in a browser",
        started.elapsed().as_secs_f64(),
        path.join("answer.md").display(),
        path.join("report.html").display()
    );
    if outcome.all_failed() {
        bail!(
            "every cell failed; {} says why, lower --learning-rates if they diverged",
            path.join("report.html").display()
        );
    }
    Ok(())
}

/// The main numbers for a terminal.
fn table(rows: &[Row]) -> comfy_table::Table {
    let mut table = comfy_table::Table::new();
    table.load_preset(comfy_table::presets::NOTHING);
    table.set_header([
        "images",
        "arm",
        "trained to",
        "PSNR dB",
        "chars wrong",
        "bits in use",
    ]);
    for row in rows {
        let value = |measure| row.value(measure);
        table.add_row([
            row.part.clone(),
            row.subject.to_string(),
            row.objective
                .map_or_else(String::new, |objective| objective.to_string()),
            value(Measure::Psnr).map_or_else(String::new, |v| format!("{:.1}", v.mean)),
            value(Measure::CharacterErrors)
                .map_or_else(String::new, |v| format!("{:.1}%", 100.0 * v.mean)),
            row.used_bits
                .map_or_else(String::new, |bits| format!("{bits:.1}")),
        ]);
    }
    table
}
