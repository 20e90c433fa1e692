//! The gate about pairs: the arm that reads better must not memorise more.

use claims::{GateState, Measurements, Role, Verdict};

use super::{claim, found, refusal};
use crate::support::{four_arms, with_seeds};

fn hard_reads_worse_than(id: &str, kind: &str) -> String {
    claim(
        id,
        &format!(
            "rule = \"difference\"\ndata = {{ study = \"ocr\" }}\n\
             subject = {{ select = \"best\", role = \"hard\" }}\n\
             reference = {{ select = \"kind\", kind = \"{kind}\" }}\n\
             metric = \"character-error\"\ndirection = \"higher\"\nsides = \"one\""
        ),
    )
}

/// A: the hard arm against the MLP. B: against the merger.
fn registered(margin: f64) -> String {
    format!(
        "{}{}[[gates]]\nid = \"control\"\n\
         check = {{ rule = \"control-task-advantage\", margin = {margin} }}\n",
        hard_reads_worse_than("A", "gelu-mlp"),
        hard_reads_worse_than("B", "patch-merger")
    )
}

/// The hard arm reads worse than the MLP and the merger; accuracies on the control task are given.
fn study(hard: f64, mlp: f64, merger: f64) -> Measurements {
    let mut all = four_arms("ocr", 0.3, 0.1, 0.1, 0.1);
    for facts in &mut all.arms {
        let accuracy = match facts.role {
            Role::Hard => hard,
            Role::WidthMatchedMlp => mlp,
            Role::Continuous => merger,
            Role::Soft | Role::Ceiling | Role::Curriculum | Role::NoiseMatched | Role::Floor => {
                continue;
            }
        };
        let scatter = |seed: u64| 0.002 * ((seed * 7) % 5) as f64;
        facts.control_accuracy = (0..8)
            .map(|seed| (seed, accuracy + scatter(seed)))
            .collect();
    }
    all
}

#[test]
fn a_better_arm_that_memorises_more_blocks_the_claims_about_the_pair_alone() {
    let report = found(&registered(0.01), &study(0.3, 0.35, 0.3));
    let gate = &report.gates[0];
    assert_eq!(
        (gate.state, gate.blocks.as_slice()),
        (GateState::Failed, &["A".to_owned()][..])
    );
    assert!(
        gate.words.contains(
            "gelu-mlp@1024 reads ocr better than vet-st-argmax@1024 and memorises 5.00 points more"
        ),
        "{}",
        gate.words
    );
    // Reading is right in 90 % and 70 %, the control task in 35.4 % and 30.4 %.
    let selectivity = |place: usize| {
        let behind = gate.words.split("selectivity ").nth(1).unwrap();
        let numbers: Vec<f64> = behind
            .split([' ', ')'])
            .filter_map(|word| word.parse().ok())
            .collect();
        numbers[place]
    };
    assert!((selectivity(0) - 0.546).abs() < 0.01, "{}", gate.words);
    assert!((selectivity(1) - 0.396).abs() < 0.01, "{}", gate.words);
    assert_eq!(report.claims[0].verdict, Verdict::Gated);
    assert_eq!(
        report.claims[1].verdict,
        Verdict::Supported,
        "the hard arm itself is not blocked"
    );
}

#[test]
fn a_worse_arm_that_memorises_more_blocks_nothing() {
    let report = found(&registered(0.01), &study(0.4, 0.3, 0.3));
    let gate = &report.gates[0];
    assert_eq!(
        (gate.state, gate.blocks.len()),
        (GateState::Passed, 0),
        "{}",
        gate.words
    );
    assert!(gate.words.contains("in 2 pairs"), "{}", gate.words);
    assert!(gate.words.contains("-10.00 points"), "{}", gate.words);
    assert_eq!(report.claims[0].verdict, Verdict::Supported);
}

#[test]
fn a_task_that_is_learnt_by_heart_completely_is_said_to_tell_nothing() {
    let words = |accuracy: f64| {
        let report = found(&registered(0.01), &study(accuracy, accuracy, accuracy));
        report.gates[0].words.clone()
    };
    let empty = "so none could";
    assert!(words(0.992).contains(empty), "{}", words(0.992));
    assert!(!words(0.98).contains(empty), "{}", words(0.98));
}

#[test]
fn an_advantage_within_the_margin_or_within_chance_is_none() {
    assert_eq!(
        found(&registered(0.06), &study(0.3, 0.35, 0.3)).gates[0].state,
        GateState::Passed
    );
    // The same mean advantage, but from one seed of eight.
    let mut one_seed = study(0.3, 0.3, 0.3);
    let mlp = one_seed
        .arms
        .iter_mut()
        .find(|a| a.kind == "gelu-mlp")
        .unwrap();
    mlp.control_accuracy[3].1 += 0.4;
    let report = found(&registered(0.01), &one_seed);
    assert_eq!(
        report.gates[0].state,
        GateState::Passed,
        "{}",
        report.gates[0].words
    );
}

