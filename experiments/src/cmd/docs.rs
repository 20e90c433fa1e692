//! `docs`: numbers in the documentation, taken from the published results.

use anyhow::{Context, Result, bail, ensure};
use docs_from_results::{Change, Published, broken_links, fill};
use run_support::atomic;
use std::fs;
use std::path::{Path, PathBuf};

/// Writes numbers and tables of published results into the documentation.
///
/// Numbers in `*.md` and `docs/*.md` stand between comments that say where they come from; see
/// CONTRIBUTING.md.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Write nothing; fail if a number is not what the results say, or a link leads nowhere.
    #[arg(long)]
    check: bool,
    /// Folder of the repository.
    #[arg(long, value_name = "DIR", default_value = ".")]
    root: PathBuf,
    /// Published results [default: `results/published` in the repository].
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
}

/// # Errors
/// If a comment cannot be understood, asks for what is not in the results, or a file cannot be written;
/// with `--check` also if a number is stale or a link leads nowhere.
pub fn run(args: &Args) -> Result<()> {
    let results = args.results.clone();
    let results = results.unwrap_or_else(|| args.root.join("results/published"));
    ensure!(
        results.is_dir(),
        "{} is no folder; run this in the repository, or name the results with --results",
        results.display()
    );
    let published = Published::new(&results);
    let (mut stale, mut broken) = (0, 0);
    for path in documents(&args.root)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let filled =
            fill(&text, &published).with_context(|| format!("cannot fill {}", path.display()))?;
        for change in &filled.changes {
            println!("{}", described(&path, change));
        }
        stale += filled.changes.len();
        if args.check {
            for link in broken_links(&filled.text, &path) {
                println!(
                    "{}:{}: {} is not there",
                    path.display(),
                    link.line,
                    link.target
                );
                broken += 1;
            }
        } else if filled.text != text {
            atomic::write_bytes(&path, filled.text.as_bytes())?;
        }
    }
    match (args.check, stale, broken) {
        (false, changes, _) => println!("numbers and tables changed: {changes}"),
        (true, 0, 0) => println!("all numbers are those of {}", results.display()),
        (true, ..) => bail!(
            "stale numbers: {stale} (`experiments docs` writes them), links that lead nowhere: {broken}"
        ),
    }
    Ok(())
}

/// What has changed, in one line for a number and several for a table.
fn described(path: &Path, change: &Change) -> String {
    let Change { line, old, new } = change;
    let place = format!("{}:{line}", path.display());
    if old.contains('\n') || new.contains('\n') {
        format!("{place}:\n{old}\nis now\n{new}")
    } else {
        format!("{place}: `{old}` is now `{new}`")
    }
}

/// The Markdown files of the repository's folder and of `docs/`, by name.
fn documents(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for folder in [root.to_owned(), root.join("docs")] {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}
