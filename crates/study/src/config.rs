//! What a study consists of.

use super::part::Part;
use super::scale::StudyPreset;
use super::section::Section;
use super::sections::FineGrained;
use anyhow::{Context, Result, bail, ensure};
use probe::ProbeConfig;
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
    /// If nothing is asked, something is asked twice, or the settings on top make no sense or two runs
    /// alike; the message names the run.
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
        self.check_asked()?;
        let scale = self.preset.scale();
        let text = toml::to_string(&self.settings).context("the settings do not fit into TOML")?;
        let training = self.settings.get("training");
        let sets_rates = training.is_some_and(|table| table.get("learning_rates").is_some());
        let mut parts: Vec<Part> = Vec::new();
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
                ensure!(
                    !sets_rates || part.config.training.rates_of_arms.is_empty(),
                    "`training.learning_rates` would change nothing in run `{}`, whose arms have rates that were \
                     chosen beforehand; set `training.rates_of_arms`",
                    part.name()
                );
                // Claims could not tell them apart, and would say so after days of training.
                let same = parts.iter().find(|other| {
                    other.section == section && is_same_but_for_arms(&other.config, &part.config)
                });
                if let Some(other) = same {
                    bail!(
                        "the settings make runs `{}` and `{}` the same; leave out those that would tell \
                         them apart, as `data.charset`, `data.densities` and `training.steps` do",
                        other.name(),
                        part.name()
                    );
                }
                parts.push(part);
            }
        }
        Ok(parts)
    }

    /// What is asked twice would be a result twice.
    fn check_asked(&self) -> Result<()> {
        let FineGrained {
            tasks, datasets, ..
        } = &self.fine_grained;
        for (index, kind) in tasks.iter().enumerate() {
            ensure!(
                !tasks[..index].contains(kind),
                "task `{kind}` is named twice; once is enough"
            );
        }
        for (index, source) in datasets.iter().enumerate() {
            ensure!(
                !datasets[..index].contains(source),
                "data set `{source}` is named twice; once is enough"
            );
        }
        Ok(())
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

fn is_same_but_for_arms(a: &ProbeConfig, b: &ProbeConfig) -> bool {
    let mut b = b.clone();
    b.arms.clone_from(&a.arms);
    b.training
        .rates_of_arms
        .clone_from(&a.training.rates_of_arms);
    *a == b
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::ValueEnum;

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

    fn study(preset: StudyPreset, sections: &[Section], settings: &str) -> StudyConfig {
        StudyConfig {
            preset,
            sections: sections.to_vec(),
            fine_grained: FineGrained::in_study(sections),
            settings: toml::from_str(settings).unwrap(),
        }
    }

    #[test]
    fn settings_that_make_two_runs_alike_are_refused_before_anything_is_trained() {
        for (sections, settings, expected) in [
            (
                &[Section::Capacity][..],
                "[data]\ncharset = \"36\"",
                ["`capacity-10-characters`", "`capacity-36-characters`"],
            ),
            (
                &[Section::Converged][..],
                "[data]\ndensities = [1.0]",
                ["`converged-2-per-token`", "`converged-1-per-token`"],
            ),
            (
                &[Section::TrainingLength][..],
                "[training]\nsteps = 40",
                [
                    "`training-length-2-per-token-250-steps`",
                    "`training-length-2-per-token-1000-steps`",
                ],
            ),
        ] {
            let refused = study(StudyPreset::Paper, sections, settings).parts();
            let message = refused.unwrap_err().to_string();
            for part in expected {
                assert!(message.contains(part), "no {part} in: {message}");
            }
        }
    }

    #[test]
    fn rates_that_no_arm_would_be_tried_with_are_refused() {
        let rates = "[training]\nlearning_rates = [0.001]";
        let of = |sections: &[Section]| study(StudyPreset::Paper, sections, rates).parts();
        let message = of(&[Section::Knee]).unwrap_err().to_string();
        assert!(message.contains("`training.rates_of_arms`"), "{message}");
        // These are tuned in the run.
        assert!(of(&[Section::Language]).is_ok());
    }

    #[test]
    fn settings_that_leave_runs_apart_are_taken() {
        let every: Vec<Section> = Section::all().collect();
        for &preset in StudyPreset::value_variants() {
            study(preset, &every, "").parts().unwrap();
            study(preset, preset.sections(), "seeds = [7]")
                .parts()
                .unwrap();
        }
        let steps = "[training]\nsteps = 2";
        for (sections, settings) in [
            (&[Section::Converged, Section::Knee][..], steps),
            (&[Section::Capacity][..], "[data]\ndensities = [1.0]"),
            (
                &[Section::Ocr, Section::Control][..],
                "[data]\ncharset = \"36\"",
            ),
        ] {
            study(StudyPreset::Paper, sections, settings)
                .parts()
                .unwrap();
        }
    }

    #[test]
    fn data_sets_and_tasks_that_are_named_twice_are_refused() {
        let message = |fine_grained: FineGrained| {
            let study = StudyConfig {
                fine_grained,
                ..study(StudyPreset::Smoke, &[Section::FineGrained], "")
            };
            study.parts().unwrap_err().to_string()
        };
        let twice = message(FineGrained {
            datasets: vec!["folder:birds".parse().unwrap(); 2],
            ..FineGrained::default()
        });
        assert!(
            twice.contains("data set `folder:birds` is named twice"),
            "{twice}"
        );
        let twice = message(FineGrained {
            tasks: vec!["vernier".parse().unwrap(); 2],
            ..FineGrained::default()
        });
        assert!(twice.contains("task `vernier` is named twice"), "{twice}");
    }
}
