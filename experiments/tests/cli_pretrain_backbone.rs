//! `pretrain-backbone` in small: what it leaves, and what it leaves alone.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Rows, Scratch, TINY_BACKBONE, names};

/// Header and tensors of a backbone. The header is compared as JSON, because the library writes the
/// entries of its metadata in any order.
fn content(place: &Scratch, out: &str) -> (serde_json::Value, Vec<u8>) {
    let bytes = fs::read(place.path(out).join("tower.safetensors")).unwrap();
    let (length, rest) = bytes.split_at(8);
    let length = u64::from_le_bytes(length.try_into().unwrap());
    let (header, tensors) = rest.split_at(length as usize);
    (serde_json::from_slice(header).unwrap(), tensors.to_vec())
}

#[test]
fn the_same_seed_gives_the_same_backbone_on_any_number_of_lanes() {
    let place = Scratch::new();
    let recipe = TINY_BACKBONE.replace("steps = 1", "steps = 3\nshards = 2");
    place.write("tower.toml", recipe);
    for (out, flags) in [
        ("one", "--jobs 1"),
        ("two", "--jobs 2"),
        ("other", "--seed 5"),
    ] {
        let command =
            format!("pretrain-backbone --config tower.toml --out {out}/tower.safetensors");
        place.run(&format!("{command} {flags}")).succeeded();
        let files = ["tower.csv", "tower.safetensors", "tower.toml"];
        assert_eq!(names(&place.path(out)), files);
    }
    assert!(content(&place, "one") == content(&place, "two"));
    assert!(content(&place, "one").1 != content(&place, "other").1);
    let accuracy = Rows::read(&place.path("one/tower.csv"));
    assert_eq!(accuracy.fields("charset", &[]), ["10"]);
    place
        .probe("--arms identity --backbone one/tower.safetensors")
        .succeeded();
}

#[test]
fn a_tower_that_fills_in_hidden_patches_needs_no_label_and_can_be_probed() {
    let place = Scratch::new();
    place.write(
        "tower.toml",
        TINY_BACKBONE.replace("steps = 1", "steps = 3\nshards = 2"),
    );
    for (out, jobs) in [("one", 1), ("two", 2)] {
        let command = format!(
            "pretrain-backbone --objective fill-in --config tower.toml \
             --out {out}/tower.safetensors --jobs {jobs}"
        );
        place.run(&command).succeeded();
    }
    assert!(content(&place, "one") == content(&place, "two"));
    let filled = Rows::read(&place.path("one/tower.csv"));
    let explained: f64 = filled.fields("explained_of_hidden", &[])[0]
        .parse()
        .unwrap();
    assert!(explained < 1.0 && explained > -3.0, "{explained}");
    let recipe = fs::read_to_string(place.path("one/tower.toml")).unwrap();
    assert!(recipe.contains("objective = \"fill-in\""), "{recipe}");
    place
        .probe("--arms identity --backbone one/tower.safetensors")
        .succeeded();
}

#[test]
fn a_tower_for_lines_goes_on_from_another_one_and_reads_words() {
    let place = Scratch::new();
    let recipe = TINY_BACKBONE.replace("steps = 1", "steps = 3\nshards = 2");
    let settings = recipe.lines().filter(|line| !line.starts_with("tasks"));
    let settings: Vec<&str> = ["start = \"backbone.safetensors\""]
        .into_iter()
        .chain(settings)
        .collect();
    place.write("tower.toml", settings.join("\n"));
    for (out, jobs) in [("one", 1), ("two", 2)] {
        let command = format!(
            "pretrain-backbone --objective read-lines --config tower.toml --out {out}/tower.safetensors --jobs {jobs}"
        );
        place.run(&command).succeeded();
    }
    assert!(content(&place, "one") == content(&place, "two"));
    let read = Rows::read(&place.path("one/tower.csv"));
    let lines: f64 = read.fields("lines_read", &[])[0].parse().unwrap();
    assert!((0.0..=1.0).contains(&lines), "{lines}");
    let recipe = fs::read_to_string(place.path("one/tower.toml")).unwrap();
    assert!(recipe.contains("objective = \"read-lines\""), "{recipe}");

    let other = "start = \"backbone.safetensors\"\n[backbone]\nd_model = 64\n";
    place.write("other.toml", other);
    let refused = place.run(
        "pretrain-backbone --objective read-lines --config other.toml --out refused.safetensors",
    );
    refused.refused(&["backbone.safetensors", "another shape"]);
    place.write(
        "grid.toml",
        "[[tasks]]\ncharset = \"94\"\ndensity = 1.0\nweight = 1\n",
    );
    let refused = place.run(
        "pretrain-backbone --objective read-lines --config grid.toml --out refused.safetensors",
    );
    refused.refused(&["read-lines", "density"]);
}

