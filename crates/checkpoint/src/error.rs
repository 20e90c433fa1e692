//! What can go wrong, and what to do about it.

use std::ops::Range;
use std::path::{Path, PathBuf};

use crate::Dtype;

/// Result with this crate's [`CheckpointError`].
pub type Result<T, E = CheckpointError> = std::result::Result<T, E>;

/// Any failure of this crate. Every message names the file and the tensor, what was found, what was
/// expected, and the remedy.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
#[expect(missing_docs, reason = "the messages describe the fields")]
pub enum CheckpointError {
    #[error("{}: cannot read; check that it exists and may be read", path.display())]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },

    #[error("{}: not a regular file; give a file, or a link to one", path.display())]
    NotAFile { path: PathBuf },

    #[error(
        "{}: not a folder; give the folder of a checkpoint, with config.json and \
         model.safetensors or its shards", path.display()
    )]
    NotAFolder { path: PathBuf },

    #[error("{}: not found; download the checkpoint's config.json into this folder", path.display())]
    NoConfig { path: PathBuf },

    #[error("{}: not JSON of the expected form; download it again", path.display())]
    NotJson {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },

    #[error(
        "{}: a Git LFS pointer, not the file itself; run `git lfs pull` in its folder, or download \
         the file", path.display()
    )]
    LfsPointer { path: PathBuf },

    #[error(
        "{}: `image_processor` is {found}, expected an object of settings; save the processor again",
        path.display()
    )]
    ProcessorForm { path: PathBuf, found: String },

    #[error(
        "{}: `{key}` is {nested} under `image_processor` and {outer} beside it; remove one",
        path.display()
    )]
    ProcessorConflict {
        path: PathBuf,
        key: String,
        nested: String,
        outer: String,
    },

    #[error("{}: {bytes} bytes; a JSON file of at most {limit} bytes was expected", path.display())]
    JsonTooLong {
        path: PathBuf,
        bytes: u64,
        limit: u64,
    },

    #[error(
        "{}: no `{key}`, expected {expected}; is this the config of a transformers checkpoint?",
        path.display()
    )]
    ConfigKey {
        path: PathBuf,
        key: String,
        expected: &'static str,
    },

    #[error(
        "{}: no weights; expected model.safetensors, model.safetensors.index.json with its \
         shards, or one other .safetensors file (weights in .bin files are not read: convert them)",
        folder.display()
    )]
    NoWeights { folder: PathBuf },

    #[error(
        "{}: {} .safetensors files and no index ({}); \
         add model.safetensors.index.json, or open one of the files", folder.display(),
        found.len(), shorten(found)
    )]
    AmbiguousWeights { folder: PathBuf, found: Vec<String> },

    #[error("{}: no `weight_map`; download the index again", path.display())]
    NoWeightMap { path: PathBuf },

    #[error(
        "{}: tensor `{tensor}` is said to be in `{shard}`, which is not the name of a \
         .safetensors file inside the folder; refused, do not trust this checkpoint", path.display()
    )]
    ShardName {
        path: PathBuf,
        shard: String,
        tensor: String,
    },

    #[error(
        "{}: not found; tensor `{tensor}` is in this shard: download it into the folder",
        shard.display()
    )]
    MissingShard { shard: PathBuf, tensor: String },

    #[error(
        "{}: no tensor `{tensor}`, although {} says so; index and shards are of different \
         versions, download both again", shard.display(), index.display()
    )]
    ShardLacksTensor {
        shard: PathBuf,
        index: PathBuf,
        tensor: String,
    },

    #[error(
        "{}: {found_bytes} bytes, expected {expected_bytes}; the file is cut off (an unfinished \
         download): download it again", path.display()
    )]
    Truncated {
        path: PathBuf,
        found_bytes: u64,
        expected_bytes: u64,
    },

    #[error(
        "{}: {found_bytes} bytes, of which the header describes {expected_bytes}; \
         download it again", path.display()
    )]
    TrailingBytes {
        path: PathBuf,
        found_bytes: u64,
        expected_bytes: u64,
    },

    #[error(
        "{}: a header of {header_bytes} bytes, more than {limit}; \
         this is no safetensors file", path.display()
    )]
    HeaderTooLong {
        path: PathBuf,
        header_bytes: u64,
        limit: u64,
    },

    #[error("{}: the header is no list of tensors; this is no safetensors file", path.display())]
    HeaderJson {
        path: PathBuf,
        #[source]
        source: serde_json::Error,
    },

    #[error("{}: `{tensor}` is listed twice; the file is damaged, download it again", path.display())]
    DuplicateTensor { path: PathBuf, tensor: String },

    #[error(
        "{}: tensor `{tensor}` at bytes {begin}..{end} {problem}; \
         the file is damaged, download it again", path.display()
    )]
    Offsets {
        path: PathBuf,
        tensor: String,
        begin: u64,
        end: u64,
        problem: &'static str,
    },

    #[error(
        "{}: tensor `{tensor}` of {dtype} {shape:?} has {found_bytes} bytes, expected {}; \
         the file is damaged, download it again", path.display(), bytes_or_overflow(*expected_bytes)
    )]
    Size {
        path: PathBuf,
        tensor: String,
        dtype: Dtype,
        shape: Box<[usize]>,
        found_bytes: u64,
        expected_bytes: Option<u64>,
    },

    #[error("{}: no tensor `{tensor}`; {}", path.display(), nearest_names(nearest))]
    MissingTensor {
        path: PathBuf,
        tensor: String,
        nearest: Vec<String>,
    },

    #[error(
        "{}: no tensor `{witness}` under any of the prefixes {}; {}", path.display(),
        quote(candidates), nearest_names(nearest)
    )]
    NoPrefix {
        path: PathBuf,
        witness: String,
        candidates: Vec<String>,
        nearest: Vec<String>,
    },

    #[error(
        "{}: {} tensors under `{prefix}` were not used ({}); \
         this is another architecture than the config says", path.display(), tensors.len(),
        shorten(tensors)
    )]
    ExtraTensors {
        path: PathBuf,
        prefix: String,
        tensors: Vec<String>,
    },

    #[error(
        "{}: tensor `{tensor}` has shape {found:?}, expected {expected:?}; \
         is this the checkpoint that the config belongs to?", path.display()
    )]
    Shape {
        path: PathBuf,
        tensor: String,
        found: Vec<usize>,
        expected: Vec<usize>,
    },

    #[error(
        "{}: rows {}..{} of tensor `{tensor}` were asked for, which has shape {shape:?}",
        path.display(), rows.start, rows.end
    )]
    Rows {
        path: PathBuf,
        tensor: String,
        shape: Vec<usize>,
        rows: Range<usize>,
    },

    #[error(
        "{}: tensor `{tensor}` is {found}, expected {expected}; \
         quantised weights are not read: use the unquantised checkpoint", path.display()
    )]
    UnsupportedDtype {
        path: PathBuf,
        tensor: String,
        found: Dtype,
        expected: &'static str,
    },

    #[error(
        "{}: tensor `{tensor}` holds {value} at element {element}; weights must be finite \
         numbers within f32: download the file again", path.display()
    )]
    NonFinite {
        path: PathBuf,
        tensor: String,
        element: u64,
        value: f32,
    },

    #[error(
        "{}: tensor `{tensor}` ({dtype}) holds a value at element {element} that does not fit \
         {expected}", path.display()
    )]
    OutOfRange {
        path: PathBuf,
        tensor: String,
        dtype: Dtype,
        element: u64,
        expected: &'static str,
    },

    #[error("{}: no memory for the {elements} elements of tensor `{tensor}`", path.display())]
    OutOfMemory {
        path: PathBuf,
        tensor: String,
        elements: usize,
    },

    #[error(
        "`{spec}`: neither an existing path nor a model id; give a folder, or OWNER/NAME or \
         OWNER/NAME@REVISION as on the Hugging Face hub"
    )]
    NotACheckpoint { spec: String },

    #[error(
        "{repository}: no such path, not complete in the cache {}, and {cause}. Download {files} of \
         https://huggingface.co/{repository} (revision {revision}) into a folder and give that \
         folder, or set HF_HOME to a cache that has them", cache.display()
    )]
    Hub {
        repository: String,
        revision: String,
        cache: PathBuf,
        files: String,
        cause: Box<str>,
    },
}

impl CheckpointError {
    pub(crate) fn read(path: &Path, source: std::io::Error) -> Self {
        Self::Read {
            path: path.to_owned(),
            source,
        }
    }
}

/// How many names a message lists.
const LISTED: usize = 5;

fn shorten(names: &[String]) -> String {
    let mut list = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        list.push_str(", ...");
    }
    list
}

fn quote(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

fn nearest_names(nearest: &[String]) -> String {
    if nearest.is_empty() {
        "nothing has a similar name; is this the right checkpoint?".to_owned()
    } else {
        format!("similar names are {}", quote(nearest))
    }
}

fn bytes_or_overflow(bytes: Option<u64>) -> String {
    match bytes {
        Some(bytes) => bytes.to_string(),
        None => "a number that no file can have".to_owned(),
    }
}
