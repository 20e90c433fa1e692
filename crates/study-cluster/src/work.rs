//! What is spread over machines: a study, or a single run.

use anyhow::{Context, Result, bail, ensure};
use probe::ProbeConfig;
use run_support::settings;
use runs::run_folder::{FolderConfig, RunFolder};
use std::path::Path;
use study::{FineGrained, Section, StudyConfig, StudyPreset};

/// What the whole configuration of a run has, and settings on top of one seldom have together.
const WHOLE_RUN: [&str; 5] = ["preset", "reader", "backbone", "data", "training"];

/// A study, or a run of `ocr-probe`.
#[derive(Clone, Debug, PartialEq)]
pub enum Work {
    /// All runs of a study.
    Study(StudyConfig),
    /// One run.
    Run(Box<ProbeConfig>),
}

impl Work {
    /// What `file` describes: the `study.toml` or `config.toml` of a results folder, or settings on
    /// top of a preset, as `study --config` takes them.
    ///
    /// # Errors
    /// If the file cannot be read or makes no sense, or preset and sections are given twice.
    pub fn resolve(
        file: Option<&Path>,
        preset: Option<StudyPreset>,
        sections: Option<&[Section]>,
    ) -> Result<Self> {
        let table = match file {
            Some(path) => settings::read_table(path)?,
            None => toml::Table::new(),
        };
        let is_study = table.contains_key("sections");
        let is_run = WHOLE_RUN.iter().all(|key| table.contains_key(*key));
        if !is_study && !is_run {
            let preset = preset.unwrap_or(StudyPreset::Quick);
            let sections = sections.unwrap_or_else(|| preset.sections());
            return Ok(Self::Study(StudyConfig {
                preset,
                sections: sections.to_vec(),
                fine_grained: FineGrained::in_study(sections),
                settings: table,
            }));
        }
        let name = file.unwrap_or(Path::new("")).display().to_string();
        ensure!(
            preset.is_none() && sections.is_none(),
            "{name} is a whole configuration; leave out --preset and --only"
        );
        Ok(if is_study {
            Self::Study(table.try_into().context(name)?)
        } else {
            Self::Run(Box::new(table.try_into().context(name)?))
        })
    }

    /// What a results folder belongs to.
    ///
    /// # Errors
    /// If it is not the folder of a study or a run, or of another version.
    pub fn of_folder(path: &Path) -> Result<Self> {
        if path.join(StudyConfig::FILE).is_file() {
            return Ok(Self::Study(RunFolder::read(path)?.1));
        }
        let (_, config) = RunFolder::read(path)?;
        Ok(Self::Run(Box::new(config)))
    }

    /// The folder `results/<name>`, new or of an earlier start of the same.
    ///
    /// # Errors
    /// If it holds something else, is in use, or cannot be made.
    pub fn choose(&self, results: &Path, name: &str) -> Result<RunFolder> {
        match self {
            Self::Study(config) => RunFolder::choose(results, Some(name), name, true, config),
            Self::Run(config) => {
                RunFolder::choose(results, Some(name), name, true, config.as_ref())
            }
        }
    }

    /// Name of its folder if the user gives none.
    #[must_use]
    pub fn default_name(&self) -> String {
        match self {
            Self::Study(config) => format!("study-{}", config.preset.name()),
            Self::Run(config) => format!("ocr-probe-{}", config.preset.replace(' ', "-")),
        }
    }

    /// The sections of a study; none of a single run.
    #[must_use]
    pub fn sections(&self) -> &[Section] {
        match self {
            Self::Study(config) => &config.sections,
            Self::Run(_) => &[],
        }
    }

    /// Size of the study, which decides its claims; a single run has none, and is as good as `quick`.
    #[must_use]
    pub fn preset(&self) -> StudyPreset {
        match self {
            Self::Study(config) => config.preset,
            Self::Run(_) => StudyPreset::Quick,
        }
    }

    /// The runs: name and settings.
    ///
    /// # Errors
    /// If the settings make no sense.
    pub fn runs(&self) -> Result<Vec<(String, ProbeConfig)>> {
        match self {
            Self::Study(config) => {
                let parts = config.parts()?.into_iter();
                Ok(parts.map(|part| (part.name(), part.config)).collect())
            }
            Self::Run(config) => {
                config.check()?;
                if config.checkpoint.is_none() && config.backbone == Path::new("train") {
                    bail!(
                        "`backbone` is `train`; make one first, with `experiments \
                         pretrain-backbone`, and name it"
                    );
                }
                Ok(vec![("run".to_owned(), config.as_ref().clone())])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use probe::Preset;

    fn resolve(text: &str, preset: Option<StudyPreset>) -> Result<Work> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("mine.toml");
        std::fs::write(&path, text).unwrap();
        Work::resolve(Some(&path), preset, None)
    }

    #[test]
    fn files_of_results_folders_are_taken_whole_and_others_on_top_of_a_preset() {
        let study = StudyConfig {
            preset: StudyPreset::Smoke,
            sections: vec![Section::Ocr],
            fine_grained: FineGrained::default(),
            settings: toml::from_str("seeds = [3]").unwrap(),
        };
        let text = toml::to_string(&study).unwrap();
        assert_eq!(resolve(&text, None).unwrap(), Work::Study(study));
        let error = resolve(&text, Some(StudyPreset::Quick)).unwrap_err();
        assert!(error.to_string().contains("--preset"), "{error}");

        let run = Preset::Smoke.config();
        let text = toml::to_string(&run).unwrap();
        assert_eq!(resolve(&text, None).unwrap(), Work::Run(Box::new(run)));

        let work = resolve("reader = \"slot-linear\"\nseeds = [5]", None).unwrap();
        let Work::Study(study) = &work else {
            panic!("{work:?}")
        };
        assert_eq!(study.sections, Section::STUDY);
        assert!(study.settings.contains_key("reader"));
        assert!(resolve("sections = 3", None).is_err());
        assert!(resolve("[training\n", None).is_err());
    }
}
