//! `claims`: the pre-registered claims against a study that was run.

use super::Computing;
use anyhow::Result;
use run_support::stop::Stop;
use runs::run_folder::RunFolder;
use std::path::PathBuf;
use study::{StudyConfig, redo_parts, verdicts};

/// Evaluates pre-registered claims on a finished study and writes its report again.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of the study, for example `results/study-quick`.
    run: PathBuf,
    /// Claims as TOML [default: those that the study was made for].
    #[arg(long, value_name = "FILE")]
    claims: Option<PathBuf>,
    #[command(flatten)]
    computing: Computing,
}

/// # Errors
/// If the folder is not a study, its cells are not all there, or the claims make no sense.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let (folder, config) = RunFolder::open::<StudyConfig>(&args.run)?;
    let registration =
        verdicts::registration(args.claims.as_deref(), config.preset, &config.sections)?;
    let session = args.computing.session(stop)?;
    let results = redo_parts(&config, folder.path(), &session)?;
    let written = study::write(folder.path(), &config, &registration, &results)?;
    println!("{}", written.table());
    Ok(())
}
