//! Data sets on disk: words right, what is said first, and the images that one arm reads alone.

use super::{config, field, rows, run, text, written};
use crate::Readability;
use probe::{ImageSource, ProbeConfig, RunOutcome};
use probe_data::{Answer, DataSources, GroupImages};
use scene_text::Format;
use std::path::Path;
use tempfile::TempDir;

/// Images of the made-up data set.
const IMAGES: usize = 40;
pub(super) const ARMS: [&str; 4] = ["identity", "patch-merger", "vet-st-argmax@8", "blind"];

/// A run on a data set of the user, in which `right` says of arm, seed and image whether it is read right;
/// what is wrong is read as `WRONG`.
pub(super) fn on_a_data_set(
    arms: &[&str],
    seeds: usize,
    right: &dyn Fn(&str, u64, usize) -> bool,
) -> (ProbeConfig, RunOutcome) {
    let mut config = config(arms, seeds, &[1.0]);
    config.data.source = ImageSource::Text {
        train: DataSources::rendered(),
        test: DataSources::stored(Format::Gt, Path::new("mine")),
    };
    let mut run = run(&config, &|_, _| 0.0);
    let set = &mut run.test_sets[0];
    (set.density, set.mean_density) = (None, 0.4);
    set.condition = "mine".to_owned();
    set.clusters = (0..IMAGES as u32).collect();
    set.targets = (0..IMAGES).map(|item| Answer::Text(label(item))).collect();
    for cell in &mut run.cells {
        let arm = cell.spec.arm.to_string();
        let read = (0..IMAGES).map(|item| match right(&arm, cell.spec.seed, item) {
            true => Answer::Text(label(item)),
            false => Answer::Text("WRONG".to_owned()),
        });
        cell.tests[0].predictions = read.collect();
    }
    let pixels: Vec<u8> = (0..IMAGES * 16 * 8)
        .map(|pixel| (pixel % 251) as u8)
        .collect();
    run.test_images = vec![Some(GroupImages::new(16, 8, IMAGES, pixels.into()))];
    (config, run)
}

fn label(item: usize) -> String {
    format!("WORD{item}")
}

/// The first images are read: so many by each arm, in the order of [`ARMS`].
pub(super) fn first_ones(read: [usize; 4]) -> impl Fn(&str, u64, usize) -> bool {
    move |arm, _, item| {
        let place = ARMS.iter().position(|known| *known == arm).unwrap();
        item < read[place]
    }
}

/// The first line of the answer in `verdict.md`.
fn first_line(folder: &TempDir) -> String {
    let verdict = text(folder, "verdict.md");
    let answer = verdict.split("## Answer\n\n").nth(1).unwrap();
    answer.lines().next().unwrap().to_owned()
}

#[test]
fn images_beyond_the_reader_are_said_to_be_so_first() {
    let (config, run) = on_a_data_set(&ARMS, 1, &first_ones([4, 2, 10, 0]));
    let (folder, summary) = written(&config, &run);
    let first = first_line(&folder);
    let said = "Nothing can be concluded about connectors from `mine`.";
    assert!(first.starts_with(&format!("**{said}**")), "{first}");
    for part in ["10.0% [", "40 images", "below 50%", "`--steps`", "crops"] {
        assert!(first.contains(part), "no `{part}` in: {first}");
    }
    let page = text(&folder, "report.html");
    let plain = said.replace("`mine`", "<code>mine</code>");
    let answer = page.split("class=\"answer\"").nth(1).unwrap();
    let first_of_page = answer.split("<p").nth(1).unwrap();
    assert!(first_of_page.contains(&plain), "{first_of_page}");
    assert!(page.contains("so nothing can be concluded"));
    let printed = summary.table();
    let printed = printed.lines().next().unwrap();
    assert!(printed.starts_with(&said.replace('`', "")), "{printed}");
    // The numbers are there, and nothing is made of them.
    let verdict = text(&folder, "verdict.md");
    for finding in [
        "worse by",
        "better by",
        "points fewer",
        "points more",
        "no difference resolved",
    ] {
        let found = verdict.lines().find(|line| line.contains(finding));
        let is_check = found.is_none_or(|line| line.starts_with("- **"));
        assert!(is_check, "{found:?}");
    }
    assert!(
        verdict.contains("| `vet-st-argmax@8` | 25.0% ["),
        "{verdict}"
    );
    assert!(verdict.contains("| +15.0 ["), "{verdict}");
    let words = rows(&folder, "words_right.csv");
    assert_eq!(field(&words, &[("arm", "blind")], "conclusive"), "no");
}

