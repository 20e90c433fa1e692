//! `fine-grained-probe` and the contact sheets from the command line, in miniature.

#![allow(clippy::unwrap_used)]

mod support;

use image::{GrayImage, Luma, RgbImage};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::fs;
use std::path::Path;
use support::{Finished, Rows, Scratch, names, quantities};

/// On top of the smallest preset.
const SETTINGS: &str = r#"
arms = ["identity", "patch-merger", "gelu-mlp@20", "vet-softmax@20", "vq@16", "blind"]
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

fn scratch() -> Scratch {
    let place = Scratch::new();
    place.write("fine.toml", SETTINGS);
    place
}

fn probe(place: &Scratch, flags: &str) -> Finished {
    place.run(&format!(
        "fine-grained-probe --preset smoke --config fine.toml --data data --results results {flags}"
    ))
}

#[test]
fn tasks_stand_beside_reading_and_the_blind_arm_is_at_chance() {
    let place = scratch();
    let flags = "--run f --tasks vernier,confusable-glyphs,text-slant";
    probe(&place, flags).succeeded();
    let at = |file: &str| place.result("f", file);
    for file in [
        "fine-grained-reading/summary.csv",
        "fine-grained-vernier/metrics.csv",
        "plots/acuity_vernier.svg",
        "plots/acuity_vernier.png",
        "tables/thresholds.csv",
        "tables/fine_grained_interaction.csv",
    ] {
        assert!(at(file).is_file(), "{file}");
    }
    let accuracy = Rows::read(&at("tables/accuracy.csv"));
    for (task, chance) in [("vernier", "50.0%"), ("confusable-glyphs", "6.7%")] {
        let blind = [("task", task), ("arm", "blind")];
        let right = accuracy.fields("right answers", &blind);
        assert!(right[0].starts_with(chance), "{task}: {right:?}");
        assert_eq!(accuracy.fields("chance", &blind), [chance]);
        // One answer for both images of a pair is never right twice.
        let both = accuracy.fields("both of a pair right", &blind);
        assert!(both[0].starts_with("0.00%"), "{both:?}");
    }
    let blind = [("task", "vernier"), ("arm", "blind")];
    assert_eq!(accuracy.fields("d′", &blind), ["0.00"]);
    let gates = Rows::read(&at("gates.csv"));
    assert_eq!(gates.fields("state", &[("gate", "blind")]), ["passed"]);
    let claims = Rows::read(&at("claims.csv"));
    assert_eq!(claims.fields("verdict", &[("claim", "H1")]).len(), 0);
    assert_eq!(claims.fields("verdict", &[("claim", "F1")]).len(), 1);
    let confusions = Rows::read(&at("tables/confusions.csv"));
    let pair = [("pair", "confusable-glyphs: 0 read as O")];
    assert_eq!(confusions.fields("identity", &pair).len(), 1);
    let classes = Rows::read(&at("fine-grained-vernier/classes.csv"));
    assert_eq!(classes.fields("number", &[("class", "right")]), ["1"]);
    let page = fs::read_to_string(at("report.html")).unwrap();
    for part in ["fine detail", "three times in four", "both of a pair right"] {
        assert!(page.contains(part), "no `{part}`");
    }

    // Nothing is trained again, and the bytes are the same.
    let before = fs::read(at("fine-grained-vernier/metrics.csv")).unwrap();
    let again = probe(&place, &format!("{flags} --resume --jobs 1")).succeeded();
    assert!(!again.stderr.contains("0 done before"), "{}", again.stderr);
    assert!(fs::read(at("fine-grained-vernier/metrics.csv")).unwrap() == before);

    // Arms that have learnt nothing have no thresholds. With answers of observers that have some,
    // tables, page and claims give one number each.
    plant_answers(&place, "f");
    place.run("claims results/f --data data").succeeded();
    let mlp = |comparison: &str| {
        let arms = comparison.strip_prefix("threshold of ")?;
        let (arm, _) = arms.split_once(" over that of gelu-mlp@20")?;
        let row = vec![("task", "vernier".to_owned()), ("arm", arm.to_owned())];
        Some((row, "over that of the MLP"))
    };
    let compared = quantities::assert_table_agrees(&place, "f", "thresholds", "H10", mlp);
    assert_eq!(compared, 1);
    for (claim, condition) in [("F1", "reading"), ("F2", "vernier")] {
        let loss = |comparison: &str| {
            let (arm, _) = comparison.strip_prefix('(')?.split_once(" − ")?;
            let row = vec![("arm", arm.to_owned()), ("loss in", condition.to_owned())];
            Some((row, "minus loss in coarse tasks"))
        };
        let table = "fine_grained_interaction";
        let compared = quantities::assert_table_agrees(&place, "f", table, claim, loss);
        assert_eq!(compared, 1, "{claim}");
    }

    // Without cells, from the classes that the items hold: thresholds, d′ and confusions too.
    let files = [
        "claims.csv",
        "gates.csv",
        "tables/thresholds.csv",
        "tables/accuracy.csv",
        "tables/confusions.csv",
        "tables/fine_grained_interaction.csv",
    ];
    let read = || files.map(|file| fs::read(at(file)).unwrap());
    let before = read();
    fs::remove_dir_all(at("cells")).unwrap();
    for file in files {
        fs::remove_file(at(file)).unwrap();
    }
    let run = place.run("claims results/f --data data").succeeded();
    assert!(run.stderr.contains("items.safetensors, without cells"));
    for (file, (before, after)) in files.iter().zip(before.iter().zip(read())) {
        assert!(*before == after, "{file} changed");
    }
}

