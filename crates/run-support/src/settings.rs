//! From preset, TOML file and flags to one resolved configuration.

use anyhow::{Context, Result, anyhow};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::{Table, Value};

/// The text of a settings file, without a byte-order mark.
fn read_text(path: &Path) -> Result<String> {
    let text = std::fs::read_to_string(path).with_context(|| {
        format!(
            "{}: cannot read the settings; check the path",
            path.display()
        )
    })?;
    Ok(text.strip_prefix('\u{feff}').unwrap_or(&text).to_owned())
}

/// The settings in the TOML file at `path`.
///
/// # Errors
/// If the file cannot be read, or is not TOML.
pub fn read_table(path: &Path) -> Result<Table> {
    toml::from_str(&read_text(path)?).with_context(|| format!("{}: not valid TOML", path.display()))
}

/// `base` with the settings of the TOML file at `path` on top.
///
/// The file may hold any part of the configuration; an unknown key is an error that names it.
///
/// # Errors
/// If the file cannot be read, is not TOML, or holds a key or value that does not fit.
pub fn overlay_file<T: Serialize + DeserializeOwned>(base: &T, path: &Path) -> Result<T> {
    overlay(base, &read_text(path)?).with_context(|| path.display().to_string())
}

/// `base` with the settings of some TOML text on top.
///
/// # Errors
/// If the text is not TOML, or holds a key or value that does not fit.
pub fn overlay<T: Serialize + DeserializeOwned>(base: &T, text: &str) -> Result<T> {
    let file: Table = toml::from_str(text).map_err(|error| anyhow!("not valid TOML: {error}"))?;
    let mut merged = Table::try_from(base).context("the preset does not fit into TOML")?;
    merge(&mut merged, file);
    let text = toml::to_string(&merged).context("the settings do not fit into TOML")?;
    toml::from_str(&text).map_err(|error| anyhow!("{}", error.message()))
}

fn merge(base: &mut Table, file: Table) {
    for (key, value) in file {
        match (base.get_mut(&key), value) {
            (Some(Value::Table(inner)), Value::Table(value)) => merge(inner, value),
            (_, value) => {
                base.insert(key, value);
            }
        }
    }
}
