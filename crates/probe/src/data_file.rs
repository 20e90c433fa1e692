//! The data of a run as settings files hold it: one flat table.

use crate::data_config::{DataConfig, ImageSize, LayoutKind, SplitSizes};
use crate::image_source::{ImageSource, Photographs};
use anyhow::{Error, Result, bail, ensure};
use perception_tasks::{DatasetSource, TaskKind};
use probe_data::{DataSources, Relabelling, StoredConfig};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;
use text_images::{Charset, Content, Degradation};

/// [`DataConfig`] with its source spread over settings that exclude each other. Cells are found by
/// the text of it, so names, order and what is left out stay.
#[derive(Serialize, Deserialize)]
#[serde(rename = "DataConfig", deny_unknown_fields)]
pub(super) struct DataFile {
    #[serde(default, skip_serializing_if = "Task::is_text")]
    task: Task,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    perception: Option<TaskKind>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    photographs: Option<DatasetSource>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    skip_broken: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    box_margin: Option<f32>,
    layout: LayoutKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    merge: Option<usize>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    image_px: Option<ImageSize>,
    charset: Charset,
    densities: Vec<f64>,
    train_contents: Vec<Content>,
    test_contents: Vec<Content>,
    images: SplitSizes,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    next_block: bool,
    seed: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    train_seed: Option<u64>,
    degradation: Degradation,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    fonts: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    text_file: Option<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    test_data: Option<DataSources>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    train_data: Option<DataSources>,
    #[serde(default)]
    stored: StoredConfig,
}

/// What is asked about rendered text.
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Task {
    #[default]
    Text,
    Control,
    Face,
    Slant,
}

impl Task {
    #[allow(clippy::trivially_copy_pass_by_ref)] // the signature that serde asks for
    fn is_text(&self) -> bool {
        *self == Self::Text
    }

    fn labels(self) -> Option<Relabelling> {
        match self {
            Self::Text => None,
            Self::Control => Some(Relabelling::Control),
            Self::Face => Some(Relabelling::Face),
            Self::Slant => Some(Relabelling::Slant),
        }
    }
}

impl From<Relabelling> for Task {
    fn from(labels: Relabelling) -> Self {
        match labels {
            Relabelling::Control => Self::Control,
            Relabelling::Face => Self::Face,
            Relabelling::Slant => Self::Slant,
        }
    }
}

impl DataFile {
    /// The one source that is named; text that is rendered where none is.
    fn source(&self) -> Result<ImageSource> {
        ensure!(
            self.photographs.is_some() || !(self.skip_broken || self.box_margin.is_some()),
            "`data.skip_broken` and `data.box_margin` are about photographs; name them in \
             `data.photographs`, or leave both out"
        );
        let reads_text = self.test_data.is_some() || self.train_data.is_some();
        let labels = self.task.labels();
        Ok(
            match (self.perception, &self.photographs, labels, reads_text) {
                (None, None, None, _) => ImageSource::Text {
                    train: or_rendered(&self.train_data),
                    test: or_rendered(&self.test_data),
                },
                (None, None, Some(labels), false) => ImageSource::Relabelled(labels),
                (None, None, Some(labels), true) => bail!(
                    "task `{}` is for rendered images; leave out --dataset and --train-dataset",
                    labels.name()
                ),
                (Some(kind), None, None, false) => ImageSource::Perception(kind),
                (None, Some(dataset), None, false) => ImageSource::Photographs(Photographs {
                    dataset: dataset.clone(),
                    skip_broken: self.skip_broken,
                    box_margin: self.box_margin,
                }),
                (Some(_), _, _, _) | (_, Some(_), _, _) => bail!(
                    "`data.perception` and `data.photographs` bring images and labels of their own; name \
                 one of them, and leave out `data.task` and data sets of text"
                ),
            },
        )
    }
}

fn or_rendered(data: &Option<DataSources>) -> DataSources {
    data.clone().unwrap_or_else(DataSources::rendered)
}

impl TryFrom<DataFile> for DataConfig {
    type Error = Error;

    fn try_from(file: DataFile) -> Result<Self> {
        Ok(Self {
            source: file.source()?,
            layout: file.layout,
            merge: file.merge,
            image_px: file.image_px,
            charset: file.charset,
            densities: file.densities,
            train_contents: file.train_contents,
            test_contents: file.test_contents,
            images: file.images,
            next_block: file.next_block,
            seed: file.seed,
            train_seed: file.train_seed,
            degradation: file.degradation,
            fonts: file.fonts,
            text_file: file.text_file,
            stored: file.stored,
        })
    }
}

impl From<DataConfig> for DataFile {
    fn from(data: DataConfig) -> Self {
        let mut file = Self {
            task: Task::Text,
            perception: None,
            photographs: None,
            skip_broken: false,
            box_margin: None,
            layout: data.layout,
            merge: data.merge,
            image_px: data.image_px,
            charset: data.charset,
            densities: data.densities,
            train_contents: data.train_contents,
            test_contents: data.test_contents,
            images: data.images,
            next_block: data.next_block,
            seed: data.seed,
            train_seed: data.train_seed,
            degradation: data.degradation,
            fonts: data.fonts,
            text_file: data.text_file,
            test_data: None,
            train_data: None,
            stored: data.stored,
        };
        match data.source {
            ImageSource::Text { train, test } => {
                file.train_data = Some(train).filter(|data| !data.is_rendered());
                file.test_data = Some(test).filter(|data| !data.is_rendered());
            }
            ImageSource::Relabelled(labels) => file.task = labels.into(),
            ImageSource::Perception(kind) => file.perception = Some(kind),
            ImageSource::Photographs(photographs) => {
                file.photographs = Some(photographs.dataset);
                file.skip_broken = photographs.skip_broken;
                file.box_margin = photographs.box_margin;
            }
        }
        file
    }
}
