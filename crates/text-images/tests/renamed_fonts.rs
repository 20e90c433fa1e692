//! Fonts under names that mislead: a renamed copy, a collection with two names, two fonts with one
//! name. A split by families is to be one by outlines: what is held out is drawn by no font of the
//! training split.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use text_images::{Charset, Error, FontWarning, Fonts};

/// Tables of a TrueType font (OpenType 1.9, "Table directory").
fn tables(font: &[u8]) -> Vec<([u8; 4], Vec<u8>)> {
    let u32_at = |at: usize| u32::from_be_bytes(font[at..at + 4].try_into().unwrap()) as usize;
    let count = usize::from(u16::from_be_bytes([font[4], font[5]]));
    (0..count)
        .map(|number| {
            let at = 12 + 16 * number;
            let (start, length) = (u32_at(at + 8), u32_at(at + 12));
            (
                font[at..at + 4].try_into().unwrap(),
                font[start..start + length].to_vec(),
            )
        })
        .collect()
}

/// A font of these tables that begins at `offset` of its file. Checksums are left at zero.
fn sfnt(tables: &[([u8; 4], Vec<u8>)], offset: usize) -> Vec<u8> {
    let mut font = vec![0, 1, 0, 0, 0, tables.len() as u8, 0, 0, 0, 0, 0, 0];
    let mut at = offset + 12 + 16 * tables.len();
    for (tag, table) in tables {
        font.extend(tag);
        font.extend([0; 4]);
        font.extend((at as u32).to_be_bytes());
        font.extend((table.len() as u32).to_be_bytes());
        at += table.len().next_multiple_of(4);
    }
    for (_, table) in tables {
        font.extend(table);
        font.resize(font.len().next_multiple_of(4), 0);
    }
    font
}

/// The font with another family and PostScript name, and no other names.
fn renamed(font: &[u8], family: &str, post_script: &str) -> Vec<([u8; 4], Vec<u8>)> {
    let names = [(1_u16, family), (6, post_script)].map(|(id, name)| {
        let bytes: Vec<u8> = name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        (id, bytes)
    });
    let mut table = Vec::new();
    let mut put = |value: u16| table.extend(value.to_be_bytes());
    [0, 2, 6 + 2 * 12].into_iter().for_each(&mut put);
    let mut at = 0;
    for (id, bytes) in &names {
        let length = bytes.len() as u16;
        [3, 1, 0x409, *id, length, at]
            .into_iter()
            .for_each(&mut put);
        at += length;
    }
    for (_, bytes) in names {
        table.extend(bytes);
    }
    let mut tables = tables(font);
    for (tag, content) in &mut tables {
        if tag == b"name" {
            content.clone_from(&table);
        }
    }
    tables
}

fn collection(fonts: &[Vec<([u8; 4], Vec<u8>)>]) -> Vec<u8> {
    let mut file = b"ttcf\x00\x01\x00\x00".to_vec();
    file.extend((fonts.len() as u32).to_be_bytes());
    let mut bodies = Vec::new();
    let header = 12 + 4 * fonts.len();
    for font in fonts {
        let at = header + bodies.len();
        file.extend((at as u32).to_be_bytes());
        bodies.extend(sfnt(font, at));
    }
    file.extend(bodies);
    file
}

fn folder(files: &[(&str, Vec<u8>)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in files {
        fs::write(dir.path().join(name), bytes).unwrap();
    }
    dir
}

fn base() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("serif.ttf", dejavu::serif::regular().to_vec()),
        ("ubuntu.ttf", epaint_default_fonts::UBUNTU_LIGHT.to_vec()),
    ]
}

fn held_out(dir: &Path) -> BTreeSet<String> {
    let families = Fonts::from_dir(dir).unwrap().families();
    let held_out = families.into_iter().filter(|(_, held_out)| *held_out);
    held_out.map(|(family, _)| family).collect()
}

