//! Annotations of pages. Right values: `rrc_evaluation_funcs.py` of the Robust Reading Competition,
//! which splits a line of the known edition after its numbers; MLT's description of its script column.

use std::path::Path;

use image::RgbImage;
use scene_text::{Format, IcdarDataset, TextDataset};
use tempfile::TempDir;

use crate::support::{encoded, put};
use crate::{faults, read, refused};

const QUADS: &str = "20,2,60,4,57,11,17,9,Hello\n62,1,90,2,89,10,61,9,World\n";

fn page(annotation: impl AsRef<[u8]>) -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    put(
        folder.path().join("img_1.png"),
        encoded(100, image::ImageFormat::Png),
    );
    put(folder.path().join("gt_img_1.txt"), annotation);
    folder
}

fn words(folder: &Path) -> Vec<(String, RgbImage)> {
    let dataset = IcdarDataset::open(folder).unwrap();
    let word = |index| (dataset.label(index).unwrap(), dataset.image(index).unwrap());
    (0..dataset.len()).map(word).collect()
}

#[test]
fn one_odd_line_leaves_the_quadrilaterals_as_they_are() {
    let whole = words(page(QUADS).path());
    for odd in [
        "30,1,70,3,67,11,27,9,",
        "30,1,70,3,67,11,27,9",
        "3O,1,70,3,67,11,27,9,Third",
        "30,1,70,3,67,1l,27,9,Third",
        "30,1,70,3,67",
        "30,1,70,3,67,11,27,9,\"\"",
        "Third",
    ] {
        for text in [
            format!("{QUADS}{odd}\n"),
            format!("{odd}\r\n{}", QUADS.replace('\n', "\r\n")),
            format!("{QUADS}{odd}\n").replace('\n', "\r"),
        ] {
            let folder = page(&text);
            assert_eq!(words(folder.path()), whole, "{odd}");
            let found = faults(Format::Icdar, folder.path());
            let line = if text.starts_with(odd) { 1 } else { 3 };
            assert_eq!(found.len(), 1, "{odd}: {found:?}");
            let named = format!("gt_img_1.txt, line {line}: ");
            assert!(found[0].contains(&named), "{odd}: {found:?}");
        }
    }
}

#[test]
fn detection_only_files_have_no_transcriptions() {
    for lines in [
        "20,2,60,4,57,11,17,9\n62,1,90,2,89,10,61,9\n",
        "20,2,60,4,57,11,17,9,\n62,1,90,2,89,10,61,9,\n",
        "20,2,60,11\n62,1,90,10\n",
        "20 2 60 11\n62 1 90 10",
        "20,2,60,4,57,11,17,9,0.98\n62,1,90,2,89,10,61,9,0.51\n",
        "20,2,60,4,57,11,17,9\n",
    ] {
        let folder = page(lines);
        let message = refused(Format::Icdar, folder.path());
        assert!(message.contains("no transcriptions"), "{lines}: {message}");
        assert_eq!(Format::detect(folder.path()).unwrap(), Format::Icdar);
    }
}

#[test]
fn the_script_column_of_mlt_is_no_part_of_the_label() {
    let folder = page(
        "20,2,60,4,57,11,17,9,Latin,Hello, you\n62,1,90,2,89,10,61,9,Arabic,مرحبا\n\
         0,0,9,0,9,9,0,9,None,###\n",
    );
    assert_eq!(read(Format::Icdar, folder.path()), ["Hello, you", "مرحبا"]);
    let dataset = IcdarDataset::open(folder.path()).unwrap();
    assert_eq!((dataset.ignored(), dataset.notes().len()), (1, 0));
    // A page of one word, and a line without its transcription.
    let folder = page("20,2,60,4,57,11,17,9,Latin,Hello\n");
    assert_eq!(read(Format::Icdar, folder.path()), ["Hello"]);
    let folder =
        page("20,2,60,4,57,11,17,9,Latin,Hi\n0,0,9,0,9,9,0,9,Korean\n0,0,9,0,9,9,0,9,Latin,b");
    assert_eq!(read(Format::Icdar, folder.path()), ["Hi", "b"]);
    assert!(faults(Format::Icdar, folder.path())[0].contains("line 2: no transcription"));
    // In another edition, such words are words.
    let folder = page(format!("{QUADS}0,0,9,0,9,9,0,9,Latin,Quarter\n"));
    assert_eq!(
        read(Format::Icdar, folder.path()),
        ["Hello", "World", "Latin,Quarter"]
    );
}

