//! Goes through the photographs of a split.

use image::DynamicImage;
use text_images::Split;

use super::{Crop, ImageDataset, OnProblem, Problem};
use crate::{Channels, Error, Result};

/// Iterator over the rows of a split with their pixels; one photograph is in memory at a time.
///
/// With [`OnProblem::GoOn`] it passes over photographs that cannot be decoded and counts them in
/// [`Reader::problems`]; with [`OnProblem::Stop`] it yields the error and ends.
#[derive(Debug)]
pub struct Reader<'a> {
    dataset: &'a ImageDataset,
    split: Split,
    size_px: [u32; 2],
    channels: Channels,
    crop: Crop,
    on_problem: OnProblem,
    next: usize,
    problems: Vec<Problem>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        dataset: &'a ImageDataset,
        split: Split,
        size_px: [u32; 2],
        channels: Channels,
        crop: Crop,
        on_problem: OnProblem,
    ) -> Self {
        Self {
            dataset,
            split,
            size_px,
            channels,
            crop,
            on_problem,
            next: 0,
            problems: Vec::new(),
        }
    }

    /// What was left out so far.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }
}

impl Iterator for Reader<'_> {
    /// Index of the row, and its pixels.
    type Item = Result<(usize, DynamicImage)>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.next < self.dataset.rows().len() {
            let row = self.next;
            self.next += 1;
            if self.dataset.rows()[row].split != self.split {
                continue;
            }
            let image = self
                .dataset
                .image_fit_to(row, self.size_px, self.channels, self.crop);
            match image {
                Ok(image) => return Some(Ok((row, image))),
                Err(Error::Problem { problem }) if self.on_problem == OnProblem::GoOn => {
                    self.problems.push(problem);
                }
                Err(error) => {
                    self.next = self.dataset.rows().len();
                    return Some(Err(error));
                }
            }
        }
        None
    }
}
