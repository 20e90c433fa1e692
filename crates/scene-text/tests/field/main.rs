//! Inputs that people really have, rebuilt small: what is read, what is named, and never a word made
//! up. One module a kind; the right values come from the contests' and the libraries' own readers,
//! named at each test.

#![allow(clippy::unwrap_used)]

#[path = "../support/mod.rs"]
mod support;

mod icdar;
mod links;
mod names;
mod one_defect;
mod text_files;

use std::convert::Infallible;
use std::path::Path;

use scene_text::{Format, MAX_LABEL_CHARS, Survey, TextDataset};

fn survey(dataset: &dyn TextDataset) -> Survey {
    let survey = Survey::of(dataset, MAX_LABEL_CHARS, |_| Ok::<(), Infallible>(()));
    survey.unwrap_or_else(|never| match never {})
}

/// The labels that can be read.
fn read(format: Format, path: &Path) -> Vec<String> {
    let labels = support::labels(&*support::open(format, path));
    labels.into_iter().flatten().collect()
}

/// What a data set says about its faults.
fn faults(format: Format, path: &Path) -> Vec<String> {
    survey(&*support::open(format, path)).faults
}

/// Why a data set is refused.
fn refused(format: Format, path: &Path) -> String {
    let error = support::error(format.open(path));
    scene_text::told(&error)
}
