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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::Preset;

    #[test]
    fn a_file_changes_what_it_names_and_nothing_else() {
        let base = Preset::Quick.config();
        let text = "seeds = [7]\n[training]\nsteps = 10\n[data.images]\ntest = 50";
        let merged = overlay(&base, text).unwrap();
        let mut expected = base;
        expected.seeds = vec![7];
        expected.training.steps = 10;
        expected.data.images.test = 50;
        assert_eq!(merged, expected);
    }

    #[test]
    fn files_may_begin_with_a_byte_order_mark_and_are_named_in_errors() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        let base = Preset::Quick.config();
        std::fs::write(&path, "\u{feff}seeds = [7]").unwrap();
        assert_eq!(overlay_file(&base, &path).unwrap().seeds, [7]);
        assert_eq!(read_table(&path).unwrap().len(), 1);
        for text in ["seeds = ", "seeds = 7", "sneeds = [7]"] {
            std::fs::write(&path, text).unwrap();
            let error = format!("{:#}", overlay_file(&base, &path).unwrap_err());
            assert!(error.contains("mine.toml"), "{error}");
        }
    }

    #[test]
    fn unknown_keys_and_arms_are_named() {
        let base = Preset::Quick.config();
        let message = |text: &str| overlay(&base, text).unwrap_err().to_string();
        assert!(message("[training]\nstep = 10").contains("step"));
        assert!(message("arms = [\"perceiver\"]").contains("unknown arm `perceiver`"));
        assert!(message("seeds = ").contains("TOML"));
    }
}
