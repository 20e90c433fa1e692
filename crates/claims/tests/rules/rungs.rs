//! A ladder of bits, step by step.

use claims::{ClaimFinding, Measurements, Role, Verdict};

use super::{claim, found, refusal};
use crate::support::{error, facts, varied, with_seeds};

fn every_step_improves(margin: f64) -> String {
    claim(
        "A",
        &format!(
            "rule = \"rungs\"\ndata = {{ study = \"rate-ladder\" }}\nrole = \"hard\"\n\
             metric = \"character-error\"\nmargin = {margin}"
        ),
    )
}

/// Codes of 4, 8, 16 and 32 bits with the given errors; equal errors are the same readings but one.
fn ladder(errors: [f64; 4]) -> Measurements {
    let mut all = Measurements::default();
    for (index, rate) in errors.into_iter().enumerate() {
        let bits = [4.0, 8.0, 16.0, 32.0][index];
        let arm = format!("code-{bits}@{}", 2_u64.pow(4 + index as u32));
        all.arms.push(facts("rate-ladder", &arm, Role::Hard));
        let mut series = varied("rate-ladder", &arm, error(rate), |series| {
            series.bits_nominal = Some(bits);
        });
        if index > 0 && errors[index - 1] == rate {
            let below = &all.series[index - 1];
            series.seeds = below.seeds.clone();
            for (seed, run) in series.seeds.iter_mut().enumerate() {
                run.items[seed].edits ^= 1;
            }
        }
        all.series.push(series);
    }
    all
}

fn judged(measurements: &Measurements) -> ClaimFinding {
    found(&every_step_improves(0.02), measurements).claims[0].clone()
}

#[test]
fn a_ladder_whose_every_step_improves_is_supported() {
    let finding = judged(&ladder([0.5, 0.4, 0.2, 0.1]));
    assert_eq!(finding.verdict, Verdict::Supported);
    let part = &finding.parts[0];
    assert!((part.effect.unwrap() - 0.4).abs() < 0.02, "{part:?}");
    // Ten seeds that all agree on every step: all have to hold, so looking at three costs nothing.
    assert_eq!(part.p, Some(1.0 / 1024.0));
    for rung in [
        "4 to 8 bits (code-4@16 to code-8@32) by +",
        "8 to 16 bits",
        "16 to 32 bits",
    ] {
        assert!(finding.words.contains(rung), "{}", finding.words);
    }
    assert!(
        finding.words.contains("from end to end by +"),
        "{}",
        finding.words
    );
}

#[test]
fn a_step_between_equals_is_allowed() {
    let finding = judged(&ladder([0.5, 0.3, 0.3, 0.1]));
    assert_eq!(finding.verdict, Verdict::Supported, "{}", finding.words);
    assert!(
        !finding.words.contains("not shown")
            && finding.words.contains(", not worse by 2.00 points (p "),
        "{}",
        finding.words
    );
    assert_eq!(finding.p, Some(1.0 / 1024.0));
    // Equal all the way: no step is worse, but nothing falls.
    let flat = judged(&ladder([0.3; 4]));
    assert_eq!(flat.verdict, Verdict::Undecided, "{}", flat.words);
}

#[test]
fn a_step_back_refutes_although_the_ends_fall() {
    let finding = judged(&ladder([0.5, 0.2, 0.3, 0.1]));
    assert_eq!(finding.verdict, Verdict::Refuted, "{}", finding.words);
    assert!(
        finding.words.contains("worse by more than 2.00 points"),
        "{}",
        finding.words
    );
    // Page's test does not see it: the trend as a whole falls.
    let trend = every_step_improves(0.02)
        .replace("\"rungs\"", "\"rate-trend\"")
        .replace(
            "margin",
            "reference = { select = \"arm\", arm = \"code-32@128\" }\nmargin",
        );
    let trend = found(&trend, &ladder([0.5, 0.2, 0.3, 0.1]));
    assert_eq!(trend.claims[0].verdict, Verdict::Supported);
    // A rise within the margin does not refute, and with this scatter does not support either.
    let small = judged(&ladder([0.5, 0.2, 0.21, 0.1]));
    assert_ne!(small.verdict, Verdict::Refuted, "{}", small.words);
}

