//! Photographs from disk: small data sets in the published layouts, whole and damaged.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod class_folders;
mod field;
mod published;

use std::fs;
use std::path::Path;

use image::{Rgb, RgbImage};
use perception_tasks::{DatasetSource, Error, ImageDataset, OnProblem};

const RED: Rgb<u8> = Rgb([200, 30, 30]);
const BLUE: Rgb<u8> = Rgb([30, 30, 200]);

fn save(path: &Path, width: u32, height: u32, colour: Rgb<u8>) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    RgbImage::from_pixel(width, height, colour)
        .save(path)
        .unwrap();
}

fn write(path: &Path, text: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

fn open(layout: &str, dir: &Path, on_problem: OnProblem) -> Result<ImageDataset, Error> {
    let source: DatasetSource = format!("{layout}:{}", dir.display()).parse().unwrap();
    ImageDataset::open(&source, on_problem)
}
