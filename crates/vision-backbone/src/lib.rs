//! Vision towers: images in, patch features in merge order out.
//!
//! [`VisionTower`] is the interface. [`SmallVit`] is the embedded default, small enough to be
//! pre-trained on a laptop; [`QwenVit`], [`Qwen3Vit`], [`Navit`], [`Aimv2`] and [`InternVit`] are the
//! published towers of Qwen2-VL and Qwen2.5-VL, of Qwen3-VL and Qwen3.5, of Ovis2.5 and Ovis2.6, of
//! Ovis2, and of InternVL2.5 and InternVL3.
//!
//! Files: `packed` batches of images of any size, `tower` the interface, `vit` with `block` the
//! small tower; `qwen`, `qwen3`, `navit`, `aimv2` and `intern_vit` the published ones, one file each, made of
//! `layers`, `windows` (window attention), `positions` (rotary angles), `position_table` (learned
//! positions) and read from a `source`, which `random` can stand in for. `patches` cuts grey images
//! into patches, `weights` reads and writes our own parameters as safetensors.

pub mod aimv2;
pub mod block;
pub mod intern_vit;
pub mod layers;
pub mod navit;
pub mod packed;
pub mod patches;
pub mod position_table;
pub mod positions;
pub mod qwen;
pub mod qwen3;
pub mod random;
pub mod source;
pub mod tower;
pub mod vit;
pub mod weights;
pub mod windows;

pub use aimv2::{Aimv2, Aimv2Config, Aimv2Naming};
pub use block::Block;
pub use intern_vit::{InternVit, InternVitConfig, InternVitNaming, InternVitNorm};
pub use layers::Activation;
pub use navit::{Navit, NavitConfig};
pub use packed::{GridThw, PackedError, PackedPatches};
pub use patches::{PatchLayout, patchify};
pub use positions::RotaryAngles;
pub use qwen::{QwenGeneration, QwenVit, QwenVitConfig};
pub use qwen3::{Qwen3Vit, Qwen3VitConfig};
pub use random::RandomSource;
pub use source::{Loader, ParameterSource};
pub use tower::{TowerError, TowerOutput, VisionTower};
pub use vit::{ConfigError, Positions, SmallVit, SmallVitConfig};
pub use windows::WindowOrder;
