//! Reading `claims.toml`, and what holds for all claims together.

mod support;

use claims::registration::Sides;
use claims::{ClaimsError, Family, Measurements, Registration, Report, Verdict, evaluate};
use support::{four_arms, registered, report, with_seeds};

const SETTINGS: &str = "[settings]\nalpha = 0.05\nlevel = 0.95\ndraws = 200\npermutations = 99\n\
                        seed = 1\nfewest_clusters = 5\n";

/// A claim that the hard arm makes more errors than an arm of a kind.
fn claim(id: &str, family: &str, reference: &str) -> String {
    format!(
        "[[claims]]\nid = \"{id}\"\ntext = \"t\"\nfamily = \"{family}\"\n[[claims.parts]]\n\
         rule = \"difference\"\ndata = {{ study = \"ocr\" }}\n\
         subject = {{ select = \"best\", role = \"hard\" }}\n\
         reference = {{ select = \"kind\", kind = \"{reference}\" }}\n\
         metric = \"character-error\"\ndirection = \"higher\"\nsides = \"two\"\n"
    )
}

fn read(text: &str) -> Result<Registration, ClaimsError> {
    Registration::from_toml(&format!("{SETTINGS}{text}"))
}

#[test]
fn the_study_registers_ten_primary_and_two_exploratory_claims() {
    let all: Vec<String> = (1..=12).map(|n| format!("H{n}")).collect();
    let ids: Vec<&str> = all.iter().map(String::as_str).collect();
    let registration = registered(&ids);
    let found: Vec<&str> = registration.claims.iter().map(|c| c.id.as_str()).collect();
    assert_eq!(found, ids);
    let primary = registration
        .claims
        .iter()
        .filter(|c| c.family == Family::Primary);
    assert_eq!(primary.count(), 10);
    assert_eq!(registration.gates.len(), 7);
    let seeds = |family| registration.fewest_seeds(family, Sides::Two).unwrap();
    assert_eq!((seeds(Family::Primary), seeds(Family::Exploratory)), (9, 7));
    // What is written back is read as the same.
    let text = toml::to_string(&registration).unwrap();
    assert_eq!(Registration::from_toml(&text).unwrap(), registration);
    // Nothing measured: nothing claimed, and every sentence says what is missing.
    let empty = evaluate(&registration, &Measurements::default()).unwrap();
    for claim in &empty.claims {
        assert_eq!(claim.verdict, Verdict::NotMeasured, "{claim:?}");
        assert!(claim.words.contains(" in study "), "{}", claim.words);
    }
}

#[test]
fn holm_runs_over_the_primary_family_and_counts_unmeasured_claims() {
    // Ten seeds that all agree: a two-sided p of 2/1,024 for A and B, none for C.
    let text = [
        claim("A", "primary", "gelu-mlp"),
        claim("B", "primary", "patch-merger"),
        claim("C", "primary", "absent"),
        claim("D", "exploratory", "gelu-mlp"),
    ];
    let registration = read(&text.concat()).unwrap();
    let hurt = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    let found = evaluate(&registration, &hurt).unwrap();
    let smallest = 2.0 / 1024.0;
    let [a, b, c, d] = found.claims.as_slice() else {
        panic!("four claims")
    };
    assert_eq!((a.p, b.p, c.p), (Some(smallest), Some(smallest), None));
    // By hand: the three sorted are p, p, 1, so 3 p, max(3 p, 2 p), and 1.
    assert_eq!(a.adjusted_p, Some(3.0 * smallest));
    assert_eq!(b.adjusted_p, Some(3.0 * smallest));
    assert_eq!((c.adjusted_p, c.verdict), (None, Verdict::NotMeasured));
    assert_eq!(d.adjusted_p, Some(smallest));

    // Six seeds: p = 0.031 would do alone, 3 × 0.031 does not.
    let six = evaluate(&registration, &with_seeds(&hurt, 6)).unwrap();
    assert_eq!(six.claims[0].verdict, Verdict::Undecided);
    let words = &six.claims[0].words;
    assert!(
        words.contains("adjusted over the family is 0.094"),
        "{words}"
    );
    assert!(
        words.contains("6 seeds: the smallest p is 0.031. 7 seeds would do."),
        "{words}"
    );
    assert_eq!(
        six.claims[3].verdict,
        Verdict::Supported,
        "alone in its family"
    );
}

