//! Text whose entropy is known, and text of a file, through the binary.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Rows, Scratch, names};

/// Text in digits, with some characters that are not.
fn pages(step: usize) -> String {
    let numbers = (0..4000).map(|number| format!("{:04} ", number * step % 9973));
    format!("\u{feff}Ω — {}", numbers.collect::<String>())
}

#[test]
fn a_source_of_known_entropy_is_trained_and_tested_on() {
    let place = Scratch::new();
    let run = place
        .probe("--run a --arms identity,oracle-words@100+text --densities 1,2 --text-source markov:1.5:2")
        .succeeded();
    let note = "text `markov:1.5:2` has 1.50 bits per character";
    assert!(run.stderr.contains(note), "{}", run.stderr);
    let file = |name: &str| fs::read_to_string(place.result("a", name)).unwrap();
    // (2 log₂ 10 + 6 · 1.5) / 8 and (2 log₂ 10 + 14 · 1.5) / 8.
    for part in [note, "1.96 bits per token at density 1, 3.46 bits"] {
        assert!(file("verdict.md").contains(part), "{}", file("verdict.md"));
    }
    let config: toml::Table = toml::from_str(&file("config.toml")).unwrap();
    for contents in ["train_contents", "test_contents"] {
        let found = config["data"][contents].as_array().unwrap();
        assert_eq!(found[..], ["markov:1.5:2".into()], "{contents}");
    }
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    let filters = [
        ("condition", "markov:1.5:2"),
        ("metric", "cer"),
        ("seed", "1"),
    ];
    assert_eq!(metrics.fields("density", &filters), ["1", "2", "1", "2"]);
    assert!(place.result("a", "plots/cer_by_arm.svg").is_file());
    assert!(place.result("a", "report.html").is_file());
}

#[test]
fn a_second_source_has_plots_of_its_own_and_a_name_that_files_can_have() {
    let place = Scratch::new();
    let settings = support::TINY.replace(
        "charset = \"10\"",
        "charset = \"10\"\ntest_contents = [\"random\", \"zipf:2\"]",
    );
    place.write("tiny.toml", settings);
    place.probe("--run a --arms identity").succeeded();
    let plots = names(&place.result("a", "plots"));
    for name in ["cer_by_arm.svg", "cer_by_arm_zipf-2.svg"] {
        assert!(plots.iter().any(|plot| plot == name), "{plots:?}");
    }
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    for condition in ["random", "zipf:2"] {
        let filters = [("condition", condition), ("metric", "cer"), ("seed", "1")];
        assert_eq!(metrics.fields("density", &filters), ["1"], "{condition}");
    }
}

#[test]
fn random_text_by_name_is_what_it_always_was() {
    let place = Scratch::new();
    place.probe("--run a --arms blind").succeeded();
    place
        .probe("--run b --arms blind --text-source random")
        .succeeded();
    for name in [
        "config.toml",
        "metrics.csv",
        "predictions.csv",
        "verdict.md",
    ] {
        let file = |run| fs::read(place.result(run, name)).unwrap();
        assert!(file("a") == file("b"), "{name}");
    }
    assert_eq!(
        names(&place.result("a", "cells")),
        names(&place.result("b", "cells"))
    );
}

#[test]
fn cells_of_a_text_follow_its_content_and_not_its_place() {
    let place = Scratch::new();
    place.write("one.txt", pages(7));
    place.write("same.txt", pages(7));
    place.write("other.txt", pages(11));
    let cells = |run: &str| {
        let flags = format!("--run {run} --arms identity --text {run}.txt");
        let finished = place.probe(&flags).succeeded();
        for part in [
            "16000 characters",
            "dropped: 4002 of white space",
            "2 others ('Ω' '—')",
        ] {
            assert!(finished.stderr.contains(part), "{}", finished.stderr);
        }
        let verdict = fs::read_to_string(place.result(run, "verdict.md")).unwrap();
        assert!(verdict.contains("bits per character at most"), "{verdict}");
        names(&place.result(run, "cells"))
    };
    let one = cells("one");
    assert_eq!(one, cells("same"));
    assert_ne!(one, cells("other"));
    let metrics = Rows::read(&place.result("one", "metrics.csv"));
    let filters = [("condition", "text"), ("metric", "cer"), ("seed", "1")];
    assert_eq!(metrics.fields("density", &filters), ["1"]);
}

