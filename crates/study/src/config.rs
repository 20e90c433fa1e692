//! What a study consists of.

use super::part::Part;
use super::scale::StudyPreset;
use super::section::Section;
use super::sections::FineGrained;
use anyhow::{Context, Result, ensure};
use run_support::settings::overlay;
use runs::run_folder::{FolderConfig, STUDY_FILE};
use serde::{Deserialize, Serialize};

/// Everything that decides a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StudyConfig {
    /// Its size.
    pub preset: StudyPreset,
    /// What it asks, in this order.
    pub sections: Vec<Section>,
    /// What the fine-grained section asks.
    #[serde(default, skip_serializing_if = "FineGrained::is_default")]
    pub fine_grained: FineGrained,
    /// Settings on top of those of every run: any part of what `config.toml` of a run holds.
    #[serde(default, skip_serializing_if = "toml::Table::is_empty")]
    pub settings: toml::Table,
}

impl FolderConfig for StudyConfig {
    const FILE: &'static str = STUDY_FILE;
}

impl StudyConfig {
    /// The runs, with all settings resolved.
    ///
    /// # Errors
    /// If nothing is asked, something is asked twice, or the settings on top make no sense; the
    /// message names the run.
    pub fn parts(&self) -> Result<Vec<Part>> {
        ensure!(
            !self.sections.is_empty(),
            "the study has no section; name some with --only, for example `ocr,capacity`"
        );
        for (index, section) in self.sections.iter().enumerate() {
            ensure!(
                !self.sections[..index].contains(section),
                "section `{}` is listed twice",
                section.name()
            );
        }
        let scale = self.preset.scale();
        let text = toml::to_string(&self.settings).context("the settings do not fit into TOML")?;
        let mut parts = Vec::new();
        for &section in &self.sections {
            for mut part in section.parts(&scale, &self.fine_grained) {
                part.config = overlay(&part.config, &text)
                    .and_then(|config| config.check().map(|()| config))
                    .with_context(|| format!("run `{}`", part.name()))?;
                ensure!(
                    part.config.training.until_converged.is_none(),
                    "`training.until_converged` is for `ocr-probe`; a study has the lengths of training that \
                     it was registered with"
                );
                parts.push(part);
            }
        }
        Ok(parts)
    }
}

impl StudyConfig {
    /// Whether `other` is a larger study that is made in pieces, and this one asks for some of its sections.
    ///
    /// # Errors
    /// As [`parts`](Self::parts).
    pub fn is_piece_of(&self, other: &Self) -> Result<bool> {
        let with_all = Self {
            sections: other.sections.clone(),
            fine_grained: other.fine_grained.clone(),
            ..self.clone()
        };
        let mut asked = self.sections.iter();
        let in_pieces = other.parts()?.iter().all(Part::is_made_in_pieces);
        Ok(
            in_pieces
                && with_all == *other
                && asked.all(|section| other.sections.contains(section)),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(settings: &str) -> StudyConfig {
        StudyConfig {
            preset: StudyPreset::Smoke,
            sections: vec![Section::Ocr, Section::Control],
            fine_grained: FineGrained::default(),
            settings: toml::from_str(settings).unwrap(),
        }
    }

    #[test]
    fn settings_on_top_reach_every_run() {
        let parts = config("seeds = [7, 8]\n[training]\nsteps = 5")
            .parts()
            .unwrap();
        assert_eq!(parts.len(), 3);
        for part in parts {
            assert_eq!(part.config.seeds, [7, 8]);
            assert_eq!(part.config.training.steps, 5);
        }
    }

    #[test]
    fn settings_that_make_no_sense_name_the_run() {
        let message = |settings: &str| format!("{:#}", config(settings).parts().unwrap_err());
        assert!(message("[training]\nsteps = 0").contains("run `ocr`"));
        assert!(message("stepz = 1").contains("stepz"));
        let nothing = StudyConfig {
            sections: Vec::new(),
            ..config("")
        };
        assert!(nothing.parts().unwrap_err().to_string().contains("--only"));
    }
}
