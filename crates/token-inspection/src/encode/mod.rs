//! Images through the vision side of a published model, and what is kept of it.
//!
//! Files: [`words`] how a visual vocabulary was used, [`file`] the tensors on disk, [`table`] what
//! is printed.

mod file;
mod table;
mod words;

pub use file::write;
pub use table::table;
pub use words::{Words, entropy_bits};
pub(crate) use words::{add_masses, best_words};

use anyhow::Result;
use burn::tensor::Tensor;
use projector::{Pass, PatchGrid, Projector};
use published_models::{Pixels, PublishedProjector, SequenceEntry, VisionModel};
use std::time::{Duration, Instant};
use vision_backbone::{GridThw, PackedPatches, VisionTower};

/// Tokens that go through a visual vocabulary at a time: 64 MiB of probabilities at 65,536 words.
const TOKENS_AT_A_TIME: usize = 256;

/// What is kept beside the tokens.
#[derive(Clone, Copy, Debug)]
pub struct Keep {
    /// The tower's states and the logits.
    pub taps: bool,
    /// Probabilities of all words.
    pub all_probabilities: bool,
    /// Best words per token.
    pub top: usize,
}

/// A model at work.
#[derive(Clone, Copy, Debug)]
pub struct Encoder<'a> {
    /// The model.
    pub model: &'a VisionModel,
    /// What is kept.
    pub keep: Keep,
}

/// Numbers with their shape.
#[derive(Clone, Debug, PartialEq)]
pub struct Array {
    /// Row-major.
    pub values: Vec<f32>,
    /// Their shape.
    pub shape: Vec<usize>,
}

/// An encoded image.
#[derive(Clone, Debug)]
pub struct Encoding {
    /// What went in, as the reference shapes it.
    pub pixel_values: Array,
    /// Size of the image (of every tile) in patches.
    pub grids: Vec<GridThw>,
    /// Visual tokens, `[tokens, d_out]`.
    pub embeddings: Array,
    /// What the language model adds behind its first decoder layers (DeepStack), level by level:
    /// `[tokens, d_out]` each.
    pub deepstack: Vec<Array>,
    /// Tokens among boundary rows, as the language model reads them.
    pub sequence: Vec<SequenceEntry>,
    /// How the visual vocabulary was used.
    pub words: Option<Words>,
    /// States of the tower and logits, by name.
    pub taps: Vec<(&'static str, Array)>,
    /// Time of tower and projector.
    pub time: Duration,
}

impl Encoder<'_> {
    /// Encodes one image.
    ///
    /// # Errors
    /// If the tower cannot read an image of this size.
    pub fn encode(&self, pixels: Pixels) -> Result<Encoding> {
        let start = Instant::now();
        let output = self.model.tower.forward(&pixels.patches)?;
        let features = self.model.last_state(&output)?;
        let mut taps = Vec::new();
        if self.keep.taps {
            taps.push(("pre_norm", array(output.pre_norm.features().clone())));
            if let Some(post_norm) = &output.post_norm {
                taps.push(("post_norm", array(post_norm.features().clone())));
            }
        }
        let (embeddings, words) = match &self.model.projector {
            PublishedProjector::Merger(_)
            | PublishedProjector::Qwen3Merger(_)
            | PublishedProjector::DeepStack(_)
            | PublishedProjector::InternVlMlp(_) => {
                let tokens = self.model.tokens(features, &mut Pass::deterministic())?;
                (array(tokens.embeddings.squeeze_dim::<2>(0)), None)
            }
            PublishedProjector::Vet(vet) => {
                let mut words = Words::new(vet.words(), self.keep);
                let mut embeddings = Array {
                    values: Vec::new(),
                    shape: vec![0, vet.d_out()],
                };
                let mut logits = Array {
                    values: Vec::new(),
                    shape: vec![0, vet.words()],
                };
                for blocks in blocks_of(features)? {
                    let tokens = vet.forward(&blocks, &mut Pass::deterministic());
                    embeddings.append(tokens.embeddings.clone());
                    if let Some(probabilities) =
                        tokens.first_words().and_then(|words| words.probabilities)
                    {
                        words.add(probabilities);
                    }
                    if self.keep.taps {
                        logits.append(vet.logits(blocks.merged()));
                    }
                }
                if self.keep.taps {
                    taps.push(("logits", logits));
                }
                (embeddings, Some(words))
            }
        };
        let levels = self
            .model
            .deepstack_tokens(&output, &mut Pass::deterministic())?;
        Ok(Encoding {
            deepstack: levels
                .into_iter()
                .map(|level| array(level.squeeze_dim::<2>(0)))
                .collect(),
            sequence: self.model.sequence(&pixels.tokens, embeddings.shape[0]),
            grids: pixels.patches.grids().to_vec(),
            pixel_values: Array {
                values: pixels.values,
                shape: pixels.shape,
            },
            embeddings,
            words,
            taps,
            time: start.elapsed(),
        })
    }
}

/// The blocks of an image, some at a time.
pub(crate) fn blocks_of(features: &PackedPatches) -> Result<Vec<PatchGrid>> {
    let merge = features.merge();
    let [patches, d] = features.features().dims();
    let step = TOKENS_AT_A_TIME * merge * merge;
    (0..patches)
        .step_by(step)
        .map(|first| {
            let rows = first..patches.min(first + step);
            let count = rows.len();
            let slice = features.features().clone().slice_dim(0, rows);
            let slice = slice.reshape([1, count, d]);
            Ok(PatchGrid::new(slice, merge, count / merge, merge)?)
        })
        .collect()
}

impl Array {
    /// Adds rows `[1, rows, columns]`.
    fn append(&mut self, rows: Tensor<3>) {
        self.shape[0] += rows.dims()[1];
        self.values.extend(rows.into_data().iter::<f32>());
    }
}

fn array(tensor: Tensor<2>) -> Array {
    Array {
        shape: tensor.dims().to_vec(),
        values: tensor.into_data().iter::<f32>().collect(),
    }
}
