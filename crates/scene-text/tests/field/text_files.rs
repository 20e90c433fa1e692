//! Lists of labels: byte-order marks, line ends, dividers, doubled keys, keys from 0.

use std::fs;

use scene_text::{Error, Format};

use crate::support::{image, open, put, write};
use crate::{faults, read, refused};

fn gt(content: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.png", "b.png", "c.png", "a b.png"] {
        put(folder.path().join(name), image(1));
    }
    put(folder.path().join("gt.txt"), content);
    folder
}

#[test]
fn gt_txt_is_divided_by_what_most_lines_have() {
    // `line.strip().split(maxsplit=1)` of PARSeq's tools/create_lmdb_dataset.py.
    let folder = gt("a.png alpha\nb.png  beta two \nc.png gamma\n");
    assert_eq!(
        read(Format::Gt, folder.path()),
        ["alpha", "beta two", "gamma"]
    );
    assert!(faults(Format::Gt, folder.path()).is_empty());
    // `line.strip('\n').split('\t')` of DTRB's create_lmdb_dataset.py.
    let folder = gt("a b.png\talpha\nb.png\tbeta two\nc.png gamma\n");
    assert_eq!(read(Format::Gt, folder.path()), ["alpha", "beta two"]);
    let found = faults(Format::Gt, folder.path());
    assert!(
        found[0].contains("line 3") && found[0].contains("a tab"),
        "{found:?}"
    );
    let folder = gt("a.png alpha\nb.png\nc.png gamma\n");
    assert_eq!(read(Format::Gt, folder.path()), ["alpha", "gamma"]);
    let found = faults(Format::Gt, folder.path());
    assert!(
        found[0].contains("line 2") && found[0].contains("a space"),
        "{found:?}"
    );
}

#[test]
fn lines_end_as_in_pythons_text_files() {
    // Universal newlines: open(path, "r") of CPython.
    for end in ["\r", "\r\n", "\n"] {
        let lines = ["a.png\talpha", "b.png\tbeta", "", "c.png\tgamma"].join(end);
        let folder = gt(&lines);
        assert_eq!(read(Format::Gt, folder.path()), ["alpha", "beta", "gamma"]);
        let dataset = open(Format::Gt, folder.path());
        assert!(
            dataset.record(2).ends_with("line 4"),
            "{}",
            dataset.record(2)
        );
    }
    let folder = gt("");
    put(
        folder.path().join("labels.csv"),
        "file,text\ra.png,alpha\rgone.png,beta\r",
    );
    assert_eq!(read(Format::Folder, folder.path()), ["alpha"]);
    let found = faults(Format::Folder, folder.path());
    assert!(found.len() == 1 && found[0].contains("line 3"), "{found:?}");
    let list = folder.path().join("list.txt");
    put(&list, "./x/1_a_2.jpg 5\r./x/1_b_2.jpg 6\r");
    assert_eq!(read(Format::Mjsynth, &list), ["a", "b"]);
}

#[test]
fn byte_order_marks_are_taken_off_everywhere() {
    let folder = gt("\u{feff}a.png\talpha\n");
    put(folder.path().join("images/a.png"), image(1));
    put(
        folder.path().join("labels.json"),
        "\u{feff}{\"a.png\": \"alpha\"}",
    );
    put(
        folder.path().join("labels.csv"),
        "\u{feff}file,text\na.png,alpha\n",
    );
    for format in [Format::Gt, Format::Doctr, Format::Folder] {
        assert_eq!(read(format, folder.path()), ["alpha"], "{format}");
    }
    let list = folder.path().join("list.txt");
    put(&list, "\u{feff}1_alpha_2.jpg 5\n");
    assert_eq!(read(Format::Mjsynth, &list), ["alpha"]);
}

#[test]
fn utf16_is_named_everywhere() {
    let utf16 = |text: &str| -> Vec<u8> {
        let mark = [0xff, 0xfe].into_iter();
        mark.chain(text.encode_utf16().flat_map(u16::to_le_bytes))
            .collect()
    };
    let folder = gt(utf16("a.png\talpha\n"));
    put(folder.path().join("images/a.png"), image(1));
    put(
        folder.path().join("labels.json"),
        utf16("{\"a.png\": \"alpha\"}"),
    );
    put(
        folder.path().join("labels.csv"),
        utf16("file,text\na.png,alpha\n"),
    );
    for format in [Format::Gt, Format::Doctr, Format::Folder] {
        let message = refused(format, folder.path());
        assert!(
            message.contains("UTF-16") && message.contains("UTF-8"),
            "{message}"
        );
    }
}

