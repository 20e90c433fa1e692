//! Data sets as people have them, through the binary: what `data check` counts as unreadable is what a
//! run leaves out and names. The readers' own tests are in their crates.

#![allow(clippy::unwrap_used)]

mod support;

use image::{GrayImage, Luma};
use std::fs;
use std::path::Path;
use support::{Rows, Scratch, names};

/// A JPEG of 40 x 20 px with something to see on it.
fn jpeg(folder: &Path, seed: u32) -> Vec<u8> {
    let path = folder.join("whole.jpg");
    GrayImage::from_fn(40, 20, |x, y| Luma([(x * 7 + y * 13 + seed * 29) as u8]))
        .save(&path)
        .unwrap();
    let bytes = fs::read(&path).unwrap();
    fs::remove_file(path).unwrap();
    bytes
}

/// The same defects in every format of images and a list; Pillow (`LOAD_TRUNCATED_IMAGES` unset) and
/// libjpeg refuse the first, and this workspace a JPEG without its end marker as well.
#[test]
fn a_run_leaves_out_what_data_check_counts() {
    let place = Scratch::new();
    let whole = jpeg(&place.path(""), 1);
    let half = &whole[..whole.len() / 2];
    let endless = &whole[..whole.len() - 2];
    for folder in ["words", "words/images"] {
        for (name, content) in [
            ("a.jpg", half),
            ("b.jpg", endless),
            ("c.jpg", &whole),
            ("d.jpg", &whole),
        ] {
            place.write(&format!("{folder}/{name}"), content);
        }
    }
    place.write(
        "words/labels.csv",
        "file,text\na.jpg,1\nb.jpg,2\nc.jpg,3\nd.jpg,4\n",
    );
    place.write("words/gt.txt", "a.jpg 1\nb.jpg 2\nc.jpg 3\nd.jpg 4\n");
    let json = r#"{"a.jpg": "1", "b.jpg": "2", "c.jpg": "3", "d.jpg": "4"}"#;
    place.write("words/labels.json", format!("\u{feff}{json}"));
    for format in ["folder", "gt", "doctr"] {
        place
            .run(&format!("data check {format}:words"))
            .refused(&["2 records cannot be read (of 4 samples)"]);
        let flags = "--layout strip --arms blind";
        let run = place
            .probe(&format!("--run {format} {flags} --dataset {format}:words"))
            .succeeded();
        for part in ["cannot decode", "left out"] {
            assert!(
                run.stderr.contains(part),
                "{format}: no `{part}` in {}",
                run.stderr
            );
        }
        let predictions = Rows::read(&place.result(format, "predictions.csv"));
        assert_eq!(
            predictions.fields("target", &[("seed", "1")]),
            ["3", "4"],
            "{format}"
        );
    }
}

/// A folder loses the rows that cannot be read and nothing else: the others are read as in a folder
/// without them.
#[test]
fn a_run_says_which_rows_of_a_folder_it_left_out() {
    let place = Scratch::new();
    let whole = jpeg(&place.path(""), 1);
    for folder in ["words", "whole"] {
        for name in ["a.jpg", "b.jpg", "c.jpg"] {
            place.write(&format!("{folder}/{name}"), &whole);
        }
    }
    place.write("words/half.jpg", &whole[..whole.len() / 2]);
    let header = "file,text,index\n";
    place.write(
        "whole/labels.csv",
        format!("{header}a.jpg,1,\nb.jpg,2,\nc.jpg,3,\n"),
    );
    let bad = [
        "gone.jpg,4,\nb.jpg,2,\n",
        "b.jpg,,\nb.jpg,5,first\nb.jpg,6\n",
        "b.jpg,\"7,\nhalf.jpg,8,\nc.jpg,3,\n",
    ];
    place.write(
        "words/labels.csv",
        format!("{header}a.jpg,1,\n{}", bad.concat()),
    );
    place
        .run("data check folder:words")
        .refused(&["6 records cannot be read (of 9 samples)", "line 3"]);
    let run = |name: &str| {
        let flags = "--layout strip --arms identity --reader ctc";
        place
            .probe(&format!("--run {name} {flags} --dataset folder:{name}"))
            .succeeded()
    };
    let (told, silent) = (run("words"), run("whole"));
    let verdict = fs::read_to_string(place.result("words", "verdict.md")).unwrap();
    let page = fs::read_to_string(place.result("words", "report.html")).unwrap();
    for part in [
        "words: 3 images; 6 records cannot be read, left out",
        "line 3: `gone.jpg` is missing; add the image or delete the line",
        "line 5: `b.jpg` has an empty label; give its text or delete the line",
        "line 6: `first` in column index; expected a whole number",
        "line 7: 2 fields, and the header has 3; put a text",
        "line 8: a quotation mark opens a field",
        "(labels line 9): cannot decode",
    ] {
        assert!(told.stderr.contains(part), "no `{part}` in {}", told.stderr);
        assert!(verdict.contains(part), "no `{part}` in {verdict}");
        // Words in backquotes become elements there.
        let sentence = part.split('`').next_back().unwrap();
        assert!(page.contains(sentence), "no `{sentence}` on the page");
    }
    assert_eq!(
        told.stderr.matches("gone.jpg").count(),
        1,
        "{}",
        told.stderr
    );
    assert!(!silent.stderr.contains("note: "), "{}", silent.stderr);
    let read = |name: &str| {
        let rows = Rows::read(&place.result(name, "predictions.csv"));
        let fields = |column| {
            rows.fields(column, &[])
                .iter()
                .map(ToString::to_string)
                .collect()
        };
        [fields("target"), fields("prediction")] as [Vec<String>; 2]
    };
    assert_eq!(read("words"), read("whole"));
    let verdict = fs::read_to_string(place.result("whole", "verdict.md")).unwrap();
    assert!(!verdict.contains("What became of the images"), "{verdict}");
}