#[test]
fn a_pair_without_two_common_seeds_is_not_measured() {
    let mut apart = study(0.3, 0.35, 0.3);
    let mlp = apart
        .arms
        .iter_mut()
        .find(|a| a.kind == "gelu-mlp")
        .unwrap();
    mlp.control_accuracy = vec![(0, 0.35), (100, 0.35)];
    let report = found(&registered(0.01), &apart);
    assert_eq!(report.gates[0].state, GateState::Passed);
    assert!(
        report.gates[0].words.ends_with("Pairs not measured: 1."),
        "{}",
        report.gates[0].words
    );
    let nothing = found(&registered(0.01), &four_arms("ocr", 0.3, 0.1, 0.1, 0.1));
    assert_eq!(nothing.gates[0].state, GateState::NotMeasured);
    assert_eq!(nothing.claims[0].verdict, Verdict::Supported);
}

#[test]
fn claims_that_the_gate_does_not_list_are_not_looked_at() {
    let text = registered(0.01).replace("id = \"control\"", "id = \"control\"\nblocks = [\"B\"]");
    let report = found(&text, &study(0.3, 0.35, 0.3));
    assert_eq!(report.gates[0].state, GateState::Passed);
    assert_eq!(report.claims[0].verdict, Verdict::Supported);
    let message = refusal(&registered(0.0));
    assert!(
        message.contains("gate control: margin cannot be 0"),
        "{message}"
    );
}

#[test]
fn a_failed_gate_names_the_verdicts_that_it_takes_away() {
    let asking = registered(0.01).replace("[[gates]]", "[[gates]]\nnames_changes = true");
    // C is about nothing that was measured; it is not gated by this pair.
    let asking = format!("{}{asking}", hard_reads_worse_than("C", "absent"));
    let failing = study(0.3, 0.35, 0.35);
    let report = found(&asking, &failing);
    let words = &report.gates[0].words;
    assert!(
        words.ends_with("Without this check: A SUPPORTED, B SUPPORTED."),
        "{words}"
    );
    // The claim gives the reason alone.
    assert!(report.claims[1].words.contains("memorises"), "{report:?}");
    assert!(!report.claims[1].words.contains("Without this check"));
    // Three seeds decide nothing, and that is what is taken away.
    let few = crate::support::with_seeds(&failing, 3);
    let words = found(&asking, &few).gates[0].words.clone();
    assert!(words.ends_with("A UNDECIDED, B UNDECIDED."), "{words}");
    // Not asked, passed, or passed although asked: nothing is said.
    for (text, measurements) in [
        (registered(0.01), &failing),
        (asking.clone(), &study(0.3, 0.3, 0.3)),
    ] {
        let words = found(&text, measurements).gates[0].words.clone();
        assert!(!words.contains("Without this check"), "{words}");
    }
}

#[test]
fn a_claim_behind_two_failed_gates_says_so() {
    let second = "[[gates]]\nid = \"gradients\"\nnames_changes = true\nblocks = [\"A\"]\n\
                  check = { rule = \"gradients-present\" }\n";
    let asking = registered(0.01).replace("[[gates]]", "[[gates]]\nnames_changes = true");
    let mut failing = study(0.3, 0.35, 0.35);
    for facts in &mut failing.arms {
        facts.gradients_present = Some(facts.role != Role::Hard);
    }
    let report = found(&format!("{asking}{second}"), &failing);
    assert!(
        report.gates[0]
            .words
            .ends_with("Without this check: A SUPPORTED (but for gradients), B SUPPORTED."),
        "{}",
        report.gates[0].words
    );
    assert!(
        report.gates[1]
            .words
            .ends_with("Without this check: A SUPPORTED (but for control)."),
        "{}",
        report.gates[1].words
    );
    // It fails, but for an arm that its claims do not use.
    for facts in &mut failing.arms {
        facts.gradients_present = Some(facts.role != Role::Soft);
    }
    let report = found(&format!("{asking}{second}"), &failing);
    assert_eq!(report.gates[1].state, GateState::Failed);
    assert!(
        report.gates[1]
            .words
            .ends_with("Without this check no verdict would change."),
        "{}",
        report.gates[1].words
    );
}

#[test]
fn eight_seeds_of_twelve_claims_can_refute_an_equality() {
    let equal = "rule = \"equivalence\"\ndata = { study = \"ocr\" }\n\
                 subject = { select = \"kind\", kind = \"vet-softmax\" }\n\
                 reference = { select = \"kind\", kind = \"patch-merger\" }\n\
                 metric = \"character-error\"\nmargin = 0.01";
    let twelve: String = (0..12).map(|id| claim(&format!("C{id}"), equal)).collect();
    let verdict = |soft: f64| {
        let all = with_seeds(&four_arms("ocr", 0.3, 0.1, 0.1, soft), 8);
        found(&twelve, &all).claims[0].verdict
    };
    // Both ways: a difference that is too large is one whatever its sign.
    assert_eq!(verdict(0.2), Verdict::Refuted);
    assert_eq!(verdict(0.02), Verdict::Refuted);
    assert_ne!(verdict(0.105), Verdict::Refuted);
}
