//! What can go wrong, and what to do about it.

use std::path::PathBuf;

use crate::{MIN_HEIGHT_PX, MIN_WIDTH_PX, TaskKind};

/// Any failure of this crate. Every message names the thing and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum Error {
    #[error("unknown task `{name}`; known are {}", TaskKind::ALL.map(TaskKind::name).join(", "))]
    UnknownTask { name: String },

    #[error(
        "a canvas of {width_px} x {height_px} px; tasks need {MIN_WIDTH_PX} x {MIN_HEIGHT_PX} px \
         or more, and at most {max_side_px} px a side"
    )]
    Canvas {
        width_px: u32,
        height_px: u32,
        max_side_px: u32,
    },

    #[error("task {kind} shows colour and a grey image loses it; use RGB, or the task {instead}")]
    NeedsColour { kind: TaskKind, instead: TaskKind },

    #[error("{levels} difficulty levels; ask for 2 to {most}")]
    Levels { levels: usize, most: usize },

    #[error("task {kind}: difficulty {value} lies outside {hard} to {easy} {unit}")]
    Difficulty {
        kind: TaskKind,
        value: f64,
        easy: f64,
        hard: f64,
        unit: &'static str,
    },

    #[error("task {kind} has no difficulty axis; ask for items by index only")]
    NoAxis { kind: TaskKind },

    #[error(
        "task {kind}: no {} font can draw its characters; use the embedded fonts or add others",
        if *held_out { "held-out" } else { "training" }
    )]
    NoTypeface { kind: TaskKind, held_out: bool },

    #[error(
        "task {kind} asks for the font family `{family}`, which is missing; use the embedded fonts"
    )]
    MissingFamily {
        kind: TaskKind,
        family: &'static str,
    },

    #[error(transparent)]
    Text(#[from] text_images::Error),

    #[error("unknown data set `{name}`; write folder:DIR, fgvc-aircraft:DIR or cub:DIR")]
    UnknownDataset { name: String },

    #[error("{}: no such file; {remedy}", path.display())]
    Missing { path: PathBuf, remedy: &'static str },

    #[error("{}: is not UTF-8 but in {found}; convert it to UTF-8 (with `iconv`, say)", path.display())]
    Encoding { path: PathBuf, found: &'static str },

    #[error("{}: cannot read; check the path and its permissions", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{}: no subfolders; put the images of every class into a folder with its name", path.display())]
    NoClasses { path: PathBuf },

    #[error(
        "{}: classes are one level lower: {} hold folders of images and no images; give a folder such \
         as folder:{}, which is split into train, validation and test by a hash of its file names",
        path.display(),
        folders.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
        first.display()
    )]
    ClassesBelow {
        path: PathBuf,
        folders: Vec<String>,
        first: PathBuf,
    },

    #[error(
        "{}: only class `{class}` has images, and two classes are needed: with one, every answer is \
         right; give the folder that holds the folders of all classes",
        path.display()
    )]
    OneClass { path: PathBuf, class: String },

    #[error("{}: no usable image{}; check the data set", path.display(), first_of(problems))]
    NoImages {
        path: PathBuf,
        problems: Vec<String>,
    },

    #[error("{} line {line}: `{value}`; expected {expected}", path.display())]
    Line {
        path: PathBuf,
        line: usize,
        value: String,
        expected: &'static str,
    },

    #[error("{problem}; repair it, or allow problems to go on without it")]
    Problem { problem: crate::Problem },
}

fn first_of(problems: &[String]) -> String {
    problems.first().map_or_else(String::new, |first| {
        format!(" ({} problems, the first: {first})", problems.len())
    })
}
