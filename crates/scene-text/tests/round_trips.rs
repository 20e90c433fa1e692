//! What is written is read back, and formats are told apart.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;

use image::ImageFormat;
use scene_text::{DatasetWriter, Error, Format, IcdarDataset, LmdbDataset, TextDataset};
use support::{LABELS, encoded, error, image, labels, open, picture, put, write};

#[test]
fn every_written_format_reads_back_to_the_byte() {
    for format in [Format::Lmdb, Format::Gt, Format::Doctr, Format::Folder] {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("IIIT5k");
        write(format, &place);
        assert_eq!(Format::detect(&place).unwrap(), format);
        let dataset = open(format, &place);
        assert_eq!((dataset.name(), dataset.format()), ("IIIT5k", format));
        let expected: Vec<Option<String>> = LABELS.map(|label| Some(label.to_owned())).into();
        assert_eq!(labels(&*dataset), expected, "{format}");
        for number in 0..LABELS.len() {
            assert_eq!(dataset.encoded(number).unwrap(), image(number), "{format}");
        }
        assert_eq!(dataset.image(0).unwrap(), picture(0));
        // Nothing unfinished is left, and what is there is not written over.
        let names = fs::read_dir(&place).unwrap();
        assert!(names.count() <= 2, "{format}");
        let again = error(DatasetWriter::create(format, &place));
        assert!(matches!(again, Error::AlreadyWritten { .. }), "{again}");
    }
}

#[test]
fn a_folder_with_a_data_set_of_another_format_is_not_written_into() {
    let written = [Format::Lmdb, Format::Gt, Format::Doctr, Format::Folder];
    for there in written {
        let folder = tempfile::tempdir().unwrap();
        write(there, folder.path());
        assert_eq!(Format::in_folder(folder.path()), [there]);
        for format in written {
            let refused = error(DatasetWriter::create(format, folder.path())).to_string();
            let file = there.file().unwrap();
            assert!(
                refused.contains(file) && refused.contains("choose another folder"),
                "{refused}"
            );
        }
    }
    for (name, content) in [
        ("1_word_2.png", ""),
        ("gt_img_1.txt", "1,1,9,1,9,9,1,9,a\n"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path().join("img_1.png"), image(1));
        put(folder.path().join(name), content);
        let refused = error(DatasetWriter::create(Format::Gt, folder.path()));
        assert!(matches!(refused, Error::AlreadyWritten { .. }), "{refused}");
    }
    // One in a folder of its own below is in nobody's way.
    let folder = tempfile::tempdir().unwrap();
    write(Format::Lmdb, &folder.path().join("below"));
    write(Format::Lmdb, folder.path());
}

#[test]
fn where_no_image_can_be_written_no_folder_of_images_is_left() {
    for format in [Format::Gt, Format::Doctr, Format::Folder] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(format, folder.path()).unwrap();
        error(writer.push("word", b"no image"));
        drop(writer);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0, "{format}");
    }
}

#[test]
fn the_same_samples_give_the_same_lmdb_file() {
    let folder = tempfile::tempdir().unwrap();
    let files = ["a", "b"].map(|name| {
        let place = folder.path().join(name);
        write(Format::Lmdb, &place);
        assert!(!place.join("lock.mdb").exists());
        fs::read(place.join("data.mdb")).unwrap()
    });
    assert!(files[0] == files[1]);
}

#[test]
fn a_writer_that_stops_half_way_leaves_no_data_set() {
    for format in [Format::Lmdb, Format::Gt, Format::Doctr, Format::Folder] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(format, folder.path()).unwrap();
        writer.push("word", &image(1)).unwrap();
        drop(writer);
        assert!(format.open(folder.path()).is_err(), "{format}");
        let empty = DatasetWriter::create(format, folder.path()).unwrap();
        assert!(matches!(error(empty.finish()), Error::NoDataset { .. }));
    }
}

#[test]
fn an_lmdb_larger_than_its_first_mapping_is_written() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = DatasetWriter::create(Format::Lmdb, folder.path()).unwrap();
    let mut large = image(0);
    // What follows the end of a PNG file is of no importance to its decoder.
    large.resize(300_000, 7);
    for number in 0..120 {
        writer.push(&format!("word-{number}"), &large).unwrap();
    }
    assert_eq!(writer.finish().unwrap(), 120);
    let dataset = LmdbDataset::open(folder.path(), "large").unwrap();
    assert_eq!(dataset.len(), 120);
    for number in [0, 59, 119] {
        assert_eq!(dataset.label(number).unwrap(), format!("word-{number}"));
        assert_eq!(dataset.encoded(number).unwrap(), large);
    }
}