/// Writes answers of observers with thresholds of their own into the cells of the vernier run.
fn plant_answers(place: &Scratch, run: &str) {
    let rows = Rows::read(&place.result(run, "fine-grained-vernier/predictions.csv"));
    let classes = Rows::read(&place.result(run, "fine-grained-vernier/classes.csv"));
    let classes = classes.fields("class", &[]);
    let mut planted = 0;
    for name in names(&place.result(run, "cells")) {
        let path = place.result(run, &format!("cells/{name}"));
        let mut cell: toml::Table = fs::read_to_string(&path).unwrap().parse().unwrap();
        let spec = cell["spec"].as_table().unwrap();
        let arm = spec["arm"].as_str().unwrap().to_owned();
        let seed = spec["seed"].to_string();
        let of_cell = [("arm", arm.as_str()), ("seed", seed.as_str())];
        let column = |name: &str| rows.fields(name, &of_cell);
        let (read, levels, targets) = (column("prediction"), column("condition"), column("target"));
        let tests = cell["tests"].as_array_mut().unwrap();
        let answers = |test: &toml::Value| test["predictions"].as_array().unwrap().clone();
        let found: Vec<toml::Value> = tests.iter().flat_map(answers).collect();
        // Answers of other tasks are more classes, those of reading texts.
        let named = |answer: &toml::Value| {
            let class = usize::try_from(answer.as_integer()?).ok()?;
            classes.get(class).map(ToString::to_string)
        };
        let read = read.iter().map(|name| Some(name.to_string()));
        if found.is_empty() || !found.iter().map(named).eq(read) {
            continue;
        }
        let threshold = if arm.starts_with("vq") { 0.7 } else { 0.4 };
        let mut rng = ChaCha8Rng::seed_from_u64(seed.parse::<u64>().unwrap() + arm.len() as u64);
        let mut answers = levels.iter().zip(&targets).map(|(level, target)| {
            let level = level.split(' ').nth(1).unwrap().parse::<f64>().unwrap();
            let seen = 1.0 / (1.0 + (-(level / threshold).ln() / 0.3).exp());
            let right = rng.random_bool(0.5 + 0.48 * seen);
            i64::from(right != (*target == classes[0]))
        });
        for test in tests {
            for answer in test["predictions"].as_array_mut().unwrap() {
                *answer = answers.next().unwrap().into();
            }
        }
        drop(answers);
        fs::write(&path, toml::to_string(&cell).unwrap()).unwrap();
        planted += 1;
    }
    assert!(planted >= 12, "{planted} cells of six arms and their seeds");
}

/// Two classes that are told by their brightness.
fn folder(dir: &Path) {
    for (class, level) in [("dark", 30), ("light", 220)] {
        fs::create_dir_all(dir.join(class)).unwrap();
        for index in 0..30 {
            let image = GrayImage::from_fn(40, 30, |x, _| Luma([level + (x % 3) as u8]));
            image
                .save(dir.join(class).join(format!("{index}.jpg")))
                .unwrap();
        }
    }
}

