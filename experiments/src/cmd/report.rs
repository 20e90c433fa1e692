//! `report`: tables, plots and the page of a finished run, without training.

use super::Computing;
use anyhow::Result;
use probe::ProbeConfig;
use run_results::Outputs;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use std::path::PathBuf;

/// Writes tables, plots, verdict and report.html of a run again from its stored cells.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of the run, for example `results/ocr-probe-quick`.
    run: PathBuf,
    #[command(flatten)]
    computing: Computing,
}

/// # Errors
/// If the folder is not a run, or its cells are not all there.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let (folder, config) = RunFolder::open::<ProbeConfig>(&args.run)?;
    config.check()?;
    let session = args.computing.session(stop)?;
    let finished = session.redo(&config, &folder, Outputs::of(&config))?;
    println!("{}", finished.summary.table());
    if let Some(protocol) = &finished.summary.protocol {
        println!("{protocol}");
    }
    Ok(())
}
