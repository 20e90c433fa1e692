//! `claims`: the pre-registered claims against a study, or a representation probe, that was run.

use super::Computing;
use anyhow::{Result, bail};
use representation::RepresentationConfig;
use run_results::registered;
use run_support::stop::Stop;
use runs::run_folder::{FolderConfig, RunFolder};
use std::path::PathBuf;
use study::{StudyConfig, redo_parts, verdicts};

/// Evaluates pre-registered claims on a finished study and writes its report again; those of a
/// representation probe from its items.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of the run, for example `results/study-quick`.
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
    if args.run.join(RepresentationConfig::FILE).is_file() {
        return of_representation(args);
    }
    let (folder, config) = RunFolder::open::<StudyConfig>(&args.run)?;
    let registration =
        verdicts::registration(args.claims.as_deref(), config.preset, &config.sections)?;
    let session = args.computing.session(stop)?;
    let results = redo_parts(&config, folder.path(), &session)?;
    let written = study::write(folder.path(), &config, &registration, &results)?;
    println!("{}", written.table());
    Ok(())
}

fn of_representation(args: &Args) -> Result<()> {
    let (folder, config) = RunFolder::open::<RepresentationConfig>(&args.run)?;
    let file = args.claims.as_deref();
    let Some(report) = representation::results::evaluate(folder.path(), &config, file)? else {
        bail!(
            "{}: nothing was registered for this run; `representation-probe --preset paper` has claims, or give \
             your own with --claims",
            args.run.display()
        );
    };
    println!("{}", registered::table(&report));
    Ok(())
}