#[test]
fn a_step_that_scatters_too_much_for_equality_holds_where_it_is_not_worse() {
    // Points by which 16 bits read better than 8: 1.1 on average, shown neither to be above 0 nor to be below 2.
    let drops = [3.4, -1.0, 2.0, 2.8, -1.4, 0.2, 3.0, -0.6, 3.4, -1.0];
    let mut all = ladder([0.5, 0.3, 0.3, 0.1]);
    let below = all.series[1].seeds.clone();
    for ((run, below), drop) in all.series[2].seeds.iter_mut().zip(&below).zip(drops) {
        run.items = below.items.clone();
        let characters: u32 = run.items.iter().map(|item| item.chars).sum();
        let mut left = (f64::from(characters) * f64::abs(drop) / 100.0).round();
        for item in &mut run.items {
            let changed = match drop > 0.0 {
                true => item.edits.checked_sub(1),
                false => Some(item.edits + 1).filter(|&edits| edits <= item.chars),
            };
            if let Some(edits) = changed.filter(|_| left > 0.0) {
                item.edits = edits;
                left -= 1.0;
            }
        }
        assert_eq!(left, 0.0);
    }
    let finding = judged(&all);
    assert_eq!(finding.verdict, Verdict::Supported, "{}", finding.words);
    assert!(
        finding
            .words
            .contains("(code-8@32 to code-16@64) by +1.08 points"),
        "{}",
        finding.words
    );
}

#[test]
fn too_few_seeds_and_too_few_sizes_decide_nothing() {
    let falling = ladder([0.5, 0.4, 0.2, 0.1]);
    // 1 / 2^4
    let few = judged(&with_seeds(&falling, 4));
    assert_eq!(few.verdict, Verdict::Undecided);
    assert_eq!(few.p, Some(1.0 / 16.0), "{}", few.words);
    let single = judged(&with_seeds(&falling, 1));
    assert!(single.words.contains("1 seed"), "{}", single.words);
    let mut one_size = falling.clone();
    one_size.series.truncate(1);
    let missing = judged(&one_size);
    assert_eq!(missing.verdict, Verdict::NotMeasured);
    assert!(
        missing.words.contains("two code sizes"),
        "{}",
        missing.words
    );
    let message = refusal(&every_step_improves(0.0));
    assert!(message.contains("claim A: margin cannot be 0"), "{message}");
}

#[test]
fn the_best_of_a_size_by_validation_stands_for_it() {
    let mut all = ladder([0.5, 0.4, 0.2, 0.1]);
    let lucky = "other-16@64";
    all.arms.push(facts("rate-ladder", lucky, Role::Hard));
    let mut series = varied("rate-ladder", lucky, error(0.6), |series| {
        series.bits_nominal = Some(16.0);
    });
    series.validation_error = Some(0.9);
    all.series.push(series);
    assert_eq!(judged(&all).verdict, Verdict::Supported);
    // Preferred by validation, and worse than the size below.
    all.series[4].validation_error = Some(0.05);
    let finding = judged(&all);
    assert_eq!(finding.verdict, Verdict::Refuted);
    assert!(
        finding.words.contains("(code-8@32 to other-16@64)"),
        "{}",
        finding.words
    );
}

#[test]
fn ladders_without_any_slope_are_rarely_supported_or_refuted() {
    let (mut supported, mut refuted) = (0, 0);
    for world in 0..60 {
        let mut all = Measurements::default();
        for bits in [4.0, 8.0, 16.0, 32.0] {
            // Another name draws other outcomes of the same truth.
            let arm = format!("w{world}-code-{bits}");
            all.arms.push(facts("rate-ladder", &arm, Role::Hard));
            all.series
                .push(varied("rate-ladder", &arm, error(0.3), |series| {
                    series.bits_nominal = Some(bits);
                }));
        }
        // A margin well below the scatter of the readings.
        let verdict = found(&every_step_improves(0.002), &all).claims[0].verdict;
        supported += usize::from(verdict == Verdict::Supported);
        refuted += usize::from(verdict == Verdict::Refuted);
    }
    assert!(supported <= 3 && refuted <= 5, "{supported} and {refuted}");
}