#[test]
fn photographs_of_a_folder_are_probed_and_broken_ones_named_and_counted() {
    let place = scratch();
    folder(&place.path("birds"));
    let run = probe(&place, "--run whole --dataset folder:birds").succeeded();
    assert!(!run.stderr.contains("left out"), "{}", run.stderr);
    let accuracy = Rows::read(&place.result("whole", "tables/accuracy.csv"));
    let identity = [("task", "folder:birds"), ("arm", "identity")];
    assert_eq!(accuracy.fields("right answers", &identity).len(), 1);
    let part = "fine-grained-folder-birds";
    let compared = quantities::assert_accuracy_agrees(&place, "whole", part, "folder:birds");
    assert!(compared > 5, "{compared}");
    let classes = place.result("whole", "fine-grained-folder-birds/classes.csv");
    assert_eq!(
        Rows::read(&classes).fields("class", &[("number", "1")]),
        ["light"]
    );

    let bytes = fs::read(place.path("birds/light/3.jpg")).unwrap();
    for index in 0..30 {
        fs::write(
            place.path(format!("birds/light/{index}.jpg")),
            &bytes[..200],
        )
        .unwrap();
    }
    fs::create_dir(place.path("birds/none")).unwrap();
    probe(&place, "--run strict --dataset folder:birds").refused(&[
        "none",
        "no images",
        "--skip-broken",
    ]);
    fs::remove_dir(place.path("birds/none")).unwrap();
    probe(&place, "--run strict --dataset folder:birds").refused(&[
        "light",
        "cannot decode",
        "--skip-broken",
    ]);
    fs::create_dir(place.path("birds/none")).unwrap();
    let run = probe(&place, "--run lenient --dataset folder:birds --skip-broken").succeeded();
    for part in [
        "1 problem",
        "`none` has no images",
        "cannot decode",
        "left out",
    ] {
        assert!(run.stderr.contains(part), "no `{part}` in {}", run.stderr);
    }
    let page = fs::read_to_string(place.result("lenient", "report.html")).unwrap();
    for part in ["What became of the images", " has no images"] {
        assert!(page.contains(part), "no `{part}` on the page");
    }
    probe(&place, "--run x --dataset cub:nowhere").refused(&["nowhere"]);
    probe(&place, "--run x --dataset tar:x").refused(&["tar:x", "folder:DIR"]);
}

/// FGVC-Aircraft's layout: images with a banner, and lists.
fn aircraft(dir: &Path) {
    let images = dir.join("data/images");
    fs::create_dir_all(&images).unwrap();
    let mut lists = [String::new(), String::new(), String::new()];
    for number in 0..24_u8 {
        let name = format!("{number:07}");
        let image = RgbImage::from_pixel(60, 60, image::Rgb([10 * number, 90, 120]));
        image.save(images.join(format!("{name}.jpg"))).unwrap();
        let variant = if number % 2 == 0 { "707-320" } else { "DC-8" };
        lists[usize::from(number / 2 % 3)] += &format!("{name} {variant}\n");
    }
    for (split, list) in ["train", "val", "test"].iter().zip(lists) {
        fs::write(dir.join(format!("data/images_variant_{split}.txt")), list).unwrap();
    }
    fs::write(dir.join("data/variants.txt"), "707-320\nDC-8\n").unwrap();
    let boxes = (0..24).map(|number| format!("{number:07} 1 1 50 30\n"));
    fs::write(dir.join("data/images_box.txt"), boxes.collect::<String>()).unwrap();
}

