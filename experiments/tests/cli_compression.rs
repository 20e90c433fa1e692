//! Many characters per token: larger tokens and images, readers that write, training until it has
//! converged, words counted on images of their own.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::{Rows, Scratch};

const WRITERS: [&str; 2] = ["causal", "attention"];

#[test]
fn readers_that_write_read_tokens_of_32_px() {
    let place = Scratch::new();
    for reader in WRITERS {
        let flags = format!(
            "--run {reader} --reader {reader} --reader-width 64 --reader-blocks 1 --merge 4 --density 4 \
             --arms patch-merger,rvq@4+codes2,blind --d-token 24"
        );
        place.probe(&flags).succeeded();
        let metrics = Rows::read(&place.result(reader, "metrics.csv"));
        let filters = [("arm", "patch-merger"), ("metric", "cer")];
        assert_eq!(metrics.fields("density", &filters)[0], "4");
        let verdict = fs::read_to_string(place.result(reader, "verdict.md")).unwrap();
        assert!(verdict.contains("transformer"), "{verdict}");
        let config = fs::read_to_string(place.result(reader, "config.toml")).unwrap();
        assert!(config.contains("merge = 4"), "{config}");
    }
}

#[test]
fn a_reader_that_a_file_names_is_the_one_that_reads() {
    let place = Scratch::new();
    let settings =
        support::TINY.replace("[data]", "[reader_size]\nwidth = 64\nblocks = 1\n\n[data]");
    for (reader, flags) in [("attention", "--layout strip"), ("causal", "--density 1")] {
        place.write("tiny.toml", format!("reader = \"{reader}\"\n{settings}"));
        place
            .probe(&format!("--run {reader} --arms blind --seeds 1 {flags}"))
            .succeeded();
        let config = fs::read_to_string(place.result(reader, "config.toml")).unwrap();
        assert!(
            config.contains(&format!("reader = \"{reader}\"")),
            "{config}"
        );
        // What suits readers that write, where the file says nothing else.
        let writing = fs::read_to_string(place.result(reader, "verdict.md")).unwrap();
        assert!(writing.contains("transformer"), "{writing}");
    }
}

#[test]
fn the_section_ends_with_its_tables_figures_and_page() {
    let place = Scratch::new();
    place.write(
        "study.toml",
        "backbone = \"backbone.safetensors\"\nd_token = 16\nbootstrap_draws = 100\n",
    );
    let flags =
        "--preset smoke --only compression --config study.toml --results results --data data";
    place.run(&format!("study {flags} --run grid")).succeeded();
    let table = Rows::read(&place.result("grid", "tables/compression_causal.csv"));
    assert_eq!(table.fields("arm", &[]).len(), 10);
    for figure in ["compression", "compression_bits"] {
        let rows =
            fs::read_to_string(place.result("grid", &format!("plots/{figure}.csv"))).unwrap();
        assert!(
            rows.contains("patch-merger") && rows.contains("causal reader"),
            "{rows}"
        );
    }
    let page = fs::read_to_string(place.result("grid", "report.html")).unwrap();
    assert!(page.contains("How much text can one visual token hold?"));
}

#[test]
fn a_page_of_lines_is_read_by_the_reader_that_writes() {
    let place = Scratch::new();
    let flags = "--run page --reader causal --image-size 128x64 --density 1 --arms patch-merger";
    place.probe(flags).succeeded();
    let predictions = Rows::read(&place.result("page", "predictions.csv"));
    let targets = predictions.fields("target", &[("arm", "patch-merger")]);
    assert!(
        targets.iter().all(|target| target.len() == 32),
        "{targets:?}"
    );
}

