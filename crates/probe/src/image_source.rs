//! Where the images of a run come from, and what is asked about them.

use anyhow::{Result, bail};
use perception_tasks::{DatasetSource, TaskKind};
use probe_data::{DataSources, Relabelling};
use std::path::PathBuf;

/// Where images and their right answers come from.
#[derive(Clone, Debug, PartialEq)]
pub enum ImageSource {
    /// Text that is to be read.
    Text {
        /// To train on.
        train: DataSources,
        /// To test on.
        test: DataSources,
    },
    /// Rendered text of which something else is asked.
    Relabelled(Relabelling),
    /// Images of a fine-grained task.
    Perception(TaskKind),
    /// Photographs with one class each.
    Photographs(Photographs),
}

/// Photographs with one class each.
#[derive(Clone, Debug, PartialEq)]
pub struct Photographs {
    /// The data set.
    pub dataset: DatasetSource,
    /// Whether photographs that cannot be read, and classes without any, are counted and left out;
    /// otherwise the first one is an error.
    pub skip_broken: bool,
    /// They are cropped to the bounding box of their object, with a margin on every side of this
    /// share of the box's longer side; whole if not set.
    pub box_margin: Option<f32>,
}

impl Default for ImageSource {
    /// Rendered text.
    fn default() -> Self {
        Self::Text {
            train: DataSources::rendered(),
            test: DataSources::rendered(),
        }
    }
}

impl ImageSource {
    /// Name of what is asked.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Text { .. } => "text",
            Self::Relabelled(labels) => labels.name(),
            Self::Perception(kind) => kind.name(),
            Self::Photographs(_) => "photographs",
        }
    }

    /// Whether the answer is one class for the whole image; otherwise it is a text.
    #[must_use]
    pub fn asks_for_class(&self) -> bool {
        match self {
            Self::Text { .. } | Self::Relabelled(Relabelling::Control) => false,
            Self::Relabelled(Relabelling::Face | Relabelling::Slant)
            | Self::Perception(_)
            | Self::Photographs(_) => true,
        }
    }

    /// The fine-grained task, if it is one.
    #[must_use]
    pub fn perception(&self) -> Option<TaskKind> {
        match self {
            Self::Perception(kind) => Some(*kind),
            Self::Text { .. } | Self::Relabelled(_) | Self::Photographs(_) => None,
        }
    }

    /// Text is read from these data sets; where none is named, from those that it was read from.
    ///
    /// # Errors
    /// If something else than text is read.
    pub fn read_from(
        &mut self,
        train_data: Option<DataSources>,
        test_data: Option<DataSources>,
    ) -> Result<()> {
        match self {
            _ if train_data.is_none() && test_data.is_none() => {}
            Self::Text { train, test } => {
                *train = train_data.unwrap_or_else(|| train.clone());
                *test = test_data.unwrap_or_else(|| test.clone());
            }
            Self::Relabelled(_) | Self::Perception(_) | Self::Photographs(_) => bail!(
                "`{}` brings images of its own; leave out --dataset and --train-dataset",
                self.name()
            ),
        }
        Ok(())
    }

    /// Forgets where images lie: cells are found by what the images are.
    pub(super) fn forget_places(&mut self) {
        match self {
            Self::Text { .. } => *self = Self::default(),
            Self::Relabelled(_) | Self::Perception(_) => {}
            Self::Photographs(photographs) => {
                photographs.dataset = DatasetSource::Folder(PathBuf::new());
                photographs.skip_broken = false;
            }
        }
    }
}