#[test]
fn labels_that_a_format_cannot_hold_are_refused_and_the_others_kept() {
    for (format, bad) in [
        (Format::Gt, "two\nlines"),
        (Format::Gt, "a\tb"),
        (Format::Folder, " padded"),
        (Format::Lmdb, ""),
        (Format::Doctr, ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = DatasetWriter::create(format, folder.path()).unwrap();
        let refused = error(writer.push(bad, &image(0)));
        assert!(
            matches!(refused, Error::Unrepresentable { .. }),
            "{refused}"
        );
        let refused = error(writer.push("word", b"no image"));
        assert!(matches!(refused, Error::NotAnImage), "{refused}");
        writer.push("word", &image(0)).unwrap();
        assert_eq!(writer.finish().unwrap(), 1);
        assert_eq!(
            labels(&*open(format, folder.path())),
            [Some("word".to_owned())]
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let refused = error(DatasetWriter::create(Format::Icdar, folder.path()));
    assert!(refused.to_string().contains("lmdb, gt, doctr and folder"));
}

#[test]
fn data_mdb_files_are_found_by_walking_and_named_by_their_folders() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["test/SVT", "test/CUTE80", "val"] {
        write(Format::Lmdb, &folder.path().join(name));
    }
    assert_eq!(Format::detect(folder.path()).unwrap(), Format::Lmdb);
    let sets = Format::Lmdb.open(folder.path()).unwrap();
    let names: Vec<&str> = sets.iter().map(|set| set.name()).collect();
    assert_eq!(names, ["test/CUTE80", "test/SVT", "val"]);
    let file = folder.path().join("val/data.mdb");
    assert_eq!(open(Format::Lmdb, &file).len(), LABELS.len());
}

#[test]
fn mjsynth_folders_and_lists_are_read() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join("2425/1/115_Lube_45484.jpg"), image(1));
    put(folder.path().join("10/2/7_don't_1.png"), image(3));
    put(folder.path().join("10/2/readme.txt"), "not an image");
    assert_eq!(Format::detect(folder.path()).unwrap(), Format::Mjsynth);
    let dataset = open(Format::Mjsynth, folder.path());
    let expected = ["don't", "Lube"].map(|label| Some(label.to_owned()));
    assert_eq!(labels(&*dataset), expected);
    assert_eq!(dataset.encoded(1).unwrap(), image(1));

    let list = folder.path().join("annotation_test.txt");
    let lines = "./2425/1/115_Lube_45484.jpg 45484\n./2425/1/1_gone_2.jpg 2\n./odd.jpg 1\n";
    fs::write(&list, lines).unwrap();
    let dataset = open(Format::Mjsynth, &list);
    assert_eq!(dataset.name(), "annotation_test");
    let expected = [Some("Lube".to_owned()), Some("gone".to_owned()), None];
    assert_eq!(labels(&*dataset), expected);
    assert_eq!(dataset.encoded(0).unwrap(), image(1));
    let missing = error(dataset.encoded(1)).to_string();
    assert!(
        missing.contains("line 2") && missing.contains("1_gone_2.jpg"),
        "{missing}"
    );
}

#[test]
fn words_are_cropped_from_icdar_pages() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let page = encoded(100, ImageFormat::Png);
    put(at("images/img_1.png"), &page);
    put(at("images/img_2.png"), &page);
    put(at("images/img_3.png"), &page);
    let quads = "\u{feff}10,2,30,2,30,8,10,8,Joe's, Diner\n0,0,5,0,5,5,0,5,###\nnonsense\n";
    put(at("gt/gt_img_1.txt"), quads);
    put(
        at("images/gt_img_2.txt"),
        "0, 0, 7, 12, \"EXIT\"\n500, 0, 510, 9, \"out\"\n",
    );
    assert_eq!(Format::detect(folder.path()).unwrap(), Format::Icdar);
    let dataset = IcdarDataset::open(folder.path()).unwrap();
    let expected = ["Joe's, Diner", "EXIT", "out"].map(|label| Some(label.to_owned()));
    assert_eq!(labels(&dataset), expected);
    assert_eq!(dataset.ignored(), 1);
    let notes = dataset.notes();
    assert!(notes[0].contains("gt_img_1.txt, line 3"), "{notes:?}");
    assert!(
        notes[1].contains("img_3.png") && notes.len() == 2,
        "{notes:?}"
    );

    let word = dataset.image(0).unwrap();
    assert_eq!(word.dimensions(), (20, 6));
    assert_eq!(word.get_pixel(0, 0), picture(100).get_pixel(10, 2));
    let stored = dataset.encoded(1).unwrap();
    let stored = image::load_from_memory(&stored).unwrap().into_rgb8();
    assert_eq!(stored.dimensions(), (7, 12));
    assert_eq!(stored.get_pixel(6, 11), picture(100).get_pixel(6, 11));
    let outside = error(dataset.image(2)).to_string();
    assert!(
        outside.contains("img_2.png") && outside.contains("line 2"),
        "{outside}"
    );
    assert_eq!(dataset.source(0).as_deref(), Some("images/img_1.png"));
}

#[test]
fn folders_that_are_no_data_set_are_refused_with_what_was_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join("photo.png"), image(1));
    put(folder.path().join("notes.txt"), "no data set\n");
    assert!(Format::detect(&folder.path().join("notes.txt")).is_err());
    let refused = error(Format::detect(folder.path())).to_string();
    assert!(
        refused.contains("gt.txt") && refused.contains("data/README.md"),
        "{refused}"
    );
    for format in Format::ALL {
        assert!(format.open(folder.path()).is_err(), "{format}");
        assert!(
            format.open(&folder.path().join("gone")).is_err(),
            "{format}"
        );
    }
}
