//! The tensors that `encode` writes.

use super::{Array, Encoding};
use anyhow::{Context, Result, anyhow};
use ovis_vet::Vet;
use projector::Projector;
use published_models::{FeatureState, PublishedProjector, SequenceEntry, VisionModel};
use run_support::atomic;
use safetensors::tensor::{Dtype, View};
use std::borrow::Cow;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// One tensor of the file.
struct Entry {
    dtype: Dtype,
    shape: Vec<usize>,
    bytes: Vec<u8>,
}

impl View for Entry {
    fn dtype(&self) -> Dtype {
        self.dtype
    }

    fn shape(&self) -> &[usize] {
        &self.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        Cow::Borrowed(&self.bytes)
    }

    fn data_len(&self) -> usize {
        self.bytes.len()
    }
}

impl Entry {
    fn floats(values: &[f32], shape: Vec<usize>) -> Self {
        Self {
            dtype: Dtype::F32,
            shape,
            bytes: values.iter().flat_map(|v| v.to_le_bytes()).collect(),
        }
    }

    fn integers(values: impl IntoIterator<Item = i64>, shape: Vec<usize>) -> Self {
        Self {
            dtype: Dtype::I64,
            shape,
            bytes: values.into_iter().flat_map(i64::to_le_bytes).collect(),
        }
    }

    /// One tensor for the levels of DeepStack, `[levels, tokens, d]`: of every level the tokens of all
    /// images one below the other. None without levels.
    fn levels(encodings: &[Encoding]) -> Option<Self> {
        let count = encodings.first()?.deepstack.len();
        let mut values = Vec::new();
        for level in 0..count {
            for encoding in encodings {
                values.extend_from_slice(&encoding.deepstack[level].values);
            }
        }
        let tokens = encodings.iter().map(|e| e.embeddings.shape[0]).sum();
        let width = encodings[0].embeddings.shape[1];
        (count > 0).then(|| Self::floats(&values, vec![count, tokens, width]))
    }

    /// Arrays of all images one below the other.
    fn rows<'a>(parts: impl Iterator<Item = &'a Array> + Clone) -> Option<Self> {
        let mut shape = parts.clone().next()?.shape.clone();
        shape[0] = parts.clone().map(|part| part.shape[0]).sum();
        let values: Vec<f32> = parts.flat_map(|part| part.values.iter().copied()).collect();
        Some(Self::floats(&values, shape))
    }
}

