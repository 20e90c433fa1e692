//! From preset, TOML file and flags to one resolved configuration.

use anyhow::{Context, Result, anyhow, bail};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::path::Path;
use toml::{Table, Value};

/// The text of a settings file, without a byte-order mark.
fn read_text(path: &Path) -> Result<String> {
    let bytes = std::fs::read(path).with_context(|| {
        format!(
            "{}: cannot read the settings; check the path",
            path.display()
        )
    })?;
    // UTF-16 without a mark may pass for UTF-8, but with zeros in it, which no settings have.
    let Some(text) = String::from_utf8(bytes)
        .ok()
        .filter(|text| !text.contains('\0'))
    else {
        bail!(
            "{}: the settings are not UTF-8 text; open the file in an editor and save it as UTF-8",
            path.display()
        );
    };
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

/// The first value of a list that stands in it before.
#[must_use]
pub fn listed_twice<T: PartialEq>(list: &[T]) -> Option<&T> {
    let mut places = list.iter().enumerate();
    places.find_map(|(place, value)| list[..place].contains(value).then_some(value))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_that_stands_twice_in_a_list_is_found() {
        assert_eq!(listed_twice(&[1.0, 2.0, 2.0, 1.0]), Some(&2.0));
        assert_eq!(listed_twice(&[1.0, 2.0]), None);
        assert_eq!(listed_twice::<u8>(&[]), None);
    }
}
