//! `slurm`, `cell` and `merge` without a cluster: tasks in any order, killed, run twice, come to the
//! bytes of one process. With a real SLURM: `tools/slurm-test`.

#![allow(clippy::unwrap_used)]

mod support;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use run_support::atomic::UNFINISHED;
use std::fs;
use std::process::{Child, Stdio};
use std::time::Duration;
use support::{Rows, Scratch, names};

/// On top of the smallest preset.
const SETTINGS: &str = r#"
arms = ["identity", "patch-merger", "vet-softmax@20", "vet-st-argmax@20+usage"]
d_token = 16
backbone = "backbone.safetensors"

[data]
charset = "36"
densities = [1.0]
test_contents = ["random"]

[training]
steps = 12
batch = 16
learning_rates = [0.004, 0.008]
extensions = 1
"#;
const STUDY: &str = "--preset smoke --only ocr,control --config study.toml --data data \
    --results results";

fn scratch() -> Scratch {
    let place = Scratch::new();
    place.write("study.toml", SETTINGS);
    place
}

/// A study's folder with its scripts, and its number of items.
fn spread(place: &Scratch, flags: &str) -> usize {
    place
        .run(&format!("slurm {STUDY} --run spread {flags}"))
        .succeeded();
    Rows::read(&place.result("spread", "cluster/tasks.csv"))
        .fields("item", &[])
        .len()
}

fn cell_flags(index: usize) -> String {
    format!("cell results/spread --index {index} --data data --jobs 1")
}

fn start(place: &Scratch, arguments: &str) -> Child {
    let mut command = place.binary();
    command.args(arguments.split_whitespace());
    command.stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap()
}

/// All tables of a results folder and of the runs in it, by name.
fn tables(place: &Scratch, run: &str) -> Vec<(String, Vec<u8>)> {
    let mut found = Vec::new();
    let mut folders = vec![String::new()];
    while let Some(folder) = folders.pop() {
        for name in names(&place.result(run, &folder)) {
            let path = format!("{folder}{name}");
            if place.result(run, &path).is_dir() {
                if !["cells", "cluster", "plots"].contains(&name.as_str()) {
                    folders.push(format!("{path}/"));
                }
            } else if name.ends_with(".csv") || name == "verdict.md" {
                let bytes = fs::read(place.result(run, &path)).unwrap();
                found.push((path, bytes));
            }
        }
    }
    found.sort();
    found
}

#[track_caller]
fn assert_same(place: &Scratch, run: &str, plain: &str) {
    let [found, expected] = [run, plain].map(|run| tables(place, run));
    let names = |tables: &[(String, Vec<u8>)]| -> Vec<String> {
        tables.iter().map(|(name, _)| name.clone()).collect()
    };
    assert_eq!(names(&found), names(&expected));
    for ((name, found), (_, expected)) in found.iter().zip(&expected) {
        assert!(found == expected, "{name} differs");
    }
    // What a killed task was writing stays until it is old.
    let cells = |run: &str| -> Vec<String> {
        let names = support::names(&place.result(run, "cells")).into_iter();
        names.filter(|name| !name.starts_with(UNFINISHED)).collect()
    };
    assert_eq!(cells(run), cells(plain));
}