#[test]
fn of_a_doubled_key_the_last_label_counts() {
    // json.load keeps the place of the first and the value of the last: {"a.png": "beta", "b.png": "x"}.
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join("images/a.png"), image(1));
    put(folder.path().join("images/b.png"), image(2));
    let json = r#"{"a.png":"alpha","b.png":"x","a.png":"beta"}"#;
    put(folder.path().join("labels.json"), json);
    assert_eq!(read(Format::Doctr, folder.path()), ["beta", "x"]);
    let found = faults(Format::Doctr, folder.path());
    assert_eq!(found.len(), 1);
    assert!(
        found[0].contains("a.png") && found[0].contains("last label"),
        "{found:?}"
    );
}

#[test]
fn of_an_image_in_several_lines_the_last_label_counts() {
    for [first, space] in [["alpha", "\t"], ["beta", "\t"], ["alpha", " "]] {
        let folder = gt(format!(
            "a.png{space}{first}\n\nb.png{space}x\n./a.png{space}beta\na.png\n"
        ));
        put(
            folder.path().join("labels.csv"),
            format!("file,text\na.png,{first}\nb.png,x\na.png,beta\n"),
        );
        // The line without a label is no line of the image.
        for (format, count) in [(Format::Gt, 2), (Format::Folder, 1)] {
            assert_eq!(read(format, folder.path()), ["x", "beta"], "{format}");
            let found = faults(format, folder.path());
            assert_eq!(found.len(), count, "{found:?}");
            let told = found[0].contains("a.png") && found[0].contains("again in line 4");
            assert!(told, "{found:?}");
        }
    }
}

#[test]
fn a_label_with_a_tab_is_refused_with_what_is_wrong() {
    let folder = gt("a.png\talpha\nb.png\tbeta\t\nc.png\tgamma\t0.98\n");
    assert_eq!(read(Format::Gt, folder.path()), ["alpha"]);
    let found = faults(Format::Gt, folder.path());
    assert_eq!(found.len(), 2, "{found:?}");
    for (line, fault) in [2, 3].into_iter().zip(&found) {
        let told = fault.contains(&format!("line {line}")) && fault.contains("holds no tab");
        assert!(told, "{fault}");
    }
}

#[test]
fn one_label_that_is_no_text_is_a_matter_of_its_own_record() {
    let folder = tempfile::tempdir().unwrap();
    put(folder.path().join("images/a.png"), image(1));
    for value in [
        "null",
        "12",
        "1.5",
        "true",
        "[\"x\"]",
        "{\"polygons\": []}",
        "\"\"",
    ] {
        let json = format!(r#"{{"a.png": "alpha", "b.png": {value}}}"#);
        put(folder.path().join("labels.json"), json);
        assert_eq!(read(Format::Doctr, folder.path()), ["alpha"], "{value}");
        let found = faults(Format::Doctr, folder.path());
        assert!(found.len() == 1 && found[0].contains("b.png"), "{found:?}");
    }
}

#[test]
fn keys_from_0_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    write(Format::Lmdb, folder.path());
    let path = folder.path().join("data.mdb");
    let mut file = fs::read(&path).unwrap();
    // Every key one lower: image-000000001 becomes image-000000000. The order stays.
    for start in 0..file.len() - 15 {
        let key = &file[start..start + 15];
        let is_key = key.starts_with(b"image-00000000") || key.starts_with(b"label-00000000");
        if is_key {
            file[start + 14] -= 1;
        }
    }
    fs::write(&path, file).unwrap();
    let error = crate::support::error(Format::Lmdb.open(folder.path()));
    assert!(matches!(error, Error::CountedFromZero { .. }), "{error}");
    assert!(error.to_string().contains("counted from 0"), "{error}");
    assert_eq!(Format::detect(folder.path()).unwrap(), Format::Lmdb);
}
