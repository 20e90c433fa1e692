//! `inspect`: files that agree with one another, the same bytes twice, and clear refusals.

#![allow(clippy::unwrap_used)]

mod support;

use image::{GrayImage, Luma};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use support::{Finished, Rows, Scratch, names};

/// Soft and hard words, several codes, and no words at all.
const ARMS: &str =
    "patch-merger,vet-softmax@16,vet-st-argmax@16+usage,vq@8,vet-st-argmax@16+codes2";

fn inspect(place: &Scratch, flags: &str) -> Finished {
    let mut arguments = "inspect --data data".to_owned();
    for (flag, value) in [
        ("--preset", "smoke"),
        ("--config", "tiny.toml"),
        ("--backbone", "backbone.safetensors"),
        ("--out", "look"),
    ] {
        let is_given = flags.split_whitespace().any(|given| given == flag);
        let is_published = match flag {
            "--out" => false,
            // Nothing is rendered.
            "--preset" => {
                flags.contains("--checkpoint")
                    && flags.contains("--image ")
                    && !flags.contains("--vocabulary")
            }
            _ => flags.contains("--checkpoint"),
        };
        if !is_given && !is_published {
            arguments += &format!(" {flag} {value}");
        }
    }
    place.run(&format!("{arguments} {flags}"))
}

fn checkpoint(name: &str) -> PathBuf {
    let fixtures = "../crates/published-models/tests/fixtures/checkpoints";
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(fixtures);
    path.join(name)
}

fn floats(rows: &Rows, column: &str, filters: &[(&str, &str)]) -> Vec<f64> {
    let fields = rows.fields(column, filters).into_iter();
    fields.map(|field| field.parse().unwrap()).collect()
}

#[test]
fn tokens_words_and_readings_agree_with_one_another() {
    let place = Scratch::new();
    let finished = inspect(&place, &format!("--arm {ARMS} --show 2")).succeeded();
    assert!(finished.stdout.contains("vq@8"), "{}", finished.stdout);
    for file in ["report.html", "manifest.json", "inspect.toml"] {
        assert!(place.path("look").join(file).is_file(), "{file}");
    }
    for extension in ["svg", "png", "csv"] {
        let file = place.path(format!("look/plots/tokens.{extension}"));
        assert!(fs::metadata(file).unwrap().len() > 500, "{extension}");
    }
    assert!(!place.path("look/vocabulary.csv").exists());

    let tokens = Rows::read(&place.path("look/tokens.csv"));
    let words = Rows::read(&place.path("look/words.csv"));
    // 2 images of 4 x 2 tokens.
    for arm in ARMS.split(',') {
        assert_eq!(tokens.fields("row", &[("arm", arm)]).len(), 16, "{arm}");
        let norms = floats(&tokens, "norm", &[("arm", arm)]);
        assert!(norms.iter().all(|norm| *norm > 0.0), "{arm}");
    }
    let merger = [("arm", "patch-merger")];
    assert!(
        tokens
            .fields("entropy_bits", &merger)
            .iter()
            .all(|e| e.is_empty())
    );
    assert!(words.fields("word", &merger).is_empty());
    // 12 of 16 rows of the table are words.
    for arm in ["vet-softmax@16", "vet-st-argmax@16+usage"] {
        let entropies = floats(&tokens, "entropy_bits", &[("arm", arm)]);
        assert!(
            entropies
                .iter()
                .all(|e| (0.0..=12f64.log2() + 1e-6).contains(e))
        );
        let first = [("arm", arm), ("rank", "1")];
        assert_eq!(
            words.fields("word", &first),
            tokens.fields("word", &[("arm", arm)])
        );
        let best = words.fields("probability", &first);
        assert_eq!(best, tokens.fields("probability", &[("arm", arm)]));
        let second = floats(&words, "probability", &[("arm", arm), ("rank", "2")]);
        let best = best.iter().map(|p| p.parse::<f64>().unwrap());
        assert!(best.zip(second).all(|(best, second)| best >= second));
    }
    let coded = [("arm", "vq@8")];
    assert!(
        words
            .fields("probability", &coded)
            .iter()
            .all(|p| p.is_empty())
    );
    let double = tokens.fields("word", &[("arm", "vet-st-argmax@16+codes2")]);
    assert!(double.iter().all(|words| words.split(' ').count() == 2));

    // At one character per token, the character of a token is that of its place in the text.
    let readings = Rows::read(&place.path("look/readings.csv"));
    let merger_tokens = tokens.fields("characters", &merger);
    assert_eq!(readings.fields("target", &merger), merger_tokens);
    let (targets, reads) = (readings.fields("target", &[]), readings.fields("read", &[]));
    let statuses = readings.fields("status", &[]);
    assert_eq!(statuses.len(), 5 * 16);
    for ((target, read), status) in targets.iter().zip(reads).zip(statuses) {
        assert_eq!(*target == read, status == "right");
    }
}

