//! `representation-probe`: the same bytes for any number of lanes, resuming, photographs, refusals.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Rows, Scratch};

/// Six photographs of stripes and one file that is none.
fn photographs(place: &Scratch) {
    fs::create_dir_all(place.path("photos/more")).unwrap();
    for index in 0..6_u32 {
        let stripes = |x: u32, y: u32| image::Luma([((x * (index + 2) + y * 5) % 256) as u8]);
        let image = image::GrayImage::from_fn(160, 90 + index, stripes);
        image
            .save(place.path(format!("photos/more/{index}.png")))
            .unwrap();
    }
    fs::write(place.path("photos/broken.jpg"), b"nothing").unwrap();
}

const SMALL: &str =
    "representation-probe --preset smoke --arms patch-merger,vq@16,blind --results r";

fn run(place: &Scratch, more: &str) -> support::Finished {
    place.run(&format!("{SMALL} --backbone backbone.safetensors {more}"))
}

#[test]
fn it_writes_the_same_bytes_on_one_lane_and_on_two_and_when_it_is_resumed() {
    let place = Scratch::new();
    photographs(&place);
    let first = run(&place, "--run a --jobs 1 --dataset photos").succeeded();
    assert!(
        first.stderr.contains("1 photograph left out"),
        "{}",
        first.stderr
    );
    assert!(first.stderr.contains("broken.jpg"), "{}", first.stderr);
    run(&place, "--run b --jobs 2 --dataset photos").succeeded();
    let bytes = |run: &str, file: &str| fs::read(place.path(format!("r/{run}/{file}"))).unwrap();
    for file in [
        "metrics.csv",
        "summary.csv",
        "learning_curves.csv",
        "answer.md",
    ] {
        assert_eq!(bytes("a", file), bytes("b", file), "{file}");
    }

    // What computes nothing leaves the manifest as it is: it says where the numbers come from.
    let manifest = place.path("r/a/manifest.json");
    let text = fs::read_to_string(&manifest).unwrap();
    let of_old = text.replace(r#""version": ""#, r#""version": "of-old-"#);
    assert_ne!(of_old, text);
    fs::write(&manifest, &of_old).unwrap();
    run(&place, "--run a --dataset photos --resume").succeeded();
    assert_eq!(fs::read_to_string(&manifest).unwrap(), of_old);

    // Half of the cells are lost, and every table.
    let before = bytes("a", "summary.csv");
    let cells = fs::read_dir(place.path("r/a/cells")).unwrap();
    for cell in cells.step_by(2) {
        fs::remove_file(cell.unwrap().path()).unwrap();
    }
    fs::remove_file(place.path("r/a/summary.csv")).unwrap();
    run(&place, "--run a --dataset photos --resume").succeeded();
    assert_eq!(bytes("a", "summary.csv"), before);
    let text = fs::read_to_string(&manifest).unwrap();
    assert!(
        !text.contains("of-old-"),
        "computed anew by this version: {text}"
    );

    // What is there: every arm with both objectives, and the baselines, on three kinds of images.
    let summary = Rows::read(&place.path("r/a/summary.csv"));
    let arms =
        |objective| summary.fields("arm", &[("objective", objective), ("kind", "photographs")]);
    for objective in ["read", "reconstruct"] {
        assert_eq!(arms(objective), ["patch-merger", "vq@16", "blind"]);
    }
    assert_eq!(arms(""), ["original", "resized", "mean-colour"]);
    let number = |column: &str, arm: &str, kind: &str| -> f64 {
        let filters = [("objective", ""), ("arm", arm), ("kind", kind)];
        summary.fields(column, &filters)[0].parse().unwrap()
    };
    let [kept, lost] = ["resized", "mean-colour"].map(|arm| number("psnr_db", arm, "photographs"));
    assert!(
        kept > lost,
        "a shrunk picture ({kept} dB) is nearer than grey ({lost} dB)"
    );
    assert!((number("distortion", "mean-colour", "text") - 1.0).abs() < 0.01);
    let bits = summary.fields("used_bits", &[("arm", "vq@16")]);
    assert!(
        bits.iter()
            .all(|bits| (0.0..=4.0).contains(&bits.parse::<f64>().unwrap()))
    );
    let page = fs::read_to_string(place.path("r/a/report.html")).unwrap();
    assert!(page.contains("Can a vocabulary of visual words represent an image?"));
    for plot in [
        "rate_distortion",
        "text_by_bits",
        "pictures_photographs_read",
    ] {
        assert!(
            place.path(format!("r/a/plots/{plot}.png")).is_file(),
            "{plot}"
        );
    }
}

#[test]
fn what_makes_no_sense_is_refused_by_name_before_anything_is_rendered() {
    let place = Scratch::new();
    run(&place, "--dataset absent").refused(&["absent"]);
    fs::create_dir(place.path("few")).unwrap();
    run(&place, "--dataset few").refused(&["few", "0 photographs", "at least 5"]);
    run(&place, "--decode-steps 0").refused(&["decode_steps", "give more"]);
    run(&place, "--learning-rates 0").refused(&["learning rate 0"]);
    run(&place, "--arms pretrained").refused(&["pretrained", "leave it out"]);
    // A name that is taken by another configuration.
    run(&place, "--run a --decode-steps 2 --read-steps 2").succeeded();
    run(&place, "--run a").refused(&["another configuration", "read_steps"]);
    run(&place, "--run a --decode-steps 2 --read-steps 2").refused(&["--resume"]);
}

/// The registered run in small: three seeds with towers and training images of their own.
const PAPER: &str = r#"
seeds = [1, 2, 3]
read_steps = 6
decode_steps = 6
batch = 8
decoder_width = 32
decoder_depth = 1
usage_tokens = 0
arms = ["patch-merger", "gelu-mlp@1028", "vet-softmax@1028"]

[images]
text = 32
task = 1
photographs = 32
validation = 8
test = 16
"#;

#[test]
fn the_registered_run_has_seeds_of_their_own_and_claims_that_a_clone_evaluates_again() {
    let place = Scratch::new();
    photographs(&place);
    place.write("paper.toml", PAPER);
    for seed in 1..=3 {
        // The same tower thrice: only the name differs here.
        let weights = fs::read(place.path("backbone.safetensors")).unwrap();
        place.write(&format!("tower-{seed}.safetensors"), weights);
    }
    let flags = "representation-probe --preset paper --config paper.toml --results r --dataset photos \
                 --backbone tower-{seed}.safetensors";
    let run = |name: &str, jobs: usize| {
        place
            .run(&format!("{flags} --run {name} --jobs {jobs}"))
            .succeeded()
    };
    let told = run("a", 1).stdout;
    assert!(
        told.contains("L1") && told.contains("NOT MEASURED"),
        "{told}"
    );
    run("b", 2);
    let bytes = |run: &str, file: &str| fs::read(place.path(format!("r/{run}/{file}"))).unwrap();
    for file in [
        "metrics.csv",
        "summary.csv",
        "items.safetensors",
        "claims.csv",
    ] {
        assert!(bytes("a", file) == bytes("b", file), "{file}");
    }
    let claims = Rows::read(&place.path("r/a/claims.csv"));
    assert_eq!(claims.fields("seeds", &[("claim", "L2")]), ["3", "3"]);

    // Every seed has images of its own to train on, and the same to be tested on.
    let manifest = fs::read_to_string(place.path("r/a/manifest.json")).unwrap();
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let hashes = |split: &str| {
        let groups = manifest["hashes"]["data"].as_object().unwrap().iter();
        let of_split = groups.filter(|(name, _)| name.contains(split));
        let found: std::collections::BTreeSet<_> =
            of_split.map(|(_, hash)| hash.to_string()).collect();
        found.len()
    };
    assert_eq!([hashes(": train"), hashes(": test")], [3, 1], "{manifest}");
    let summary = Rows::read(&place.path("r/a/summary.csv"));
    assert_eq!(
        summary.fields("seeds", &[("arm", "patch-merger")]),
        ["3", "3"]
    );

    // As in a clone: no cells.
    fs::remove_dir_all(place.path("r/b/cells")).unwrap();
    fs::remove_file(place.path("r/b/claims.csv")).unwrap();
    place.run("claims r/b").succeeded();
    assert_eq!(bytes("a", "claims.csv"), bytes("b", "claims.csv"));
    fs::write(place.path("r/b/items.safetensors"), "nothing").unwrap();
    place
        .run("claims r/b")
        .refused(&["items.safetensors", "damaged"]);

    // A run that nothing was registered for says so; a tower per seed needs a place for its number.
    let small = "representation-probe --preset smoke --arms patch-merger --backbone backbone.safetensors --results r";
    place.run(&format!("{small} --run c")).succeeded();
    assert!(place.path("r/c/items.safetensors").is_file());
    place
        .run("claims r/c")
        .refused(&["nothing was registered", "--preset paper"]);
    place
        .run(&format!("{small} --run d --replication towers"))
        .refused(&["{seed}"]);
}