/// Writes the encodings of all images one below the other, as the reference batches them.
///
/// Always there: `pixel_values`, `grid_thw` `[images or tiles, 3]`, `embeddings` `[tokens, d]`,
/// `tokens_per_image`. With DeepStack: `deepstack` `[levels, tokens, d]`. With a vocabulary: `word_ids` and
/// `word_probabilities` `[tokens, top]`,
/// `prob` if asked for, `indicator_embeddings` `[indicators, d]`, and `sequence` with
/// `sequence_per_image`: the order in which the language model reads them, as rows of `embeddings`
/// and, for indicator `i`, `-1 - i`. The metadata entry `about` describes the run as JSON; `tokenize` in it is the
/// function by which the tokens were made, null without a vocabulary.
///
/// # Errors
/// If the file cannot be written.
pub fn write(
    path: &Path,
    model: &VisionModel,
    checkpoint: &str,
    images: &[PathBuf],
    encodings: &[Encoding],
) -> Result<()> {
    let mut entries: Vec<(String, Entry)> = Vec::new();
    let mut add = |name: &str, entry: Option<Entry>| {
        entries.extend(entry.map(|entry| (name.to_owned(), entry)));
    };
    add(
        "pixel_values",
        Entry::rows(encodings.iter().map(|e| &e.pixel_values)),
    );
    add(
        "embeddings",
        Entry::rows(encodings.iter().map(|e| &e.embeddings)),
    );
    add("deepstack", Entry::levels(encodings));
    let grids: Vec<i64> = encodings
        .iter()
        .flat_map(|encoding| &encoding.grids)
        .flat_map(|grid| [grid.frames, grid.rows, grid.cols].map(|side| side as i64))
        .collect();
    let count = grids.len() / 3;
    add("grid_thw", Some(Entry::integers(grids, vec![count, 3])));
    let tokens = encodings.iter().map(|e| e.embeddings.shape[0] as i64);
    add(
        "tokens_per_image",
        Some(Entry::integers(tokens, vec![encodings.len()])),
    );
    for index in 0..encodings.first().map_or(0, |encoding| encoding.taps.len()) {
        let name = encodings[0].taps[index].0;
        add(
            name,
            Entry::rows(encodings.iter().map(|e| &e.taps[index].1)),
        );
    }
    let words: Vec<_> = encodings.iter().filter_map(|e| e.words.as_ref()).collect();
    if let Some(top) = words
        .first()
        .map(|words| words.top())
        .filter(|top| *top > 0)
    {
        let ids = words.iter().flat_map(|words| words.ids.iter().copied());
        let rows = ids.clone().count() / top;
        add("word_ids", Some(Entry::integers(ids, vec![rows, top])));
        let probabilities: Vec<f32> = words
            .iter()
            .flat_map(|words| words.id_probabilities.iter().copied())
            .collect();
        add(
            "word_probabilities",
            Some(Entry::floats(&probabilities, vec![rows, top])),
        );
    }
    if let PublishedProjector::Vet(vet) = &model.projector {
        add("indicator_embeddings", indicators(vet));
        let (sequence, lengths) = sequence(encodings);
        let (count, images) = (sequence.len(), lengths.len());
        add("sequence", Some(Entry::integers(sequence, vec![count])));
        add(
            "sequence_per_image",
            Some(Entry::integers(lengths, vec![images])),
        );
    }
    let all: Vec<Array> = words.iter().filter_map(|words| words.all()).collect();
    add("prob", Entry::rows(all.iter()));

    let images: Vec<String> = images.iter().map(|path| written(path)).collect();
    let about = serde_json::json!({
        "model": model.family().name(),
        "checkpoint": checkpoint,
        "images": images,
        "feature_state": match model.state {
            FeatureState::PreNorm => "pre-norm",
            FeatureState::PostNorm => "post-norm",
        },
        "tokenize": match &model.projector {
            PublishedProjector::Vet(vet) => Some(vet.tokenize_function()),
            PublishedProjector::Merger(_)
            | PublishedProjector::Qwen3Merger(_)
            | PublishedProjector::DeepStack(_)
            | PublishedProjector::InternVlMlp(_) => None,
        },
    });
    let metadata = HashMap::from([("about".to_owned(), about.to_string())]);
    let bytes = safetensors::serialize(entries, Some(metadata))
        .map_err(|error| anyhow!("{error}"))
        .with_context(|| path.display().to_string())?;
    atomic::write_bytes(path, &bytes)
}

/// A path as text: bytes that are not UTF-8 become `\xNN`.
fn written(path: &Path) -> String {
    let chunks = path.as_os_str().as_encoded_bytes().utf8_chunks();
    let parts = chunks.map(|chunk| {
        let escaped: String = chunk
            .invalid()
            .iter()
            .map(|byte| format!("\\x{byte:02x}"))
            .collect();
        chunk.valid().to_owned() + &escaped
    });
    parts.collect()
}

/// The boundary rows of a table; none if it has none.
fn indicators(vet: &Vet) -> Option<Entry> {
    let values: Vec<f32> = (0..vet.indicators())
        .flat_map(|index| {
            vet.indicator(index)
                .into_data()
                .iter::<f32>()
                .collect::<Vec<_>>()
        })
        .collect();
    (!values.is_empty()).then(|| Entry::floats(&values, vec![vet.indicators(), vet.d_out()]))
}

/// Sequences of all images, with tokens counted over all of them, and their lengths.
fn sequence(encodings: &[Encoding]) -> (Vec<i64>, Vec<i64>) {
    let mut first = 0;
    let mut sequence = Vec::new();
    let mut lengths = Vec::with_capacity(encodings.len());
    for encoding in encodings {
        lengths.push(encoding.sequence.len() as i64);
        sequence.extend(encoding.sequence.iter().map(|entry| match entry {
            SequenceEntry::Token(token) => first + *token as i64,
            SequenceEntry::Indicator(index) => -1 - *index as i64,
        }));
        first += encoding.embeddings.shape[0] as i64;
    }
    (sequence, lengths)
}
