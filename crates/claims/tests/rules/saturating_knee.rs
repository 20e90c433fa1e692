//! A knee against curves that saturate.

use claims::{Measurements, Role, Verdict};

use super::{claim, found, refusal, registration};
use crate::support::{Truth, error, facts, varied};

const CHARSET: usize = 94;

fn codes_have_a_knee(against: &str) -> String {
    claim(
        "A",
        &format!(
            "rule = \"knee\"\ndata = {{ study = \"capacity\" }}\nrole = \"hard\"\n\
             smooth = [{{ select = \"kind\", kind = \"patch-merger\" }}]\nbits_pair = [6.0, 12.0]\n\
             ratio = 2.0\nbend = \"upward\"\nsaturation = 1.0\n{against}"
        ),
    )
}

const SATURATING: &str = "against = \"saturating\"";

/// Codes of 6 and 12 bits and a continuous arm over eight densities, with the error of each: of bits
/// and density.
fn study(hard: impl Fn(f64, f64) -> f64) -> Measurements {
    let smooth = |density: f64| 1.0 / (1.0 + (4.5 - 0.25 * density).exp());
    let mut all = Measurements::default();
    for (arm, role, bits) in [
        ("vet-st-argmax@64", Role::Hard, Some(6.0)),
        ("vet-st-argmax@4096", Role::Hard, Some(12.0)),
        ("patch-merger", Role::Continuous, None),
    ] {
        all.arms.push(facts("capacity", arm, role));
        for density in [0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0] {
            let rate = bits.map_or(smooth(density), |bits| hard(bits, density));
            let truth = Truth {
                seed_spread: 0.0,
                seeds: 8,
                items: 1000,
                chars: (4.0 * density) as u32,
                ..error(rate)
            };
            all.series.push(varied("capacity", arm, truth, |series| {
                series.charset = CHARSET;
                series.density = Some(density);
                series.bits_nominal = bits;
                series.bits_used = bits;
            }));
        }
    }
    all
}

/// Nothing is lost until the bits are full, then a growing share.
fn full_code(bits: f64, density: f64) -> f64 {
    let full = bits / (CHARSET as f64).log2();
    0.01 + (1.0 - 1.0 / CHARSET as f64 - 0.01) * (1.0 - full / density).max(0.0)
}

#[test]
fn full_codes_have_a_knee_where_their_bits_are_full() {
    let report = found(&codes_have_a_knee(SATURATING), &study(full_code));
    let finding = &report.claims[0];
    assert_eq!(finding.verdict, Verdict::Supported, "{}", finding.words);
    let ratio = finding.parts[0].effect.unwrap();
    assert!((ratio - 2.0).abs() < 0.1, "{ratio}");
    assert!(
        finding.words.contains("its 6.0 bits hold 0.92"),
        "{}",
        finding.words
    );
}

#[test]
fn codes_that_fail_smoothly_have_none() {
    let hill = |bits: f64, density: f64| {
        let u = (density / (0.3 * bits)).powi(3);
        0.01 + (1.0 - 1.0 / CHARSET as f64 - 0.01) * u / (1.0 + u)
    };
    let report = found(&codes_have_a_knee(SATURATING), &study(hill));
    let finding = &report.claims[0];
    assert_ne!(finding.verdict, Verdict::Supported);
    assert!(
        finding
            .words
            .contains("vet-st-argmax@64 over 94 symbols shows no knee"),
        "{}",
        finding.words
    );
}

#[test]
fn places_of_breaks_that_were_not_shown_refute_nothing() {
    // The code of 6 bits breaks where it is full. That of 12 fails at the last density alone, which a smooth curve
    // explains as well; its best break lies five times as far out and not twice.
    let one_breaks = |bits: f64, density: f64| match bits < 7.0 {
        true => full_code(bits, density),
        false if density > 5.0 => 0.3,
        false => 0.01,
    };
    let finding = &found(&codes_have_a_knee(SATURATING), &study(one_breaks)).claims[0];
    let words = &finding.words;
    assert!(
        words.contains("vet-st-argmax@64 over 94 symbols breaks"),
        "{words}"
    );
    assert!(
        words.contains("vet-st-argmax@4096 over 94 symbols shows no knee"),
        "{words}"
    );
    assert!(words.contains("ratio of the break-points"), "{words}");
    assert_eq!(finding.verdict, Verdict::Undecided, "{words}");
}

#[test]
fn the_default_is_a_line_and_a_floor_ends_upward() {
    let spelt = codes_have_a_knee("against = \"line\"");
    assert_eq!(registration(&codes_have_a_knee("")), registration(&spelt));
    let text = toml::to_string(&registration(&spelt)).unwrap();
    assert!(!text.contains("against"), "{text}");
    let message = refusal(&codes_have_a_knee(SATURATING).replace("upward", "either"));
    assert!(message.contains("looks for a floor that ends"), "{message}");
}
