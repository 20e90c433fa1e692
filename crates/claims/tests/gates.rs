//! Integrity gates: passed, failed and not measured, and whose verdicts they take away.

mod support;

use claims::registration::GateRule;
use claims::{ArmFacts, GateFinding, GateState, Measurements, Role, Verdict};
use support::{error, facts, four_arms, report, series};

fn gate(id: &str, measurements: &Measurements) -> GateFinding {
    let report = report(&["H1", "H3"], measurements);
    let mut gates = report.gates.into_iter();
    let found = gates
        .find(|gate| gate.id == id)
        .expect("a gate of the study");
    println!(
        "{id}: {:?}: {} blocks {:?}",
        found.state, found.words, found.blocks
    );
    found
}

/// A study in which H1 holds, with a change to every arm.
fn study(change: impl Fn(&mut ArmFacts)) -> Measurements {
    let mut all = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    all.arms.iter_mut().for_each(change);
    all
}

#[test]
fn unmeasured_gates_say_so_and_block_nothing() {
    let found = report(&["H1"], &study(|_| ()));
    for gate in &found.gates {
        assert_eq!(gate.state, GateState::NotMeasured, "{gate:?}");
        assert!(gate.blocks.is_empty());
    }
    assert_eq!(found.claims[0].verdict, Verdict::Supported);
    let mut strict = support::registered(&["H1"]);
    strict.gates[0].required = true;
    let found = claims::evaluate(&strict, &study(|_| ())).unwrap();
    assert_eq!(found.claims[0].verdict, Verdict::Gated);
}

#[test]
fn an_arm_without_gradients_takes_away_the_claims_about_it() {
    let good = study(|facts| facts.gradients_present = Some(true));
    assert_eq!(gate("gradients", &good).state, GateState::Passed);
    let severed = study(|facts| facts.gradients_present = Some(facts.role != Role::Hard));
    let found = gate("gradients", &severed);
    assert_eq!(found.state, GateState::Failed);
    assert!(
        found.words.contains("vet-st-argmax@1024 of ocr"),
        "{}",
        found.words
    );
    assert_eq!(found.blocks, ["H1"], "H3 compares other arms");

    let report = report(&["H1", "H3"], &severed);
    assert_eq!(report.claims[0].verdict, Verdict::Gated);
    assert!(
        report.claims[0]
            .words
            .starts_with("Would be SUPPORTED, but:")
    );
    assert_eq!(report.claims[0].failed_gates, ["gradients"]);
    assert_ne!(report.claims[1].verdict, Verdict::Gated);
    // One arm that nobody looked at is not in order.
    let partly =
        study(|facts| facts.gradients_present = (facts.role == Role::Hard).then_some(true));
    assert_eq!(gate("gradients", &partly).state, GateState::NotMeasured);
}

#[test]
fn an_optimum_on_the_edge_of_the_grid_is_flagged() {
    let inside = study(|facts| facts.validation_curve = vec![(1.0, 0.3), (2.0, 0.1), (3.0, 0.2)]);
    assert_eq!(gate("grid-edge", &inside).state, GateState::Passed);
    let edge = study(|facts| facts.validation_curve = vec![(1.0, 0.3), (2.0, 0.2), (3.0, 0.1)]);
    let found = gate("grid-edge", &edge);
    assert_eq!((found.state, found.blocks.len()), (GateState::Failed, 2));
}

#[test]
fn reconstructions_need_their_baseline() {
    let make = |baseline: Option<f64>| {
        study(move |facts| {
            facts.reconstruction_r2 = Some(0.4);
            facts.mean_predictor_r2 = baseline;
        })
    };
    assert_eq!(
        gate("mean-predictor", &make(Some(-0.002))).state,
        GateState::Passed
    );
    assert_eq!(
        gate("mean-predictor", &make(Some(-0.07))).state,
        GateState::Failed
    );
    assert_eq!(gate("mean-predictor", &make(None)).state, GateState::Failed);
}

fn with_arm(name: &str, role: Role, rate: f64) -> Measurements {
    let mut all = study(|_| ());
    all.arms.push(facts("ocr", name, role));
    all.series.push(series("ocr", name, error(rate)));
    all
}

