//! Files that appear whole or not at all.

use anyhow::{Context, Result, anyhow};
use std::fs;
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How names of unfinished files and folders begin.
pub const UNFINISHED: &str = ".unfinished-";

/// Writes a file next to its place and moves it there once it is complete, so that a reader, or a
/// run that stops half way, never leaves half a file. Where a link stands, the file that it leads to is
/// replaced.
///
/// # Errors
/// Names the file, whatever went wrong.
pub fn write(path: &Path, fill: impl FnOnce(&mut dyn Write) -> Result<()>) -> Result<()> {
    let place = place_of(path)?;
    let attempt = || -> Result<()> {
        let mut builder = tempfile::Builder::new();
        builder.prefix(UNFINISHED);
        // Temporary files are private by default; results are as readable as other new files.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(folder_of(&place))?;
        let mut buffer = BufWriter::new(file.as_file_mut());
        fill(&mut buffer)?;
        buffer.flush()?;
        drop(buffer);
        // Before the rename: after a power cut there is the old file or the new one, never an
        // empty one.
        file.as_file().sync_all()?;
        file.persist(&place).map_err(|error| error.error)?;
        Ok(())
    };
    attempt().map_err(|error| refused(path, error))
}

/// Makes a folder, with those above it, if it is not there.
///
/// # Errors
/// Names the folder, the cause and what can be done.
pub fn make_folder(path: &Path) -> Result<()> {
    fs::create_dir_all(path).map_err(|error| refused(path, error.into()))
}

/// Where a file of this name is written: there, or where a link of that name leads.
///
/// # Errors
/// Names the file if no file can have such a name, if a link leads nowhere, or if a folder, a device or a
/// pipe stands there: a file would take the place of a device.
pub fn place_of(path: &Path) -> Result<PathBuf> {
    let refuse = |what: &str| {
        let shown = path.display();
        Err(anyhow!("cannot write {shown}: {what}; name another file"))
    };
    // A slash at the end says that a folder is meant; `Path` passes over it.
    let whole = path.as_os_str().as_encoded_bytes();
    let name = path.file_name();
    if name.is_none_or(|name| !whole.ends_with(name.as_encoded_bytes())) {
        return refuse("this is the name of a folder");
    }
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_file() => Ok(path.to_owned()),
        Ok(found) if found.is_dir() => refuse("a folder stands there"),
        Ok(found) if found.is_symlink() => match fs::canonicalize(path) {
            Ok(place) if place.is_file() => Ok(place),
            Ok(_) => refuse("a link to something other than a file stands there"),
            Err(_) => refuse("a link that leads nowhere stands there"),
        },
        Ok(_) => refuse("a device or a pipe stands there"),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(path.to_owned()),
        Err(error) => Err(refused(path, error.into())),
    }
}

/// Makes sure that a file can be written, before anything is computed for it.
///
/// # Errors
/// As [`write`].
pub fn check_writable(path: &Path) -> Result<()> {
    let folder = folder_of(&place_of(path)?);
    let mut builder = tempfile::Builder::new();
    let probe = builder.prefix(UNFINISHED).tempfile_in(folder);
    probe.map(drop).map_err(|error| refused(path, error.into()))
}

/// Whether a disk that takes nothing more is the cause: once that is mended, a run can go on.
#[must_use]
pub fn is_disk_full(error: &anyhow::Error) -> bool {
    let full = [
        ErrorKind::StorageFull,
        ErrorKind::QuotaExceeded,
        ErrorKind::ReadOnlyFilesystem,
    ];
    cause(error).is_some_and(|kind| full.contains(&kind))
}

/// As [`write`], for contents that are at hand.
///
/// # Errors
/// Names the file, whatever went wrong.
pub fn write_bytes(path: &Path, bytes: &[u8]) -> Result<()> {
    write(path, |out| Ok(out.write_all(bytes)?))
}

/// Lets `make` write some files into a temporary folder, then moves them into `folder`.
///
/// # Errors
/// As `make`, or names the file that cannot be moved.
pub fn write_group<E>(
    folder: &Path,
    names: &[String],
    make: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<Result<(), E>> {
    let temporary = tempfile::Builder::new()
        .prefix(UNFINISHED)
        .tempdir_in(folder)
        .map_err(|error| refused(folder, error.into()))?;
    if let Err(error) = make(temporary.path()) {
        return Ok(Err(error));
    }
    for name in names {
        let place = folder.join(name);
        fs::rename(temporary.path().join(name), &place)
            .map_err(|error| refused(&place, error.into()))?;
    }
    Ok(Ok(()))
}

/// Removes what processes that were killed in the middle of a write have left in a folder, if it is
/// older than `age`. Nobody else may be writing there, or be that long about it.
pub fn remove_unfinished(folder: &Path, age: Duration) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        if !entry.file_name().to_string_lossy().starts_with(UNFINISHED) {
            continue;
        }
        let modified = entry.metadata().and_then(|data| data.modified());
        // A time to come, by the clock of another machine, is now.
        let elapsed = modified.map(|then| then.elapsed().unwrap_or_default());
        if elapsed.unwrap_or_default() < age {
            continue;
        }
        // What cannot be removed is in nobody's way.
        let _ = if entry.path().is_dir() {
            fs::remove_dir_all(entry.path())
        } else {
            fs::remove_file(entry.path())
        };
    }
}

