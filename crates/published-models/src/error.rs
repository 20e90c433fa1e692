//! What can go wrong between a checkpoint and its tokens.

use std::path::PathBuf;

use checkpoint::CheckpointError;
use ovis_vet::VetError;
use qwen_merger::MergerError;
use vision_backbone::{PackedError, TowerError};
use vlm_connectors::ConnectorError;

/// Result with this crate's [`ModelError`].
pub type Result<T, E = ModelError> = std::result::Result<T, E>;

/// Any failure of this crate.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// A file, a tensor or its shape.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// A tower that cannot be built, or an image that it cannot read.
    #[error(transparent)]
    Tower(#[from] TowerError),
    /// A merger that cannot be built.
    #[error(transparent)]
    Merger(#[from] MergerError),
    /// The MLP of InternVL that cannot be built.
    #[error(transparent)]
    Connector(#[from] ConnectorError),
    /// A visual embedding table that cannot be built.
    #[error(transparent)]
    Vet(#[from] VetError),
    /// An image, or the configuration of its processor.
    #[error(transparent)]
    Image(#[from] image_processor::Error),
    /// Settings of an image processor, in a file.
    #[error("{}", path.display())]
    Processor {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        source: Box<ModelError>,
    },
    /// A batch that is none.
    #[error(transparent)]
    Packed(#[from] PackedError),
    /// A model that this workspace does not know.
    #[error(
        "{}: model_type `{found}` is not supported; known are {}",
        path.display(), crate::config::model_types().join(", ")
    )]
    UnknownModel {
        /// The configuration.
        path: PathBuf,
        /// What it says.
        found: String,
    },
    /// A configuration with a missing or impossible entry.
    #[error("{}: {problem}", path.display())]
    Config {
        /// The configuration, or the file that holds it.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// A vision side that is not stored in floating point.
    #[error(
        "{}: the vision side is quantised by {method} (tensor `{tensor}`), which is not read; use the \
         unquantised checkpoint, or one whose vision side was left as it was", path.display()
    )]
    Quantised {
        /// The file of the tensor.
        path: PathBuf,
        /// `quant_method` of the configuration.
        method: String,
        /// The first such tensor.
        tensor: String,
    },
    /// Something was asked of a model without a visual vocabulary.
    #[error(
        "{family} has no visual vocabulary, so there is no tokenize function to choose; leave it out"
    )]
    NoVocabulary {
        /// The family.
        family: &'static str,
    },
    /// The state after a norm was asked of a tower that ends without one.
    #[error("the tower of {family} has no final norm; read the state before it, which is the last")]
    NoFinalNorm {
        /// The family.
        family: &'static str,
    },
}
