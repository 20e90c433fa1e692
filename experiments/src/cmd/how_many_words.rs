//! `how-many-words`: the arithmetic of visual words, as a page.

use anyhow::{Context, Result, bail};
use representation::how_many_words::of_runs;
use run_support::atomic;
use std::path::{Component, Path, PathBuf};

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
    let link = link(&args.out, &stem.with_extension("png"))?;
    let made = of_runs(&args.runs, &link)?;
    if !args.check {
        atomic::write_bytes(&args.out, made.page.as_bytes())?;
        return Ok(made.figure.draw(&stem)?);
    }
    let table = stem.with_extension("csv");
    for (file, content) in [
        (&args.out, made.page.as_bytes()),
        (&table, &made.figure.csv()?),
    ] {
        if std::fs::read(file).ok().as_deref() != Some(content) {
            bail!(
                "{} is stale; run `experiments how-many-words`",
                file.display()
            );
        }
    }
    Ok(())
}

/// How a page names a file.
fn link(page: &Path, file: &Path) -> Result<String> {
    let parts = |path: &Path| -> Result<Vec<String>> {
        let mut parts = Vec::new();
        for part in std::path::absolute(path)?.components() {
            match part {
                Component::ParentDir => {
                    parts.pop();
                }
                Component::CurDir => {}
                Component::Prefix(_) | Component::RootDir | Component::Normal(_) => {
                    parts.push(part.as_os_str().to_string_lossy().into_owned());
                }
            }
        }
        Ok(parts)
    };
    let [page, file] = [parts(page)?, parts(file)?];
    let shared = page.iter().zip(&file).take_while(|(a, b)| a == b).count();
    let up = page.len().saturating_sub(shared + 1);
    let mut steps = vec!["..".to_owned(); up];
    steps.extend_from_slice(&file[shared..]);
    Ok(steps.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_finds_its_figure_from_where_it_stands() {
        let of = |page: &str, file: &str| link(Path::new(page), Path::new(file)).unwrap();
        assert_eq!(of("docs/a.md", "results/b.png"), "../results/b.png");
        assert_eq!(of("a.md", "results/b.png"), "results/b.png");
        assert_eq!(of("docs/../a.md", "./results/b.png"), "results/b.png");
        assert_eq!(
            of("/one/docs/a.md", "/one/results/b.png"),
            "../results/b.png"
        );
    }
}
