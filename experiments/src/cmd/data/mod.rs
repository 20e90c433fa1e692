//! `data`: data sets on disk, looked at, converted, and written from rendered text.

pub mod check;
pub mod export;
pub mod import;

use anyhow::{Result, bail};
use clap::Subcommand;
use probe_data::DataSource;
use run_support::stop::Stop;
use scene_text::{Format, TextDataset};
use std::path::Path;
use std::str::FromStr;

/// What to do with data sets.
#[derive(Subcommand, Clone, Debug)]
pub enum Command {
    /// Look at every record of a data set and print what is in it.
    Check(check::Args),
    /// Convert a data set into another format.
    Import(import::Args),
    /// Write rendered lines as a data set that other people's recognisers read.
    Export(export::Args),
}

/// Runs the command.
///
/// # Errors
/// One clear message for whatever stopped it.
pub fn run(command: &Command, stop: &Stop) -> Result<()> {
    match command {
        Command::Check(args) => check::run(args, stop),
        Command::Import(args) => import::run(args, stop),
        Command::Export(args) => export::run(args, stop),
    }
}

/// A format, or `auto` to find out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FormatFlag(Option<Format>);

impl FromStr for FormatFlag {
    type Err = scene_text::Error;

    fn from_str(text: &str) -> scene_text::Result<Self> {
        match text {
            "auto" => Ok(Self(None)),
            _ => text.parse().map(|format| Self(Some(format))),
        }
    }
}

/// Opens the data sets at a place, `DIR` or `KIND:DIR`.
fn open(place: &str, format: FormatFlag) -> Result<Vec<Box<dyn TextDataset>>> {
    let (path, named) = match place.parse() {
        // A path may look like a source.
        _ if Path::new(place).exists() => (place.into(), None),
        Ok(DataSource::Stored { format, path }) => (path, Some(format)),
        Ok(DataSource::Rendered) | Err(_) => (place.into(), None),
    };
    let format = match (format.0, named) {
        (Some(flag), Some(named)) if flag != named => {
            bail!("`{place}` is named as {named}, the flag says {flag}; leave one of them out")
        }
        (flag, named) => flag.or(named),
    };
    let format = match format {
        Some(format) => format,
        None => {
            let found = Format::detect(&path)?;
            for note in passed_over(&path, found) {
                eprintln!("note: {note}");
            }
            found
        }
    };
    Ok(format.open(&path)?)
}

/// What else a folder holds than the format that is read there because nobody named one.
fn passed_over(path: &Path, taken: Format) -> Vec<String> {
    let held = Format::in_folder(path).into_iter();
    let others = held.filter(|&format| format != taken);
    let file = taken.file().unwrap_or(taken.name());
    let place = shown(&path.display().to_string());
    others
        .filter_map(|other| {
            let left = other.file()?;
            Some(format!(
                "{place}: {file} is read, and {left} beside it is not; write {other}:{place} to read that, or \
                 {taken}:{place} to say that this is meant"
            ))
        })
        .collect()
}

/// Text out of a data set as it can be shown in a terminal.
fn shown(text: &str) -> String {
    text.replace(char::is_control, "?")
}
