//! Links. PARSeq finds data bases by `glob("**/data.mdb", recursive=True)`, which follows them.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;

use scene_text::{Format, IcdarDataset, TextDataset};

use crate::support::{LABELS, image, open, put, write};
use crate::{faults, refused};

#[test]
fn a_linked_data_base_is_read() {
    // As in the cache of huggingface_hub: snapshots of links into blobs.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(Format::Lmdb, &at("made"));
    fs::create_dir_all(at("blobs")).unwrap();
    fs::create_dir_all(at("snapshots/abc/test")).unwrap();
    fs::rename(at("made/data.mdb"), at("blobs/0123")).unwrap();
    symlink("../../../blobs/0123", at("snapshots/abc/test/data.mdb")).unwrap();
    let set = at("snapshots/abc/test");
    assert_eq!(Format::detect(&set).unwrap(), Format::Lmdb);
    assert_eq!(open(Format::Lmdb, &set).len(), LABELS.len());
    let below = open(Format::Lmdb, &at("snapshots"));
    assert_eq!((below.name(), below.len()), ("abc/test", LABELS.len()));
    // git-annex and DVC leave links to what is not fetched.
    fs::remove_file(at("blobs/0123")).unwrap();
    assert_eq!(Format::detect(&set).unwrap(), Format::Lmdb);
    for path in [set, at("snapshots")] {
        let message = refused(Format::Lmdb, &path);
        assert!(
            message.contains("is a link to ../../../blobs/0123"),
            "{message}"
        );
    }
}

#[test]
fn linked_sets_are_found_and_cycles_end() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(Format::Lmdb, &at("elsewhere/SVT"));
    fs::create_dir_all(at("test/deep")).unwrap();
    symlink(at("elsewhere/SVT"), at("test/SVT")).unwrap();
    symlink(at("test"), at("test/deep/again")).unwrap();
    symlink("nowhere", at("test/broken")).unwrap();
    let sets = Format::Lmdb.open(&at("test")).unwrap();
    let names: Vec<&str> = sets.iter().map(|set| set.name()).collect();
    assert_eq!(names, ["SVT"]);
}

#[test]
fn one_data_base_under_two_names_is_one_set() {
    // Revisions in a cache share what did not change between them.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    write(Format::Lmdb, &at("made"));
    for revision in ["abc", "def"] {
        fs::create_dir(at(revision)).unwrap();
        symlink("../made/data.mdb", at(revision).join("data.mdb")).unwrap();
    }
    let sets = Format::Lmdb.open(folder.path()).unwrap();
    let names: Vec<&str> = sets.iter().map(|set| set.name()).collect();
    assert_eq!(names, ["abc"]);
}

#[test]
fn linked_pages_are_read_once() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    put(at("store/page.png"), image(30));
    put(at("v/gt_img_1.txt"), "0,0,9,0,9,9,0,9,word\n");
    symlink(at("store/page.png"), at("v/img_1.png")).unwrap();
    assert_eq!(Format::detect(&at("v")).unwrap(), Format::Icdar);
    let dataset = IcdarDataset::open(at("v")).unwrap();
    assert_eq!(dataset.len(), 1);
    assert_eq!(dataset.image(0).unwrap().dimensions(), (9, 9));
    // The same folder under a second name, and a link to nothing.
    symlink(at("v"), at("v/z")).unwrap();
    symlink("nowhere.png", at("v/img_2.png")).unwrap();
    let dataset = IcdarDataset::open(at("v")).unwrap();
    assert_eq!(dataset.len(), 1);
    assert!(
        dataset.notes()[0].contains("img_2.png"),
        "{:?}",
        dataset.notes()
    );
    symlink("img_1.png", at("v/img_9.png")).unwrap();
    let dataset = IcdarDataset::open(at("v")).unwrap();
    assert_eq!(dataset.len(), 1);
    let notes = dataset.notes();
    assert!(
        notes
            .iter()
            .any(|note| note.contains("the same file as img_1.png")),
        "{notes:?}"
    );
}

#[test]
fn where_leaving_the_folder_is_refused_the_message_says_how_to_allow_it() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    put(at("word.png"), image(1));
    put(at("set/gt.txt"), "link.png\tword\n");
    symlink(at("word.png"), at("set/link.png")).unwrap();
    let found = faults(Format::Gt, &at("set"));
    for part in ["leads out of the folder", "links resolved", "cp -rL"] {
        assert!(found[0].contains(part), "{found:?}");
    }
}
