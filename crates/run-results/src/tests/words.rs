//! The verdict, and the page that says the same.

use super::{ARMS, config, expected, run, text, written};
use crate::wording;
use arms::{ArmKind, ArmSpec};

#[test]
fn the_verdict_follows_the_data() {
    let verdict = |seeds: usize, hard: f64| {
        let config = config(&ARMS, seeds, &[1.0]);
        let (folder, _) = written(&config, &run(&config, &expected(hard)));
        let verdict = text(&folder, "verdict.md");
        let start = verdict
            .find("Hard visual words (one table row per token) against `patch")
            .unwrap();
        let line = verdict[start..].lines().next().unwrap().to_owned();
        (line, verdict)
    };
    assert!(verdict(3, 0.4).0.contains(": worse by"));
    assert!(verdict(3, 0.02).0.contains(": better by"));
    assert!(verdict(3, 0.1).0.contains("no difference resolved"));
    assert!(
        verdict(3, 0.4)
            .1
            .contains("**Exploratory.** With 3 paired seeds")
    );
    assert!(verdict(3, 0.4).1.contains("below 0.25"));
    let many = verdict(7, 0.4).1;
    assert!(!many.contains("xploratory"), "{many}");
    assert!(many.contains("0.015625"));
}

#[test]
fn a_control_with_a_teacher_is_not_the_best_hard_arm() {
    let arms = ["patch-merger", "oracle-words@256", "vq@256", "blind"];
    let config = config(&arms, 3, &[1.0]);
    let misreads = |arm: ArmSpec, _: f64| match arm.kind.name() {
        "oracle-words" => 0.12,
        "vq" => 0.4,
        _ => 0.1,
    };
    let (folder, _) = written(&config, &run(&config, &misreads));
    let verdict = text(&folder, "verdict.md");
    assert!(
        verdict.contains(", one arm, against `patch-merger`"),
        "{verdict}"
    );
    let headline = "- 1 character per token: `vq@256` worse by";
    assert!(verdict.contains(headline), "{verdict}");
    // It is listed like any other.
    assert!(verdict.contains("| `oracle-words@256` | 1 |"), "{verdict}");
}

#[test]
fn integrity_checks_pass_and_fail_with_the_data() {
    let checks = |misreads: &dyn Fn(ArmSpec, f64) -> f64| {
        let config = config(&ARMS, 3, &[1.0, 2.0]);
        let (folder, _) = written(&config, &run(&config, misreads));
        let verdict = text(&folder, "verdict.md");
        let lines = verdict.lines().filter(|line| line.contains("** – the "));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    let sound = checks(&expected(0.3));
    assert_eq!(sound.len(), 2);
    assert!(
        sound.iter().all(|line| line.contains("**pass**")),
        "{sound:?}"
    );
    let leak = checks(&|arm, density| match arm.kind == ArmKind::Blind {
        true => 0.8,
        false => expected(0.3)(arm, density),
    });
    assert!(
        leak[0].contains("**pass**") && leak[1].contains("**FAIL**"),
        "{leak:?}"
    );
    let lossy = checks(&|arm, density| match arm.kind == ArmKind::Identity {
        true => 0.5,
        false => expected(0.3)(arm, density),
    });
    assert!(lossy[0].contains("**FAIL**") && lossy[0].contains("`linear` reads better"));
    assert!(lossy[1].contains("**pass**"), "{lossy:?}");
}

/// How often a text stands on a page of HTML.
fn times(page: &str, text: &str) -> usize {
    page.matches(text).count()
}

#[test]
fn the_page_says_what_the_verdict_says() {
    let config = config(&ARMS, 3, &[1.0, 2.0]);
    let (folder, summary) = written(&config, &run(&config, &expected(0.4)));
    let (page, verdict) = (text(&folder, "report.html"), text(&folder, "verdict.md"));
    let answer = verdict.split("\n## ").nth(1).unwrap();
    let lead = answer.lines().nth(2).unwrap();
    for arm in ["vet-st-argmax@256", "vet-softmax@256", "patch-merger"] {
        for group in 0..2 {
            let row = summary.cer(arm.parse().unwrap(), group).unwrap();
            let rate = wording::percent(row.value.unwrap().mean);
            assert!(lead.contains(&rate), "{arm} {rate}: {lead}");
        }
    }
    assert_eq!(lead.matches("worse by").count(), 2, "{lead}");
    // Marks and escapes apart, every sentence of the verdict is on the page, once.
    let plain = |text: &str| text.replace("&#39;", "'").replace("&#38;", "&");
    let page = plain(&page);
    let marks = ["<code>", "</code>", "<strong>", "</strong>"];
    let bare = marks
        .iter()
        .fold(page.clone(), |page, mark| page.replace(mark, ""));
    for line in verdict
        .lines()
        .filter(|line| !line.starts_with(['|', '#', '-']))
    {
        let sentence = line.replace(['`', '*'], "");
        if !sentence.is_empty() {
            assert_eq!(times(&bare, &format!(">{sentence}<")), 1, "{sentence}");
        }
    }
    assert_eq!(times(&page, "<figure id="), 5);
    assert_eq!(times(&page, "<svg "), 5);
    assert_eq!(times(&page, "How to read it:"), 5);
    assert_eq!(times(&page, "class=\"badge good\""), 4);
    assert!(
        page.contains("preset = &#34;"),
        "the configuration is missing"
    );
    for heading in [
        "Summary",
        "Comparisons",
        "Tuning",
        "Confusions",
        "Provenance",
    ] {
        assert_eq!(times(&page, &format!("<h2>{heading}</h2>")), 1, "{heading}");
    }
    assert_eq!(times(&page, "http://") + times(&page, "https://"), 0);
}

#[test]
fn what_became_of_the_images_is_in_the_verdict_and_on_the_page() {
    let config = config(&["patch-merger"], 1, &[1.0]);
    let mut run = run(&config, &expected(0.1));
    let (folder, _) = written(&config, &run);
    assert!(!text(&folder, "verdict.md").contains("What became of the images"));
    assert!(!text(&folder, "report.html").contains("What became of the images"));
    let note = "mine: 3 images; 1 records cannot be read, left out";
    run.image_notes = vec![note.to_owned(), "labels.csv line 2: <b>".to_owned()];
    let (folder, _) = written(&config, &run);
    let verdict = text(&folder, "verdict.md");
    assert!(verdict.contains(&format!("## What became of the images\n\n- {note}\n")));
    let page = text(&folder, "report.html");
    assert_eq!(times(&page, note), 1);
    assert_eq!(times(&page, "line 2: <b>"), 0, "a label is no element");
}