#[test]
fn vocabularies_add_up() {
    let place = Scratch::new();
    let arms = "vet-softmax@16,vet-st-argmax@16+usage,vq@8";
    inspect(
        &place,
        &format!("--arm {arms} --vocabulary --images 40 --words 6"),
    )
    .succeeded();
    for arm in ["vet-softmax-16", "vet-st-argmax-16+usage", "vq-8"] {
        let file = place.path(format!("look/plots/vocabulary_{arm}.png"));
        assert!(
            file.is_file(),
            "{arm}: {:?}",
            names(&place.path("look/plots"))
        );
    }
    let vocabulary = Rows::read(&place.path("look/vocabulary.csv"));
    let summary = Rows::read(&place.path("look/vocabulary_summary.csv"));
    let patches = Rows::read(&place.path("look/patches.csv"));
    for arm in arms.split(',') {
        let of_arm = [("arm", arm)];
        let tokens: Vec<f64> = floats(&vocabulary, "best_tokens", &of_arm);
        assert_eq!(tokens.iter().sum::<f64>(), 40.0 * 8.0, "{arm}");
        let usage = floats(&vocabulary, "usage", &of_arm);
        assert!(usage.windows(2).all(|pair| pair[0] >= pair[1]), "{arm}");
        assert!(usage.iter().sum::<f64>() <= 1.0 + 1e-6);

        // The bits of single words average to the mutual information of all.
        let used = vocabulary.fields("information_bits", &of_arm);
        let mean: f64 = used
            .iter()
            .zip(&tokens)
            .filter(|(_, tokens)| **tokens > 0.0)
            .map(|(bits, tokens)| bits.parse::<f64>().unwrap() * tokens / 320.0)
            .sum();
        let sample = [
            ("arm", arm),
            ("kind", "likeliest word"),
            ("estimator", "sample"),
        ];
        let total = floats(&summary, "mutual_information_bits", &sample)[0];
        assert!((mean - total).abs() < 1e-9, "{arm}: {mean} {total}");
        let entropy = floats(&summary, "character_entropy_bits", &sample)[0];
        assert!(total <= entropy + 1e-9 && entropy <= 10f64.log2() + 1e-9);

        let words = vocabulary.fields("word", &of_arm);
        for word in words.iter().take(6) {
            let of_word = [("arm", arm), ("word", word)];
            let activations = patches.fields("activation", &of_word);
            assert!(
                !activations.is_empty() && activations.len() <= 6,
                "{arm} {word}"
            );
            let known = activations.iter().filter_map(|a| a.parse::<f64>().ok());
            let known: Vec<f64> = known.collect();
            assert_eq!(known.is_empty(), arm == "vq@8");
            assert!(known.windows(2).all(|pair| pair[0] >= pair[1]));
        }
    }
    let hard: Vec<f64> = floats(&vocabulary, "usage", &[("arm", "vq@8")]);
    let tokens: Vec<f64> = floats(&vocabulary, "best_tokens", &[("arm", "vq@8")]);
    assert!(
        hard.iter()
            .zip(tokens)
            .all(|(usage, tokens)| (usage * 320.0 - tokens).abs() < 1e-9)
    );
    let drawn = [("arm", "vet-softmax@16"), ("kind", "drawn word")];
    assert_eq!(summary.fields("estimator", &drawn).len(), 2);
    assert!(
        summary
            .fields("word_entropy_bits", &[("kind", "drawn word")])
            .len()
            == 2
    );
}

/// Every file but those that hold times, by name.
fn bytes(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for sub in ["", "plots"] {
        for name in names(&folder.join(sub)) {
            let path = folder.join(sub).join(&name);
            let is_timed = ["manifest.json", "report.html", ".lock"].contains(&name.as_str());
            if path.is_file() && !is_timed {
                files.insert(format!("{sub}/{name}"), fs::read(path).unwrap());
            }
        }
    }
    files
}

#[test]
fn the_same_settings_give_the_same_bytes_on_any_number_of_lanes() {
    let place = Scratch::new();
    let flags = "--arm vet-gumbel@16+usage,noisy-merger@0.5 --show 1";
    inspect(&place, &format!("{flags} --jobs 1 --out one")).succeeded();
    inspect(&place, &format!("{flags} --jobs 2 --out two")).succeeded();
    let (one, two) = (bytes(&place.path("one")), bytes(&place.path("two")));
    assert!(one.len() > 7, "{:?}", one.keys());
    for (name, content) in &one {
        assert!(two.get(name) == Some(content), "{name}");
    }
    // The same folder is written again, but not for other settings.
    inspect(&place, &format!("{flags} --out one")).succeeded();
    inspect(&place, &format!("{flags} --seed 2 --out one")).refused(&[
        "another configuration",
        "seeds",
        "--out",
    ]);
    assert!(bytes(&place.path("one")) == one);
}

