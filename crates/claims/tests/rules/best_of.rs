//! The better of several named arms: chosen by validation errors alone.

use claims::{Role, Verdict};

use super::{claim, found};
use crate::support::{error, facts, four_arms, series};

const PART: &str = "rule = \"difference\"\ndata = { study = \"ocr\" }\n\
    subject = { select = \"best-of\", arms = [\"vet-st-argmax@1024\", \"vq@1024\"] }\n\
    reference = { select = \"kind\", kind = \"patch-merger\" }\n\
    metric = \"character-error\"\ndirection = \"higher\"\nsides = \"one\"";

#[test]
fn the_named_arm_that_validation_prefers_is_compared_and_no_other() {
    let mut all = four_arms("ocr", 0.3, 0.1, 0.1, 0.1);
    for (arm, test_error, validation_error) in [("vq@1024", 0.4, 0.2), ("vq@65536", 0.1, 0.05)] {
        let mut one = series("ocr", arm, error(test_error));
        one.validation_error = Some(validation_error);
        all.series.push(one);
        all.arms.push(facts("ocr", arm, Role::Hard));
    }
    let report = found(&claim("A", PART), &all);
    let part = &report.claims[0].parts[0];
    assert!(
        part.comparison.starts_with("vq@1024 − patch-merger"),
        "{}",
        part.comparison
    );
    assert_eq!(report.claims[0].verdict, Verdict::Supported);

    // One of them broke down: the other is not taken for the better of two.
    let mut lacks = all.clone();
    lacks.series.retain(|series| series.arm != "vq@1024");
    let report = found(&claim("A", PART), &lacks);
    assert_eq!(report.claims[0].verdict, Verdict::NotMeasured);
    let words = &report.claims[0].words;
    assert!(words.contains("vq@1024 in study ocr"), "{words}");

    // Neither of them is there.
    let named = ["vet-st-argmax@1024", "vq@1024"];
    all.series
        .retain(|series| !named.contains(&series.arm.as_str()));
    let report = found(&claim("A", PART), &all);
    assert_eq!(report.claims[0].verdict, Verdict::NotMeasured);
    assert!(
        report.claims[0]
            .words
            .contains("the better of vet-st-argmax@1024 and vq@1024"),
        "{}",
        report.claims[0].words
    );
}