/// CUB-200-2011's layout, with two birds.
fn cub(dir: &Path) {
    let classes = ["001.Wren", "002.Finch"];
    let mut lists: [String; 4] = Default::default();
    for number in 1..=90_u8 {
        let class = usize::from(number % 2);
        let file = format!("{}/{number}.jpg", classes[class]);
        let path = dir.join("images").join(&file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let level = 40 + 100 * class as u8 + number;
        let inside = |x, y| (1..31).contains(&x) && (1..21).contains(&y);
        let bird = |x, y| image::Rgb([if inside(x, y) { level } else { 128 }; 3]);
        RgbImage::from_fn(50, 40, bird).save(path).unwrap();
        let is_training = u8::from(number % 4 != 0 && number % 4 != 3);
        for (list, entry) in lists.iter_mut().zip([
            file,
            (class + 1).to_string(),
            is_training.to_string(),
            "1.0 1.0 30.0 20.0".to_owned(),
        ]) {
            *list += &format!("{number} {entry}\n");
        }
    }
    let names = [
        "images",
        "image_class_labels",
        "train_test_split",
        "bounding_boxes",
    ];
    for (name, list) in names.iter().zip(lists) {
        fs::write(dir.join(format!("{name}.txt")), list).unwrap();
    }
    fs::write(dir.join("classes.txt"), "1 001.Wren\n2 002.Finch\n").unwrap();
}

#[test]
fn published_layouts_are_read_as_they_are_unpacked() {
    let place = scratch();
    aircraft(&place.path("planes"));
    cub(&place.path("CUB_200_2011"));
    let flags = "--run a --dataset fgvc-aircraft:planes --dataset cub:CUB_200_2011";
    let run = probe(&place, flags).succeeded();
    assert!(run.stdout.contains("3 runs"), "{}", run.stdout);
    let folder = "fine-grained-cub-CUB-200-2011";
    let classes = Rows::read(&place.result("a", &format!("{folder}/classes.csv")));
    assert_eq!(classes.fields("class", &[("number", "0")]), ["001.Wren"]);
    let folder = "fine-grained-aircraft-planes";
    let classes = Rows::read(&place.result("a", &format!("{folder}/classes.csv")));
    assert_eq!(classes.fields("class", &[("number", "1")]), ["DC-8"]);
}

#[test]
fn photographs_are_cropped_to_the_boxes_that_a_data_set_has() {
    let place = scratch();
    cub(&place.path("birds"));
    folder(&place.path("plain"));
    probe(&place, "--run whole --dataset cub:birds").succeeded();
    let crop = "--dataset cub:birds --crop-to-boxes";
    probe(&place, &format!("{crop} 0.05 --run cropped")).succeeded();
    let at = |run: &str, file: &str| place.result(run, &format!("fine-grained-cub-birds/{file}"));
    let config = fs::read_to_string(at("cropped", "config.toml")).unwrap();
    assert!(config.contains("box_margin = 0.05"), "{config}");
    let images = |run: &str| -> Vec<String> {
        let manifest = fs::read_to_string(at(run, "manifest.json")).unwrap();
        let lines = manifest.lines().filter(|line| line.contains("\"test cub:"));
        lines.map(str::to_owned).collect()
    };
    assert!(!images("whole").is_empty());
    assert_ne!(images("whole"), images("cropped"));

    let folder = "--run x --dataset folder:plain --crop-to-boxes 0";
    probe(&place, folder).refused(&["folder:plain", "--crop-to-boxes"]);
    probe(&place, &format!("{crop}=-1 --run x")).refused(&["box_margin", "between 0"]);
    probe(&place, "--crop-to-boxes 0").refused(&["--dataset"]);
}

#[test]
fn contact_sheets_are_rendered_and_unknown_tasks_refused() {
    let place = scratch();
    let run = place
        .run("render --out sheets --tasks vernier,colour")
        .succeeded();
    assert!(run.stdout.contains("left or right"), "{}", run.stdout);
    for task in ["vernier", "colour"] {
        let sheet = image::open(place.path(format!("sheets/{task}.png"))).unwrap();
        assert!(sheet.width() > 500 && sheet.height() > 500);
    }
    place
        .run("render --out sheets --tasks snellen")
        .refused(&["snellen", "landolt-gap"]);
    probe(&place, "--tasks vernier,vernier").refused(&["named twice"]);
    probe(&place, "--dataset folder:birds --dataset folder:birds")
        .refused(&["folder:birds", "named twice"]);
    probe(&place, "--tasks colour").refused(&["colour", "shade"]);
    probe(&place, "--skip-broken").refused(&["--dataset"]);
    assert!(place.runs().is_empty());
}

#[cfg(unix)]
#[test]
fn a_backbone_whose_name_is_not_utf8_is_refused_by_name() {
    use std::os::unix::ffi::OsStrExt;
    let place = scratch();
    let mut command = place.binary();
    command.args(["fine-grained-probe", "--preset", "smoke", "--backbone"]);
    command.arg(std::ffi::OsStr::from_bytes(b"caf\xe9.safetensors"));
    let finished: Finished = command.output().unwrap().into();
    finished.refused(&["--backbone", "not UTF-8", "rename it"]);
}
