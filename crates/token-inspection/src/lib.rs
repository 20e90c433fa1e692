//! What the tokens of an image look like, and what the words of a vocabulary stand for.
//!
//! Files: [`InspectConfig`] what is shown, `rates` learning rates of an earlier run, `cells` the
//! arms, trained as in a study, `subjects` the images, `checkpoint_files` files through a published
//! model, `tokens` and `view` the tokens of an arm, `reading` what is read from them, `places` which
//! character stands at which token, `census` how words go with characters, `picture` and `atlas` the
//! figures, `tables` the CSV files, `report` the page. [`encode`] writes the tokens of
//! images through a published model into a file; [`table_use`] measures how a released table uses its
//! words.

pub mod atlas;
mod cells;
mod census;
mod checkpoint_files;
mod config;
pub mod encode;
mod looking;
mod picture;
mod places;
mod rates;
mod reading;
mod report;
mod subjects;
pub mod table_use;
mod tables;
mod tokens;
mod view;

pub use config::{InspectConfig, InspectedArm, default_arms};
pub use looking::{Inspection, Vocabulary, inspect};
pub use rates::TunedRates;

use anyhow::{Context, Result};
use figures::FigureError;
use run_results::Manifest;
use run_support::atomic;
use std::path::Path;

/// A figure that was drawn.
#[derive(Clone, Debug)]
pub(crate) struct DrawnFigure {
    /// Its files' name without ending, in `plots/`.
    pub name: String,
    /// Its headline.
    pub title: String,
    /// How to read it.
    pub how_to_read: String,
}

/// Writes figures, tables and the page of an inspection into an existing folder, each file whole or
/// not at all. All but `manifest.json` and `report.html`, which shows it, depend on the numbers
/// only, to the byte.
///
/// # Errors
/// If a file cannot be written.
pub fn write(
    folder: &Path,
    config: &InspectConfig,
    inspection: &Inspection,
    manifest: &Manifest,
) -> Result<()> {
    let plots = folder.join("plots");
    std::fs::create_dir_all(&plots)
        .with_context(|| format!("cannot make the folder {}", plots.display()))?;
    manifest.write(&folder.join("manifest.json"))?;
    tables::write(folder, inspection)?;
    let mut drawn = vec![draw(&plots, "tokens", picture::HOW_TO_READ, |stem| {
        let figure = picture::figure(config, inspection);
        figure.draw(stem)?;
        Ok(figure.title)
    })?];
    for vocabulary in &inspection.vocabularies {
        let name = atlas::name(vocabulary);
        let figure = atlas::figure(config, inspection, vocabulary)?;
        drawn.push(draw(
            &plots,
            &name,
            &atlas::how_to_read(vocabulary),
            |stem| {
                figure.draw(stem)?;
                Ok(figure.title)
            },
        )?);
    }
    report::write(folder, config, inspection, &drawn, manifest)
}

/// Draws one figure, all of its files or none.
fn draw(
    plots: &Path,
    name: &str,
    how_to_read: &str,
    figure: impl FnOnce(&Path) -> Result<String, FigureError>,
) -> Result<DrawnFigure> {
    let files = ["svg", "png", "csv"].map(|extension| format!("{name}.{extension}"));
    let mut title = String::new();
    atomic::write_group(plots, &files, |folder| {
        title = figure(&folder.join(name))?;
        Ok::<(), FigureError>(())
    })??;
    Ok(DrawnFigure {
        name: name.to_owned(),
        title,
        how_to_read: how_to_read.to_owned(),
    })
}
