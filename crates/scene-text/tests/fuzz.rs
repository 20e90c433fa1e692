//! Data sets with anything in them, read as a whole: every sample is readable or counted as corrupt,
//! and nothing panics.
//!
//! `PROPTEST_CASES=100000 cargo test -p scene-text --test fuzz` looks longer.

#![allow(clippy::unwrap_used)]

mod support;

use std::convert::Infallible;
use std::fs;
use std::path::Path;

use proptest::prelude::*;
use scene_text::{Format, MAX_LABEL_CHARS, Survey};
use support::{image, put, write};

/// Opens what is at a path in every way there is, and reads all of it.
fn read_all(path: &Path, formats: &[Format]) {
    let _ = Format::detect(path);
    for &format in formats {
        let Ok(sets) = format.open(path) else {
            continue;
        };
        for dataset in sets {
            let found = Survey::of(&*dataset, MAX_LABEL_CHARS, |_| Ok::<(), Infallible>(()));
            let found = found.unwrap_or_else(|never| match never {});
            let notes = dataset.notes().len();
            assert_eq!(found.samples, dataset.len());
            assert_eq!(found.readable + found.corrupt, found.samples + notes);
            for (rule, counts) in &found.policies {
                assert_eq!(counts.seen, found.readable as u64, "{rule:?}");
                let dropped = counts.too_long + counts.outside_charset + counts.empty;
                assert_eq!(counts.kept + dropped, counts.seen, "{rule:?}");
            }
        }
    }
}

type Damage = Vec<(prop::sample::Index, u8)>;

fn damage() -> impl Strategy<Value = (Damage, Option<prop::sample::Index>)> {
    let bytes = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..30);
    (
        bytes,
        prop::option::weighted(0.2, any::<prop::sample::Index>()),
    )
}

fn damaged(whole: &[u8], (bytes, cut): (Damage, Option<prop::sample::Index>)) -> Vec<u8> {
    let mut file = whole.to_vec();
    for (place, value) in bytes {
        let place = place.index(file.len());
        file[place] = value;
    }
    if let Some(cut) = cut {
        file.truncate(cut.index(file.len()));
    }
    file
}

fn whole(format: Format, name: &str) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    write(format, folder.path());
    fs::read(folder.path().join(name)).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig {
        // A case reads whole data sets.
        cases: ProptestConfig::default().cases / 4,
        ..ProptestConfig::default()
    })]

    #[test]
    fn lmdb_files(damage in damage()) {
        thread_local!(static WHOLE: Vec<u8> = whole(Format::Lmdb, "data.mdb"));
        let folder = tempfile::tempdir().unwrap();
        let file = WHOLE.with(|whole| damaged(whole, damage));
        fs::write(folder.path().join("data.mdb"), file).unwrap();
        read_all(folder.path(), &[Format::Lmdb]);
    }

    #[test]
    fn images(damage in damage(), number in 0_usize..3) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path().join("gt.txt"), "a.png\tword\n");
        put(folder.path().join("a.png"), damaged(&image(number), damage));
        read_all(folder.path(), &[Format::Gt]);
    }

    #[test]
    fn lines_of_gt_txt(lines in prop::collection::vec(
        "(a\\.png|\\./a\\.png|\\.\\./a\\.png|/a\\.png|\\PC{0,8})[\t ]{0,2}\\PC{0,12}[\r\0\t]?", 0..6,
    ), noise in prop::collection::vec(any::<u8>(), 0..6)) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path().join("a.png"), image(0));
        let text = [lines.join("\n").into_bytes(), noise].concat();
        put(folder.path().join("gt.txt"), &text);
        put(folder.path().join("annotation_test.txt"), &text);
        read_all(folder.path(), &[Format::Gt]);
        read_all(&folder.path().join("annotation_test.txt"), &[Format::Mjsynth, Format::Gt]);
    }

    #[test]
    fn labels_of_doctr_and_of_folders(
        name in "a\\.png|\\.\\./a\\.png|\\PC{0,8}",
        label in "\\PC{0,12}",
        damage in damage(),
        as_it_is in any::<bool>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path().join("images/a.png"), image(0));
        put(folder.path().join("a.png"), image(1));
        let json = format!("{{{name:?}: {label:?}, \"a.png\": \"x\"}}").into_bytes();
        let csv = format!("file,text\n{name:?},{label:?}\na.png,x\n").into_bytes();
        let (json, csv) = if as_it_is {
            (json, csv)
        } else {
            (damaged(&json, damage.clone()), damaged(&csv, damage))
        };
        put(folder.path().join("labels.json"), json);
        put(folder.path().join("labels.csv"), csv);
        read_all(folder.path(), &[Format::Doctr, Format::Folder]);
    }

    #[test]
    fn annotations_of_pages(
        lines in prop::collection::vec("(-?[0-9]{1,6}(\\.5)?, ?){4,8}(###|\\PC{0,6})|\\PC{0,12}", 1..5),
        noise in prop::collection::vec(any::<u8>(), 0..3),
    ) {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path().join("img_1.png"), image(1));
        let text = [lines.join("\r\n").into_bytes(), noise].concat();
        put(folder.path().join("gt_img_1.txt"), text);
        read_all(folder.path(), &[Format::Icdar]);
    }
}