#[test]
fn an_arm_is_the_cell_that_a_run_has_measured() {
    let place = Scratch::new();
    place
        .probe("--run measured --arms vet-softmax@16,blind --no-cache")
        .succeeded();
    let run = "--run results/measured --data data";
    place
        .run(&format!("inspect {run} --arm vet-softmax@16 --out look"))
        .succeeded();
    let arms = Rows::read(&place.path("look/arms.csv"));
    let here = arms.fields("validation_cer", &[]);
    assert_eq!(here, arms.fields("validation_cer_of_run", &[]));
    assert!(!here[0].is_empty());
    // The test images are the run's as well, and read alike.
    let predictions = Rows::read(&place.result("measured", "predictions.csv"));
    let first = [
        ("arm", "vet-softmax@16"),
        ("seed", "1"),
        ("condition", "random"),
    ];
    let predicted: Vec<&str> = predictions.fields("prediction", &first);
    let readings = Rows::read(&place.path("look/readings.csv"));
    let read: String = readings.fields("read", &[]).concat();
    assert_eq!(read, predicted[..3].concat());
    let page = fs::read_to_string(place.path("look/report.html")).unwrap();
    assert!(page.contains("to the last bit"));

    let unknown = place.run(&format!("inspect {run} --arm vq@8 --out other"));
    unknown.refused(&["vq@8", "vet-softmax@16", "--learning-rate"]);
    place
        .run("inspect --run results/missing --out other")
        .refused(&["missing", "not the folder of a run"]);
    assert!(!place.path("other").exists());
}

#[test]
fn files_of_any_size_are_fitted_and_read() {
    let place = Scratch::new();
    let image = GrayImage::from_fn(300, 90, |x, y| Luma([(x / 9 * 37 + y / 9 * 91) as u8]));
    image.save(place.path("scan.png")).unwrap();
    let flags = "--arm vet-softmax@16 --image scan.png";
    inspect(&place, flags).succeeded();
    let tokens = Rows::read(&place.path("look/tokens.csv"));
    assert_eq!(tokens.fields("row", &[("image", "scan.png")]).len(), 8);
    let readings = Rows::read(&place.path("look/readings.csv"));
    assert_eq!(readings.fields("status", &[]), ["unchecked"; 8]);

    inspect(&place, &format!("{flags} --text 12345678 --out known")).succeeded();
    let readings = Rows::read(&place.path("known/readings.csv"));
    assert_eq!(readings.fields("target", &[]).concat(), "12345678");
    assert!(!readings.fields("status", &[]).contains(&"unchecked"));
    for (flags, parts) in [
        ("--text 123", ["3 characters", "4 x 2"]),
        ("--text 1234567é", ["--text", "é"]),
    ] {
        let flags = format!("--arm vet-softmax@16 --image scan.png --out bad {flags}");
        inspect(&place, &flags).refused(&parts);
        assert!(!place.path("bad").exists(), "{flags}");
    }
}

