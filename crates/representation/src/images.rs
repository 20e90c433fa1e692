//! The images of a run, with their features: text, fine-grained tasks, photographs.

use crate::config::RepresentationConfig;
use crate::photographs::{CONDITION, Photographs};
use anyhow::{Context, Result};
use burn::tensor::Device;
use perception_tasks::TaskKind;
use probe::{Prepared, PreparedGroup};
use probe_data::{FeatureCache, Group};
use run_support::lanes::Lanes;
use run_support::stop::Stop;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use text_images::Split;

/// Kinds of images, which results keep apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ImageKind {
    /// Rendered text.
    Text,
    /// Images of fine-grained tasks.
    Tasks,
    /// Crops of photographs.
    Photographs,
}

impl ImageKind {
    /// Name in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Tasks => "tasks",
            Self::Photographs => CONDITION,
        }
    }
}

/// Images that are trained on in turn and reported apart.
#[derive(Clone, Copy, Debug)]
pub struct ImageSet<'a> {
    /// What they show.
    pub kind: ImageKind,
    /// Name in results: that of the task, where it is one.
    pub name: &'static str,
    /// To train on.
    pub train: &'a [PreparedGroup],
    /// To choose learning rates on.
    pub validation: &'a [PreparedGroup],
    /// To report.
    pub test: &'a [PreparedGroup],
}

impl ImageSet<'_> {
    /// Name in results of what is reported together with a group: texts of one density, all levels of a
    /// task, all photographs.
    #[must_use]
    pub fn part_of(&self, group: &Group) -> String {
        match group.key.density.filter(|_| self.kind == ImageKind::Text) {
            Some(density) => format!("{} at {density}", self.name),
            None => self.name.to_owned(),
        }
    }
}

/// All images of a run.
#[derive(Debug)]
pub struct Images {
    /// Text, as `ocr-probe` prepares it: projectors learn to read on it.
    pub text: Prepared,
    tasks: Vec<(TaskKind, Prepared)>,
    photographs: Option<[Vec<PreparedGroup>; 3]>,
    photograph_hash: String,
    /// Things the user should know.
    pub warnings: Vec<String>,
}

impl Images {
    /// Renders or reads all images and computes their features.
    ///
    /// # Errors
    /// If the backbone or the photographs cannot be read, features do not fit into memory, or `stop` is
    /// raised.
    pub fn prepare(
        config: &RepresentationConfig,
        cache: Option<&FeatureCache>,
        lanes: &Lanes,
        device: &Device,
        stop: &Stop,
    ) -> Result<Self> {
        // Found before anything is rendered.
        let found = config
            .photographs
            .as_deref()
            .map(Photographs::find)
            .transpose()?;
        let text = Prepared::new(&config.text()?, cache, lanes, device, stop)?;
        let mut warnings: Vec<String> = text.notes().cloned().collect();
        let mut tasks = Vec::new();
        for &task in &config.tasks {
            let prepared = Prepared::new(&config.task(task)?, cache, lanes, device, stop)?;
            // Of the fonts, as those of the text.
            let new: Vec<String> = prepared
                .notes()
                .filter(|n| !warnings.contains(n))
                .cloned()
                .collect();
            warnings.extend(new);
            tasks.push((task, prepared));
        }
        let mut images = Self {
            text,
            tasks,
            photographs: None,
            photograph_hash: String::new(),
            warnings,
        };
        if let Some(photographs) = found {
            images.add_photographs(&photographs, config, lanes, device, stop)?;
        }
        Ok(images)
    }

    fn add_photographs(
        &mut self,
        photographs: &Photographs,
        config: &RepresentationConfig,
        lanes: &Lanes,
        device: &Device,
        stop: &Stop,
    ) -> Result<()> {
        let layout = self.text.layout().context("there is no text")?;
        let counts = config.images;
        let own = config.train_seed.unwrap_or(config.data_seed);
        let wanted = [
            (Split::Train, counts.photographs, own),
            (Split::Validation, counts.validation, own),
            (Split::Test, counts.test, config.data_seed),
        ];
        let mut hash = Sha256::new();
        let mut splits = Vec::new();
        for (split, count, seed) in wanted {
            let crops = photographs.crops(split, count, layout, seed, lanes, stop)?;
            self.warnings.extend(crops.notes);
            hash.update(crops.group.content_hash(config.charset));
            let prepared = self.text.group(crops.group, None, lanes, device, stop)?;
            splits.push(vec![prepared]);
        }
        self.photographs = splits.try_into().ok();
        self.photograph_hash = format!("{:x}", hash.finalize());
        Ok(())
    }

    /// The images by kind.
    #[must_use]
    pub fn sets(&self) -> Vec<ImageSet<'_>> {
        let text = (ImageKind::Text, ImageKind::Text.name(), &self.text);
        let tasks = self.tasks.iter();
        let tasks = tasks.map(|(task, prepared)| (ImageKind::Tasks, task.name(), prepared));
        let mut sets: Vec<ImageSet<'_>> = std::iter::once(text)
            .chain(tasks)
            .map(|(kind, name, prepared)| ImageSet {
                kind,
                name,
                train: &prepared.train,
                validation: &prepared.validation,
                test: &prepared.test,
            })
            .collect();
        if let Some([train, validation, test]) = &self.photographs {
            sets.push(ImageSet {
                kind: ImageKind::Photographs,
                name: ImageKind::Photographs.name(),
                train,
                validation,
                test,
            });
        }
        sets
    }

    /// Hash of all images, labels and the backbone, in hexadecimal.
    #[must_use]
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        hash.update(self.text.inputs_hash());
        for (_, task) in &self.tasks {
            hash.update(task.inputs_hash());
        }
        hash.update(&self.photograph_hash);
        format!("{:x}", hash.finalize())
    }
}