#[test]
fn reports_are_the_same_bytes_every_time_and_fit_in_tables() {
    let hurt = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    let table = |report: &Report| {
        let mut bytes = Vec::new();
        report.claims_csv(&mut bytes).unwrap();
        report.gates_csv(&mut bytes).unwrap();
        String::from_utf8(bytes).unwrap()
    };
    let first = table(&report(&["H1", "H3"], &hurt));
    assert_eq!(first, table(&report(&["H1", "H3"], &hurt)));
    assert!(first.starts_with("claim,family,verdict,p,adjusted_p,part,comparison,outcome,"));
    assert!(first.contains("\nH1,primary,SUPPORTED,"), "{first}");
    assert!(first.contains("\ngradients,not-measured,"), "{first}");
    // Four parts and a header, seven gates and a header.
    assert_eq!(first.lines().count(), 5 + 8);
}

#[test]
fn impossible_registrations_are_refused_by_name() {
    let good = claim("A", "primary", "gelu-mlp");
    assert!(read(&good).is_ok());
    let refused = |text: String, expected: &str| {
        let message = read(&text).unwrap_err().to_string();
        assert!(message.contains(expected), "{message}");
    };
    refused(
        good.replace("higher", "sideways"),
        "unknown variant `sideways`",
    );
    refused(good.replace("sides", "seitn"), "unknown field `seitn`");
    refused(
        good.replace("metric = \"character-error\"\n", ""),
        "missing field `metric`",
    );
    refused(
        good.replace("\"difference\"", "\"vibes\""),
        "unknown variant `vibes`",
    );
    refused(
        format!("{good}margin = 0.0\n"),
        "claim A: margin cannot be 0",
    );
    refused(
        format!("{good}margin = 30.0\n"),
        "claim A: margin cannot be 30: errors are shares, 0.01 is one point",
    );
    refused(good.repeat(2), "claim A: this id occurs twice");
    for id in ["", " ", "A\\nB"] {
        let other = good.replace("id = \"A\"", &format!("id = \"{id}\""));
        assert_ne!(other, good);
        refused(other, "tables name claims by their id");
    }
    refused(
        good.replace("study = \"ocr\"", "study = \"ocr\", densities = [4.0, 1.0]"),
        "claim A: densities cannot be 4",
    );
    // Of rules and arms that have no fields as well.
    let width = good.replace(
        "select = \"kind\", kind = \"gelu-mlp\"",
        "select = \"width-matched-mlp\", arm = \"gelu-mlp@7\"",
    );
    assert_ne!(width, good);
    refused(width, "unknown field `arm`");
    for rule in ["gradients-present", "no-optimum-on-edge"] {
        let check = format!("check = {{ rule = \"{rule}\", tolerance = 5.0 }}");
        let gate = format!("{good}[[gates]]\nid = \"g\"\n{check}\n");
        refused(gate, "unknown field `tolerance`");
    }
    let gate = "[[gates]]\nid = \"g\"\ncheck = { rule = \"blind-at-chance\", tolerance = 2.0 }\n";
    refused(
        format!("{good}{gate}"),
        "gate g: tolerance cannot be 2: errors are shares",
    );
    let gate =
        "[[gates]]\nid = \"g\"\nblocks = [\"Z\"]\ncheck = { rule = \"gradients-present\" }\n";
    refused(
        format!("{good}{gate}"),
        "gate g: it blocks Z, but there is no such claim",
    );
    let gate = "[[gates]]\nid = \"g\"\ncheck = { rule = \"gradients-present\" }\n";
    assert!(read(&format!("{good}{gate}")).is_ok());
    refused(
        format!("{good}{gate}{gate}"),
        "gate g: this id occurs twice",
    );
    for (proportion, lapse, expected) in [
        (0.0, 0.05, "claim A: proportion cannot be 0"),
        (1.0, 0.05, "claim A: proportion cannot be 1"),
        (0.75, 1.0, "claim A: largest_lapse cannot be 1"),
    ] {
        let ratio = good
            .replace("\"difference\"", "\"threshold-ratio\"")
            .replace("metric = \"character-error\"\ndirection = \"higher\"\n", "");
        refused(
            format!("{ratio}proportion = {proportion:?}\nlargest_lapse = {lapse:?}\n"),
            expected,
        );
    }
    refused(
        "[[claims]]\nid = \"A\"\ntext = \"t\"\nfamily = \"primary\"\nparts = []\n".to_owned(),
        "claim A: it has no parts",
    );
    let text = format!("{}{good}", SETTINGS.replace("0.05", "5.0"));
    let message = Registration::from_toml(&text).unwrap_err().to_string();
    assert_eq!(message, "settings: alpha cannot be 5");
}

