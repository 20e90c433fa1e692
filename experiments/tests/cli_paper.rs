//! `study --preset paper`: the second registration, made in pieces and carried as items.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use std::path::Path;
use support::{Finished, Rows, Scratch, TINY_BACKBONE};

/// What makes a run of hours one of seconds.
const SMALL: &str = r#"
seeds = [101, 102]
replication = "towers"
backbone = "towers/seed-{seed}.safetensors"
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
        "study --preset paper --config small.toml --data data --run paper {flags}"
    ))
}

/// A scratch folder with a tower for each seed.
fn scratch() -> Scratch {
    let place = Scratch::new();
    place.write("tower.toml", TINY_BACKBONE);
    for seed in [101, 102] {
        let out = format!("--out towers/seed-{seed}.safetensors");
        place
            .run(&format!(
                "pretrain-backbone --config tower.toml --seed {seed} {out}"
            ))
            .succeeded();
    }
    place
}

#[test]
fn every_section_can_be_made_with_a_tower_for_each_seed() {
    let place = scratch();
    // Equal steps for all, which the settings ask for, leave nothing to compare lengths of training by.
    let sections = "converged,memory,untaught,knee,rungs,language,fine-grained,gradients";
    study(&place, &format!("--only {sections}")).succeeded();
    let claims = Rows::read(&place.result("paper", "claims.csv"));
    let verdicts = claims.fields("verdict", &[]);
    assert!(!verdicts.is_empty());
    for (claim, verdict) in claims.fields("claim", &[]).into_iter().zip(verdicts) {
        assert_eq!(
            verdict == "NOT MEASURED",
            claim == "C",
            "{claim}: {verdict}"
        );
    }
    let gates = Rows::read(&place.result("paper", "gates.csv"));
    let states = gates.fields("state", &[("gate", "memory")]);
    assert_ne!(states, ["not-measured"]);
    // Done, and of how many, as its own log tells it.
    let status = place.run("status results/paper").succeeded();
    for line in status
        .stdout
        .lines()
        .filter(|line| line.starts_with("| "))
        .skip(1)
    {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        assert_eq!((cells[2], cells[3]), ("finished", cells[4]), "{line}");
        assert_ne!(cells[3], "0", "{line}");
    }

    // A curve of seven densities is not the one that claim E is about.
    fs::remove_dir_all(place.result("paper", "knee-4-per-token")).unwrap();
    place.run("claims results/paper --data data").succeeded();
    let without = Rows::read(&place.result("paper", "claims.csv"));
    assert_eq!(verdict(&without, "E"), "NOT MEASURED");
    assert_eq!(verdict(&without, "D"), verdict(&claims, "D"));
}

fn verdict<'a>(claims: &'a Rows, claim: &str) -> &'a str {
    claims.fields("verdict", &[("claim", claim), ("part", "1")])[0]
}

fn read(path: &Path) -> Vec<u8> {
    fs::read(path).unwrap()
}

#[test]
fn a_study_in_pieces_is_its_items_and_says_what_is_still_to_come() {
    let place = scratch();
    let two = "--only gradients,untaught";
    study(&place, two).succeeded();
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

    // Some sections of it alone; one that is not among them is asked for in vain.
    study(&place, "--only untaught --resume").succeeded();
    assert!(!file("gradients").exists());
    let page = fs::read_to_string(file("report.html")).unwrap();
    assert!(page.contains("Not finished when this report was made"));
    study(&place, "--only memory --resume").refused(&["another configuration"]);

    // The next piece is trained, what is there is taken from its items.
    let resumed = study(&place, "--only gradients --resume").succeeded();
    assert!(
        resumed
            .stderr
            .contains("from items.safetensors, without cells")
    );
    assert!(read(&file("claims.csv")) == claims);
    assert!(read(&file("untaught/items.safetensors")) == untaught);
}

#[test]
fn a_merge_keeps_the_verdicts_of_runs_that_were_finished_elsewhere() {
    let place = scratch();
    study(&place, "--only gradients,untaught").succeeded();
    let file = |name: &str| place.result("paper", name);
    let found = Rows::read(&file("claims.csv"));
    let untaught = read(&file("untaught/items.safetensors"));
    // As in a clone in which one run is still to be trained, and one arm that it alone has is.
    fs::remove_dir_all(file("cells")).unwrap();
    fs::remove_dir_all(file("gradients")).unwrap();
    place
        .run("cell results/paper --index 2 --data data --jobs 1")
        .succeeded();
    let merge = "merge results/paper --data data --partial";
    place.run(merge).succeeded();
    let merged = Rows::read(&file("claims.csv"));
    assert_eq!(verdict(&merged, "K"), verdict(&found, "K"));
    assert_eq!(verdict(&merged, "G"), "NOT MEASURED");
    assert!(read(&file("untaught/items.safetensors")) == untaught);

    // One that cannot be read is named, and its claims have no verdict.
    fs::write(file("untaught/items.safetensors"), "damaged").unwrap();
    let told = place.run(merge).succeeded().stderr;
    let expected = "untaught/items.safetensors: it is damaged";
    assert!(told.contains(expected), "{told}");
    let without = Rows::read(&file("claims.csv"));
    assert_eq!(verdict(&without, "K"), "NOT MEASURED");
}
