//! Errors against what a token has to carry over what it can.

use super::super::run::PartResult;
use super::super::section::Section;
use super::{BOUND_STEPS, estimate, nominal_bits, of_section, sizes, used_bits};
use figures::{Arm, BoundCurve, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Family};
use probe_statistics::capacity::fano_error_bound;

/// Loads between which the bound is drawn.
const LOADS: [f64; 2] = [0.25, 8.0];

/// Which bits of a token are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Bits {
    /// Those it could carry.
    Nominal,
    /// The entropy of the words in use.
    Used,
}

pub(super) fn capacity(results: &[PartResult], kind: Bits) -> Option<ErrorCurves> {
    let mut panels = Vec::new();
    let mut caption = None;
    for result in of_section(results, Section::Capacity) {
        let config = &result.part.config;
        let alphabet = config.data.charset.size();
        let hard = config.arms.iter().filter(|arm| arm.kind.is_hard());
        let curves: Vec<Curve> = hard
            .filter_map(|&arm| {
                let bits = nominal_bits(result, arm)?;
                let groups = result.summary.groups.iter().enumerate();
                let mut points: Vec<CurvePoint> = groups
                    .filter_map(|(group, summary)| {
                        let bits = match kind {
                            Bits::Nominal => bits,
                            Bits::Used => used_bits(result, arm, group)?,
                        };
                        Some(CurvePoint {
                            x: summary.density * (alphabet as f64).log2() / bits,
                            error: estimate(result, arm, group),
                        })
                    })
                    .collect();
                points.sort_by(|a, b| a.x.total_cmp(&b.x));
                Some(Curve {
                    arm: Arm::new(format!("hard, {bits:.0} bits"), Family::VetHard),
                    points,
                })
            })
            .collect();
        if curves.is_empty() {
            continue;
        }
        caption.get_or_insert_with(|| sizes(result));
        panels.push(CurvePanel {
            title: format!("{alphabet} characters"),
            curves,
            references: Vec::new(),
            bounds: vec![BoundCurve {
                label: "least error that the bits allow (Fano)".to_owned(),
                points: load_bound(alphabet),
            }],
        });
    }
    Some(ErrorCurves {
        title: "Does a hard token stop reading where its bits run out?".to_owned(),
        subtitle: format!("hard words with the usage regulariser; {}", caption?),
        x_title: match kind {
            Bits::Nominal => "load (bits of the text / bits of the token)",
            Bits::Used => "load (bits of the text / bits in use)",
        }
        .to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: CerScale::Linear,
        panels,
    })
}

/// Fano's bound on the error per character against the load.
fn load_bound(alphabet: usize) -> Vec<(f64, f64)> {
    let [low, high] = LOADS;
    let bits = (alphabet as f64).log2();
    (0..=BOUND_STEPS)
        .filter_map(|step| {
            let load = low * (high / low).powf(f64::from(step) / f64::from(BOUND_STEPS));
            Some((load, fano_error_bound(bits / load, 1.0, alphabet).ok()?))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_zero_below_a_load_of_one_and_rises_after() {
        let bound = load_bound(36);
        for (load, error) in &bound {
            assert_eq!(*error > 1e-9, *load > 1.0 + 1e-9, "{load} {error}");
        }
        assert!(bound.last().unwrap().1 > 0.5);
    }
}