/// Removes a file of an earlier write that the present one does not make.
///
/// # Errors
/// Names the file if it is there and cannot be removed.
pub fn remove_stale(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove the outdated {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// What the system said, wherever it stands among the causes.
fn cause(error: &anyhow::Error) -> Option<ErrorKind> {
    error.chain().find_map(|cause| {
        // `csv` does not pass its cause on.
        let of_csv = cause.downcast_ref::<csv::Error>().map(csv::Error::kind);
        match (cause.downcast_ref::<std::io::Error>(), of_csv) {
            (Some(error), _) | (None, Some(csv::ErrorKind::Io(error))) => Some(error.kind()),
            _ => None,
        }
    })
}

/// What is in the way, and what can be done.
#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "the standard library may add kinds; these have a remedy of their own"
)]
fn obstacle(kind: ErrorKind) -> Option<&'static str> {
    match kind {
        ErrorKind::StorageFull => Some("disk full; free some space there"),
        ErrorKind::QuotaExceeded => Some("disk quota used up; free some space there"),
        ErrorKind::ReadOnlyFilesystem => Some("the disk is read-only; name another place"),
        ErrorKind::PermissionDenied => Some(
            "the folder is read-only for this user; change its permissions or name another place",
        ),
        ErrorKind::InvalidFilename => {
            Some("the name is too long, or the disk does not take its characters; shorten it")
        }
        _ => None,
    }
}

/// The error with the file, the cause and what can be done in front.
fn refused(path: &Path, error: anyhow::Error) -> anyhow::Error {
    let why = cause(&error).and_then(obstacle);
    let why = why.unwrap_or("is the disk full or the folder missing or read-only?");
    error.context(format!("cannot write {}: {why}", path.display()))
}

fn folder_of(path: &Path) -> PathBuf {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_write_that_breaks_off_leaves_the_old_file_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("metrics.csv");
        write(&path, |out| Ok(out.write_all(b"whole")?)).unwrap();
        let broken = write(&path, |out| {
            out.write_all(b"half")?;
            anyhow::bail!("interrupted")
        });
        assert!(broken.is_err());
        assert_eq!(fs::read(&path).unwrap(), b"whole");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn what_was_left_is_removed_once_it_is_old_enough() {
        let folder = tempfile::tempdir().unwrap();
        let left = folder.path().join(format!("{UNFINISHED}a"));
        fs::write(&left, "half").unwrap();
        fs::write(folder.path().join("whole"), "whole").unwrap();
        remove_unfinished(folder.path(), Duration::from_secs(60));
        assert!(left.exists());
        let hour_ago = std::time::SystemTime::now() - Duration::from_secs(3600);
        let file = fs::File::options().write(true).open(&left).unwrap();
        file.set_modified(hour_ago).unwrap();
        remove_unfinished(folder.path(), Duration::from_secs(60));
        assert!(!left.exists());
        fs::write(&left, "half").unwrap();
        remove_unfinished(folder.path(), Duration::ZERO);
        assert!(!left.exists() && folder.path().join("whole").exists());
    }

    #[test]
    fn a_folder_that_is_not_there_is_named_with_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("missing").join("metrics.csv");
        let message = format!("{:#}", write(&path, |_| Ok(())).unwrap_err());
        assert!(message.contains("metrics.csv"), "{message}");
        assert!(message.contains("disk full"), "{message}");
    }

    /// That neither a check nor a write takes `path`, with one message.
    #[track_caller]
    fn assert_refused(path: &Path, part: &str) {
        for error in [check_writable(path), write_bytes(path, b"new")] {
            let message = format!("{:#}", error.unwrap_err());
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn what_cannot_be_a_file_is_refused_before_anything_is_computed() {
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        assert_refused(folder.path(), "a folder stands there");
        assert_refused(&place("towers/"), "the name of a folder");
        assert_refused(&place("towers/."), "the name of a folder");
        assert_refused(&place(".."), "the name of a folder");
        assert_refused(&place(&"x".repeat(300)), "the name is too long");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        check_writable(&place("tower")).unwrap();
        assert!(!place("tower").exists());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_what_is_no_file_is_left_alone() {
        use std::os::unix::fs::{FileTypeExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let place = |name: &str| folder.path().join(name);
        fs::create_dir(place("elsewhere")).unwrap();
        fs::write(place("elsewhere/file"), "old").unwrap();
        symlink("elsewhere/file", place("link")).unwrap();
        check_writable(&place("link")).unwrap();
        write_bytes(&place("link"), b"new").unwrap();
        assert!(place("link").is_symlink());
        assert_eq!(fs::read(place("elsewhere/file")).unwrap(), b"new");

        // By links, so that a test that fails harms no device.
        symlink("/dev/null", place("device")).unwrap();
        symlink("nowhere", place("dangling")).unwrap();
        assert_refused(&place("device"), "something other than a file");
        assert_refused(&place("dangling"), "leads nowhere");
        let socket = std::os::unix::net::UnixListener::bind(place("socket")).unwrap();
        assert_refused(&place("socket"), "a device or a pipe");
        drop(socket);
        let kind = fs::symlink_metadata(place("socket")).unwrap().file_type();
        assert!(kind.is_socket() && place("device").is_symlink());
    }

    #[cfg(unix)]
    #[test]
    fn results_are_not_private_to_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("open.csv");
        let plain = folder.path().join("plain.csv");
        write(&path, |_| Ok(())).unwrap();
        fs::write(&plain, "").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(&path), mode(&plain));
    }
}
