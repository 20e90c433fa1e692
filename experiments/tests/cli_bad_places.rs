//! Fonts, data sets and results folders that cannot be used: one clear error each, nothing lost.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Scratch, names};

#[track_caller]
fn refused(place: &Scratch, flags: &str, parts: &[&str]) {
    place.probe(flags).refused(parts);
    assert!(place.runs().is_empty(), "{flags} left {:?}", place.runs());
}

/// The font with its character maps cut: ASCII ends at `9`.
fn without_letters(font: &[u8]) -> Vec<u8> {
    let u16_at = |at: usize| usize::from(u16::from_be_bytes([font[at], font[at + 1]]));
    let u32_at = |at: usize| u16_at(at) << 16 | u16_at(at + 2);
    let mut cut = font.to_vec();
    let mut tables = (0..u16_at(4)).map(|table| 12 + 16 * table);
    let cmap = u32_at(tables.find(|&at| &font[at..at + 4] == b"cmap").unwrap() + 8);
    for record in 0..u16_at(cmap + 2) {
        let map = cmap + u32_at(cmap + 4 + 8 * record + 4);
        match u16_at(map) {
            // Segments: their last characters, two bytes each.
            4 => (map + 14..map + 14 + u16_at(map + 6))
                .step_by(2)
                .filter(|&end| u16_at(end) == usize::from(b'~'))
                .for_each(|end| cut[end + 1] = b'9'),
            // Groups: first and last character and first glyph, four bytes each.
            12 => (map + 16..map + 16 + 12 * u32_at(map + 12))
                .step_by(12)
                .filter(|&group| u32_at(group + 4) == usize::from(b'~'))
                .for_each(|group| cut[group + 7] = b'9'),
            _ => {}
        }
    }
    cut
}

#[test]
fn fonts_that_cannot_draw_the_text_are_named() {
    let place = Scratch::new();
    refused(
        &place,
        "--fonts absent",
        &["absent", "cannot read the font folder"],
    );
    fs::create_dir(place.path("empty")).unwrap();
    refused(
        &place,
        "--fonts empty",
        &["empty", "0 font families", "add TTF or OTF files"],
    );
    place.write("broken/a.ttf", "no font at all");
    place.write("broken/b.ttf", epaint_default_fonts::EGUI_ICONS);
    refused(&place, "--fonts broken", &["broken", "0 font families"]);
    place.write("one/hack.ttf", epaint_default_fonts::HACK_REGULAR);
    refused(
        &place,
        "--fonts one",
        &["one", "1 font families can draw digits"],
    );
    // Both draw digits, one of them no letters.
    place.write("two/hack.ttf", epaint_default_fonts::HACK_REGULAR);
    place.write(
        "two/digits.ttf",
        without_letters(epaint_default_fonts::UBUNTU_LIGHT),
    );
    let parts = [
        "can draw charset 36",
        "Ubuntu-Light has no glyph for ABC",
        "add fonts",
    ];
    refused(&place, "--fonts two --charset 36", &parts);
    place
        .probe("--fonts two --charset 10 --arms blind")
        .succeeded();
}

