//! A group of images that share size, layout and kind of text, and so can stand in one batch.

use super::answer::Answer;
use super::pixels::Pixels;
use super::version_0_1;
use anyhow::Result;
use burn::tensor::{Device, Int, Tensor, TensorData};
use sha2::{Digest, Sha256};
use std::fmt;
use text_images::{Charset, Grid};
use vision_backbone::PatchLayout;

/// What distinguishes a group in results.
#[derive(Clone, Debug, PartialEq)]
pub struct GroupKey {
    /// Characters per visual token, where the layout fixes it.
    pub density: Option<f64>,
    /// Kind of text or name of the data set: `random`, `words`, `folder`.
    pub condition: String,
    /// Level of a fine-grained task, in the unit of its axis, where the images stand on one.
    pub difficulty: Option<f64>,
}

impl GroupKey {
    /// Images of this kind of text or of this data set, as lines.
    pub(super) fn of_condition(condition: &str) -> Self {
        Self {
            density: None,
            condition: condition.to_owned(),
            difficulty: None,
        }
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.density {
            Some(density) => write!(f, "{} at {density} chars/token", self.condition),
            None => f.write_str(&self.condition),
        }
    }
}

/// One labelled image of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Label {
    /// The right answer.
    pub answer: Answer,
    /// What the probe is trained on: class of every character, or the class of the whole image.
    pub classes: Vec<u16>,
    /// Centre of every character in pixels; empty where unknown.
    pub slots_px: Vec<[f32; 2]>,
    /// Font or source: items that share it are resampled together.
    pub cluster: u32,
    /// Whether the font is kept out of training.
    pub held_out: bool,
}

/// Images of one size with their labels.
#[derive(Clone, Debug)]
pub struct Group {
    /// What it is.
    pub key: GroupKey,
    /// Size in patches.
    pub layout: PatchLayout,
    /// The character grid, where there is one.
    pub grid: Option<Grid>,
    /// Grey pixels of all images.
    pub pixels: Pixels,
    /// One label per image.
    pub labels: Vec<Label>,
    /// Names of the clusters.
    pub clusters: Vec<String>,
}

impl Group {
    /// A group without images.
    pub(super) fn empty(key: GroupKey, layout: PatchLayout, grid: Option<Grid>) -> Self {
        Self {
            key,
            layout,
            grid,
            pixels: Pixels::default(),
            labels: Vec::new(),
            clusters: Vec::new(),
        }
    }

    /// Number of the cluster of this name, which is added if there is none.
    pub(super) fn cluster(&mut self, name: String) -> u32 {
        let known = self.clusters.iter().position(|known| *known == name);
        known.map_or_else(|| self.new_cluster(name), |cluster| cluster as u32)
    }

    /// Number of a cluster of its own.
    pub(super) fn new_cluster(&mut self, name: String) -> u32 {
        self.clusters.push(name);
        (self.clusters.len() - 1) as u32
    }

    /// Number of images.
    #[must_use]
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    /// Whether there is no image.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Pixels of some images, one after the other.
    ///
    /// # Errors
    /// If they are read from a data set that has been changed.
    pub fn images(&self, items: &[usize]) -> Result<Vec<u8>> {
        self.pixels.of(items, self.image_bytes())
    }

    /// Pixels of an image.
    #[must_use]
    pub fn image_bytes(&self) -> usize {
        self.layout.patches() * self.layout.patch * self.layout.patch
    }

    /// Hash of pixels and labels, in hexadecimal. Cells are found by it, so it stays what it was in
    /// version 0.1, which wrote classes in characters of `charset`.
    #[must_use]
    pub fn content_hash(&self, charset: Charset) -> String {
        let mut hash = self.hash_before_pixels();
        self.pixels.hash(&mut hash);
        for label in &self.labels {
            hash.update(version_0_1::hashed(&label.answer, charset).as_bytes());
            hash.update([0]);
        }
        format!("{:x}", hash.finalize())
    }

    /// What the hash takes in before the pixels.
    pub(super) fn hash_before_pixels(&self) -> Sha256 {
        let mut hash = Sha256::new();
        hash.update(format!("{:?}{:?}", self.layout, self.grid));
        hash
    }

    /// Class ids `[items, longest]`, padded with 0, each raised by `offset`.
    #[must_use]
    pub fn targets(&self, items: &[usize], offset: i64, device: &Device) -> Tensor<2, Int> {
        let longest = self.longest(items);
        let mut values = Vec::with_capacity(items.len() * longest);
        for &item in items {
            let classes = &self.labels[item].classes;
            values.extend(classes.iter().map(|&class| i64::from(class) + offset));
            values.resize(values.len() + longest - classes.len(), 0);
        }
        Tensor::from_data(TensorData::new(values, [items.len(), longest]), device)
    }

    /// 1 where [`Group::targets`] holds a class and 0 where it is padding.
    #[must_use]
    pub fn target_weights(&self, items: &[usize], device: &Device) -> Tensor<2> {
        let longest = self.longest(items);
        let values: Vec<f32> = items
            .iter()
            .flat_map(|&item| {
                let length = self.labels[item].classes.len();
                (0..longest).map(move |i| if i < length { 1.0 } else { 0.0 })
            })
            .collect();
        Tensor::from_data(TensorData::new(values, [items.len(), longest]), device)
    }

    /// Numbers of classes `[items]`.
    #[must_use]
    pub fn lengths(&self, items: &[usize], device: &Device) -> Tensor<1, Int> {
        let values: Vec<i64> = items
            .iter()
            .map(|&item| self.labels[item].classes.len() as i64)
            .collect();
        Tensor::from_data(TensorData::new(values, [items.len()]), device)
    }

    fn longest(&self, items: &[usize]) -> usize {
        items
            .iter()
            .map(|&item| self.labels[item].classes.len())
            .max()
            .unwrap_or(0)
    }
}

/// Class of every character of a normalised text.
pub(super) fn classes_of(charset: Charset, text: &str) -> Option<Vec<u16>> {
    text.chars()
        .map(|character| charset.class_of(character).map(|class| class as u16))
        .collect()
}

impl Group {
    /// Every tenth image, or all the others; `None` if that leaves nothing.
    ///
    /// # Errors
    /// As [`Group::images`].
    pub fn every_tenth(&self, tenth: bool) -> Result<Option<Self>> {
        let kept = self.some(|index, _| index.is_multiple_of(10) == tenth)?;
        Ok((!kept.is_empty()).then_some(kept))
    }

    /// The images whose label is wanted.
    ///
    /// # Errors
    /// As [`Group::images`].
    pub fn only(&self, wanted: impl Fn(&Label) -> bool) -> Result<Self> {
        self.some(|_, label| wanted(label))
    }

    fn some(&self, wanted: impl Fn(usize, &Label) -> bool) -> Result<Self> {
        let kept: Vec<usize> = (0..self.len())
            .filter(|&index| wanted(index, &self.labels[index]))
            .collect();
        Ok(Self {
            key: self.key.clone(),
            layout: self.layout,
            grid: self.grid,
            pixels: self.images(&kept)?.into(),
            labels: kept.iter().map(|&i| self.labels[i].clone()).collect(),
            clusters: self.clusters.clone(),
        })
    }
}