#[test]
fn what_does_not_go_together_is_refused_with_what_to_do() {
    let place = Scratch::new();
    place.write("good.txt", pages(7));
    place.write("short.txt", "123");
    place.write("prose.txt", "in letters ".repeat(2000));
    fs::write(place.path("latin.txt"), b"12\xe9").unwrap();
    let refused = |flags: &str, parts: &[&str]| place.probe(flags).refused(parts);
    refused(
        "--text-source markov:2 --text good.txt",
        &["--text-source", "cannot be used"],
    );
    refused("--text-source text", &["--text FILE"]);
    refused(
        "--text-source markov:9",
        &["markov:9", "0 to 3.321928", "larger charset"],
    );
    refused("--text-source markov:2:7", &["markov:2:7", "1 to 4"]);
    refused("--text-source zipf", &["zipf", "zipf:2.5"]);
    refused(
        "--text-source prose",
        &["prose", "markov:BITS:ORDER", "zipf:BITS"],
    );
    refused(
        "--text-source zipf:2 --layout strip --dataset folder:somewhere",
        &["--dataset", "leave one of them out"],
    );
    refused("--text absent.txt", &["absent.txt", "check the path"]);
    refused("--text short.txt", &["short.txt", "3 characters", "10000"]);
    refused(
        "--text prose.txt",
        &["prose.txt", "charset 10", "larger charset"],
    );
    refused("--text latin.txt", &["latin.txt", "byte 2", "UTF-8"]);
    refused(
        "--text good.txt --densities 3 --arms oracle-words@100+text",
        &["10^3", "larger"],
    );
    for (settings, part) in [
        ("[data]\ntest_contents = [\"text\"]\n", "data.text_file"),
        ("[data]\ntext_file = \"good.txt\"\n", "data.text_file"),
        ("[data]\ntrain_contents = [\"markow:2\"]\n", "markov:BITS"),
        (
            "reader = \"pooled\"\n[data]\nperception = \"vernier\"\ntest_contents = [\"zipf:2\"]\n",
            "leave it out of",
        ),
    ] {
        place.write("tiny.toml", settings);
        refused("", &[part]);
    }
    place.write(
        "tiny.toml",
        "reader = \"pooled\"\n[data]\nperception = \"vernier\"\n",
    );
    refused(
        "--text-source zipf:2",
        &["vernier", "leave one of them out"],
    );
    refused("--text good.txt", &["vernier", "leave one of them out"]);
}

#[test]
fn sources_can_be_looked_at() {
    let place = Scratch::new();
    place.write("good.txt", pages(7));
    for (out, flags) in [
        ("markov", "--text-source markov:1"),
        ("zipf", "--text-source zipf:1"),
        ("text", "--text good.txt"),
    ] {
        let flags = format!("render --out {out} --charset 10 --images 3 --densities 2 {flags}");
        place.run(&flags).succeeded();
        let labels = Rows::read(&place.path(out).join("labels.csv"));
        let texts = labels.fields("text", &[]);
        assert_eq!(texts.len(), 3);
        for text in texts {
            assert!(
                text.len() == 16 && text.bytes().all(|b| b.is_ascii_digit()),
                "{text}"
            );
        }
    }
    place
        .run("render --out d --text-source zipf:1 --words")
        .refused(&["cannot be used"]);
    place
        .run("render --out d --text-source markov:6")
        .refused(&["0 to 5.169925"]);
    place
        .run("data export --to folder --out e --charset 10 --images 3 --text good.txt")
        .succeeded();
}