#[test]
fn data_sets_of_which_nothing_can_be_read_are_named_with_the_first_line() {
    let place = Scratch::new();
    for flag in ["--dataset", "--train-dataset"] {
        refused(
            &place,
            &format!("{flag} mine"),
            &["mine", "folder:DIR", "labels.csv"],
        );
        refused(&place, &format!("{flag} folder:"), &["folder:DIR"]);
        refused(
            &place,
            &format!("{flag} folder:absent"),
            &["absent/labels.csv", "file,text"],
        );
    }
    let strip = "--layout strip --arms blind --dataset folder:mine";
    for (labels, parts) in [
        (
            "name,label\na.png,1\n",
            ["mine/labels.csv", "no column `file`", "file,text"],
        ),
        (
            "file,text\n",
            ["mine/labels.csv", "no rows", "one line per image"],
        ),
        (
            "file,text\nb.png,3\na.png,\n",
            ["labels.csv line 2", "`b.png` is missing", "2 left out"],
        ),
        (
            "file,text\na.png,\n",
            ["labels.csv line 2", "empty label", "give its text"],
        ),
        (
            "file,text\n../a.png,12\n",
            [
                "labels.csv line 2",
                "leads out of the folder",
                "put the image",
            ],
        ),
        (
            "file,text\na.png,1\"2\nbad.png,12\n",
            ["2 left out", "line 2", "--charset"],
        ),
        (
            "file,text\nbad.png,12\n",
            ["bad.png (labels line 2)", "cannot decode", "PNG or JPEG"],
        ),
        (
            "file,text\na.png,añb\n",
            ["mine", "charset 10", "--charset"],
        ),
    ] {
        place.write("mine/labels.csv", labels);
        image::GrayImage::new(20, 10)
            .save(place.path("mine/a.png"))
            .unwrap();
        place.write("mine/bad.png", "no image");
        refused(&place, strip, &parts);
    }
    // Images without a character grid cannot be read on one.
    place.write("mine/labels.csv", "file,text\na.png,12\n");
    let parts = [
        "mine",
        "no image was rendered on a character grid",
        "--layout strip",
    ];
    refused(&place, "--arms blind --dataset folder:mine", &parts);
}

#[test]
fn an_earlier_run_is_refused_and_untouched() {
    let place = Scratch::new();
    place.probe("--run a --arms blind").succeeded();
    let snapshot = || -> Vec<(String, Vec<u8>)> {
        let files = names(&place.result("a", "")).into_iter();
        let files = files.filter(|name| place.result("a", name).is_file());
        files
            .map(|name| (name.clone(), fs::read(place.result("a", &name)).unwrap()))
            .collect()
    };
    let before = snapshot();
    let same = place.probe("--run a --arms blind");
    same.refused(&["results/a", "--resume", "--run"]);
    let other = place.probe("--run a --arms blind --steps 5");
    other.refused(&[
        "another configuration",
        "steps = 4",
        "steps = 5",
        "another --run",
    ]);
    let other = place.probe("--run a --arms blind --steps 5 --resume");
    other.refused(&["another configuration", "another --run"]);
    assert!(snapshot() == before);
    let none = place.probe("--arms identity --resume");
    none.refused(&["no run of this configuration", "leave out --resume"]);
    assert_eq!(place.runs(), ["a"]);
}

#[test]
fn a_folder_with_other_things_in_it_is_left_alone() {
    let place = Scratch::new();
    place.write("results/thesis/chapter.txt", "years of work");
    for flags in ["--run thesis", "--run thesis --resume"] {
        place
            .probe(flags)
            .refused(&["results/thesis", "something else", "another --run"]);
    }
    assert_eq!(names(&place.result("thesis", "")), ["chapter.txt"]);
    place.write("results/file", "a file");
    place
        .probe("--run file")
        .refused(&["results/file", "it is a file", "another --run"]);
}

#[test]
fn a_results_path_that_is_a_file_is_refused() {
    let place = Scratch::new();
    place.write("taken", "a file");
    for flags in ["--results taken", "--results taken --run a"] {
        refused(
            &place,
            flags,
            &["taken", "cannot make the results folder", "--results"],
        );
    }
    refused(
        &place,
        "--data taken --arms blind",
        &["taken/cache", "--no-cache"],
    );
    assert_eq!(fs::read_to_string(place.path("taken")).unwrap(), "a file");
}

#[cfg(unix)]
#[test]
fn a_folder_that_may_not_be_written_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let place = Scratch::new();
    let closed = place.path("closed");
    fs::create_dir(&closed).unwrap();
    fs::set_permissions(&closed, fs::Permissions::from_mode(0o555)).unwrap();
    if fs::write(closed.join("probe"), "").is_ok() {
        eprintln!("skipped: this user may write anywhere");
        return;
    }
    refused(
        &place,
        "--results closed",
        &["closed", "read-only", "--results"],
    );
    refused(
        &place,
        "--data closed --arms blind",
        &["closed/cache", "--no-cache"],
    );
}