#[test]
fn a_true_null_is_rarely_supported_and_rarely_refuted() {
    const WORLDS: usize = 100;
    let registration = read(&claim("A", "primary", "gelu-mlp")).unwrap();
    let (mut supported, mut refuted) = (0, 0);
    for world in 0..WORLDS {
        // Another name draws other outcomes of the same truth.
        let study = four_arms(&format!("world-{world}"), 0.1, 0.1, 0.1, 0.1);
        let mut measurements = study;
        measurements
            .series
            .iter_mut()
            .for_each(|s| s.study = "ocr".to_owned());
        measurements
            .arms
            .iter_mut()
            .for_each(|a| a.study = "ocr".to_owned());
        let found = evaluate(&registration, &measurements).unwrap();
        supported += usize::from(found.claims[0].verdict == Verdict::Supported);
        refuted += usize::from(found.claims[0].verdict == Verdict::Refuted);
    }
    // Each side has 2.5 % by the sign flips alone; both tests must agree.
    assert!(supported <= 7 && refuted <= 7, "{supported} and {refuted}");
}

#[test]
fn only_common_seeds_and_matching_test_sets_are_compared() {
    let mut hurt = four_arms("ocr", 0.2, 0.1, 0.1, 0.1);
    for series in &mut hurt.series {
        series.density = Some(1.0);
    }
    // At another density the hard arm is better.
    let mut dense = four_arms("ocr", 0.1, 0.9, 0.9, 0.9).series;
    for series in &mut dense {
        series.density = Some(4.0);
    }
    hurt.series.extend(dense);
    let (all, sparse) = (
        claim("A", "primary", "gelu-mlp"),
        claim("A", "primary", "gelu-mlp").replace("\"ocr\"", "\"ocr\", densities = [0.5, 2.0]"),
    );
    let found = |text: &str, measurements: &Measurements| {
        let report = evaluate(&read(text).unwrap(), measurements).unwrap();
        report.claims[0].clone()
    };
    let pooled = found(&all, &hurt);
    assert_eq!(
        (pooled.verdict, pooled.parts[0].items),
        (Verdict::Refuted, 400)
    );
    assert!(
        (pooled.parts[0].effect.unwrap() + 0.35).abs() < 0.03,
        "{pooled:?}"
    );
    let one = found(&sparse, &hurt);
    assert_eq!((one.verdict, one.parts[0].items), (Verdict::Supported, 200));
    assert!((one.parts[0].effect.unwrap() - 0.1).abs() < 0.03, "{one:?}");

    // The reference lost two seeds, and lists the others in another order.
    let mlp = hurt
        .series
        .iter_mut()
        .find(|s| s.arm.starts_with("gelu"))
        .unwrap();
    mlp.seeds.drain(..2);
    mlp.seeds.reverse();
    let eight = found(&sparse, &hurt);
    assert_eq!(
        (eight.verdict, eight.parts[0].seeds),
        (Verdict::Supported, 8)
    );
    assert_eq!(eight.p, Some(2.0 / 256.0));
    hurt.series.retain(|s| !s.arm.starts_with("gelu"));
    let none = found(&sparse, &hurt);
    assert_eq!(none.verdict, Verdict::NotMeasured);
    assert_eq!(
        none.words,
        "Not measured: any gelu-mlp in study ocr, 0.5 to 2 characters per token."
    );
}

#[test]
fn a_condition_that_its_study_does_not_have_is_named_with_those_that_it_has() {
    let asking = |conditions: &str| {
        let data = format!("data = {{ study = \"ocr\", conditions = {conditions} }}");
        let text = claim("A", "primary", "gelu-mlp").replace("data = { study = \"ocr\" }", &data);
        let registration = read(&text).unwrap();
        let words = |all: &Measurements| evaluate(&registration, all).unwrap().claims[0].clone();
        let found = words(&four_arms("ocr", 0.3, 0.1, 0.1, 0.1));
        // Of a study without any measurement nothing is known to be misspelt.
        assert!(!words(&Measurements::default()).words.contains("only"));
        (found.verdict, found.words)
    };
    let (verdict, words) = asking("[\"randm\"]");
    assert_eq!(verdict, Verdict::NotMeasured);
    let told = "randm. Study ocr has no condition `randm`, only `random`.";
    assert!(words.ends_with(told), "{words}");
    // The others are pooled as before, and what is left out is said.
    let (verdict, words) = asking("[\"random\", \"wrds\"]");
    assert_eq!(verdict, Verdict::Supported);
    assert!(
        words.contains("no condition `wrds`, only `random`"),
        "{words}"
    );
    assert!(!asking("[\"random\"]").1.contains("no condition"));
}
