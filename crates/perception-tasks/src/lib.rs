//! Fine-grained perception: tasks whose difficulty can be measured in the image.
//!
//! A [`Task`] makes labelled images of one [`TaskKind`]. Items come in counterfactual pairs: item
//! `2i` and item `2i + 1` differ in the asked attribute only, down to the noise, and an answer
//! without looking cannot get both right more often than by chance. Item `i` depends on `(seed,
//! split, i)` and the configuration only. Training items spread over the difficulty range; test
//! items stand on fixed levels, for psychometric curves.
//!
//! Shapes are drawn with the exact coverage of every pixel: difficulties go far below a pixel, and
//! sizes are in px whatever the canvas. Grey images are the default. Two tasks show hue and need
//! RGB ([`TaskKind::needs_colour`]); each names the task that asks the same of lightness.
//!
//! [`ImageDataset`] reads fine-grained photographs from disk: a folder per class, FGVC-Aircraft,
//! and CUB-200-2011.
//!
//! # Example
//! ```
//! use perception_tasks::{Task, TaskConfig, TaskKind};
//! use text_images::{Fonts, Split};
//!
//! # fn main() -> Result<(), perception_tasks::Error> {
//! let config = TaskConfig::new(TaskKind::Vernier, Split::Test, 7);
//! let task = Task::new(config, &Fonts::embedded())?;
//! let pair = [task.item(0), task.item(1)];
//! assert_ne!(pair[0].label, pair[1].label);
//! assert_eq!(pair[0].difficulty, Some(2.0)); // px: the easiest level comes first
//! assert_eq!(task.kind().classes(), ["left", "right"]);
//! # Ok(())
//! # }
//! ```

mod axis;
mod dataset;
mod error;
mod ink;
mod kind;
mod scene;
mod shape;
mod sheet;
mod task;
mod tasks;
mod typefaces;

pub use axis::{Axis, Scale};
pub use dataset::{
    AircraftLabels, BoundingBox, Crop, DatasetSource, ImageDataset, ImageRow, NOT_READ, OnProblem,
    Problem, Reader,
};
pub use error::Error;
pub use kind::{Group, TaskKind};
pub use sheet::contact_sheet;
pub use task::{Channels, Item, Task, TaskConfig};

/// Smallest canvas in px: that of the small tower.
pub const MIN_WIDTH_PX: u32 = 64;
/// Smallest canvas in px: that of the small tower.
pub const MIN_HEIGHT_PX: u32 = 32;

/// Result with this crate's [`Error`].
pub type Result<T> = std::result::Result<T, Error>;