/// Copies of one font under many names: whatever their hashes, all are on one side, and a note says so.
#[test]
fn renamed_copies_are_on_one_side() {
    let font = notosans::REGULAR_TTF;
    for number in 0..6 {
        let [one, other] = ["Alpha", "Beta"].map(|name| format!("{name} {number}"));
        let (first, second) = (renamed(font, &one, "A"), renamed(font, &other, "B"));
        let as_files = [("a.ttf", sfnt(&first, 0)), ("b.ttf", sfnt(&second, 0))];
        let as_collection = [("both.ttc", collection(&[first, second]))];
        for copies in [&as_files[..], &as_collection[..]] {
            let dir = folder(&[base(), copies.to_vec()].concat());
            let held = held_out(dir.path());
            assert_eq!(held.contains(&one), held.contains(&other), "{held:?}");
            // One of three families that draw differently.
            assert_eq!(
                held.len(),
                if held.contains(&one) { 2 } else { 1 },
                "{held:?}"
            );
            let warnings = Fonts::from_dir(dir.path())
                .unwrap()
                .warnings(Charset::Alnum36);
            let expected = FontWarning::SameOutlines {
                families: vec![one.clone(), other.clone()],
                held_out: held.contains(&one),
            };
            assert_eq!(warnings, [expected]);
            let note = warnings[0].to_string();
            assert!(
                note.contains("same outlines") && note.contains(&other),
                "{note}"
            );
        }
    }
}

#[test]
fn copies_of_one_font_are_not_two_families() {
    let font = notosans::REGULAR_TTF;
    let dir = folder(&[
        ("a.ttf", sfnt(&renamed(font, "Alpha", "A"), 0)),
        ("b.ttf", sfnt(&renamed(font, "Beta", "B"), 0)),
    ]);
    let error = Fonts::from_dir(dir.path()).unwrap_err();
    assert!(
        matches!(error, Error::TooFewFamilies { families: 1, .. }),
        "{error}"
    );
    assert!(error.to_string().contains("Alpha, Beta"), "{error}");
}

#[test]
fn different_fonts_of_one_name_are_both_used_and_noted() {
    let named = |font: &[u8]| sfnt(&renamed(font, "Same", "Same-Regular"), 0);
    let files = [
        ("a.ttf", named(notosans::REGULAR_TTF)),
        ("b.ttf", named(dejavu::sans::regular())),
        // A copy of the first is no third font.
        ("c.ttf", named(notosans::REGULAR_TTF)),
    ];
    let dir = folder(&[base(), files.to_vec()].concat());
    let fonts = Fonts::from_dir(dir.path()).unwrap();
    let mut names = fonts.face_names(Charset::Printable94);
    names.sort();
    assert_eq!(
        names,
        [
            "DejaVuSerif",
            "Same-Regular",
            "Same-Regular (2)",
            "Ubuntu-Light"
        ]
    );
    let warnings = fonts.warnings(Charset::Printable94);
    assert_eq!(warnings.len(), 1);
    let note = warnings[0].to_string();
    for part in ["Same-Regular", "family Same", "Same-Regular (2)"] {
        assert!(note.contains(part), "{note}");
    }
    // Whatever the files are called, the same font gets the number.
    let files = [
        ("z.ttf", named(notosans::REGULAR_TTF)),
        ("y.ttf", named(dejavu::sans::regular())),
    ];
    let other = folder(&[base(), files.to_vec()].concat());
    let other = Fonts::from_dir(other.path()).unwrap();
    let lettering = |fonts: &Fonts| {
        let typefaces = [false, true].map(|held_out| fonts.typefaces(held_out).unwrap());
        let all = typefaces.into_iter().flatten().flatten();
        let second = all
            .into_iter()
            .find(|face| face.name() == "Same-Regular (2)");
        second.unwrap().lettering("Rag").unwrap()
    };
    assert_eq!(lettering(&fonts), lettering(&other));
}