#[test]
fn steps_are_doubled_until_nothing_moves_or_the_ceiling_is_reached() {
    let place = Scratch::new();
    let flags = "--arms patch-merger,vq@4,blind --steps 2";
    // A hundred points are more than any error can move.
    place
        .probe(&format!("--run loose {flags} --until-converged 100"))
        .succeeded();
    let steps = |run: &str, file: &str| {
        let rows = Rows::read(&place.result(run, file));
        let steps = rows.fields("steps", &[("arm", "blind")]);
        steps.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(steps("loose", "steps.csv"), ["2", "4"]);

    let tight = format!("--run tight {flags} --until-converged 0.000001 --most-steps 8");
    place.probe(&tight).succeeded();
    assert_eq!(steps("tight", "steps.csv"), ["2", "4", "8"]);
    let verdict = fs::read_to_string(place.result("tight", "verdict.md")).unwrap();
    assert!(verdict.contains("Error by length of training"), "{verdict}");
    // The last length is what the summary has.
    let summary = Rows::read(&place.result("tight", "summary.csv"));
    let filters = [
        ("arm", "patch-merger"),
        ("condition", "random"),
        ("metric", "cer"),
    ];
    let last = Rows::read(&place.result("tight", "steps.csv"));
    let last = last.fields("cer", &[filters[0], filters[1], ("steps", "8")])[0].to_owned();
    assert_eq!(summary.fields("mean", &filters)[0], last);

    // Half of the cells are lost: the rest is trained again to the same bytes.
    let before = fs::read(place.result("tight", "steps.csv")).unwrap();
    for cell in fs::read_dir(place.result("tight", "cells"))
        .unwrap()
        .step_by(2)
    {
        fs::remove_file(cell.unwrap().path()).unwrap();
    }
    place.probe(&format!("{tight} --resume")).succeeded();
    assert_eq!(
        fs::read(place.result("tight", "steps.csv")).unwrap(),
        before
    );
    place.run("report results/tight").succeeded();
    assert_eq!(
        fs::read(place.result("tight", "steps.csv")).unwrap(),
        before
    );
}

#[test]
fn hard_words_are_counted_on_as_many_tokens_as_asked_for() {
    let place = Scratch::new();
    place
        .probe("--run a --arms vq@4,vet-softmax@8 --usage-tokens 2000")
        .succeeded();
    let metrics = Rows::read(&place.result("a", "metrics.csv"));
    let counted = |arm| {
        let filters = [("arm", arm), ("metric", "codes_used")];
        let counted = metrics.fields("n", &filters).into_iter();
        counted
            .map(|n| n.parse::<usize>().unwrap())
            .collect::<Vec<_>>()
    };
    // Soft words are looked at on the 16 test images of 8 tokens.
    assert_eq!(counted("vq@4")[0], 2000);
    assert_eq!(counted("vet-softmax@8")[0], 128);
}

#[test]
fn the_distribution_of_a_hard_token_is_that_of_the_test_images_whatever_is_counted() {
    let place = Scratch::new();
    for (run, flags) in [("read", ""), ("counted", "--usage-tokens 2000")] {
        place
            .probe(&format!("--run {run} --arms vet-st-argmax@16 {flags}"))
            .succeeded();
    }
    let of = |metric: &str| {
        ["read", "counted"].map(|run| {
            let metrics = Rows::read(&place.result(run, "metrics.csv"));
            metrics.fields("value", &[("metric", metric)]).join(",")
        })
    };
    let [read, counted] = of("token_entropy_bits");
    assert!(!read.is_empty() && read == counted, "{read} {counted}");
    let [read, counted] = of("marginal_entropy_bits");
    assert_ne!(read, counted);
}

#[test]
fn what_does_not_go_together_is_refused_by_name() {
    let place = Scratch::new();
    for (flags, parts) in [
        ("--merge 8", ["64 x 32 px", "--image-size"]),
        ("--merge 0", ["--merge", "from 1 to 64"]),
        ("--image-size 60x32", ["60 x 32 px", "--image-size"]),
        ("--image-size 64", ["`64`", "128x64"]),
        (
            "--reader causal --reader-width 100",
            ["--reader-width", "multiple of 32"],
        ),
        (
            "--reader attention --reader-blocks 0",
            ["--reader-blocks", "from 1 to 64"],
        ),
        ("--until-converged 0", ["--until-converged", "above 0"]),
        ("--until-converged 101", ["--until-converged", "up to 1"]),
        (
            "--steps 9223372036854775808 --until-converged 1",
            ["training.steps", "more than"],
        ),
        (
            "--reader causal --reader-blocks 65",
            ["--reader-blocks", "64"],
        ),
        ("--reader-width 64", ["--reader causal", "leave it out"]),
        ("--densities 1,1", ["density 1", "twice"]),
        ("--layout strip --density 1", ["--density", "free length"]),
        (
            "--arms blind,conv-compressor --merge 1",
            ["conv-compressor", "merge"],
        ),
        (
            "--until-converged 1 --most-steps 5",
            ["--most-steps", "twice"],
        ),
        ("--most-steps 100", ["--until-converged", "required"]),
        (
            "--density 1 --densities 1,2",
            ["--density", "cannot be used"],
        ),
        (
            "--usage-tokens 100 --regime joint",
            ["--usage-tokens", "rendered text"],
        ),
        ("--layout strip --reader anchored", ["ctc", "causal"]),
    ] {
        place
            .probe(&format!("--run refused {flags}"))
            .refused(&parts);
    }
}

#[test]
fn an_arm_that_breaks_down_has_not_converged() {
    let place = Scratch::new();
    let flags =
        "--run a --arms identity,blind --learning-rates 1e30 --steps 4 --until-converged 100";
    place.probe(flags);
    let steps = Rows::read(&place.result("a", "steps.csv"));
    let moves = steps.fields("moves", &[("arm", "identity")]);
    assert!(
        !moves.is_empty() && moves.iter().all(|moves| *moves == "true"),
        "{moves:?}"
    );
}

#[test]
fn only_ocr_probe_doubles_its_steps() {
    let place = Scratch::new();
    let until = "[training]\nuntil_converged = { tolerance = 0.01, most_steps = 100000 }\n";
    place.write("until.toml", until);
    let study = "study --preset smoke --only control --config until.toml --results r";
    place.run(study).refused(&["until_converged", "ocr-probe"]);
    let flags = "--run a --arms patch-merger --steps 2 --until-converged 100";
    place.probe(flags).succeeded();
    let inspect = "inspect --run results/a --data data --out page";
    place.run(inspect).refused(&["steps.csv", "--steps"]);
}