#[test]
fn pages_are_imported_with_their_words_and_what_is_left_out_is_named() {
    let place = Scratch::new();
    let page = jpeg(&place.path(""), 2);
    place.write("pages/ch4_training_images/img_1.jpg", &page);
    let annotation = "2,2,12,4,11,9,1,7,Hello\n20,2,30,4,29,9,19,7,World\n5,5,9,6,9,9,5,8,\n";
    let file = "pages/ch4_training_localization_transcription_gt/gt_img_1.txt";
    place.write(file, annotation);
    let run = place
        .run("data import icdar:pages --to gt --out words")
        .succeeded();
    assert!(
        run.stderr.contains("line 3: no transcription"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("2 samples"), "{}", run.stdout);
    let gt = fs::read_to_string(place.path("words/gt.txt")).unwrap();
    let labels: Vec<&str> = gt
        .lines()
        .map(|line| line.split('\t').nth(1).unwrap())
        .collect();
    assert_eq!(labels, ["Hello", "World"]);
    place.run("data check icdar:pages").refused(&[
        "1 fault in its lists of images and labels (beside 2 samples)",
        "line 3: no transcription",
    ]);
    place.write(file, "2,2,12,4,11,9,1,7\n20,2,30,4,29,9,19,7\n");
    place
        .run("data check pages")
        .refused(&["no transcriptions"]);
}

/// On top of the smallest preset.
const SETTINGS: &str = r#"
arms = ["blind", "mean-pool"]
seeds = [1]
d_token = 16
backbone = "backbone.safetensors"

[data]
charset = "36"

[data.images]
train = 64

[training]
steps = 4
batch = 16
"#;

#[cfg(unix)]
#[test]
fn a_class_whose_name_is_not_utf8_is_a_class() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let place = Scratch::new();
    place.write("fine.toml", SETTINGS);
    let probe = |flags: &str| {
        place.run(&format!(
            "fine-grained-probe --preset smoke --config fine.toml --data data --results results {flags}"
        ))
    };
    let image = jpeg(&place.path(""), 3);
    let write = |class: &Path| {
        fs::create_dir_all(class).unwrap();
        for index in 0..30 {
            fs::write(class.join(format!("{index}.jpg")), &image).unwrap();
        }
    };
    write(&place.path("birds/wren"));
    probe("--run x --dataset folder:birds").refused(&["`wren`", "two classes are needed"]);
    write(&place.path("birds").join(OsStr::from_bytes(b"caf\xe9")));
    place.write("birds/wren/about.txt", "wrens");
    let run = probe("--run a --dataset folder:birds").succeeded();
    assert!(run.stderr.contains("about.txt"), "{}", run.stderr);
    let classes = Rows::read(&place.result("a", "fine-grained-folder-birds/classes.csv"));
    assert_eq!(classes.fields("class", &[]), ["caf\\xE9", "wren"]);
}

/// A set `words` of rendered digits.
fn export(place: &Scratch, images: usize, format: &str) {
    let flags = format!("--images {images} --seed 1 --charset 10 --to {format}");
    place
        .run(&format!("data export --out words {flags}"))
        .succeeded();
}

#[test]
fn of_two_formats_in_one_folder_check_says_which_is_read() {
    let place = Scratch::new();
    export(&place, 2, "gt");
    let run = place.run("data check words").succeeded();
    assert!(!run.stderr.contains("note: "), "{}", run.stderr);
    let labels = "file,text\nimages/00000/000000001.png,other\n";
    place.write("words/labels.csv", labels);
    let run = place.run("data check words").succeeded();
    let said = "note: words: gt.txt is read, and labels.csv beside it is not; write folder:words";
    assert!(run.stderr.contains(said), "{}", run.stderr);
    for named in ["gt:words", "folder:words"] {
        let run = place.run(&format!("data check {named}")).succeeded();
        assert!(!run.stderr.contains("note: "), "{}", run.stderr);
    }
}

#[test]
fn import_writes_into_no_data_set_and_leaves_no_folder_without_images() {
    let place = Scratch::new();
    export(&place, 2, "gt");
    place
        .run("data import words --to lmdb --out words")
        .refused(&["words/gt.txt", "choose another folder"]);
    assert_eq!(names(&place.path("words")), ["gt.txt", "images"]);
    place.write("gone/gt.txt", "a.png\tword\n");
    place
        .run("data import gone --to gt --out copy")
        .refused(&["gone", "none of 1 records"]);
    assert!(names(&place.path("copy")).is_empty());
}

#[test]
fn a_name_that_stands_twice_is_no_record_that_cannot_be_read() {
    let place = Scratch::new();
    export(&place, 1, "doctr");
    let file = "000000001.png";
    let json = format!(r#"{{"{file}": "one", "{file}": "two"}}"#);
    place.write("words/labels.json", json);
    place.run("data check words").refused(&[
        "1 fault in its lists of images and labels (beside 1 sample)",
        "stands there 2 times; its last label is taken",
        "copies what is listed soundly",
    ]);
    let json = format!(r#"{{"{file}": "one", "{file}": "two", "gone.png": "three"}}"#);
    place.write("words/labels.json", json);
    place.run("data check words").refused(&[
        "1 record cannot be read (of 2 samples), and 1 fault in its lists of images and labels",
        "copies the others",
    ]);
}