#[test]
fn half_of_the_words_is_enough() {
    for (read, is_enough) in [(19, false), (20, true)] {
        let (config, run) = on_a_data_set(&ARMS, 1, &first_ones([read, 2, 1, 0]));
        let (folder, summary) = written(&config, &run);
        assert_eq!(summary.data_sets[0].allows_conclusions(), is_enough);
        let said = first_line(&folder).starts_with("**Nothing can be concluded");
        assert_eq!(said, !is_enough);
    }
}

#[test]
fn words_right_have_intervals_and_paired_differences_with_a_single_seed() {
    let (config, run) = on_a_data_set(&ARMS, 1, &first_ones([36, 34, 20, 0]));
    let (folder, summary) = written(&config, &run);
    let rows = rows(&folder, "words_right.csv");
    let value = |arm: &str, column: &str| field(&rows, &[("arm", arm)], column);
    let number = |arm: &str, column: &str| value(arm, column).parse::<f64>().unwrap();
    assert_eq!(rows.len(), ARMS.len());
    for (arm, right) in ARMS.iter().zip([0.9, 0.85, 0.5, 0.0]) {
        assert_eq!(number(arm, "words_right"), right, "{arm}");
        assert_eq!(value(arm, "conclusive"), "yes");
    }
    // About four standard errors of a share of 40 images.
    let width = number("identity", "high_95") - number("identity", "low_95");
    assert!((0.1..0.3).contains(&width), "{width}");
    assert!((number("vet-st-argmax@8", "identity_difference") + 0.4).abs() < 1e-12);
    assert!(number("vet-st-argmax@8", "identity_high_95") < -0.2);
    assert!((number("identity", "merger_difference") - 0.05).abs() < 1e-12);
    assert_eq!(value("identity", "identity_difference"), "");
    assert_eq!(value("patch-merger", "merger_difference"), "");

    let first = first_line(&folder);
    for part in [
        "**Words right on `mine`:**",
        "90.0% [",
        "`vet-st-argmax@8` 40.0 points fewer [",
        "`patch-merger` no difference resolved (−5.0 [",
    ] {
        assert!(first.contains(part), "no `{part}` in: {first}");
    }
    assert!(!first.contains("blind"), "{first}");
    let verdict = text(&folder, "verdict.md");
    let section = verdict.split("## Words right\n").nth(1).unwrap();
    let section = section.split("\n## ").next().unwrap();
    for part in [
        "### `mine` text, 40 images",
        "With one seed",
        "Resampled: images. What stands without an interval did not vary",
        "| `blind` | 0.00% | 90.0 points fewer [",
        "up to 7.5% of further images",
        "| arm | words right [95%] | against `identity` | against `patch-merger` | CER |",
        "| `vet-st-argmax@8` | 50.0% [",
    ] {
        assert!(section.contains(part), "no `{part}` in: {section}");
    }
    let page = text(&folder, "report.html");
    assert!(page.contains("<h2>Words right</h2>"));
    let right = |readability| match readability {
        Readability::Read(value) => value.mean,
        Readability::Beyond(_) | Readability::NotAsked | Readability::NotMeasured => f64::NAN,
    };
    assert_eq!(right(summary.data_sets[0].readability), 0.9);
}

#[test]
fn without_identity_it_cannot_be_told() {
    let (config, run) = on_a_data_set(&ARMS[1..3], 2, &first_ones([0, 30, 8, 0]));
    let (folder, _) = written(&config, &run);
    let first = first_line(&folder);
    for part in [
        "cannot be told",
        "`mine`",
        "--arms identity",
        "75.0% [",
        "`patch-merger`",
    ] {
        assert!(first.contains(part), "no `{part}` in: {first}");
    }
    let rows = rows(&folder, "words_right.csv");
    let place = [("arm", "patch-merger")];
    assert_eq!(field(&rows, &place, "conclusive"), "unknown");
    assert!(!text(&folder, "verdict.md").contains("against `identity`"));
}

#[test]
fn rendered_text_is_not_affected() {
    let config = config(&ARMS, 1, &[1.0]);
    let run = run(&config, &|_, _| 0.9);
    let (folder, summary) = written(&config, &run);
    assert!(summary.data_sets.is_empty());
    let verdict = text(&folder, "verdict.md");
    assert!(!verdict.contains("Words right") && !verdict.contains("concluded"));
    assert!(!folder.path().join("words_right.csv").exists());
    assert!(!folder.path().join("plots/read_by_one.svg").exists());
    assert!(!summary.table().contains("concluded"));
}

