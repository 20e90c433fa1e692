//! A gap followed along the length of the training.

use claims::{Measurements, Role, Verdict};

use super::{claim, found, refusal};
use crate::support::{error, facts, varied, with_seeds};

const LENGTHS: [usize; 4] = [500, 1000, 2000, 4000];

fn gap_shrinks(more: &str) -> String {
    claim(
        "A",
        &format!(
            "rule = \"gap-slope\"\ndata = {{ study = \"steps\" }}\n\
             subject = {{ select = \"best\", role = \"hard\" }}\n\
             reference = {{ select = \"kind\", kind = \"gelu-mlp\" }}\n\
             metric = \"character-error\"\nsides = \"one\"\nalong = \"training-steps\"\n{more}"
        ),
    )
}

fn add(all: &mut Measurements, arm: &str, role: Role, errors: [f64; 4]) {
    all.arms.push(facts("steps", arm, role));
    for (steps, rate) in LENGTHS.into_iter().zip(errors) {
        all.series.push(varied("steps", arm, error(rate), |series| {
            series.steps = Some(steps);
        }));
    }
}

/// The hard arm reads so much worse than the MLP after each length of training.
fn study(gaps: [f64; 4]) -> Measurements {
    let mut all = Measurements::default();
    let mlp = [0.3, 0.2, 0.15, 0.1];
    let hard = [0, 1, 2, 3].map(|place| mlp[place] + gaps[place]);
    add(&mut all, "vet-st-argmax@1024", Role::Hard, hard);
    add(&mut all, "gelu-mlp@1024", Role::WidthMatchedMlp, mlp);
    all
}

#[test]
fn a_gap_that_halves_with_training_is_supported_and_one_that_grows_refuted() {
    let report = found(&gap_shrinks(""), &study([0.4, 0.3, 0.2, 0.1]));
    let finding = &report.claims[0];
    assert_eq!(finding.verdict, Verdict::Supported, "{}", finding.words);
    // Ten points less for every doubling.
    let slope = finding.parts[0].effect.unwrap();
    assert!((slope + 0.1).abs() < 0.01, "{slope}");
    let words = &finding.words;
    assert!(
        words.contains("per doubling of the training steps, p "),
        "{words}"
    );
    let after = words.split("after 4,000 steps the gap is ").nth(1).unwrap();
    let left: f64 = after.split(' ').next().unwrap().parse().unwrap();
    assert!((left - 10.0).abs() < 2.0, "{words}");
    assert!(after.contains('['), "{words}");
    assert!(
        !words.contains("per doubling, "),
        "no plateau was asked for"
    );

    let grows = found(&gap_shrinks(""), &study([0.1, 0.2, 0.3, 0.4]));
    assert_eq!(grows.claims[0].verdict, Verdict::Refuted);
    let stays = found(&gap_shrinks(""), &study([0.2; 4]));
    assert_eq!(stays.claims[0].verdict, Verdict::Undecided);
    let few = found(
        &gap_shrinks(""),
        &with_seeds(&study([0.4, 0.3, 0.2, 0.1]), 3),
    );
    assert_eq!(few.claims[0].verdict, Verdict::Undecided);
    assert!(
        few.claims[0].words.contains("3 seeds"),
        "{}",
        few.claims[0].words
    );
}

#[test]
fn a_plateau_is_shown_and_not_assumed() {
    let text = gap_shrinks("plateau = 0.05");
    let words = |gaps: [f64; 4]| found(&text, &study(gaps)).claims[0].words.clone();
    let flat = words([0.4, 0.3, 0.2, 0.2]);
    assert!(
        flat.contains("from 2,000 steps on it changed by "),
        "{flat}"
    );
    assert!(
        flat.contains(" per doubling, less than 5.00 points (p "),
        "{flat}"
    );
    let falling = words([0.4, 0.3, 0.2, 0.1]);
    assert!(
        falling.contains("not shown to be less than 5.00 points"),
        "{falling}"
    );
    let single = with_seeds(&study([0.4, 0.3, 0.2, 0.2]), 1);
    let single = found(&text, &single).claims[0].words.clone();
    assert!(single.contains("which 1 seed cannot test"), "{single}");
    let message = refusal(&text.replace("0.05", "0.0"));
    assert!(
        message.contains("claim A: plateau cannot be 0"),
        "{message}"
    );
    let message = refusal(&text.replace("training-steps", "character-side"));
    assert!(message.contains("plateau is about trainings"), "{message}");
}

#[test]
fn arms_are_chosen_at_the_longest_training() {
    let mut two = study([0.4, 0.3, 0.2, 0.1]);
    // Best at every length but the last, and on average.
    add(&mut two, "vq@1024", Role::Hard, [0.1, 0.1, 0.1, 0.5]);
    let report = found(&gap_shrinks(""), &two);
    let comparison = &report.claims[0].parts[0].comparison;
    assert!(
        comparison.contains("(vet-st-argmax@1024 − gelu-mlp@1024)"),
        "{comparison}"
    );
    // The longest training of the reference is missing: nothing to choose by, and nothing to say.
    let mut short = study([0.4, 0.3, 0.2, 0.1]);
    short
        .series
        .retain(|s| s.arm.starts_with("vet") || s.steps != Some(4000));
    let report = found(&gap_shrinks(""), &short);
    assert_eq!(report.claims[0].verdict, Verdict::NotMeasured);
    assert!(
        report.claims[0].words.contains("4,000 training steps"),
        "{}",
        report.claims[0].words
    );
    let none = found(
        &gap_shrinks(""),
        &crate::support::four_arms("steps", 0.2, 0.1, 0.1, 0.1),
    );
    assert!(
        none.claims[0].words.contains("two lengths of training"),
        "{}",
        none.claims[0].words
    );
}

#[test]
fn facets_select_one_length_and_rules_without_pool_all() {
    let difference = |steps: &str| {
        claim(
            "A",
            &format!(
                "rule = \"difference\"\ndata = {{ study = \"steps\"{steps} }}\n\
                 subject = {{ select = \"best\", role = \"hard\" }}\n\
                 reference = {{ select = \"kind\", kind = \"gelu-mlp\" }}\n\
                 metric = \"character-error\"\ndirection = \"higher\"\nsides = \"one\""
            ),
        )
    };
    // Same arm, same test set, four trainings: four cells, and not the same series four times.
    let all = study([0.4, 0.3, 0.2, 0.1]);
    let part = |text: &str| found(text, &all).claims[0].parts[0].clone();
    let pooled = part(&difference(""));
    assert_eq!(pooled.items, 800);
    assert!((pooled.effect.unwrap() - 0.25).abs() < 0.02, "{pooled:?}");
    let long = part(&difference(", steps = 4000"));
    assert_eq!(long.items, 200);
    assert!((long.effect.unwrap() - 0.1).abs() < 0.02, "{long:?}");
    let absent = part(&difference(", steps = 3000"));
    assert!(
        absent.words.contains("study steps, 3,000 training steps"),
        "{absent:?}"
    );
}
