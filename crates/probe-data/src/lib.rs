//! What the probes read: groups of equally sized, labelled images, and their features.

mod answer;
mod cache;
mod features;
mod folder;
mod group;
mod group_images;
mod perception;
mod photographs;
mod pixels;
pub mod published;
mod relabelling;
mod rendered;
mod source;
mod spread;
mod stored;
pub mod version_0_1;

pub use answer::Answer;
pub use cache::{DEFAULT_LIMIT, FeatureCache};
pub use features::{
    CachePlace, Features, Source, encode, encode_states, feature_bytes, held_bytes, pixel_batch,
};
pub use folder::{FolderFaults, FolderOutcome, group_from_folder};
pub use group::{Group, GroupKey, Label};
pub use group_images::GroupImages;
pub use perception::{PerceptionPlan, perception_groups};
pub use photographs::{
    PhotographOutcome, PhotographPlan, crop, group_from_photographs, missing_boxes, on_problem,
    open_photographs, problem_notes,
};
pub use pixels::Pixels;
pub use relabelling::Relabelling;
pub use rendered::{RenderPlan, condition_name, render_group, render_items};
pub use source::{DataSource, DataSources, Fit, StoredConfig, scene_charset};
pub use spread::spread;
pub use stored::{Part, StoredOutcome, StoredPlan, group_from_dataset};
