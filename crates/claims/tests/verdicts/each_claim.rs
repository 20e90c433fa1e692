//! One claim at a time: supported, refuted, undecided, not measured.

use claims::{Measurements, Role, Verdict};

use crate::support::{Truth, error, facts, find, four_arms, series, varied, with_seeds};
use crate::worlds::{
    acuity, capacity, estimators, hardening, ladder, reading_and_coarse, redundancy, regimes,
    softmax, usage,
};

fn assert_verdict(id: &str, measurements: &Measurements, expected: Verdict) -> String {
    let found = find(id, measurements);
    assert_eq!(found.verdict, expected, "{id}: {} {found:#?}", found.words);
    found.words
}

/// The claim is supported, too few seeds decide nothing, and nothing is decided without data.
fn assert_supported(id: &str, truth: &Measurements) {
    assert_verdict(id, truth, Verdict::Supported);
    assert_verdict(id, &Measurements::default(), Verdict::NotMeasured);
}

#[test]
fn h1_hard_codes_hurt_reading() {
    let hurt = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    assert_supported("H1", &hurt);
    let words = assert_verdict("H1", &with_seeds(&hurt, 3), Verdict::Undecided);
    assert!(
        words.contains("3 seeds: the smallest one-sided p is 0.125"),
        "{words}"
    );
    assert_verdict(
        "H1",
        &four_arms("ocr", 0.05, 0.1, 0.1, 0.1),
        Verdict::Refuted,
    );
    // Worse than the MLP but not certainly than the merger.
    let mut half = four_arms("ocr", 0.2, 0.1, 0.2, 0.1);
    for series in &mut half.series {
        series.seeds.truncate(6);
    }
    assert_verdict("H1", &half, Verdict::Undecided);
}

#[test]
fn the_arm_that_validation_prefers_is_compared() {
    let mut two = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    // Better on the test data, but not chosen; and it would have its own MLP.
    let mut lucky = series("ocr", "vet-st-argmax@4096", error(0.02));
    lucky.validation_error = Some(0.5);
    two.series.push(lucky);
    two.arms
        .push(facts("ocr", "vet-st-argmax@4096", Role::Hard));
    let found = find("H1", &two);
    assert_eq!(found.verdict, Verdict::Supported);
    assert!(
        found.parts[0]
            .comparison
            .starts_with("vet-st-argmax@1024 − gelu-mlp@1024")
    );
    let last = two.series.len() - 1;
    two.series[last] = series("ocr", "vet-st-argmax@4096", error(0.3));
    two.series[last].validation_error = Some(0.01);
    let found = find("H1", &two);
    assert_eq!(found.verdict, Verdict::NotMeasured);
    assert!(found.words.contains("an MLP 4096 wide"), "{}", found.words);
    two.series[last].validation_error = None;
    let found = find("H1", &two);
    assert!(
        found
            .words
            .contains("validation error of vet-st-argmax@4096"),
        "{}",
        found.words
    );
}

#[test]
fn h2_the_loss_is_specific_to_reading() {
    let specific = reading_and_coarse([0.4, 0.02]);
    assert_supported("H2", &specific);
    assert_verdict("H2", &reading_and_coarse([0.02, 0.4]), Verdict::Refuted);
    let words = assert_verdict("H2", &with_seeds(&specific, 4), Verdict::Undecided);
    assert!(
        words.contains("4 seeds: the smallest two-sided p is 0.125"),
        "{words}"
    );
}

#[test]
fn h3_softmax_equals_the_mlp() {
    let equal = softmax(0.0);
    assert_supported("H3", &equal);
    let words = assert_verdict("H3", &with_seeds(&equal, 1), Verdict::Undecided);
    assert!(words.contains("1 seed"), "{words}");
    assert_verdict("H3", &softmax(0.1), Verdict::Refuted);
    // About as far apart as the margin: neither equal nor certainly different.
    assert_verdict("H3", &softmax(0.001), Verdict::Undecided);
}

#[test]
fn h4_hard_codes_have_a_knee_within_their_bits() {
    assert_supported("H4", &capacity([2.0, 4.0], None));
    // 6 bits hold 2.58 of 5 symbols: no code can break as late as at 5.
    assert_verdict("H4", &capacity([5.0, 6.0], None), Verdict::Refuted);
    assert_verdict("H4", &capacity([2.0, 4.0], Some(2.5)), Verdict::Refuted);
    // In the expected ratio, but 3 used bits hold 1.29 symbols only.
    let mut unused = capacity([2.0, 4.0], None);
    for series in &mut unused.series {
        series.bits_used = series.bits_used.map(|bits| bits / 2.0);
    }
    let words = assert_verdict("H4", &unused, Verdict::Refuted);
    assert!(words.contains("its 3.0 bits hold 1.29"), "{words}");
    let single = with_seeds(&capacity([2.0, 4.0], None), 1);
    let words = assert_verdict("H4", &single, Verdict::Undecided);
    assert!(words.contains("1 seed"), "{words}");
}

#[test]
fn h5_more_bits_read_better() {
    let used = [4.0, 8.0, 16.0, 32.0];
    let falling = ladder([0.5, 0.3, 0.2, 0.1], used);
    assert_supported("H5", &falling);
    let words = find("H5", &falling).words;
    assert!(
        words.contains("32 bits equal gelu-mlp@1024 within the margin"),
        "{words}"
    );
    assert_verdict("H5", &ladder([0.1, 0.2, 0.3, 0.5], used), Verdict::Refuted);
    assert_verdict(
        "H5",
        &ladder([0.2, 0.2, 0.2, 0.2], used),
        Verdict::Undecided,
    );
}

