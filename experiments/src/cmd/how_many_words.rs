//! `how-many-words`: the arithmetic of visual words, as a page.

use anyhow::{Context, Result, bail};
use representation::how_many_words::of_runs;
use run_support::atomic;
use std::path::{Path, PathBuf};

/// Name of the figure among the plots of the first run, without ending.
const FIGURE: &str = "plots/text_beside_others";

/// Writes a page on how many visual words an image needs, with the measured points of
/// representation-probes, and a figure of the first of them beside published points.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folders of representation-probes.
    #[arg(
        long,
        value_name = "DIR,...",
        value_delimiter = ',',
        default_value = "results/published/representation-paper,results/published/representation"
    )]
    runs: Vec<PathBuf>,
    /// Where the page goes.
    #[arg(long, value_name = "FILE", default_value = "docs/how-many-words.md")]
    out: PathBuf,
    /// Write nothing; fail if the page is not what the results say.
    #[arg(long)]
    check: bool,
}

/// # Errors
/// If the results of a run cannot be read or the page not written; with `--check` if it is stale.
pub fn run(args: &Args) -> Result<()> {
    let first = args.runs.first().context("name at least one run")?;
    let stem = first.join(FIGURE);
    let link = link(&args.out, &stem.with_extension("png"));
    let made = of_runs(&args.runs, &link)?;
    if !args.check {
        made.figure.draw(&stem)?;
        return atomic::write_bytes(&args.out, made.page.as_bytes());
    }
    if std::fs::read_to_string(&args.out).ok().as_deref() != Some(&made.page) {
        bail!(
            "{} is stale; run `experiments how-many-words`",
            args.out.display()
        );
    }
    Ok(())
}

/// How a page names a file, where both are named from one folder.
fn link(page: &Path, file: &Path) -> String {
    let folders = page
        .parent()
        .map_or(0, |folder| folder.components().count());
    let up = match file.is_relative() {
        true => "../".repeat(folders),
        false => String::new(),
    };
    format!("{up}{}", file.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_finds_its_figure_from_where_it_stands() {
        let of = |page: &str, file: &str| link(Path::new(page), Path::new(file));
        assert_eq!(of("docs/a.md", "results/b.png"), "../results/b.png");
        assert_eq!(of("a.md", "results/b.png"), "results/b.png");
        assert_eq!(of("docs/a.md", "/results/b.png"), "/results/b.png");
    }
}
