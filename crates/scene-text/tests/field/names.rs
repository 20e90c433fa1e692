//! Names of files that are not UTF-8, as old archives hold them: paths are bytes (POSIX), and Python
//! writes such names with surrogates (PEP 383).

#![cfg(unix)]

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use scene_text::{Format, IcdarDataset, LmdbDataset, TextDataset};

use crate::support::{LABELS, image, open, put, write};
use crate::{faults, read};

fn latin1(folder: &Path, name: &[u8]) -> std::path::PathBuf {
    folder.join(OsStr::from_bytes(name))
}

#[test]
fn lists_name_such_images() {
    let folder = tempfile::tempdir().unwrap();
    put(latin1(folder.path(), b"caf\xe9.png"), image(1));
    put(latin1(folder.path(), b"images/caf\xe9.png"), image(1));
    put(folder.path().join("gt.txt"), b"caf\xe9.png\tword\n");
    put(
        folder.path().join("labels.csv"),
        b"file,text\ncaf\xe9.png,word\n",
    );
    for format in [Format::Gt, Format::Folder] {
        let dataset = open(format, folder.path());
        assert_eq!(dataset.label(0).unwrap(), "word");
        assert_eq!(dataset.encoded(0).unwrap(), image(1), "{format}");
    }
    // json.dump({os.fsdecode(b"caf\xe9.png"): "word"}) of CPython; the second is the bytes themselves.
    for json in [
        &br#"{"caf\udce9.png": "word"}"#[..],
        b"{\"caf\xe9.png\": \"word\"}",
    ] {
        put(folder.path().join("labels.json"), json);
        let dataset = open(Format::Doctr, folder.path());
        assert_eq!(dataset.encoded(0).unwrap(), image(1));
        assert!(
            dataset.record(0).contains("caf\\\\xE9"),
            "{}",
            dataset.record(0)
        );
    }
}

#[test]
fn a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join("gt.txt"), b"caf\xe9.png\tword\n");
    let found = faults(Format::Gt, folder.path());
    assert!(
        found[0].contains("no image file") && found[0].contains("xE9"),
        "{found:?}"
    );
}

#[test]
fn pages_and_words_do_not_vanish() {
    let folder = tempfile::tempdir().unwrap();
    put(latin1(folder.path(), b"caf\xe9/img\xe9.png"), image(30));
    put(
        latin1(folder.path(), b"caf\xe9/gt_img\xe9.txt"),
        "0,0,9,0,9,9,0,9,word\n",
    );
    let dataset = IcdarDataset::open(folder.path()).unwrap();
    assert_eq!(dataset.label(0).unwrap(), "word");
    assert_eq!(dataset.image(0).unwrap().dimensions(), (9, 9));

    let folder = tempfile::tempdir().unwrap();
    put(latin1(folder.path(), b"\xe9t\xe9/1_word_2.png"), image(1));
    put(latin1(folder.path(), b"1_caf\xe9_2.png"), image(2));
    let dataset = open(Format::Mjsynth, folder.path());
    assert_eq!(dataset.len(), 2);
    assert_eq!(read(Format::Mjsynth, folder.path()), ["word"]);
    let found = faults(Format::Mjsynth, folder.path());
    assert!(
        found.len() == 1 && found[0].contains("Windows-1252"),
        "{found:?}"
    );
}

#[test]
fn data_bases_below_such_folders_keep_different_names() {
    let folder = tempfile::tempdir().unwrap();
    for name in [b"caf\xe9", b"caf\xe8"] {
        write(Format::Lmdb, &latin1(folder.path(), name));
    }
    let sets = LmdbDataset::open_all(folder.path()).unwrap();
    let names: Vec<&str> = sets.iter().map(|set| set.name()).collect();
    assert_eq!(names, ["caf\\xE8", "caf\\xE9"]);
    assert_eq!(sets[1].label(0).unwrap(), LABELS[0]);
}
