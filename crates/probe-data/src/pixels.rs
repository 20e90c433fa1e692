//! The pixels of a group: in memory, or read again from their data set where there are many.

use super::source::Fit;
use anyhow::{Context, Result, ensure};
use scene_text::TextDataset;
use sha2::{Digest, Sha256};
use std::fmt;
use std::sync::Arc;
use text_images::fit_to;

/// Grey pixels of the images of a group, one image after the other.
#[derive(Clone, Debug)]
pub enum Pixels {
    /// At hand, and not copied where they are kept twice.
    Memory(Arc<Vec<u8>>),
    /// In a data set on disk that is too large to be held.
    Dataset(Arc<DatasetPixels>),
}

impl Default for Pixels {
    fn default() -> Self {
        Vec::new().into()
    }
}

impl From<Vec<u8>> for Pixels {
    fn from(pixels: Vec<u8>) -> Self {
        Self::Memory(Arc::new(pixels))
    }
}

impl Pixels {
    /// The pixels of some images of `size` bytes each, one after the other.
    ///
    /// # Errors
    /// If an image of a data set, which could be read before, cannot be read any more.
    pub fn of(&self, items: &[usize], size: usize) -> Result<Vec<u8>> {
        let mut found = Vec::with_capacity(items.len() * size);
        for &item in items {
            match self {
                Self::Memory(pixels) => {
                    found.extend_from_slice(&pixels[item * size..(item + 1) * size]);
                }
                Self::Dataset(stored) => found.extend(stored.image(item)?),
            }
        }
        Ok(found)
    }

    /// Adds all of them to a hash.
    pub(super) fn hash(&self, hash: &mut Sha256) {
        match self {
            Self::Memory(pixels) => hash.update(&**pixels),
            Self::Dataset(stored) => hash.clone_from(&stored.hash),
        }
    }
}

/// Images of a data set that are read when they are asked for.
pub struct DatasetPixels {
    dataset: Arc<dyn TextDataset>,
    /// Numbers of the images in the data set.
    indices: Vec<usize>,
    fitting: Fitting,
    /// What a group's hash is after the pixels.
    hash: Sha256,
}

impl fmt::Debug for DatasetPixels {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DatasetPixels")
            .field("dataset", &self.dataset)
            .field("images", &self.indices.len())
            .finish_non_exhaustive()
    }
}

impl DatasetPixels {
    /// Of the images with these numbers; `hash` has taken in what stands before the labels.
    pub(super) fn new(
        dataset: Arc<dyn TextDataset>,
        indices: Vec<usize>,
        fitting: Fitting,
        hash: Sha256,
    ) -> Self {
        Self {
            dataset,
            indices,
            fitting,
            hash,
        }
    }

    fn image(&self, item: usize) -> Result<Vec<u8>> {
        let index = self.indices[item];
        let read = self.fitting.read(&*self.dataset, index);
        let pixels = read.with_context(|| {
            format!(
                "{}: could be read before; has the data set been changed meanwhile? run the \
                 command again",
                self.dataset.record(index)
            )
        })?;
        ensure!(
            pixels.len() == self.fitting.bytes(),
            "{}: has another size than before",
            self.dataset.record(index)
        );
        Ok(pixels)
    }
}

/// The size that images are brought to, and how.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fitting {
    pub fit: Fit,
    pub width_px: u32,
    pub height_px: u32,
}

impl Fitting {
    /// Bytes of an image.
    pub fn bytes(self) -> usize {
        self.width_px as usize * self.height_px as usize
    }

    /// Grey pixels of an image of a data set.
    pub fn read(self, dataset: &dyn TextDataset, index: usize) -> scene_text::Result<Vec<u8>> {
        let image = dataset.image(index)?;
        let (width, height) = (self.width_px, self.height_px);
        let strip = match self.fit {
            Fit::Stretch => scene_text::strip(&image, width, height)?,
            Fit::Pad => fit_to(&scene_text::grey(&image), width, height),
        };
        Ok(strip.into_raw())
    }
}
