use super::*;

#[test]
fn names_survive_a_round_trip() {
    for kind in ArmKind::ALL {
        let mut spec = ArmSpec::example(kind, 256);
        if kind.takes_usage() {
            spec = spec.with_usage();
        }
        let name = spec.to_string();
        assert_eq!(name.parse::<ArmSpec>().as_ref(), Ok(&spec), "{name}");
    }
    for name in [
        "vet-softmax@256+top16",
        "vet-softmax@256+gain2.5+rank32",
        "vet-softmax@64+top4+gain0.5+rank8+codes4",
        "vet-st-argmax@256+codes8+usage",
        "vet-st-argmax@256+usage0.3",
        "vet-curriculum@1024+usage",
        "rvq@256+codes4",
        "vet-st-argmax@256+rank8+kmeans+usage",
        "vet-curriculum@256+kmeans",
        "vq@65536+kmeans+rotation",
        "rvq@256+codes4+kmeans",
        "simvq@1024+rotation",
        "oracle-words@8836+text",
        "noisy-merger@0.25",
        "fsq@1000",
    ] {
        assert_eq!(name.parse::<ArmSpec>().unwrap().to_string(), name);
    }
    let swapped: ArmSpec = "vet-st-argmax@64+usage+codes2+gain1.50".parse().unwrap();
    assert_eq!(swapped.to_string(), "vet-st-argmax@64+gain1.5+codes2+usage");
}

#[test]
fn names_of_published_results_mean_what_they_meant() {
    for (name, kind, vocabulary, usage) in [
        ("patch-merger", ArmKind::PatchMerger, None, false),
        ("gelu-mlp@256", ArmKind::GeluMlp, Some(256), false),
        (
            "vet-st-argmax@1024+usage",
            ArmKind::VetStArgmax,
            Some(1024),
            true,
        ),
        ("vet-gumbel@256", ArmKind::VetGumbel, Some(256), false),
    ] {
        let spec: ArmSpec = name.parse().unwrap();
        assert_eq!(
            (spec.kind, spec.vocabulary, spec.usage),
            (kind, vocabulary, usage)
        );
        assert_eq!(spec.settings, Settings::default());
        assert_eq!(spec.to_string(), name);
    }
}

#[test]
fn bits_count_every_code() {
    let spec = |name: &str| name.parse::<ArmSpec>().unwrap();
    assert_eq!(spec("vet-st-argmax@260").nominal_bits(), Some(8.0));
    assert_eq!(spec("vet-st-argmax@260+codes4").nominal_bits(), Some(32.0));
    assert_eq!(
        spec("vet-st-argmax@260+codes4").distinct_tokens(),
        Some(1 << 32)
    );
    assert_eq!(spec("rvq@256+codes8").nominal_bits(), Some(64.0));
    assert_eq!(spec("rvq@256+codes8").distinct_tokens(), None);
    assert_eq!(spec("lfq@1024").nominal_bits(), Some(10.0));
    assert_eq!(spec("vet-softmax@260+codes4").nominal_bits(), None);
    assert_eq!(spec("gelu-mlp@260").nominal_bits(), None);
}

#[test]
fn arms_with_centres_ask_for_a_sample() {
    for (name, asks) in [
        ("vq@256+kmeans", true),
        ("vq@256", false),
        ("oracle-words@256", true),
        ("oracle-words@256+text", false),
        ("vet-gumbel@256+kmeans", true),
    ] {
        let spec: ArmSpec = name.parse().unwrap();
        assert_eq!(spec.starts_from_sample(), asks, "{name}");
    }
}

#[test]
fn the_weight_of_the_regulariser_is_the_runs_unless_the_arm_has_its_own() {
    let weight = |name: &str| name.parse::<ArmSpec>().unwrap().usage_weight(1.0);
    assert_eq!(weight("vet-st-argmax@64"), None);
    assert_eq!(weight("vet-st-argmax@64+usage"), Some(1.0));
    assert_eq!(weight("vet-st-argmax@64+usage0.1"), Some(0.1));
}

