//! `study --preset paper`: the second registration, made in pieces and carried as items.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use support::{Finished, Rows, Scratch};

/// What makes a run of hours one of seconds.
const SMALL: &str = r#"
seeds = [101, 102]
replication = "images"
backbone = "backbone.safetensors"
usage_tokens = 0
bootstrap_draws = 100

[data]
images = { train = 64, validation = 8, test = 16, test_words = 8 }

[training]
steps = 2
batch = 8
evaluations = 1
evaluation_images = 8
"#;

fn study(place: &Scratch, flags: &str) -> Finished {
    place.write("small.toml", SMALL);
    place.run(&format!(
        "study --preset paper --config small.toml --only gradients,untaught --data data --run paper {flags}"
    ))
}

fn verdict<'a>(claims: &'a Rows, claim: &str) -> &'a str {
    claims.fields("verdict", &[("claim", claim), ("part", "1")])[0]
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_study_in_pieces_is_its_items_and_says_what_is_still_to_come() {
    let place = Scratch::new();
    study(&place, "").succeeded();
    let file = |name: &str| place.result("paper", name);
    let claims = read(&file("claims.csv"));
    let found = Rows::read(&file("claims.csv"));
    // Two seeds support nothing, but K and G were measured; no run of A1 was asked for.
    assert_ne!(verdict(&found, "K"), "NOT MEASURED");
    assert_ne!(verdict(&found, "G"), "NOT MEASURED");
    assert_eq!(verdict(&found, "A1"), "NOT MEASURED");

    // As in a clone.
    fs::remove_dir_all(file("cells")).unwrap();
    fs::remove_dir_all(place.path("data")).unwrap();
    place.run("claims results/paper --data data").succeeded();
    assert!(read(&file("claims.csv")) == claims);

    // A piece that is not made yet is named, and its claims have no verdict.
    let untaught = read(&file("untaught/items.safetensors"));
    fs::remove_dir_all(file("gradients")).unwrap();
    place.run("claims results/paper --data data").succeeded();
    let partial = Rows::read(&file("claims.csv"));
    assert_eq!(verdict(&partial, "G"), "NOT MEASURED");
    assert_eq!(verdict(&partial, "K"), verdict(&found, "K"));
    let page = fs::read_to_string(file("report.html")).unwrap();
    assert!(page.contains("Not finished when this report was made"));

    // The next piece is trained, what is there is taken from its items.
    let resumed = study(&place, "--resume").succeeded();
    assert!(
        resumed
            .stderr
            .contains("from items.safetensors, without cells")
    );
    assert!(read(&file("claims.csv")) == claims);
    assert!(read(&file("untaught/items.safetensors")) == untaught);
}
