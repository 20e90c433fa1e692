//! Flags, settings and backbones that make no sense: one clear error each, nothing left behind.

#![allow(clippy::unwrap_used)]

mod support;

use std::fs;
use support::Scratch;

/// Runs a tiny study with `flags`, expects an error with `parts`, and no trace of a run.
#[track_caller]
fn refused(place: &Scratch, flags: &str, parts: &[&str]) {
    place.probe(flags).refused(parts);
    assert!(place.runs().is_empty(), "{flags} left {:?}", place.runs());
}

#[test]
fn arms_that_do_not_exist_or_have_no_size_say_what_to_write() {
    let place = Scratch::new();
    let unknown = [
        "unknown arm `perceiver`",
        "identity",
        "patch-merger",
        "gelu-mlp@K",
        "vet-st-argmax@K[",
        "[+usage]",
        "blind",
    ];
    refused(&place, "--arms identity,perceiver", &unknown);
    refused(
        &place,
        "--arms vet-softmax",
        &["`vet-softmax` needs", "vet-softmax@256"],
    );
    refused(&place, "--arms gelu-mlp", &["gelu-mlp@256"]);
    for vocabulary in ["0", "4", "-1", "many"] {
        let arm = format!("vet-st-argmax@{vocabulary}");
        refused(
            &place,
            &format!("--arms {arm}"),
            &[&arm, "whole number above 4", "indicator rows"],
        );
    }
    refused(&place, "--arms linear@16", &["`linear` has no vocabulary"]);
    refused(
        &place,
        "--arms vet-softmax@16+usage",
        &["hard visual words"],
    );
    refused(&place, "--arms blind,blind", &["`blind` is listed twice"]);
}

/// Before anything of that size is allocated: the last of them would take a tebibyte.
#[test]
#[cfg(target_os = "linux")]
fn arms_that_do_not_fit_into_memory_are_named_with_what_to_write() {
    let place = Scratch::new();
    for arm in [
        "rvq@16777216+codes64",
        "vet-st-argmax@16777216+codes64",
        "rvq-merger@16777216+codes64",
    ] {
        let flags = format!("--arms linear,{arm} --d-token 128");
        let named = format!("arm `{arm}`");
        let parts = [
            &*named,
            "GiB of memory are free",
            "a smaller K",
            "fewer `+codes`",
        ];
        refused(&place, &flags, &parts);
    }
}

#[test]
fn a_backend_that_is_not_compiled_in_names_its_feature() {
    let place = Scratch::new();
    if !cfg!(feature = "ndarray") {
        let parts = ["`ndarray` is not compiled in", "--features ndarray"];
        refused(&place, "--backend ndarray", &parts);
    }
    refused(
        &place,
        "--backend abacus",
        &["abacus", "possible values", "flex"],
    );
}

#[test]
fn numbers_that_make_no_sense_are_named() {
    let place = Scratch::new();
    for (flags, parts) in [
        ("--seeds 0", ["zero seeds", "at least 1"]),
        ("--test-images 0", ["`data.images.test` is 0", "at least 2"]),
        ("--steps 0", ["`training.steps` is 0", "at least 1"]),
        ("--jobs 0", ["--jobs 0", "at least 1"]),
        ("--learning-rates NaN", ["learning rate NaN", "above 0"]),
        ("--learning-rates inf", ["learning rate inf", "above 0"]),
        ("--learning-rates 0", ["learning rate 0", "above 0"]),
        ("--learning-rates=-0.1", ["learning rate -0.1", "above 0"]),
        (
            "--densities 0.7",
            ["0.7 characters", "possible densities nearby: 0.5"],
        ),
        (
            "--densities 0",
            ["0 characters", "possible densities nearby"],
        ),
        (
            "--densities=-1",
            ["-1 characters", "possible densities nearby"],
        ),
        (
            "--densities NaN",
            ["NaN characters", "possible densities nearby"],
        ),
        (
            "--densities 50",
            ["at 50 characters", "possible densities nearby"],
        ),
        (
            "--charset 11",
            ["unknown charset `11`", "10, 16, 36, 62, 94"],
        ),
        ("--reader ctc", ["reader `ctc`", "--layout strip"]),
        (
            "--layout strip --reader anchored",
            ["free length", "--reader ctc"],
        ),
    ] {
        refused(&place, flags, &parts);
    }
}

