//! `how-many-words`: the arithmetic of visual words, as a page.

use anyhow::{Result, bail};
use representation::how_many_words::page;
use run_support::atomic;
use std::path::PathBuf;

/// Writes a page on how many visual words an image needs, with the measured points of a
/// representation-probe.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// `summary.csv` of a representation-probe.
    #[arg(
        long,
        value_name = "FILE",
        default_value = "results/published/representation/summary.csv"
    )]
    summary: PathBuf,
    /// Where the page goes.
    #[arg(long, value_name = "FILE", default_value = "docs/how-many-words.md")]
    out: PathBuf,
    /// Write nothing; fail if the page is not what the results say.
    #[arg(long)]
    check: bool,
}

/// # Errors
/// If the summary cannot be read or the page not written; with `--check` if it is stale.
pub fn run(args: &Args) -> Result<()> {
    let page = page(&args.summary)?;
    if !args.check {
        return atomic::write_bytes(&args.out, page.as_bytes());
    }
    if std::fs::read_to_string(&args.out).ok().as_deref() != Some(&page) {
        bail!(
            "{} is stale; run `experiments how-many-words`",
            args.out.display()
        );
    }
    Ok(())
}