#[test]
fn an_unknown_arm_is_answered_with_the_known_ones() {
    let message = "perceiver".parse::<ArmSpec>().unwrap_err().to_string();
    for kind in ArmKind::ALL {
        assert!(message.contains(kind.name()), "{message}");
    }
    assert!(
        message.contains("vet-softmax@K[+topN][+gainX]"),
        "{message}"
    );
}

#[test]
fn names_that_make_no_sense_say_what_to_write() {
    for (name, part) in [
        ("vet-softmax", "vet-softmax@256"),
        ("fsq", "fsq@240"),
        ("linear@256", "no vocabulary"),
        ("linear+usage", "no vocabulary"),
        ("vet-softmax@256+usage", "hard visual words"),
        ("vq@256+usage", "hard visual words"),
        ("vet-softmax@4", "above 4"),
        ("vet-softmax@many", "whole number"),
        ("vq@1", "2 or more"),
        ("fsq@256", "15, 64, 240, 1000"),
        ("lfq@1000", "take 1024"),
        ("bsq@1000", "take 1024"),
        ("vet-softmax@256+top1", "2 or more"),
        ("vet-softmax@256+top252", "all of its 252 words"),
        ("vet-st-argmax@256+top4", "is for vet-softmax"),
        ("gelu-mlp@256+gain2", "the vet arms"),
        ("patch-merger+rank2", "the vet arms"),
        ("vq@256+codes2", "the vet arms and rvq"),
        ("vet-softmax@256+rank0", "1 or more"),
        ("vet-softmax@256+gain0", "above 0"),
        ("vet-softmax@256+codes1", "2 or more"),
        ("vet-softmax@256+codes65", "more than 64"),
        ("vet-softmax@256+gain2+gain3", "second setting"),
        ("vet-st-argmax@256+usage+usage", "second setting"),
        ("vet-softmax@256+kmeans", "vet-st-argmax"),
        (
            "vet-softmax@256+on-blind",
            "a table cannot stand on `blind`",
        ),
        (
            "vet-softmax@256+on-resampler",
            "needs the number of its queries",
        ),
        ("vet-softmax@256+on-linear@8", "without `@8`"),
        ("vet-st-argmax@256+kmeans+on-linear", "leave out `+kmeans`"),
        ("vq@256+on-linear", "is for the vet arms"),
        ("resampler", "the number of its queries"),
        ("resampler@0", "from 1 to 4096"),
        ("fsq@240+kmeans", "vq and rvq and rvq-merger and simvq"),
        ("patch-merger+kmeans", "is for vet-st-argmax"),
        ("vq@256+kmeans8", "write it without `8`"),
        ("vq@256+kmeans+kmeans", "second setting"),
        (
            "vet-st-argmax@256+rotation",
            "is for vq and rvq and rvq-merger and simvq",
        ),
        ("vq@256+text", "is for oracle-words"),
        ("vet-st-argmax@256+gain2+kmeans", "`+gain2`"),
        ("vet-st-argmax@256+codes2+kmeans", "`+codes2`"),
        ("oracle-words@256+kmeans", "is for vet-st-argmax"),
        ("oracle-words", "oracle-words@256"),
        ("vet-softmax@256+sharp", "unknown setting `+sharp`"),
        ("vet-softmax@256+", "unknown setting"),
        ("rvq@256", "rvq@256+codes4"),
        ("noisy-merger", "noisy-merger@0.5"),
        ("noisy-merger@loud", "`loud`"),
        ("noisy-merger@0.5+usage", "no vocabulary"),
    ] {
        let message = name.parse::<ArmSpec>().unwrap_err().to_string();
        assert!(message.contains(part), "{name}: {message}");
    }
}

#[test]
fn arms_that_differ_in_size_only_have_one_name() {
    let name = |arm: &str| arm.parse::<ArmSpec>().unwrap().without_size();
    assert_eq!(name("vet-st-argmax@1028+usage"), "vet-st-argmax+usage");
    assert_eq!(name("vet-st-argmax@68"), "vet-st-argmax");
    assert_eq!(name("vq@64+kmeans+rotation"), "vq+kmeans+rotation");
    assert_eq!(name("rvq@256+codes4"), "rvq");
    assert_eq!(name("patch-merger"), "patch-merger");
}
