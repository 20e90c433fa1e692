//! Features on disk, found by the hash of what they were computed from.

use crate::atomic;
use anyhow::{Context, Result};
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A folder of feature files. Files may be deleted at any time; they are computed again.
///
/// A file is the SHA-256 of its values followed by the values as little-endian f32. What does not
/// match its hash, or has another length than expected, counts as absent. Several processes, also on
/// several machines, may use one folder: files appear whole, and those of one name are the same.
#[derive(Clone, Debug)]
pub struct FeatureCache {
    folder: PathBuf,
}

const HASH_BYTES: usize = 32;
/// What others may be writing at the moment is younger than that.
const WRITTEN_BY_NOW: Duration = Duration::from_secs(60 * 60);

impl FeatureCache {
    /// Uses `folder`, which is made on first use.
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
        }
    }

    /// Name of the features that `encoder` makes of `content`.
    #[must_use]
    pub fn key(encoder: &str, content: &str) -> String {
        let mut hash = Sha256::new();
        hash.update(encoder.as_bytes());
        hash.update([0]);
        hash.update(content.as_bytes());
        format!("{:x}", hash.finalize())[..32].to_owned()
    }

    /// The values stored under `key`, if they are whole.
    #[must_use]
    pub fn load(&self, key: &str, expected: usize) -> Option<Vec<f32>> {
        let bytes = std::fs::read(self.path(key)).ok()?;
        if bytes.len() != HASH_BYTES + 4 * expected {
            return None;
        }
        let (hash, values) = bytes.split_at(HASH_BYTES);
        if Sha256::digest(values).as_slice() != hash {
            return None;
        }
        Some(
            values
                .chunks_exact(4)
                .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
                .collect(),
        )
    }

    /// Stores values under `key`, atomically.
    ///
    /// # Errors
    /// If the folder cannot be written or the disk is full.
    pub fn store(&self, key: &str, values: &[f32]) -> Result<()> {
        let context = || {
            format!(
                "cannot write the feature cache {} (free space there, or pass --no-cache)",
                self.folder.display()
            )
        };
        std::fs::create_dir_all(&self.folder).with_context(context)?;
        let mut bytes = Vec::with_capacity(4 * values.len());
        for value in values {
            bytes.extend_from_slice(&value.to_le_bytes());
        }
        atomic::remove_unfinished(&self.folder, WRITTEN_BY_NOW);
        atomic::write(&self.path(key), |out| {
            out.write_all(&Sha256::digest(&bytes))?;
            Ok(out.write_all(&bytes)?)
        })
        .with_context(context)
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.features"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn damaged_files_count_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(folder.path());
        let key = FeatureCache::key("tower", "images");
        assert_ne!(key, FeatureCache::key("tower", "other images"));
        assert_eq!(cache.load(&key, 3), None);
        cache.store(&key, &[1.0, 2.0, 3.0]).unwrap();
        assert_eq!(cache.load(&key, 3), Some(vec![1.0, 2.0, 3.0]));
        assert_eq!(cache.load(&key, 4), None);
        let path = cache.path(&key);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[HASH_BYTES + 5] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(cache.load(&key, 3), None);
        std::fs::write(&path, b"cut").unwrap();
        assert_eq!(cache.load(&key, 3), None);
    }

    #[test]
    fn who_reads_while_others_write_sees_all_or_nothing() {
        const VALUES: usize = 50_000;
        let folder = tempfile::tempdir().unwrap();
        let key = FeatureCache::key("tower", "images");
        let values: Vec<f32> = (0..VALUES).map(|i| i as f32).collect();
        let writing = std::sync::atomic::AtomicUsize::new(3);
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    // As processes of their own do, each opens the folder by itself.
                    let cache = FeatureCache::new(folder.path());
                    for _ in 0..10 {
                        cache.store(&key, &values).unwrap();
                    }
                    writing.fetch_sub(1, std::sync::atomic::Ordering::SeqCst);
                });
            }
            let cache = FeatureCache::new(folder.path());
            let mut seen = false;
            while writing.load(std::sync::atomic::Ordering::SeqCst) > 0 {
                let found = cache.load(&key, VALUES);
                assert!(found.is_none() && !seen || found.as_ref() == Some(&values));
                seen |= found.is_some();
            }
            assert_eq!(cache.load(&key, VALUES).as_ref(), Some(&values));
        });
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }
}
