//! Features on disk, found by the hash of what they were computed from.
//!
//! | promise | how |
//! |---|---|
//! | never the features of something else | the name is a hash of images, labels' texts, tower and backend |
//! | never damaged ones | every file begins with its SHA-256 and is checked when it is opened |
//! | bounded | what was used longest ago goes first, before a new file comes and when a run ends |
//! | nothing in use is evicted | files in use are locked, and locked files are passed over |
//! | may be deleted at any time | open files stay readable; what is missing is computed again |

mod file;

use anyhow::Result;
use bytesize::ByteSize;
use run_support::atomic::UNFINISHED;
use sha2::{Digest, Sha256};
use std::ffi::OsStr;
use std::fs::{DirEntry, File, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

pub use file::{CacheWriter, CachedFile};

/// Most disk space that the cache takes unless told otherwise.
pub const DEFAULT_LIMIT: ByteSize = ByteSize(20 << 30);

const EXTENSION: &str = "features";
/// Unfinished files that are as old as this and locked by nobody were left by a killed process.
const ABANDONED: Duration = Duration::from_secs(60);

/// A folder of feature files. They may be deleted at any time; they are computed again.
#[derive(Clone, Debug)]
pub struct FeatureCache {
    folder: PathBuf,
    limit: ByteSize,
}

impl FeatureCache {
    /// Uses `folder`, which is made on first use, up to [`DEFAULT_LIMIT`].
    #[must_use]
    pub fn new(folder: &Path) -> Self {
        Self {
            folder: folder.to_owned(),
            limit: DEFAULT_LIMIT,
        }
    }

    /// The same folder up to another size.
    #[must_use]
    pub fn with_limit(self, limit: ByteSize) -> Self {
        Self { limit, ..self }
    }

    /// Most disk space that it takes. Files in use may exceed it while they are.
    #[must_use]
    pub fn limit(&self) -> ByteSize {
        self.limit
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

    /// The features stored under `key`, if they are there, whole, and `values` numbers.
    #[must_use]
    pub fn open(&self, key: &str, values: u64) -> Option<CachedFile> {
        let path = self.path(key);
        let found = CachedFile::open(&path, values)?;
        // When it was last used. A folder that may only be read cannot take note of it.
        if let Ok(file) = File::options().append(true).open(&path) {
            let _ = file.set_modified(SystemTime::now());
        }
        Some(found)
    }

    /// Begins to store `values` numbers under `key`, after making room for them.
    ///
    /// # Errors
    /// If the folder cannot be written or the disk is full.
    pub fn create(&self, key: &str, values: u64) -> Result<CacheWriter> {
        self.make_room(file::bytes_of(values));
        CacheWriter::create(&self.folder, &format!("{key}.{EXTENSION}"))
    }

    /// Brings the folder down to its limit, the file that was used longest ago first. Files that a
    /// process uses stay, as does what cannot be removed.
    pub fn trim(&self) {
        self.make_room(0);
    }

    /// Leaves `room` bytes below the limit, as far as that is possible.
    fn make_room(&self, room: u64) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else {
            return;
        };
        let mut files = Vec::new();
        for entry in entries.flatten() {
            let Ok(about) = entry.metadata() else {
                continue;
            };
            if is_abandoned(&entry, &about) {
                remove_unused(&entry.path());
            } else if entry.path().extension() == Some(OsStr::new(EXTENSION)) {
                let used = about.modified().unwrap_or(SystemTime::UNIX_EPOCH);
                files.push((used, entry.path(), about.len()));
            }
        }
        files.sort();
        let mut total: u64 = files.iter().map(|(_, _, bytes)| bytes).sum();
        for (_, path, bytes) in files {
            if total.saturating_add(room) <= self.limit.0 {
                break;
            }
            if remove_unused(&path) {
                total -= bytes;
            }
        }
    }

    fn path(&self, key: &str) -> PathBuf {
        self.folder.join(format!("{key}.{EXTENSION}"))
    }
}

fn is_abandoned(entry: &DirEntry, about: &Metadata) -> bool {
    let age = about.modified().ok().and_then(|time| time.elapsed().ok());
    entry.file_name().to_string_lossy().starts_with(UNFINISHED)
        && age.is_some_and(|age| age >= ABANDONED)
}

/// Removes a file unless somebody has a lock on it.
fn remove_unused(path: &Path) -> bool {
    // For writing: some network file systems give no other lock on the whole file.
    let Ok(file) = File::options().append(true).open(path) else {
        return false;
    };
    // Where there are no locks, nobody can say that it is in use: it stays.
    file.try_lock().is_ok() && std::fs::remove_file(path).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(cache: &FeatureCache, key: &str, values: &[f32]) -> CachedFile {
        let mut writer = cache.create(key, values.len() as u64).unwrap();
        writer.write(values).unwrap();
        writer.finish().unwrap()
    }

    fn load(cache: &FeatureCache, key: &str, count: usize) -> Option<Vec<f32>> {
        let mut values = Vec::new();
        let file = cache.open(key, count as u64)?;
        file.read(0, count, &mut values).unwrap();
        Some(values)
    }

    fn names(cache: &FeatureCache) -> Vec<String> {
        let entries = std::fs::read_dir(&cache.folder).unwrap();
        let name = |entry: std::io::Result<DirEntry>| entry.unwrap().file_name();
        let mut names: Vec<String> = entries
            .map(|entry| name(entry).to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }

    /// Makes a file look as if it was used so long ago.
    fn age(path: &Path, seconds: u64) {
        let file = File::options().append(true).open(path).unwrap();
        let time = SystemTime::now() - Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
    }

    #[test]
    fn damaged_files_count_as_absent() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(folder.path());
        let key = FeatureCache::key("tower", "images");
        assert_ne!(key, FeatureCache::key("tower", "other images"));
        assert_eq!(load(&cache, &key, 3), None);
        let values: Vec<f32> = (0..40_000).map(|i| i as f32 / 3.0).collect();
        let written = store(&cache, &key, &values).hash().to_owned();
        assert_eq!(load(&cache, &key, 40_000), Some(values.clone()));
        let file = cache.open(&key, 40_000).unwrap();
        assert_eq!(file.hash(), written);
        let mut part = vec![7.0];
        file.read(39_998, 2, &mut part).unwrap();
        assert_eq!(part, [7.0, values[39_998], values[39_999]]);
        assert!(file.read(39_999, 2, &mut part).is_err());
        drop(file);
        assert_eq!(load(&cache, &key, 39_999), None);
        let path = cache.path(&key);
        let whole = std::fs::read(&path).unwrap();
        for (place, length) in [(0, whole.len()), (100_000, whole.len()), (0, 35), (0, 3)] {
            let mut bytes = whole[..length].to_vec();
            bytes[place] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            assert_eq!(load(&cache, &key, 40_000), None, "{place} {length}");
        }
    }

    #[test]
    fn what_was_used_longest_ago_goes_first() {
        let folder = tempfile::tempdir().unwrap();
        // Room for three files of 132 bytes.
        let cache = FeatureCache::new(folder.path()).with_limit(ByteSize(400));
        for (key, seconds) in [("a", 300), ("b", 200), ("c", 100)] {
            store(&cache, key, &[1.0; 25]);
            age(&cache.path(key), seconds);
        }
        // Using it makes `a` the youngest.
        assert!(load(&cache, "a", 25).is_some());
        store(&cache, "d", &[1.0; 25]);
        assert_eq!(names(&cache), ["a.features", "c.features", "d.features"]);
        // What is larger than the limit takes the place of everything, and goes at the end.
        store(&cache, "large", &[1.0; 1000]);
        assert_eq!(names(&cache), ["large.features"]);
        cache.trim();
        assert!(names(&cache).is_empty());
    }

    #[test]
    fn files_in_use_are_not_evicted_and_those_of_killed_processes_are() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(folder.path()).with_limit(ByteSize(0));
        let kept = store(&cache, "used", &[1.0, 2.0]);
        let writer = cache.create("half", 2).unwrap();
        let half = names(&cache)[0].clone();
        assert!(half.starts_with(UNFINISHED));
        age(&folder.path().join(&half), 3600);
        let dead = folder.path().join(format!("{UNFINISHED}dead"));
        std::fs::write(&dead, "half").unwrap();
        cache.trim();
        assert_eq!(names(&cache).len(), 3, "too young to be abandoned");
        age(&dead, 3600);
        cache.trim();
        assert_eq!(names(&cache), [half, "used.features".to_owned()]);
        let mut values = Vec::new();
        kept.read(0, 2, &mut values).unwrap();
        assert_eq!(values, [1.0, 2.0]);
        drop((kept, writer));
        cache.trim();
        assert!(names(&cache).is_empty());
    }

    #[test]
    fn the_folder_may_be_deleted_at_any_time() {
        let folder = tempfile::tempdir().unwrap();
        let cache = FeatureCache::new(&folder.path().join("cache"));
        let read = store(&cache, "a", &[1.0, 2.0]);
        let mut half = cache.create("b", 2).unwrap();
        half.write(&[3.0]).unwrap();
        std::fs::remove_dir_all(&cache.folder).unwrap();
        half.write(&[4.0]).unwrap();
        let half = half.finish().unwrap();
        let mut values = Vec::new();
        read.read(0, 2, &mut values).unwrap();
        half.read(0, 2, &mut values).unwrap();
        assert_eq!(values, [1.0, 2.0, 3.0, 4.0]);
        assert_eq!(load(&cache, "b", 2), None);
        store(&cache, "b", &[5.0]);
        assert_eq!(load(&cache, "b", 1), Some(vec![5.0]));
    }
}
