//! All claims of one study, and the numbers that claims share with its tables.

use claims::registration::{Metric, Rule};
use claims::{Evaluator, Measurements, PublishedDifference, Role, Series, Verdict};
use probe_statistics::bootstrap::Interval;

use crate::support::{
    self, TRUTH, Truth, error, facts, find, four_arms, registered, series, varied, with_seeds,
};
use crate::worlds::{
    acuity, capacity, estimators, hardening, ladder, reading_and_coarse, redundancy, softmax, usage,
};

#[test]
fn arms_tested_on_different_items_are_an_error() {
    let mut crooked = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    crooked.series[1].seeds[0].items.pop();
    let error = claims::evaluate(&support::registered(&["H1"]), &crooked).unwrap_err();
    assert_eq!(error.to_string(), "claim H1 cannot be evaluated");
    let twice = Measurements {
        series: vec![crooked.series[0].clone(), crooked.series[0].clone()],
        ..crooked
    };
    let error = claims::evaluate(&support::registered(&["H1"]), &twice).unwrap_err();
    assert!(
        error
            .to_string()
            .starts_with("two series hold vet-st-argmax@1024"),
        "{error}"
    );
    assert_eq!(TRUTH.seeds, 10);
}

/// Everything that is claimed is true, in one study of ten seeds.
fn all_true() -> Measurements {
    let mut world = softmax(0.0);
    let mut words = |arm: &str, rate: f64| {
        let truth = Truth {
            items: 180,
            ..error(rate)
        };
        let series = varied("ocr", arm, truth, |s| s.condition = "words".to_owned());
        world.series.push(series);
    };
    words("vet-st-argmax@1024", 0.12);
    words("gelu-mlp@1024", 0.1);
    world
        .series
        .push(series("ocr", "vet-curriculum@1024", error(0.14)));
    world
        .arms
        .push(facts("ocr", "vet-curriculum@1024", Role::Curriculum));
    // Noise that loses exactly what the hard arm loses.
    let mut noisy = world.series[0].clone();
    noisy.arm = "patch-merger+noise".to_owned();
    world.series.push(noisy);
    let mut noise_facts = facts("ocr", "patch-merger+noise", Role::NoiseMatched);
    noise_facts.reconstruction_r2 = Some(0.5);
    world.arms[0].reconstruction_r2 = Some(0.5);
    world.arms.push(noise_facts);

    let coarse = reading_and_coarse([0.2, 0.02]);
    let from_other_studies = [
        coarse,
        capacity([2.0, 4.0], None),
        ladder([0.5, 0.3, 0.2, 0.1], [4.0, 8.0, 16.0, 32.0]),
        usage(12, -1.0),
        estimators([0.1, 0.2, 0.3, 0.15]),
        hardening(&[(1, 0.7), (4, 0.4), (16, 0.2), (64, 0.1)], 0.1),
        acuity(3.0, 1.5),
        redundancy([0.5, 0.3, 0.1], 0.0, 0.5),
    ];
    for part in from_other_studies {
        for series in part.series.into_iter().filter(|s| s.study != "ocr") {
            world.series.push(series);
        }
        for facts in part.arms {
            let known =
                |known: &claims::ArmFacts| (&known.study, &known.arm) == (&facts.study, &facts.arm);
            if !world.arms.iter().any(known) {
                world.arms.push(facts);
            }
        }
    }
    world
}

#[test]
fn a_study_in_which_all_is_true_supports_every_claim_after_holm() {
    let all: Vec<String> = (1..=12).map(|n| format!("H{n}")).collect();
    let ids: Vec<&str> = all.iter().map(String::as_str).collect();
    let mut world = all_true();
    for facts in &mut world.arms {
        facts.gradients_present = Some(true);
        facts.on_grid_edge = Some(false);
        facts.mean_predictor_r2 = facts.reconstruction_r2.map(|_| 0.0);
    }
    let report = support::report(&ids, &world);
    for claim in &report.claims {
        println!(
            "{} {:?} {:?} {:?} {}",
            claim.id, claim.verdict, claim.p, claim.adjusted_p, claim.words
        );
    }
    for claim in &report.claims {
        assert_eq!(
            claim.verdict,
            Verdict::Supported,
            "{}: {}",
            claim.id,
            claim.words
        );
        assert!(claim.adjusted_p.unwrap() <= 0.05);
    }
    // Five seeds cannot carry ten claims: nothing tested by sign flips survives.
    let few = support::report(&ids, &with_seeds(&world, 5));
    for id in ["H1", "H2", "H8", "H9", "H10"] {
        let claim = few.claims.iter().find(|claim| claim.id == id).unwrap();
        assert_eq!(claim.verdict, Verdict::Undecided, "{id}: {}", claim.words);
    }
}

#[test]
fn a_difference_that_the_study_publishes_is_not_estimated_again() {
    let mut all = four_arms("ocr", 0.4, 0.1, 0.1, 0.1);
    let interval = Interval {
        low: 0.12,
        high: 0.34,
    };
    let known = |reference: &str, value: f64, interval: Interval| PublishedDifference {
        reference: reference.to_owned(),
        metric: Metric::CharacterError,
        value,
        interval: Some(interval),
        seeds: 10,
    };
    let arm = |name: &str| all.series.iter().position(|s| s.arm == name).unwrap();
    let (hard, merger) = (arm("vet-st-argmax@1024"), arm("patch-merger"));
    // One seen from the hard arm, one from the other side.
    all.series[hard].published = vec![known("gelu-mlp@1024", 0.25, interval)];
    all.series[merger].published = vec![known("vet-st-argmax@1024", -0.25, interval.negated())];
    let numbers = |all: &Measurements| -> Vec<_> {
        let parts = find("H1", all).parts.into_iter();
        parts
            .map(|part| (part.effect, part.low, part.high))
            .collect()
    };
    let published = (Some(0.25), Some(0.12), Some(0.34));
    assert_eq!(numbers(&all), [published, published]);
    assert!(
        find("H1", &all)
            .words
            .contains("+25.00 points [+12.00, +34.00]")
    );
    // Over two test sets, or fewer seeds, it is another difference.
    let denser: Vec<Series> = all
        .series
        .iter()
        .map(|series| Series {
            density: Some(2.0),
            ..series.clone()
        })
        .collect();
    let mut two = all.clone();
    two.series.extend(denser);
    for other in [two, with_seeds(&all, 8)] {
        assert!(numbers(&other).iter().all(|found| *found != published));
    }
}

#[test]
fn a_table_of_thresholds_has_the_numbers_of_the_claims() {
    let measurements = acuity(3.0, 1.5);
    let registration = registered(&["H10"]);
    let evaluator = Evaluator::new(&measurements, &registration.settings).unwrap();
    let claimed = find("H10", &measurements);
    for (rule, claimed) in registration.claims[0].parts.iter().zip(&claimed.parts) {
        assert_eq!(evaluator.part(rule).unwrap(), *claimed);
        let Rule::ThresholdRatio(rule) = rule else {
            panic!("H10 is about thresholds")
        };
        let threshold = |arm: &str| {
            let found = evaluator.threshold(&rule.data, arm, 0.75, 0.05).unwrap();
            found.unwrap().threshold.unwrap()
        };
        let ratio = threshold("vet-st-argmax@1024") / threshold("gelu-mlp@1024");
        assert!((ratio / claimed.effect.unwrap() - 1.0).abs() < 1e-12);
        assert!(
            evaluator
                .threshold(&rule.data, "absent", 0.75, 0.05)
                .unwrap()
                .is_none()
        );
    }
}