#[test]
fn confidences_are_no_part_of_the_label() {
    // `get_tl_line_values(..., withTranscription=True, withConfidence=True)`.
    let folder = page(
        "20,2,60,4,57,11,17,9,0.98,Hello\n62,1,90,2,89,10,61,9,1,1,000\n0,0,9,0,9,9,0,9,0.5,b",
    );
    assert_eq!(read(Format::Icdar, folder.path()), ["Hello", "1,000", "b"]);
    let folder = page(format!("{QUADS}0,0,9,0,9,9,0,9,0.99\n"));
    assert_eq!(
        read(Format::Icdar, folder.path()),
        ["Hello", "World", "0.99"]
    );
}

#[test]
fn boxes_may_have_commas_quotes_and_numbers_in_their_labels() {
    let folder = page("20 2 60 11 \"Hello\"\n62 1 90 10 \"1,000\"\n20 2 60 11 \"a, b\"\n");
    assert_eq!(
        read(Format::Icdar, folder.path()),
        ["Hello", "1,000", "a, b"]
    );
    assert_eq!(words(folder.path())[0].1.dimensions(), (40, 9));
    let folder =
        page("20, 2, 60, 11, \"say \\\"a\\\\b\\\"\"\n62, 1, 90, 10, \"12, 34\"\n1, 1, 9, 9, 5\n");
    assert_eq!(
        read(Format::Icdar, folder.path()),
        ["say \"a\\b\"", "12, 34", "5"]
    );
    // No label: named, and the others stay boxes.
    let folder = page("20 2 60 11 \"Hello\"\n62 1 90 10\n1 1 9 9 \"b\"");
    assert_eq!(read(Format::Icdar, folder.path()), ["Hello", "b"]);
    assert!(faults(Format::Icdar, folder.path())[0].contains("line 2: no transcription"));
}

#[test]
fn a_page_at_odds_with_itself_is_named_and_not_guessed() {
    let folder = page("20,2,60,4,57,11,17,9,Hello\n5,1,9,9,word\n");
    let message = refused(Format::Icdar, folder.path());
    assert!(message.contains("as many lines"), "{message}");
}

#[test]
fn polygons_and_normalised_boxes_are_named_and_not_read() {
    // CTW1500: 14 corners, then `####` and the text.
    let folder = page("1,1,5,1,9,1,9,9,5,9,1,9,####curved\n2,1,6,1,10,1,10,9,6,9,2,9,####text\n");
    let message = refused(Format::Icdar, folder.path());
    assert!(message.contains("polygons"), "{message}");
    // YOLO: a class, and centre and size as shares of the image.
    let folder = page("0 0.5 0.5 0.25 0.1\n3 0.25 0.75 0.1 0.05\n");
    let message = refused(Format::Icdar, folder.path());
    assert!(message.contains("no transcriptions"), "{message}");
}

#[test]
fn encodings_are_named() {
    let utf16: Vec<u8> = "\u{feff}20,2,60,4,57,11,17,9,Hello\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    for file in [&utf16[..], &utf16[2..]] {
        let folder = page(file);
        let message = refused(Format::Icdar, folder.path());
        assert!(message.contains("UTF-16"), "{message}");
        assert_eq!(Format::detect(folder.path()).unwrap(), Format::Icdar);
    }
    // One line in Windows-1252: the other is read, as its bytes are the same in both.
    let folder = page(b"20,2,60,4,57,11,17,9,Caf\xe9\n62,1,90,2,89,10,61,9,World\n");
    assert_eq!(read(Format::Icdar, folder.path()), ["World"]);
    let found = faults(Format::Icdar, folder.path());
    assert!(
        found[0].contains("line 1") && found[0].contains("Windows-1252"),
        "{found:?}"
    );
    let folder = page(format!("\u{feff}{QUADS}"));
    assert_eq!(read(Format::Icdar, folder.path()), ["Hello", "World"]);
}

