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

    // Half of the cells are lost, and every table.
    let before = bytes("a", "summary.csv");
    let cells = fs::read_dir(place.path("r/a/cells")).unwrap();
    for cell in cells.step_by(2) {
        fs::remove_file(cell.unwrap().path()).unwrap();
    }
    fs::remove_file(place.path("r/a/summary.csv")).unwrap();
    run(&place, "--run a --dataset photos --resume").succeeded();
    assert_eq!(bytes("a", "summary.csv"), before);

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