#[test]
fn tasks_in_any_order_come_to_the_bytes_of_one_process() {
    let place = scratch();
    place.run(&format!("study {STUDY} --run plain")).succeeded();
    let count = spread(&place, "");
    assert!(count >= 8, "{count} items");
    let merge = |flags: &str| place.run(&format!("merge results/spread --data data {flags}"));
    merge("").refused(&["nothing is written", "submit.sh"]);
    merge("--partial").refused(&["not one item is finished"]);

    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let mut order: Vec<usize> = (0..count).collect();
    order.shuffle(&mut rng);
    let (first, rest) = order.split_at(count / 2);
    for &index in first {
        let mut killed = start(&place, &cell_flags(index));
        std::thread::sleep(Duration::from_millis(rng.random_range(100..600)));
        // Fails if it was faster.
        let _ = killed.kill();
        killed.wait().unwrap();
        place.run(&cell_flags(index)).succeeded();
    }
    assert!(!place.result("spread", "ocr").exists(), "tasks write cells");
    let some = merge("").refused(&["nothing is written", "--array="]);
    for index in 0..count {
        let named = some.stderr.contains(&format!("missing: item {index} ("));
        assert_eq!(named, rest.contains(&index), "{index}: {}", some.stderr);
    }
    assert!(!place.result("spread", "claims.csv").exists());
    merge("--partial").succeeded();
    let page = fs::read_to_string(place.result("spread", "report.html")).unwrap();
    assert!(page.contains("Not finished when this report was made"));

    // Two tasks on one item: the second waits and finds the cells.
    for &index in rest {
        let other = start(&place, &cell_flags(index));
        place.run(&cell_flags(index)).succeeded();
        assert!(other.wait_with_output().unwrap().status.success());
    }
    merge("").succeeded();
    assert_same(&place, "spread", "plain");
    let page = fs::read_to_string(place.result("spread", "report.html")).unwrap();
    assert!(!page.contains("Not finished when this report was made"));
}

#[test]
fn few_tasks_cover_all_items_and_a_reason_to_give_up_is_told() {
    let place = scratch();
    let count = spread(&place, "--tasks 2");
    place.write("backbone.safetensors", "no weights");
    let first = "cell results/spread --index 0 --of 2 --data data";
    place.run(first).refused(&["backbone.safetensors"]);
    fs::remove_file(place.path("backbone.safetensors")).unwrap();
    let merge = place.run("merge results/spread --data data");
    // Known from the cells alone: the backbone is not looked for.
    let merge = merge.refused(&["nothing is written"]);
    let reason = "FAILED: run `ocr`: backbone.safetensors";
    assert!(merge.stderr.contains(reason), "{}", merge.stderr);
    let again = Scratch::new();
    let weights = fs::read(again.path("backbone.safetensors")).unwrap();
    place.write("backbone.safetensors", weights);
    let merge = place.run("merge results/spread --data data");
    let merge = merge.refused(&["--array=0,1`"]);
    let failed = |text: &str| text.matches("FAILED: run `").count();
    assert_eq!(failed(&merge.stderr), count / 2, "{}", merge.stderr);
    place.run(first).succeeded();
    let merge = place.run("merge results/spread --data data");
    let merge = merge.refused(&["--array=1`"]);
    assert_eq!(failed(&merge.stderr), 0, "{}", merge.stderr);
}

#[test]
fn a_single_run_is_spread_the_same_way() {
    let place = Scratch::new();
    let arms = "--arms patch-merger,vet-softmax@16,blind";
    place.probe(&format!("--run plain {arms}")).succeeded();
    let made = place.run("slurm --config results/plain/config.toml --results results --run spread");
    assert!(made.succeeded().stdout.contains("3 items"));
    for index in [2, 0, 1] {
        place.run(&cell_flags(index)).succeeded();
    }
    place.run("merge results/spread --data data").succeeded();
    assert_same(&place, "spread", "plain");
    assert!(place.result("spread", "report.html").is_file());
}