#[test]
fn a_run_that_is_to_train_its_tower_goes_on_with_the_one_that_it_has() {
    let place = Scratch::new();
    place.probe("--run a --arms identity").succeeded();
    let metrics = || fs::read(place.result("a", "metrics.csv")).unwrap();
    let before = metrics();
    let flags = "--arms identity --backbone train --resume";
    let resumed = place.probe(&format!("{flags} --run a")).succeeded();
    assert!(!resumed.stderr.contains("pre-training"), "{resumed:?}");
    assert!(metrics() == before);
    place.probe(flags).refused(&["--resume", "train", "--run"]);
    assert!(names(&place.path("data/backbones")).is_empty());
}

#[test]
fn an_existing_backbone_is_not_replaced_unasked() {
    let place = Scratch::new();
    let before = fs::read(place.path("backbone.safetensors")).unwrap();
    let run = place.run("pretrain-backbone --out backbone.safetensors --steps 1");
    run.refused(&["backbone.safetensors exists", "--overwrite", "--out"]);
    assert_eq!(
        fs::read(place.path("backbone.safetensors")).unwrap(),
        before
    );
    // Nor are the settings, which would lie where it writes its own.
    let recipe = TINY_BACKBONE.replace("steps = 1", "# mine\nsteps = 1");
    place.write("tower.toml", &recipe);
    let run = place.run("pretrain-backbone --config tower.toml --out tower.safetensors");
    run.refused(&["tower.toml is written beside --out", "another file"]);
    assert_eq!(
        fs::read_to_string(place.path("tower.toml")).unwrap(),
        recipe
    );
}

#[test]
fn a_place_that_no_file_can_take_is_refused_before_the_training() {
    let place = Scratch::new();
    place.write("tower.toml", TINY_BACKBONE);
    fs::create_dir(place.path("there")).unwrap();
    fs::create_dir(place.path("taken.csv")).unwrap();
    let long = "x".repeat(300);
    // Beside it, `.toml` makes the name longer than 255 bytes.
    let almost = "x".repeat(253);
    for (out, part) in [
        ("towers/", "the name of a folder"),
        ("new/towers/", "the name of a folder"),
        ("there --overwrite", "a folder stands there"),
        ("taken.safetensors --overwrite", "taken.csv: a folder"),
        (&*long, "the name is too long"),
        (&*almost, "the name is too long"),
    ] {
        let run = place.run(&format!(
            "pretrain-backbone --config tower.toml --out {out}"
        ));
        assert!(!run.stderr.contains("pre-training"), "{}", run.stderr);
        run.refused(&["cannot write", part]);
    }
    assert!(!place.path("new").exists() && names(&place.path("there")).is_empty());
}

#[cfg(unix)]
#[test]
fn a_link_to_a_backbone_stays_a_link() {
    let place = Scratch::new();
    place.write("recipe.toml", TINY_BACKBONE);
    place.write("store/tower", "old");
    std::os::unix::fs::symlink("store/tower", place.path("tower.safetensors")).unwrap();
    place
        .run("pretrain-backbone --config recipe.toml --out tower.safetensors --overwrite")
        .succeeded();
    assert!(place.path("tower.safetensors").is_symlink());
    assert!(fs::metadata(place.path("store/tower")).unwrap().len() > 1000);
}

#[test]
fn a_shard_without_an_image_is_refused_and_a_single_block_is_no_last_one() {
    let place = Scratch::new();
    let train = "pretrain-backbone --config tower.toml --out one.safetensors";
    // Shards of two, two, one and none.
    let uneven = TINY_BACKBONE.replace("batch = 4", "batch = 5\nshards = 4");
    place.write("tower.toml", uneven);
    place
        .run(train)
        .refused(&["a batch of 5 does not split into 4 shards"]);
    place.write(
        "tower.toml",
        TINY_BACKBONE.replace("depth = 2", "depth = 1"),
    );
    place.run(train).succeeded();
    let probe = |regime: &str| {
        place.probe(&format!(
            "--run {regime} --regime {regime} --backbone one.safetensors --arms identity"
        ))
    };
    probe("last-block").refused(&["a single block", "joint"]);
    probe("frozen").succeeded();
}

#[cfg(unix)]
#[test]
fn ctrl_c_leaves_no_half_made_backbone() {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Command, Stdio};

    let place = Scratch::new();
    place.write("tower.toml", TINY_BACKBONE);
    let flags = "pretrain-backbone --config tower.toml --steps 1000000 --out out/tower.safetensors";
    let mut child = place
        .binary()
        .args(flags.split(' '))
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.starts_with("step 1 ") {
        line.clear();
        assert!(stderr.read_line(&mut line).unwrap() > 0, "no step was made");
    }
    let sent = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(sent.unwrap().success());
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(
        rest.contains("stopped by Ctrl-C") && !rest.contains("panicked"),
        "{rest}"
    );
    assert!(names(&place.path("out")).is_empty());
}