#[test]
fn a_blind_arm_must_not_see() {
    let chance_error = 1.0 - 1.0 / 94.0;
    let blind = with_arm("blind", Role::Floor, chance_error);
    assert_eq!(gate("blind", &blind).state, GateState::Passed);
    let peeking = with_arm("blind", Role::Floor, 0.9);
    let found = gate("blind", &peeking);
    assert_eq!((found.state, found.blocks.len()), (GateState::Failed, 2));
    // Not where none of the claims that the gate is about has an arm.
    let mut elsewhere = peeking.clone();
    elsewhere.arms.last_mut().unwrap().study = "language".to_owned();
    elsewhere.series.last_mut().unwrap().study = "language".to_owned();
    let mut named = support::registered(&["H1"]);
    named.gates.retain(|gate| gate.id == "blind");
    named.gates[0].blocks = Some(vec!["H1".to_owned()]);
    let state = |all| claims::evaluate(&named, all).unwrap().gates[0].state;
    assert_eq!(state(&peeking), GateState::Failed);
    assert_eq!(state(&elsewhere), GateState::NotMeasured);
    // Unequal answers: always giving the commonest is right in a tenth of the cases.
    let mut skewed = peeking;
    skewed.series.last_mut().unwrap().chance_accuracy = Some(0.1);
    assert_eq!(gate("blind", &skewed).state, GateState::Passed);
}

#[test]
fn nothing_reads_better_than_the_ceiling() {
    let above = with_arm("identity", Role::Ceiling, 0.05);
    assert_eq!(gate("ceiling", &above).state, GateState::Passed);
    let equal = with_arm("identity", Role::Ceiling, 0.1);
    assert_eq!(
        gate("ceiling", &equal).state,
        GateState::Passed,
        "chance is no failure"
    );
    let below = with_arm("identity", Role::Ceiling, 0.15);
    let found = gate("ceiling", &below);
    assert_eq!(found.state, GateState::Failed);
    assert!(
        found.words.contains("patch-merger of ocr"),
        "{}",
        found.words
    );
    assert!(
        !found.words.contains("vet-st-argmax@1024"),
        "{}",
        found.words
    );
}

#[test]
fn control_tasks_must_be_equally_hard() {
    let make = |hard: f64| {
        study(move |facts| {
            let accuracy = if facts.role == Role::Hard { hard } else { 0.3 };
            facts.control_accuracy = (0..10_u64)
                .map(|seed| (seed, accuracy + 0.0005 * (seed % 3) as f64))
                .collect();
        })
    };
    assert_eq!(gate("control-task", &make(0.302)).state, GateState::Passed);
    let found = gate("control-task", &make(0.35));
    assert_eq!(found.state, GateState::Failed);
    assert_eq!(found.blocks, ["H1"]);
    let single = study(|facts| facts.control_accuracy = vec![(0, 0.3)]);
    assert_eq!(gate("control-task", &single).state, GateState::NotMeasured);
}

#[test]
fn accuracy_and_codelength_must_order_arms_alike() {
    let make = |lengths: [f64; 4]| {
        let mut all = study(|_| ());
        for (facts, (accuracy, bits)) in all
            .arms
            .iter_mut()
            .zip([0.5, 0.7, 0.8, 0.9].into_iter().zip(lengths))
        {
            facts.accuracy = Some(accuracy);
            facts.codelength_bits = Some(bits);
        }
        all
    };
    assert_eq!(
        gate("codelength", &make([4.0, 3.0, 2.0, 1.0])).state,
        GateState::Passed
    );
    // One swapped pair of six leaves a τ of 0.67.
    let swapped = gate("codelength", &make([4.0, 3.0, 1.0, 2.0]));
    assert_eq!(swapped.state, GateState::Failed);
    assert!(swapped.words.contains("0.67"), "{}", swapped.words);
}

#[test]
fn the_study_and_its_runs_tolerate_the_same_gain_over_the_ceiling() {
    let ceiling = |registration: &claims::Registration| {
        let gates = registration.gates.iter();
        let mut rules = gates.filter_map(|gate| match gate.check {
            GateRule::CeilingAboveAll { tolerance } => Some(tolerance),
            GateRule::GradientsPresent {}
            | GateRule::MeanPredictor { .. }
            | GateRule::BlindAtChance { .. }
            | GateRule::ControlTaskEquality { .. }
            | GateRule::ControlTaskAdvantage { .. }
            | GateRule::RankingsAgree { .. }
            | GateRule::NoOptimumOnEdge {} => None,
        });
        rules.next().expect("a gate about the ceiling")
    };
    let registered = support::registered(&["H1"]);
    assert_eq!(ceiling(&registered), claims::ceiling::TOLERANCE);
    // A registration without a tolerance of its own has that of the runs.
    let text = toml::to_string(&registered).unwrap();
    let without = text.replace(
        "rule = \"ceiling-above-all\"\ntolerance = 0.005\n",
        "rule = \"ceiling-above-all\"\n",
    );
    assert_ne!(without, text);
    let read = claims::Registration::from_toml(&without).unwrap();
    assert_eq!(ceiling(&read), claims::ceiling::TOLERANCE);
}
