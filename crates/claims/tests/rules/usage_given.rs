//! What a correlation of used bits and error holds fixed.

use claims::{Measurements, Role, Verdict};

use super::{claim, found, refusal, registration};
use crate::support::{error, facts, varied};

fn used_bits_predict(given: &str) -> String {
    claim(
        "A",
        &format!(
            "rule = \"usage-correlation\"\ndata = {{ study = \"rate-ladder\" }}\nrole = \"hard\"\n\
             metric = \"character-error\"\nrho = -0.6\n{given}"
        ),
    )
}

/// Sixteen hard arms of four sizes, with the used and nominal bits and the error of each.
fn arms(of: impl Fn(usize) -> (f64, f64, f64)) -> Measurements {
    let mut all = Measurements::default();
    for index in 0..16 {
        let (used, nominal, rate) = of(index);
        let arm = format!("code-{index}@{}", 256 << (index % 4));
        all.arms.push(facts("rate-ladder", &arm, Role::Hard));
        all.series
            .push(varied("rate-ladder", &arm, error(rate), |series| {
                series.bits_used = Some(used);
                series.bits_nominal = Some(nominal);
                series.learning_rate = Some([0.001, 0.002, 0.004][index % 3]);
            }));
    }
    all
}

/// Used bits scatter about the nominal ones, in an order of their own.
fn scattered(index: usize) -> (f64, f64) {
    let nominal = 4.0 * (1 + index % 4) as f64;
    (nominal - 0.5 * ((index * 7 + 3) % 16) as f64 / 4.0, nominal)
}

const GIVEN_BITS: &str = "given = [\"nominal-bits\"]";

#[test]
fn used_bits_that_predict_within_a_size_are_supported() {
    let by_used = arms(|index| {
        let (used, nominal) = scattered(index);
        (used, nominal, 0.7 - 0.03 * used)
    });
    let report = found(&used_bits_predict(GIVEN_BITS), &by_used);
    let finding = &report.claims[0];
    assert_eq!(finding.verdict, Verdict::Supported, "{}", finding.words);
    assert!(
        finding.words.contains("given nominal bits (p "),
        "{}",
        finding.words
    );
}

#[test]
fn used_bits_that_only_follow_the_size_are_not() {
    // The error follows the nominal bits alone; learning rate and vocabulary do not show that where
    // the vocabulary is not what makes the bits.
    let by_nominal = arms(|index| {
        let nominal = 4.0 * (1 + index / 4) as f64;
        let used = nominal - 0.5 * (index % 4) as f64;
        // A second cause, whose order within a size has a rank correlation of 0 with the used bits.
        let other = [1.0, 3.0, 0.0, 2.0][index % 4];
        (used, nominal, 0.7 - 0.03 * nominal + 0.006 * other)
    });
    let given_bits = found(&used_bits_predict(GIVEN_BITS), &by_nominal);
    assert_ne!(given_bits.claims[0].verdict, Verdict::Supported);
    let rho = given_bits.claims[0].parts[0].effect.unwrap();
    assert!(rho.abs() < 0.4, "{rho}");
    let by_default = found(&used_bits_predict(""), &by_nominal);
    assert_eq!(by_default.claims[0].verdict, Verdict::Supported);
}

#[test]
fn an_interval_of_one_claim_does_not_refute_among_twelve() {
    // No correlation, over arms so few that the interval at 0.05 just leaves the claimed one out.
    let none = arms(|index| {
        let (used, nominal) = scattered(index);
        let other = [0.3, 0.5, 0.2, 0.4, 0.45, 0.25, 0.35, 0.15];
        (used, nominal, other[index % 8])
    });
    let rule = used_bits_predict(GIVEN_BITS);
    let alone = &found(&rule, &none).claims[0];
    assert_eq!(alone.verdict, Verdict::Refuted, "{}", alone.words);
    let twelve: String = (0..12)
        .map(|id| rule.replace("id = \"A\"", &format!("id = \"C{id}\"")))
        .collect();
    let among = &found(&twelve, &none).claims[0];
    assert_eq!(among.verdict, Verdict::Undecided, "{}", among.words);
}

#[test]
fn the_default_is_learning_rate_and_vocabulary() {
    let spelt = "given = [\"learning-rate\", \"vocabulary\"]";
    let (short, long) = (used_bits_predict(""), used_bits_predict(spelt));
    assert_eq!(registration(&short), registration(&long));
    let text = toml::to_string(&registration(&long)).unwrap();
    assert!(!text.contains("given"), "{text}");
    let by_used = arms(|index| {
        let (used, nominal) = scattered(index);
        (used, nominal, 0.7 - 0.03 * used)
    });
    let words = found(&long, &by_used).claims[0].words.clone();
    assert!(
        words.contains("given learning rate and vocabulary (p "),
        "{words}"
    );
    let three = "given = [\"learning-rate\", \"vocabulary\", \"nominal-bits\"]";
    let words = found(&used_bits_predict(three), &by_used).claims[0]
        .words
        .clone();
    assert!(
        words.contains("given learning rate, vocabulary and nominal bits (p "),
        "{words}"
    );
}

#[test]
fn what_is_given_has_to_be_measured_and_named_once() {
    let mut unknown = arms(|index| (index as f64, 8.0, 0.3));
    unknown.series[2].bits_nominal = None;
    let report = found(&used_bits_predict(GIVEN_BITS), &unknown);
    assert_eq!(report.claims[0].verdict, Verdict::NotMeasured);
    assert!(
        report.claims[0]
            .words
            .contains("used bits and nominal bits of code-2@1024"),
        "{}",
        report.claims[0].words
    );
    for given in ["given = []", "given = [\"vocabulary\", \"vocabulary\"]"] {
        let message = refusal(&used_bits_predict(given));
        assert!(message.contains("given has to name"), "{message}");
    }
    let message = refusal(&used_bits_predict("given = [\"colour\"]"));
    assert!(message.contains("unknown variant `colour`"), "{message}");
}