#[test]
fn checkpoints_show_their_words_and_mergers_their_lengths() {
    let place = Scratch::new();
    let picture = checkpoint("pictures/odd.png");
    let run = |name: &str, flags: &str| {
        let folder = checkpoint(name);
        let flags = format!("--checkpoint {} --out {name} {flags}", folder.display());
        inspect(&place, &flags)
    };
    let image = format!("--image {}", picture.display());
    run(
        "ovis2_5",
        &format!("{image} --arm pretrained,pretrained+argmax --top 3"),
    )
    .succeeded();
    let tokens = Rows::read(&place.path("ovis2_5/tokens.csv"));
    let words = Rows::read(&place.path("ovis2_5/words.csv"));
    let own = tokens.fields("word", &[("arm", "pretrained")]);
    assert_eq!(
        own,
        words.fields("word", &[("arm", "pretrained"), ("rank", "1")])
    );
    assert_eq!(own, tokens.fields("word", &[("arm", "pretrained+argmax")]));
    assert_eq!(
        words.fields("word", &[("arm", "pretrained")]).len(),
        3 * own.len()
    );
    assert!(!place.path("ovis2_5/readings.csv").exists());

    run("ovis2_official", &image).succeeded();
    let tokens = Rows::read(&place.path("ovis2_official/tokens.csv"));
    let images = tokens.fields("image", &[]);
    assert!(images.contains(&"odd.png, the whole image"), "{images:?}");

    // Of InternVL, the whole image is the last of the tiles.
    run("internvl_chat", &image).succeeded();
    let tokens = Rows::read(&place.path("internvl_chat/tokens.csv"));
    let images = tokens.fields("image", &[]);
    assert_eq!(images.first(), Some(&"odd.png, tile 1 of 6"), "{images:?}");
    assert_eq!(
        images.last(),
        Some(&"odd.png, the whole image"),
        "{images:?}"
    );

    for layout in ["qwen3_vl", "qwen2_5_vl"] {
        run(layout, &image).succeeded();
        let tokens = Rows::read(&place.path(layout).join("tokens.csv"));
        let entropies = tokens.fields("entropy_bits", &[]);
        assert!(entropies.iter().all(|e| e.is_empty()), "{layout}");
        let norms = floats(&tokens, "norm", &[]);
        assert!(norms.iter().all(|norm| *norm > 0.0), "{layout}");
    }
    let page = fs::read_to_string(place.path("qwen2_5_vl/report.html")).unwrap();
    assert!(page.contains("no visual words"));
    assert!(!place.path("qwen2_5_vl/words.csv").exists());
    fs::remove_dir_all(place.path("qwen2_5_vl")).unwrap();
    run("qwen2_5_vl", "--vocabulary").refused(&["merger", "no visual words", "--vocabulary"]);
    let top = format!("{image} --top 3");
    run("qwen2_5_vl", &top).refused(&["merger", "no visual words", "--top"]);
    for flag in ["--density 1", "--images 4", "--seed 2", "--preset quick"] {
        let (name, _) = flag.split_once(' ').unwrap();
        let flags = format!("{image} {flag}");
        run("qwen2_5_vl", &flags).refused(&[name, "no effect", "leave it out"]);
    }
    assert!(!place.path("qwen2_5_vl").exists());
}

#[test]
fn the_vocabulary_of_a_checkpoint_is_counted_on_rendered_text() {
    let place = Scratch::new();
    let folder = checkpoint("ovis2_5");
    let flags = "--vocabulary --images 4 --words 5 --patches 2 --show 1";
    inspect(
        &place,
        &format!("--checkpoint {} {flags}", folder.display()),
    )
    .succeeded();
    let vocabulary = Rows::read(&place.path("look/vocabulary.csv"));
    let tokens: f64 = floats(&vocabulary, "best_tokens", &[]).iter().sum();
    let summary = Rows::read(&place.path("look/vocabulary_summary.csv"));
    assert_eq!(floats(&summary, "tokens", &[])[0], tokens);
    assert!(place.path("look/plots/vocabulary_pretrained.svg").is_file());
}

#[test]
fn what_cannot_be_shown_is_named_and_leaves_nothing() {
    let place = Scratch::new();
    place.write("bad.png", b"\x89PNG\r\n\x1a\nnothing");
    for (flags, parts) in [
        ("--arm perceiver", &["unknown arm `perceiver`"][..]),
        ("--arm pretrained", &["`pretrained`", "--checkpoint"]),
        (
            "--arm identity --vocabulary",
            &["`identity` has no visual words", "vq@"],
        ),
        (
            "--arm identity,patch-merger --top 3",
            &["--top", "`identity`, `patch-merger`", "vet-softmax@"],
        ),
        ("--image missing.png", &["missing.png"]),
        ("--image bad.png", &["bad.png", "PNG"]),
        ("--text ABC", &["--text", "--image"]),
        ("--density 7", &["7 characters per token", "--density"]),
        ("--learning-rate 0", &["--learning-rate 0", "above 0"]),
        ("--show 0", &["--show 0"]),
        ("--words 4", &["--words", "no effect", "--vocabulary"]),
        ("--patches 4", &["--patches", "no effect", "--vocabulary"]),
        (
            "--image a.png --show 2",
            &["--show", "no effect", "--image"],
        ),
        ("--images 1", &["--images 1", "at least 2"]),
        ("--checkpoint no-such-folder", &["no-such-folder"]),
        (
            "--backbone missing.safetensors",
            &["missing.safetensors", "pretrain-backbone"],
        ),
        ("--out .", &["--out .", "names no folder"]),
    ] {
        inspect(&place, flags).refused(parts);
        assert!(!place.path("look").exists(), "{flags}");
    }
    let folder = checkpoint("ovis2_5");
    let trained = format!("--checkpoint {} --arm patch-merger", folder.display());
    inspect(&place, &trained).refused(&["`patch-merger`", "ocr-probe --checkpoint"]);
    place.write("mine/thesis.txt", "years of work");
    inspect(&place, "--out mine").refused(&["something else", "--out"]);
}