#[test]
fn settings_that_cannot_be_read_are_named() {
    let place = Scratch::new();
    refused(
        &place,
        "--config absent.toml",
        &["absent.toml", "cannot read the settings"],
    );
    let utf_16 = |text: &str| -> Vec<u8> {
        let units = text.encode_utf16();
        units.flat_map(u16::to_le_bytes).collect()
    };
    for other in [
        utf_16("\u{feff}seeds = [1]\n"),
        utf_16("seeds = [1]\n"),
        b"# caf\xe9\nseeds = [1]\n".to_vec(),
    ] {
        place.write("odd.toml", other);
        let parts = ["odd.toml", "not UTF-8", "save it as UTF-8"];
        let run = place.probe("--config odd.toml").refused(&parts);
        assert!(!run.stderr.contains("check the path"), "{}", run.stderr);
    }
    for (text, parts) in [
        ("seedz = [1]", ["unknown field `seedz`", "`seeds`"]),
        ("[training]\nstep = 1", ["unknown field `step`", "`steps`"]),
        (
            "[data.images]\nexam = 1",
            ["unknown field `exam`", "`test`"],
        ),
        (
            "arms = [\"perceiver\"]",
            ["unknown arm `perceiver`", "patch-merger"],
        ),
        ("seeds = \"three\"", ["three", "sequence"]),
        ("seeds = [1, 1]", ["seed 1 is listed twice", "replication"]),
        ("seeds = []", ["zero seeds", "at least 1"]),
        ("arms = []", ["`arms` is empty", "at least one"]),
        ("steps = [", ["not valid TOML", "steps"]),
        (
            "[data]\nperception = \"vernier\"\nimages = { train = 8, validation = 8, test = 5, test_words = 8 }",
            ["`data.images.test` is 5", "even number"],
        ),
        (
            "[training]\nlearning_rates = [0.004, 0.004]",
            ["learning rate 0.004 is listed twice", "odd.toml"],
        ),
        (
            "[data]\ntask = \"slant\"\ntest_contents = [\"random\", \"words\"]",
            ["task `slant` is asked of one kind of text", "test_contents"],
        ),
        (
            "[data]\ntask = \"control\"\nimages = { train = 8, validation = 8, test = 16, test_words = 8 }",
            [
                "task `control` is tested on images that were trained on",
                "no more test images",
            ],
        ),
        (
            "[data.images]\ntrain = 0",
            ["`data.images.train` is 0", "at least 2"],
        ),
    ] {
        place.write("odd.toml", text);
        let run = place.probe("--config odd.toml").refused(&parts);
        let is_resolved = text.starts_with("seeds = [") || text.starts_with("arms = []");
        assert!(
            is_resolved || text.contains("train = 0") || run.stderr.contains("odd.toml"),
            "{}",
            run.stderr
        );
        assert!(place.runs().is_empty());
    }
}

#[test]
fn a_backbone_that_cannot_be_used_says_how_to_make_one() {
    let place = Scratch::new();
    let whole = fs::read(place.path("backbone.safetensors")).unwrap();
    let mut spoiled = whole.clone();
    let end = spoiled.len();
    spoiled[end - 4..].copy_from_slice(&f32::NAN.to_le_bytes());
    let header = br#"{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}"#;
    let mut other = (header.len() as u64).to_le_bytes().to_vec();
    other.extend_from_slice(header);
    other.extend_from_slice(&[0; 4]);
    for (name, bytes, part) in [
        (
            "cut.safetensors",
            &whole[..whole.len() / 2],
            "the file is cut off",
        ),
        ("stub.safetensors", &whole[..5], "the file is cut off"),
        ("empty.safetensors", &[][..], "the file is cut off"),
        (
            "text.safetensors",
            b"not a tensor in sight",
            "no safetensors file",
        ),
        ("spoiled.safetensors", &spoiled, "must be finite"),
        ("other.safetensors", &other, "no valid `config`"),
    ] {
        place.write(name, bytes);
        refused(
            &place,
            &format!("--backbone {name}"),
            &[name, part, "pretrain-backbone", "--backbone"],
        );
    }
    let parts = [
        "absent.safetensors",
        "cannot read",
        "pretrain-backbone",
        "--backbone",
    ];
    refused(&place, "--backbone absent.safetensors", &parts);
}