#[test]
fn seeds_with_images_of_their_own_are_spread_too() {
    let place = Scratch::new();
    let flags = "--replication images --learning-rates 0.002,0.004 --arms patch-merger,vet-softmax@16,blind";
    place.probe(&format!("--run plain {flags}")).succeeded();
    let made = place.run("slurm --config results/plain/config.toml --results results --run spread");
    assert!(made.succeeded().stdout.contains("3 items"));
    for index in [2, 0, 1] {
        place.run(&cell_flags(index)).succeeded();
    }
    // A later seed is found at the rate that the first one chose, and missed where it is not there.
    let cells = names(&place.result("spread", "cells"));
    let later = cells.iter().find(|name| {
        let cell = fs::read_to_string(place.result("spread", &format!("cells/{name}"))).unwrap();
        cell.contains("arm = \"vet-softmax@16\"") && cell.contains("seed = 2")
    });
    fs::remove_file(place.result("spread", &format!("cells/{}", later.unwrap()))).unwrap();
    let merge = place.run("merge results/spread --data data");
    let merge = merge.refused(&["1 of 3 items are missing (1)"]);
    let missing = "item 1 (run vet-softmax@16), 2 of its cells are there";
    assert!(merge.stderr.contains(missing), "{}", merge.stderr);
    place
        .run("merge results/spread --data data --partial")
        .succeeded();
    let metrics = Rows::read(&place.result("spread", "metrics.csv"));
    let of_arm = |arm: &str| metrics.fields("seed", &[("arm", arm), ("metric", "cer")]);
    assert_eq!(of_arm("patch-merger"), ["1", "2"]);
    assert!(of_arm("vet-softmax@16").is_empty());
    // Else it would pass for a finished run.
    assert!(!place.result("spread", "items.safetensors").exists());
    place.run(&cell_flags(1)).succeeded();
    place.run("merge results/spread --data data").succeeded();
    // One process keeps a finished seed as its items alone, so it has no predictions to write.
    let found = tables(&place, "spread");
    for table in tables(&place, "plain") {
        assert!(found.contains(&table), "{} differs", table.0);
    }
    let items = |run| fs::read(place.result(run, "items.safetensors")).unwrap();
    assert!(items("spread") == items("plain"));

    // Some of the cells of a finished run do not take its place.
    let metrics = fs::read(place.result("spread", "metrics.csv")).unwrap();
    for cell in fs::read_dir(place.result("spread", "cells")).unwrap() {
        let path = cell.unwrap().path();
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.contains("vet-softmax@16") {
            fs::remove_file(path).unwrap();
        }
    }
    place
        .run("merge results/spread --data data --partial")
        .succeeded();
    assert!(items("spread") == items("plain"));
    assert!(fs::read(place.result("spread", "metrics.csv")).unwrap() == metrics);

    // Nor where what it left is damaged: the user decides.
    place.write("results/spread/items.safetensors", "damaged");
    place
        .run("merge results/spread --data data --partial")
        .refused(&["items.safetensors: it is damaged", "remove its items"]);
    assert!(fs::read(place.result("spread", "metrics.csv")).unwrap() == metrics);
}

#[test]
fn a_length_of_training_that_all_arms_decide_is_not_spread() {
    let place = Scratch::new();
    place
        .probe("--run plain --until-converged 50 --most-steps 8")
        .succeeded();
    place
        .run("slurm --config results/plain/config.toml --results results --run spread")
        .refused(&["until_converged", "ocr-probe"]);
    assert_eq!(place.runs(), ["plain"]);
}

#[test]
fn what_makes_no_sense_is_refused() {
    let place = scratch();
    let slurm = |flags: &str| place.run(&format!("slurm {STUDY} --run spread {flags}"));
    slurm("--cpus-per-task 0").refused(&["--cpus-per-task"]);
    slurm("--limit 0").refused(&["--limit"]);
    slurm("--sbatch-arg gpu").refused(&["--sbatch-arg `gpu`", "--gres=gpu:1"]);
    slurm("--tasks 999").refused(&["--tasks", "999 tasks"]);
    slurm("--claims absent.toml").refused(&["absent.toml"]);
    assert!(place.runs().is_empty(), "{:?}", place.runs());
    let count = spread(&place, "");
    slurm("").succeeded();
    slurm("--preset quick").refused(&["preset"]);
    place
        .run("slurm --preset smoke --only ocr --results results --run spread")
        .refused(&["spread", "another configuration"]);
    place
        .run(&cell_flags(count))
        .refused(&["--index", &format!("0 to {}", count - 1)]);
    place
        .run("cell results/spread --index 0 --of 999")
        .refused(&[&format!("1 to {count}")]);
    for command in ["cell nowhere --index 0", "merge nowhere"] {
        place
            .run(command)
            .refused(&["nowhere", "not the folder of a run"]);
    }
    place.write("results/spread/study.toml", "preset = \"huge\"");
    place.run(&cell_flags(0)).refused(&["study.toml"]);
}