#[test]
fn the_picture_shows_images_that_one_arm_reads_alone() {
    // Of two seeds, the hard arm loses images 0 to 2 in both and 3 to 9 in one; it alone reads image 39.
    let right = |arm: &str, seed: u64, item: usize| match arm {
        "identity" => item < 39,
        "patch-merger" => item < 39,
        "vet-st-argmax@8" => item > 9 || (seed == 2 && item > 2),
        _ => false,
    };
    let (config, run) = on_a_data_set(&ARMS, 2, &right);
    let (folder, summary) = written(&config, &run);
    let drawn = rows(&folder, "plots/read_by_one.csv");
    let hard = "vet-st-argmax@8";
    let items = |reads: &str, misreads: &str| -> Vec<String> {
        let found = drawn
            .iter()
            .filter(|row| row["reads"] == reads && row["does_not"] == misreads);
        found.map(|row| row["item"].clone()).collect()
    };
    // Three of both seeds, then three of seven, spread.
    assert_eq!(items("identity", hard), ["0", "1", "2", "3", "5", "7"]);
    assert_eq!(items(hard, "identity"), ["39"]);
    assert_eq!(items("identity", "patch-merger"), [""]);
    assert!(
        drawn
            .iter()
            .all(|row| row["reads"] != "blind" && row["does_not"] != "blind")
    );
    assert!(drawn.iter().any(|row| row["images"] == "10"));
    let svg = text(&folder, "plots/read_by_one.svg");
    for part in [
        "WORD5",
        "identity: WORD5",
        "vet-st-argmax@8: WRONG",
        "in 1 of 2 seeds",
        "10 of 40",
    ] {
        assert!(svg.contains(part), "no `{part}`");
    }
    assert_eq!(svg.matches("<image ").count(), 7);
    let page = text(&folder, "report.html");
    assert!(page.contains("Images of mine that one arm reads and another does not"));
    assert_eq!(page.matches("<image ").count(), 7);
    assert!(
        summary
            .skipped_figures
            .iter()
            .all(|why| !why.starts_with("read_by_one"))
    );
}

#[test]
fn arms_that_read_the_same_images_are_said_to() {
    let (config, run) = on_a_data_set(&ARMS, 1, &first_ones([30, 30, 30, 0]));
    let (folder, summary) = written(&config, &run);
    let why = "read_by_one: all arms read the same images right, so there is none that only one of them reads";
    assert!(
        summary.skipped_figures.contains(&why.to_owned()),
        "{:?}",
        summary.skipped_figures
    );
    assert!(text(&folder, "verdict.md").contains(why));
    assert!(text(&folder, "report.html").contains(why));
    assert!(!folder.path().join("plots/read_by_one.svg").exists());
}

#[test]
fn without_the_images_everything_else_is_written() {
    let (config, mut run) = on_a_data_set(&ARMS, 1, &first_ones([30, 20, 10, 0]));
    run.test_images = Vec::new();
    let (folder, summary) = written(&config, &run);
    let skipped = &summary.skipped_figures;
    assert!(
        skipped.iter().any(|why| why.contains("not at hand")),
        "{skipped:?}"
    );
    assert!(text(&folder, "report.html").contains("<h2>Words right</h2>"));
    // Images that are gone: fewer than there were.
    run.test_images = vec![Some(GroupImages::new(16, 8, 1, vec![0; 128].into()))];
    let (_, summary) = written(&config, &run);
    let skipped = &summary.skipped_figures;
    assert!(
        skipped.iter().any(|why| why.contains("bring it back")),
        "{skipped:?}"
    );
}

#[test]
fn where_nothing_finished_that_is_what_is_said() {
    let (config, mut run) = on_a_data_set(&ARMS, 1, &first_ones([30, 20, 10, 0]));
    for arm in ARMS {
        super::fail(&mut run, arm, 1, 0);
    }
    let (folder, _) = written(&config, &run);
    assert!(first_line(&folder).starts_with("No cell finished"));
}

#[test]
fn an_identity_that_failed_is_named() {
    let (config, mut run) = on_a_data_set(&ARMS, 1, &first_ones([30, 20, 10, 0]));
    super::fail(&mut run, "identity", 1, 0);
    let (folder, summary) = written(&config, &run);
    let first = first_line(&folder);
    assert!(first.contains("no cell of `identity`"), "{first}");
    assert_eq!(summary.data_sets[0].readability, Readability::NotMeasured);
}
