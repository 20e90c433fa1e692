//! The vision sides of Qwen2-VL, Qwen2.5-VL, Qwen3-VL, Qwen3.5, Ovis2, Ovis2.5, Ovis2.6, InternVL2.5 and
//! InternVL3: from a checkpoint folder and an image to the visual tokens that the language model reads.
//!
//! ```no_run
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! use burn::tensor::Device;
//! use checkpoint::Checkpoint;
//! use projector::Pass;
//! use published_models::{Processor, VisionModel};
//!
//! let device = Device::default();
//! let checkpoint = Checkpoint::open("Ovis2.5-2B".as_ref())?;
//! let model = VisionModel::load(&checkpoint, &device)?;
//! let (processor, notes) = Processor::of(&checkpoint, model.config())?;
//! let image = image_processor::decode_file("page.png", processor.transparency())?;
//! let pixels = processor.image(&image, &device)?;
//! let features = model.features(&pixels.patches)?;
//! let tokens = model.tokens(&features, &mut Pass::deterministic())?;
//! println!("{:?}", tokens.embeddings.dims());
//! # Ok(())
//! # }
//! ```
//!
//! Files: `families` one file per family: configuration, tensor names, image processor, sequence; `config` the
//! shapes they lead to, `load` from tensor names to layers, `tower` and `projectors` of any family, `model` the
//! whole, `processor` from images to patches, `sequence` tokens among boundary rows, `parity`
//! comparison with reference tensors.

pub mod config;
mod error;
mod families;
mod load;
mod model;
pub mod parity;
pub mod processor;
mod projectors;
mod sequence;
mod tower;

pub use config::{Family, ModelConfig};
pub use error::{ModelError, Result};
pub use load::is_wanted;
pub use model::{FeatureState, VisionModel, config_of};
pub use processor::{Pixels, Processor};
pub use projectors::PublishedProjector;
pub use sequence::SequenceEntry;
pub use tower::Tower;
