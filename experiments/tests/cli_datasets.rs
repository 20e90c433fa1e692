//! Data sets of scene-text recognition: checked, converted, trained and tested on.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use support::{Rows, Scratch, names};
use text_images::spreadsheet::unguard;

/// The six sets of the protocol in PARSeq's layout, far too small.
const SETS: [(&str, usize); 6] = [
    ("CUTE80", 3),
    ("IC13_1015", 5),
    ("IC15_2077", 4),
    ("IIIT5k", 9),
    ("SVT", 2),
    ("SVTP", 4),
];

fn export(place: &Scratch, out: &str, images: usize, seed: usize, more: &str) {
    let flags = format!("--images {images} --seed {seed} --charset 10 {more}");
    place
        .run(&format!("data export --out {out} {flags}"))
        .succeeded();
}

fn benchmarks(place: &Scratch) {
    for (seed, (name, images)) in SETS.into_iter().enumerate() {
        export(place, &format!("bench/test/{name}"), images, seed, "");
    }
}

#[test]
fn benchmark_sets_are_scored_one_by_one_and_as_their_union() {
    let place = Scratch::new();
    benchmarks(&place);
    let run = place
        .probe("--run a --layout strip --arms identity,blind --dataset lmdb:bench/test")
        .succeeded();
    assert!(run.stdout.contains("union of 7672"), "{}", run.stdout);
    assert!(run.stdout.contains("9 of 3000 images"), "{}", run.stdout);

    let predictions = Rows::read(&place.result("a", "predictions.csv"));
    let protocol = Rows::read(&place.result("a", "protocol.csv"));
    let filters = [
        ("arm", "identity"),
        ("seed", "2"),
        ("mode", "deterministic"),
    ];
    let with = |set| [filters.as_slice(), &[("set", set)]].concat();
    let (mut right, mut all) = (0, 0);
    for (name, images) in SETS {
        let own = [filters.as_slice(), &[("condition", name)]].concat();
        let targets = predictions.fields("target", &own);
        let read = predictions.fields("prediction", &own);
        assert_eq!(targets.len(), images, "{name}");
        let correct = targets.iter().zip(&read).filter(|(a, b)| a == b).count();
        let expected = (correct as f64 / images as f64).to_string();
        assert_eq!(protocol.fields("word_accuracy", &with(name)), [&expected]);
        assert_eq!(
            protocol.fields("images", &with(name)),
            [&images.to_string()]
        );
        right += correct;
        all += images;
    }
    assert_eq!(all, 27);
    let union = with("union of 7672");
    let expected = (f64::from(right as u32) / 27.0).to_string();
    assert_eq!(protocol.fields("word_accuracy", &union), [&expected]);
    assert_eq!(protocol.fields("published_images", &union), ["7672"]);
    assert!(protocol.fields("set", &with("all sets")).is_empty());
    let cer: f64 = protocol.fields("cer", &union)[0].parse().unwrap();
    assert!(cer > 0.0);

    // The same sets and seeds give the same bytes.
    let flags = "--run b --layout strip --arms identity,blind --dataset lmdb:bench/test --jobs 1";
    place.probe(flags).succeeded();
    for name in ["metrics.csv", "protocol.csv", "predictions.csv"] {
        let read = |run| fs::read(place.result(run, name)).unwrap();
        assert!(read("a") == read("b"), "{name}");
    }
    let before = fs::read(place.result("a", "protocol.csv")).unwrap();
    fs::remove_file(place.result("a", "protocol.csv")).unwrap();
    place.run("report results/a --data data").succeeded();
    assert!(fs::read(place.result("a", "protocol.csv")).unwrap() == before);
}

#[test]
fn exported_lines_are_those_that_the_study_renders() {
    let place = Scratch::new();
    export(&place, "lines", 16, 1, "");
    place
        .probe("--run rendered --layout strip --arms identity")
        .succeeded();
    place
        .probe("--run stored --layout strip --arms identity --dataset lmdb:lines")
        .succeeded();
    // Pixels and labels.
    let rendered = &data_hashes(&place, "rendered")["test random"];
    assert!(rendered.is_string());
    assert_eq!(rendered, &data_hashes(&place, "stored")["test lines"]);
}

