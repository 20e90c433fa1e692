//! The hub's cache on disk: `models--OWNER--NAME/{refs,snapshots,blobs}`.

use std::path::{Path, PathBuf};

use super::model_id::{ModelId, is_component};
use crate::error::Result;
use crate::folder::{CONFIG, PREPROCESSOR, WEIGHTS, safetensors_files};
use crate::index::{INDEX, Index};

/// The cache folder for a set of environment variables.
pub(super) fn folder(variable: impl Fn(&str) -> Option<String>) -> PathBuf {
    if let Some(cache) = variable("HF_HUB_CACHE") {
        return PathBuf::from(cache);
    }
    let home = match variable("HF_HOME") {
        Some(home) => PathBuf::from(home),
        None => match variable("XDG_CACHE_HOME") {
            Some(cache) => PathBuf::from(cache),
            None => std::env::home_dir().unwrap_or_default().join(".cache"),
        }
        .join("huggingface"),
    };
    home.join("hub")
}

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
pub(super) fn missing_files(folder: &Path, wanted: &dyn Fn(&str) -> bool) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    if !folder.join(CONFIG).exists() {
        missing.push(CONFIG.to_owned());
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

/// What a folder needs of which nothing is known.
pub(super) fn all_files() -> Vec<String> {
    vec![
        CONFIG.to_owned(),
        PREPROCESSOR.to_owned(),
        format!("{WEIGHTS} (or {INDEX} and its shards)"),
    ]
}

#[cfg(test)]
mod tests {
    use super::folder;
    use std::path::PathBuf;

    fn folder_with(variables: &[(&str, &str)]) -> PathBuf {
        folder(|name| {
            let found = variables.iter().find(|(key, _)| *key == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn the_nearest_variable_decides_where_the_cache_is() {
        let all = [
            ("HF_HUB_CACHE", "/a"),
            ("HF_HOME", "/b"),
            ("XDG_CACHE_HOME", "/c"),
        ];
        assert_eq!(folder_with(&all), PathBuf::from("/a"));
        assert_eq!(folder_with(&all[1..]), PathBuf::from("/b/hub"));
        assert_eq!(folder_with(&all[2..]), PathBuf::from("/c/huggingface/hub"));
        assert!(folder_with(&[]).ends_with(".cache/huggingface/hub"));
    }
}
