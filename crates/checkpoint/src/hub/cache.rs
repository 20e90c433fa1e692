//! The hub's cache on disk: `models--OWNER--NAME/{refs,snapshots,blobs}`.

use std::path::{Path, PathBuf};

use super::model_id::{ModelId, is_component};
use crate::error::Result;
use crate::folder::{
    CONFIG, PREPROCESSOR, PROCESSOR, WEIGHTS, has_preprocessor, safetensors_files,
};
use crate::index::{INDEX, Index};

/// The folder of a model's revision, if the cache has it.
pub(super) fn snapshot(cache: &Path, id: &ModelId) -> Option<PathBuf> {
    let model = cache.join(id.folder_name());
    let reference = std::fs::read_to_string(model.join("refs").join(id.revision()));
    // A revision without a reference may be a commit itself.
    let commit = reference.map_or_else(|_| id.revision().to_owned(), |text| text.trim().to_owned());
    if !is_component(&commit) {
        return None;
    }
    Some(model.join("snapshots").join(commit)).filter(|folder| folder.is_dir())
}

/// What a folder lacks to read the wanted tensors from it.
pub(super) fn missing_files(
    cache: &Path,
    id: &ModelId,
    folder: &Path,
    wanted: &dyn Fn(&str) -> bool,
) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    if !folder.join(CONFIG).exists() {
        missing.push(CONFIG.to_owned());
    }
    let commit = folder.file_name().unwrap_or_default().to_string_lossy();
    let is_absent = |file| absent_mark(cache, id, &commit, file).exists();
    if !has_preprocessor(folder)? && !is_absent(PREPROCESSOR) {
        missing.push(format!("{PREPROCESSOR} (or {PROCESSOR})"));
    }
    if folder.join(WEIGHTS).exists() {
        return Ok(missing);
    }
    let index = folder.join(INDEX);
    if index.exists() {
        let index = Index::read(&index)?;
        let shards = index.shards(wanted).into_iter();
        missing.extend(
            shards
                .filter(|shard| !folder.join(shard).exists())
                .map(str::to_owned),
        );
    } else if safetensors_files(folder)?.len() != 1 {
        missing.push(format!("{WEIGHTS} (or {INDEX} and its shards)"));
    }
    Ok(missing)
}

/// The empty file that says that a model has no such file at this commit, as `huggingface_hub`
/// writes it.
pub(super) fn absent_mark(cache: &Path, id: &ModelId, commit: &str, file: &str) -> PathBuf {
    let model = cache.join(id.folder_name());
    model.join(".no_exist").join(commit).join(file)
}

/// What a folder needs of which nothing is known.
pub(super) fn all_files() -> Vec<String> {
    vec![
        CONFIG.to_owned(),
        format!("{PREPROCESSOR} (or {PROCESSOR})"),
        format!("{WEIGHTS} (or {INDEX} and its shards)"),
    ]
}