#[test]
fn report_wants_the_folder_of_a_run() {
    let place = Scratch::new();
    place
        .run("report results/absent")
        .refused(&["results/absent", "not the folder of a run"]);
    place.write("results/odd/config.toml", "answer = 42");
    place
        .run("report results/odd")
        .refused(&["results/odd/config.toml", "not a configuration"]);
}

#[test]
fn render_refuses_what_it_cannot_draw() {
    let place = Scratch::new();
    for (flags, parts) in [
        ("--images 0", ["--images 0", "at least 1"]),
        (
            "--images 18446744073709551615 --densities 1",
            ["--images 18446744073709551615", "100000 over all densities"],
        ),
        (
            "--images 50000",
            ["--images 50000", "100000 over all densities"],
        ),
        (
            "--densities 1,2,1",
            ["density 1 is listed twice", "--densities"],
        ),
        ("--tasks vernier,vernier", ["task `vernier`", "named twice"]),
        (
            "--densities 0.7",
            ["0.7 characters", "possible densities nearby"],
        ),
        (
            "--words --charset 10",
            ["charset 10 cannot spell words", "36, 62 or 94"],
        ),
        ("--fonts absent", ["absent", "readable folder"]),
    ] {
        place
            .run(&format!("render --out shown {flags}"))
            .refused(&parts);
        assert!(!place.path("shown").exists(), "{flags}");
    }
}

#[test]
fn sources_that_cannot_be_used_are_refused_in_one_line() {
    let place = Scratch::new();
    place
        .run("data export --out lines --images 12 --seed 1 --charset 10")
        .succeeded();
    place
        .probe("--dataset lmdb:lines")
        .refused(&["lmdb:", "--layout strip"]);
    place
        .probe("--layout strip --charset 16 --dataset lmdb:lines")
        .refused(&["16", "36, 62 or 94"]);
    place
        .probe("--layout strip --dataset lmdb:absent")
        .refused(&["absent"]);
    place
        .probe("--layout strip --dataset lmdb:lines+lmdb:lines")
        .refused(&["named twice"]);
    place
        .probe("--layout strip --dataset lmdb:lines --label-policy strict")
        .refused(&["parseq, dtrb and dtrb-unfiltered"]);
    for option in ["--label-policy dtrb", "--fit pad", "--dataset-images 10"] {
        place
            .probe(&format!("--layout strip {option}"))
            .refused(&["are for data sets of lines", "--dataset"]);
    }
    // What is about rendered images only, where there are none.
    let both = "--dataset lmdb:lines --train-dataset lmdb:lines";
    for (sources, flag) in [
        ("--dataset lmdb:lines", "--test-images 8"),
        ("--train-dataset lmdb:lines", "--train-images 8"),
        (both, "--fonts absent"),
    ] {
        let name = flag.split(' ').next().unwrap();
        place
            .probe(&format!("--layout strip {sources} {flag}"))
            .refused(&[name, "`rendered`"]);
    }
    place
        .run("render --out one --images 1 --densities 1 --charset 10")
        .succeeded();
    place
        .probe("--density 1 --train-dataset folder:one")
        .refused(&["one", "kept for validation", "at least 2"]);
    // Nothing is left of it.
    let path = place.path("lines/data.mdb");
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..3 * 4096]).unwrap();
    let run = place.probe("--layout strip --dataset lmdb:lines");
    run.refused(&["data.mdb", "interrupted"]);
    assert!(!place.path("results").join("ocr-probe-smoke").exists());
}