#[test]
fn archives_are_read_as_they_are_unpacked() {
    let image = encoded(100, image::ImageFormat::Png);
    for [images, annotations, name] in [
        [
            "ch4_training_images",
            "ch4_training_localization_transcription_gt",
            "gt_img_1.txt",
        ],
        [
            "ch4_test_images",
            "Challenge4_Test_Task1_GT",
            "gt_img_1.txt",
        ],
        [
            "Challenge2_Training_Task12_Images",
            "Challenge2_Training_Task1_GT",
            "gt_img_1.txt",
        ],
        ["ImagesPart1", "train_gt_t13", "img_1.txt"],
        ["sub/images", "sub/gt", "gt_img_1.txt"],
    ] {
        let folder = tempfile::tempdir().unwrap();
        put(folder.path().join(images).join("img_1.png"), &image);
        put(folder.path().join(annotations).join(name), QUADS);
        assert_eq!(
            read(Format::Icdar, folder.path()),
            ["Hello", "World"],
            "{images}"
        );
        assert_eq!(Format::detect(folder.path()).unwrap(), Format::Icdar);
    }
    // Training and test pages have the same names.
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    put(at("ch4_training_images/img_1.png"), &image);
    put(at("ch4_test_images/img_1.png"), &image);
    put(
        at("ch4_training_localization_transcription_gt/gt_img_1.txt"),
        "0,0,9,0,9,9,0,9,train",
    );
    put(
        at("Challenge4_Test_Task4_GT/gt_img_1.txt"),
        "0,0,9,0,9,9,0,9,test",
    );
    let dataset = IcdarDataset::open(folder.path()).unwrap();
    let of_page = |index| {
        (
            dataset.source(index).unwrap(),
            dataset.label(index).unwrap(),
        )
    };
    assert_eq!(
        of_page(0),
        ("ch4_test_images/img_1.png".into(), "test".into())
    );
    assert_eq!(
        of_page(1),
        ("ch4_training_images/img_1.png".into(), "train".into())
    );
    assert!(dataset.notes().is_empty(), "{:?}", dataset.notes());
    // Nothing fits: the message says where was looked.
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join("ch4_test_images/img_1.png"), &image);
    put(folder.path().join("ch4_training_gt/gt_img_1.txt"), QUADS);
    let message = refused(Format::Icdar, folder.path());
    assert!(message.contains("gt_NAME.txt"), "{message}");
}

#[test]
fn two_images_of_one_annotation_are_read_once() {
    let folder = page(QUADS);
    put(
        folder.path().join("img_1.jpg"),
        encoded(100, image::ImageFormat::Jpeg),
    );
    put(folder.path().join("img_2.gif"), b"GIF89a");
    put(folder.path().join("gt_img_2.txt"), QUADS);
    put(folder.path().join("gt_img_3.txt"), QUADS);
    let dataset = IcdarDataset::open(folder.path()).unwrap();
    assert_eq!(dataset.len(), 2);
    assert_eq!(dataset.source(0).unwrap(), "img_1.jpg");
    let notes = dataset.notes();
    for (note, parts) in notes.iter().zip([
        ["img_1.png", "img_1.jpg already"],
        ["img_2.gif", "not read"],
        ["gt_img_3.txt", "no page"],
    ]) {
        assert!(parts.iter().all(|part| note.contains(part)), "{notes:?}");
    }
    assert_eq!(notes.len(), 3);
}

#[test]
fn empty_files_are_pages_without_words() {
    let folder = page(QUADS);
    for empty in ["", "\n\r\n", "\u{feff}"] {
        put(
            folder.path().join("img_2.png"),
            encoded(3, image::ImageFormat::Png),
        );
        put(folder.path().join("gt_img_2.txt"), empty);
        assert_eq!(read(Format::Icdar, folder.path()), ["Hello", "World"]);
        assert!(faults(Format::Icdar, folder.path()).is_empty());
    }
}
