//! The claims about representation, from the items that a run left.

use super::items;
use crate::config::RepresentationConfig;
use crate::preset::Preset;
use anyhow::{Context, Result};
use claims::Registration;
use run_results::registered;
use std::path::Path;

/// The claims that the preset `paper` was made for.
const REGISTRATION: &str = include_str!("../../registrations/claims-representation.toml");

/// Evaluates claims on the folder of a run and writes `claims.csv` there. None where nothing was
/// registered for such a run and no `file` is given.
///
/// # Errors
/// If the claims make no sense, the items are missing, or a file cannot be written.
pub fn evaluate(
    folder: &Path,
    config: &RepresentationConfig,
    file: Option<&Path>,
) -> Result<Option<claims::Report>> {
    let registration = match file {
        None if config.preset != Preset::Paper.name() => return Ok(None),
        None => Registration::from_toml(REGISTRATION)?,
        Some(path) => {
            let text = std::fs::read_to_string(path)
                .with_context(|| format!("{}: cannot read the claims", path.display()))?;
            Registration::from_toml(&text).with_context(|| path.display().to_string())?
        }
    };
    let measurements = items::measurements(&folder.join(items::FILE), config)?;
    registered::evaluate(folder, &registration, &measurements).map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_registration_is_about_arms_and_objectives_of_the_preset() {
        let registration = Registration::from_toml(REGISTRATION).unwrap();
        assert_eq!(registration.claims.len(), 4);
        let config = Preset::Paper.config();
        let arms: Vec<String> = config.arms.iter().map(ToString::to_string).collect();
        let text: toml::Table = REGISTRATION.parse().unwrap();
        let claims = text["claims"].as_array().unwrap().iter();
        for part in claims.flat_map(|claim| claim["parts"].as_array().unwrap()) {
            assert_eq!(
                part["data"]["study"].as_str(),
                Some(config.objectives[0].name())
            );
            for side in ["subject", "reference"] {
                let arm = part[side]["arm"].as_str().unwrap();
                assert!(arms.contains(&arm.to_owned()), "{arm}");
            }
        }
    }
}