#[test]
fn h6_used_bits_predict_the_error() {
    assert_supported("H6", &usage(12, -1.0));
    assert_verdict("H6", &usage(12, 1.0), Verdict::Refuted);
    let words = assert_verdict("H6", &usage(4, -1.0), Verdict::Undecided);
    assert!(words.contains("4 arms"), "{words}");
    let mut unknown = usage(12, -1.0);
    unknown.series[3].bits_used = None;
    let words = assert_verdict("H6", &unknown, Verdict::NotMeasured);
    assert!(
        words.contains("used bits, learning rate and vocabulary of code-3"),
        "{words}"
    );
}

#[test]
fn h7_the_gradient_estimator_matters() {
    let different = estimators([0.1, 0.2, 0.3, 0.15]);
    assert_supported("H7", &different);
    let words = assert_verdict("H7", &with_seeds(&different, 3), Verdict::Undecided);
    assert!(
        words.contains("3 seeds: the smallest two-sided p is 0.250"),
        "{words}"
    );
    let mut same = estimators([0.1; 4]);
    for index in 1..4 {
        same.series[index].seeds = same.series[0].seeds.clone();
        same.series[index].seeds[index].items[0].edits += 1;
    }
    assert_verdict("H7", &same, Verdict::Refuted);
}

#[test]
fn h8_more_words_recover_what_the_best_word_loses() {
    let lost = hardening(&[(1, 0.7), (4, 0.4), (16, 0.2), (64, 0.1)], 0.1);
    assert_supported("H8", &lost);
    let words = find("H8", &lost).words;
    assert!(words.contains("64 words equal all of them"), "{words}");
    let nothing = hardening(&[(1, 0.1), (4, 0.1), (16, 0.1)], 0.1);
    assert_verdict("H8", &nothing, Verdict::Refuted);
    assert_verdict("H8", &with_seeds(&lost, 3), Verdict::Undecided);
    let never = hardening(&[(1, 0.7), (4, 0.4), (16, 0.2)], 0.1);
    let words = assert_verdict("H8", &never, Verdict::Undecided);
    assert!(words.contains("no number of words"), "{words}");
    // 16 words equal all of them but 64 do not: that proves nothing about 16.
    let odd = hardening(&[(1, 0.7), (4, 0.5), (16, 0.1), (64, 0.2)], 0.1);
    let words = assert_verdict("H8", &odd, Verdict::Undecided);
    assert!(words.contains("no number of words"), "{words}");
}

#[test]
fn h9_curricula_close_the_gap() {
    assert_supported("H9", &regimes(0.2, 0.5, 0.1));
    // About half, and not certainly less: not what was claimed, and not refuted.
    assert_verdict("H9", &regimes(0.31, 0.5, 0.1), Verdict::Undecided);
    assert_verdict("H9", &regimes(0.45, 0.5, 0.1), Verdict::Refuted);
    assert_verdict("H9", &regimes(0.6, 0.5, 0.1), Verdict::Refuted);
    let few = with_seeds(&regimes(0.2, 0.5, 0.1), 4);
    let words = assert_verdict("H9", &few, Verdict::Undecided);
    assert!(words.contains("no certain gap"), "{words}");
    assert_verdict("H9", &regimes(0.1, 0.1, 0.1), Verdict::Undecided);
}

#[test]
fn h10_thresholds_rise() {
    let risen = acuity(3.0, 1.5);
    assert_supported("H10", &risen);
    let found = find("H10", &risen);
    for part in &found.parts {
        assert!((part.effect.unwrap() / 2.0 - 1.0).abs() < 0.25, "{part:?}");
    }
    assert_verdict("H10", &acuity(1.0, 3.0), Verdict::Refuted);
    let words = assert_verdict("H10", &with_seeds(&risen, 3), Verdict::Undecided);
    assert!(words.contains("3 seeds"), "{words}");
    // The hard arm never sees anything: a result without a ratio.
    let words = assert_verdict("H10", &acuity(1e9, 1.5), Verdict::Undecided);
    assert!(words.contains("outside the levels tested"), "{words}");
}

#[test]
fn h11_language_priors_mask_the_loss() {
    let make = |random: f64, words: f64| {
        let mut all = four_arms("ocr", 0.1 + random, 0.1, 0.1, 0.1);
        for (arm, rate) in [("vet-st-argmax@1024", 0.1 + words), ("gelu-mlp@1024", 0.1)] {
            let truth = Truth {
                items: 180,
                ..error(rate)
            };
            let series = varied("ocr", arm, truth, |s| s.condition = "words".to_owned());
            all.series.push(series);
        }
        all
    };
    assert_supported("H11", &make(0.3, 0.02));
    assert_verdict("H11", &make(0.02, 0.3), Verdict::Refuted);
    assert_verdict("H11", &with_seeds(&make(0.3, 0.02), 3), Verdict::Undecided);
}

#[test]
fn h12_redundancy_compensates_and_noise_loses_as_much() {
    let both = redundancy([0.5, 0.3, 0.1], 0.0, 0.51);
    assert_supported("H12", &both);
    assert_verdict(
        "H12",
        &redundancy([0.1, 0.3, 0.5], 0.0, 0.51),
        Verdict::Refuted,
    );
    assert_verdict(
        "H12",
        &redundancy([0.5, 0.3, 0.1], 0.3, 0.51),
        Verdict::Refuted,
    );
    assert_verdict("H12", &with_seeds(&both, 3), Verdict::Undecided);
    let words = assert_verdict(
        "H12",
        &redundancy([0.5, 0.3, 0.1], 0.0, 0.8),
        Verdict::Undecided,
    );
    assert!(words.contains("not matched"), "{words}");
}