fn data_hashes(place: &Scratch, run: &str) -> serde_json::Value {
    let manifest = fs::read_to_string(place.result(run, "manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    manifest["hashes"]["data"].clone()
}

#[test]
fn training_sets_mix_with_rendered_lines() {
    let place = Scratch::new();
    export(&place, "train/random", 40, 5, "--to gt");
    export(&place, "other", 30, 6, "--to doctr");
    let sources = "rendered+gt:train/random+doctr:other";
    let flags = format!("--train-dataset {sources} --dataset {sources}");
    place
        .probe(&format!(
            "--run mixed --layout strip --arms identity {flags}"
        ))
        .succeeded();
    let data = data_hashes(&place, "mixed");
    // A data set that calls itself `random` is not taken for rendered text.
    for split in ["train", "validation", "test"] {
        for condition in ["random", "data set random", "other"] {
            let key = format!("{split} {condition}");
            assert!(data[&key].is_string(), "{key}: {data}");
        }
    }
    let protocol = Rows::read(&place.result("mixed", "protocol.csv"));
    let images = protocol.fields("images", &[("seed", "1")]);
    assert_eq!(images, ["40", "30", "70"]);
    let verdict = fs::read_to_string(place.result("mixed", "verdict.md")).unwrap();
    let verdict = verdict.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(verdict.contains("rendered images per density and kind of text and labelled images"));
    let config = fs::read_to_string(place.result("mixed", "config.toml")).unwrap();
    assert!(
        config.contains(&format!("train_data = \"{sources}\"")),
        "{config}"
    );
}

#[test]
fn formats_are_converted_without_loss() {
    let place = Scratch::new();
    export(&place, "a", 12, 3, "--to folder");
    for (from, to, flags) in [
        ("a", "b", "--to lmdb"),
        ("b", "c", "--to gt --from lmdb"),
        ("gt:c", "d", "--to doctr"),
        ("d", "e", "--to folder"),
    ] {
        let run = place
            .run(&format!("data import {from} --out {to} {flags}"))
            .succeeded();
        assert!(run.stdout.contains("12 samples"), "{}", run.stdout);
    }
    let labels = |name: &str| fs::read(place.path(name).join("labels.csv")).unwrap();
    assert!(labels("a") == labels("e"));
    let image = "images/00000/000000007.png";
    let read = |name: &str| fs::read(place.path(name).join(image)).unwrap();
    assert!(read("a") == read("e"));
    let again = place.run("data import a --out b --to lmdb");
    again.refused(&["b/data.mdb", "choose another folder"]);

    benchmarks(&place);
    place
        .run("data import bench --out copy --to gt")
        .succeeded();
    for (name, images) in SETS {
        let gt = place.path("copy/test").join(name).join("gt.txt");
        assert_eq!(fs::read_to_string(gt).unwrap().lines().count(), images);
    }
}

/// Words in `gt.txt`: of every kind of label and of trouble.
fn troubled(place: &Scratch) -> BTreeMap<&'static str, &'static str> {
    export(place, "lines", 1, 1, "--to gt");
    let image = fs::read(place.path("lines/images/00000/000000001.png")).unwrap();
    place.write("words/cut.png", &image[..image.len() / 2]);
    place.write("secret.png", &image);
    let labels = [
        "=1+1", "@SUM", "+2a", "-", "'=x", "It's", "Éa b", "<b>", "Plain",
    ];
    let mut lines = String::new();
    for (number, label) in labels.iter().enumerate() {
        place.write(&format!("words/{number}.png"), &image);
        lines.push_str(&format!("{number}.png\t{label}\n"));
    }
    lines.push_str("cut.png\tcut\n../secret.png\tout\ngone.png\tgone\nno tab\n");
    place.write("words/gt.txt", lines);
    // Under `parseq` at charset 94.
    BTreeMap::from([
        ("=1+1", "'=1+1"),
        ("@SUM", "'@SUM"),
        ("+2a", "'+2a"),
        ("-", "'-"),
        ("'=x", "''=x"),
        ("It's", "It's"),
        ("Eab", "Eab"),
        ("<b>", "<b>"),
        ("Plain", "Plain"),
    ])
}

#[test]
fn check_counts_and_names_what_is_wrong() {
    let place = Scratch::new();
    troubled(&place);
    let run = place.run("data check words");
    for part in ["line 10", "../secret.png", "gone.png", "line 13"] {
        assert!(run.stderr.contains(part), "no `{part}` in {}", run.stderr);
    }
    for part in ["gt", "dtrb-unfiltered", "1 / 3.4 / 5", "8 / 8 / 1"] {
        assert!(run.stdout.contains(part), "no `{part}` in {}", run.stdout);
    }
    run.refused(&["4 records cannot be read", "13 samples", "data import"]);

    let run = place
        .run("data import words --out good --to lmdb")
        .succeeded();
    assert!(run.stdout.contains("9 samples"), "{}", run.stdout);
    assert!(run.stdout.contains("4 left out"), "{}", run.stdout);
    let run = place.run("data check lmdb:good").succeeded();
    assert!(!run.stderr.contains("note"), "{}", run.stderr);

    place.run("data check absent").refused(&["absent"]);
    place
        .run("data check words --format tar")
        .refused(&["tar", "lmdb, gt, doctr"]);
    place
        .run("data check lmdb:words")
        .refused(&["words", "no data.mdb", "data/README.md"]);
}

#[test]
fn labels_are_no_formulas_in_the_results_and_bad_records_are_named() {
    let place = Scratch::new();
    let expected = troubled(&place);
    let flags = "--layout strip --charset 94 --arms identity --dataset gt:words";
    let run = place.probe(&format!("--run a {flags}")).succeeded();
    for part in [
        "line 10",
        "leads out of the folder",
        "4 records cannot be read",
        "1 normalised",
    ] {
        assert!(run.stderr.contains(part), "no `{part}` in {}", run.stderr);
    }
    let predictions = Rows::read(&place.result("a", "predictions.csv"));
    let cells = predictions.fields("target", &[("seed", "1")]);
    assert_eq!(cells.len(), 9);
    for cell in cells {
        assert_eq!(expected.get(unguard(cell)), Some(&cell), "{cell}");
    }

    let flags = flags.replace("94", "36");
    let run = place
        .probe(&format!("--run b --label-policy dtrb {flags}"))
        .succeeded();
    assert!(
        run.stderr
            .contains("8 dropped: characters outside the charset"),
        "{}",
        run.stderr
    );
    let predictions = Rows::read(&place.result("b", "predictions.csv"));
    assert_eq!(predictions.fields("target", &[("seed", "1")]), ["PLAIN"]);
}

#[test]
fn large_sets_are_thinned_and_said_to_be() {
    let place = Scratch::new();
    export(&place, "lines", 60, 1, "");
    let flags = "--layout strip --arms identity --train-dataset lmdb:lines --dataset lmdb:lines";
    let run = place
        .probe(&format!("--run a {flags} --dataset-images 20"))
        .succeeded();
    assert!(run.stderr.contains("spread over 60"), "{}", run.stderr);
    let predictions = Rows::read(&place.result("a", "predictions.csv"));
    assert_eq!(predictions.fields("target", &[("seed", "1")]).len(), 20);
    assert!(
        run.stderr.contains("train: lines: 18 images"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr.contains("validation: lines: 2 images"),
        "{}",
        run.stderr
    );
}

#[test]
fn words_on_pages_are_cropped_and_read() {
    let place = Scratch::new();
    export(&place, "lines", 2, 1, "--to gt");
    let mut page = image::GrayImage::from_pixel(300, 200, image::Luma([128]));
    let mut annotation = String::new();
    let gt = fs::read_to_string(place.path("lines/gt.txt")).unwrap();
    for (number, line) in gt.lines().enumerate() {
        let (file, label) = line.split_once('\t').unwrap();
        let word = image::open(place.path("lines").join(file))
            .unwrap()
            .into_luma8();
        let (left, top) = (20 + 30 * number as i64, 10 + 60 * number as i64);
        image::imageops::replace(&mut page, &word, left, top);
        let (right, bottom) = (left + 128, top + 32);
        annotation.push_str(&format!(
            "{left},{top},{right},{top},{right},{bottom},{left},{bottom},{label}\n"
        ));
    }
    annotation.push_str("0,0,9,0,9,9,0,9,###\n");
    fs::create_dir(place.path("pages")).unwrap();
    page.save(place.path("pages/img_1.png")).unwrap();
    place.write("pages/gt_img_1.txt", annotation);
    let run = place.run("data check pages").succeeded();
    assert!(run.stdout.contains("icdar"), "{}", run.stdout);
    for (run, source) in [("pages", "icdar:pages"), ("lines", "gt:lines")] {
        let flags = format!("--layout strip --arms identity --dataset {source}");
        place.probe(&format!("--run {run} {flags}")).succeeded();
    }
    let read = |run| {
        let rows = Rows::read(&place.result(run, "predictions.csv"));
        let fields = |column| -> Vec<String> {
            let found = rows.fields(column, &[("seed", "1")]);
            found.into_iter().map(str::to_owned).collect()
        };
        (fields("target"), fields("prediction"))
    };
    assert_eq!(read("pages"), read("lines"));
    assert_eq!(read("pages").0.len(), 2);
    assert!(Path::new(&place.result("pages", "protocol.csv")).exists());
}

/// What a reader that says nothing gets right of labels of which the protocol compares nothing.
#[test]
fn labels_of_punctuation_alone_are_not_counted_as_words() {
    let place = Scratch::new();
    export(&place, "mine", 6, 1, "--to gt");
    let file = place.path("mine/gt.txt");
    let lines = fs::read_to_string(&file).unwrap();
    let name = |line: &str| line.split('\t').next().unwrap().to_owned();
    let lines = lines
        .lines()
        .enumerate()
        .map(|(index, line)| match index % 2 {
            0 => line.to_owned(),
            _ => format!("{}\t!!", name(line)),
        });
    fs::write(&file, lines.collect::<Vec<_>>().join("\n")).unwrap();
    let flags = "--layout strip --charset 94 --arms identity --dataset gt:mine";
    place.probe(&format!("--run a {flags}")).succeeded();
    pretend_to_read(&place, "a", "identity", &[""; 6]);
    place.run("report results/a --data data").succeeded();
    let rows = Rows::read(&place.result("a", "protocol.csv"));
    let of = |column: &str, protocol: &str| {
        let filters = [
            ("protocol", protocol),
            ("seed", "1"),
            ("mode", "deterministic"),
        ];
        rows.fields(column, &filters).join(",")
    };
    assert_eq!(
        (of("images", "36"), of("word_accuracy", "36")),
        ("3".into(), "0".into())
    );
    assert_eq!(
        (of("images", "94"), of("word_accuracy", "94")),
        ("6".into(), "0".into())
    );
}

/// What the cells of an arm read in the images of a data set, instead of what they did.
fn pretend_to_read(place: &Scratch, run: &str, arm: &str, labels: &[&str]) {
    for name in names(&place.result(run, "cells")) {
        let path = place.result(run, "cells").join(name);
        let text = fs::read_to_string(&path).unwrap();
        let Ok(mut cell) = text.parse::<toml::Table>() else {
            continue;
        };
        if cell["spec"]["arm"].as_str() != Some(arm) {
            continue;
        }
        let tests = cell.get_mut("tests").and_then(toml::Value::as_array_mut);
        for test in tests.into_iter().flatten() {
            let labels = labels.iter().map(|&label| label.into());
            test["predictions"] = toml::Value::Array(labels.collect());
        }
        fs::write(path, cell.to_string()).unwrap();
    }
}

#[test]
fn images_beyond_the_reader_are_said_to_be_so_and_report_draws_those_that_one_arm_reads() {
    let place = Scratch::new();
    export(&place, "mine", 12, 1, "--to gt");
    let flags = "--layout strip --arms identity,patch-merger --dataset gt:mine";
    let run = place.probe(&format!("--run a {flags}")).succeeded();
    let said = "Nothing can be concluded about connectors from mine.";
    assert!(run.stdout.starts_with(said), "{}", run.stdout);
    let verdict = || fs::read_to_string(place.result("a", "verdict.md")).unwrap();
    let first = |verdict: &str| {
        let answer = verdict.split("## Answer\n\n").nth(1).unwrap();
        answer.lines().next().unwrap().to_owned()
    };
    let told = first(&verdict());
    assert!(told.starts_with("**Nothing can be concluded about connectors from `mine`.**"));
    assert!(told.contains(", 0.00% of its 12 images"), "{told}");
    // After four steps nothing is read, so there is nothing to show.
    assert!(verdict().contains("read_by_one: all arms read the same images right"));
    let picture = |end: &str| place.result("a", &format!("plots/read_by_one.{end}"));
    assert!(!picture("svg").exists());

    // A folder of an earlier version has no such files; the images are read again from the data set.
    let predictions = Rows::read(&place.result("a", "predictions.csv"));
    let filters = [("arm", "identity"), ("seed", "1")];
    let labels = predictions.fields("target", &filters);
    pretend_to_read(&place, "a", "identity", &labels);
    fs::remove_file(place.result("a", "words_right.csv")).unwrap();
    let run = place.run("report results/a --data data").succeeded();
    assert!(
        run.stdout.starts_with("Words right on mine:"),
        "{}",
        run.stdout
    );
    assert!(first(&verdict()).contains(", 100.0% of its 12 images"));
    let rows = Rows::read(&place.result("a", "words_right.csv"));
    assert_eq!(rows.fields("words_right", &[("arm", "identity")]), ["1"]);
    assert_eq!(
        rows.fields("identity_difference", &[("arm", "patch-merger")]),
        ["-1"]
    );
    let shown = Rows::read(&picture("csv"));
    let filters = [("reads", "identity"), ("does_not", "patch-merger")];
    assert_eq!(
        shown.fields("item", &filters),
        ["0", "2", "4", "6", "8", "10"]
    );
    let svg = fs::read_to_string(picture("svg")).unwrap();
    assert_eq!(svg.matches("<image ").count(), 6);
    assert!(svg.contains(labels[4]), "{}", labels[4]);
    let page = fs::read_to_string(place.result("a", "report.html")).unwrap();
    assert!(page.contains("Images of mine that one arm reads and another does not"));

    // And again, to the byte.
    let before = fs::read(picture("png")).unwrap();
    fs::remove_file(picture("png")).unwrap();
    place.run("report results/a --data data").succeeded();
    assert!(fs::read(picture("png")).unwrap() == before);
}
