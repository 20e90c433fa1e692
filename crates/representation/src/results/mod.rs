//! What a run leaves behind, made from its cells alone.
//!
//! | File | One row or section per |
//! |---|---|
//! | `metrics.csv` | arm, objective, seed, part of the images and measure |
//! | `summary.csv` | arm, objective and part, with intervals over seeds and images |
//! | `learning_curves.csv` | arm, objective, seed, learning rate and step |
//! | `items.safetensors` | the same image by image, as numbers |
//! | `claims.csv` | claim that was registered for the run |
//! | `plots/` | figure, as SVG, PNG and CSV |
//! | `answer.md` | the answer in sentences |
//! | `report.html` | all of this to read in a browser |
//! | `manifest.json` | the run: versions, machine, times, hashes |

mod figures;
mod items;
mod page;
mod registered;
mod sentences;
mod summary;
mod tables;

pub use registered::evaluate;
pub use summary::{Measure, Row, Value, rows};

use crate::config::RepresentationConfig;
use crate::run::Outcome;
use anyhow::Result;
use run_results::Manifest;
use run_support::atomic;
use std::path::Path;

/// What a run comes to.
#[derive(Debug)]
pub struct Conclusions {
    /// The rows of the summary.
    pub rows: Vec<Row>,
    /// The claims that were registered for such a run, if any were.
    pub claims: Option<claims::Report>,
}

/// Writes the results of a run into its folder.
///
/// # Errors
/// If numbers of a cell do not fit together, or a file cannot be written.
pub fn write(
    folder: &Path,
    config: &RepresentationConfig,
    outcome: &Outcome,
    warnings: &[String],
    manifest: &Manifest,
) -> Result<Conclusions> {
    let rows = rows(config, outcome)?;
    tables::metrics(&folder.join("metrics.csv"), outcome)?;
    tables::summary(&folder.join("summary.csv"), &rows)?;
    tables::curves(&folder.join("learning_curves.csv"), outcome)?;
    items::write(&folder.join(items::FILE), config, outcome)?;
    let claims = evaluate(folder, config, None)?;
    manifest.write(&folder.join("manifest.json"))?;
    let plots = folder.join("plots");
    atomic::make_folder(&plots)?;
    let drawn = figures::draw(&plots, config, outcome, &rows)?;
    let answer = sentences::answer(config, &rows);
    let text = format!("# {}\n\n{}\n", sentences::QUESTION, answer.join("\n\n"));
    atomic::write_bytes(&folder.join("answer.md"), text.as_bytes())?;
    let page = page::Page {
        config,
        outcome,
        rows: &rows,
        answer,
        claims: claims.as_ref(),
        drawn: &drawn,
        warnings,
        manifest,
    };
    page.write(folder)?;
    Ok(Conclusions { rows, claims })
}
