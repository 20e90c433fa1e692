//! What the probes read: groups of equally sized, labelled images, and their features.

mod cache;
mod features;
mod folder;
mod group;
mod perception;
mod pixels;
mod rendered;
mod source;
mod stored;
mod task;

pub use cache::{DEFAULT_LIMIT, FeatureCache};
pub use features::{Features, Source, encode, feature_bytes, held_bytes, pixel_batch};
pub use folder::{FolderOutcome, group_from_folder};
pub use group::{Group, GroupKey, Label};
pub use perception::{PerceptionPlan, perception_groups};
pub use pixels::Pixels;
pub use rendered::{RenderPlan, condition_name, render_group, render_items};
pub use source::{DataSource, DataSources, Fit, StoredConfig, scene_charset};
pub use stored::{Part, StoredOutcome, StoredPlan, group_from_dataset};
pub use task::Task;
