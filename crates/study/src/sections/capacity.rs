//! Characters per token × alphabet × bits per token.

use super::{Definition, Findings, FineGrained, StudyResults};
use crate::design::{arms, base, vocabulary};
use crate::figure::{CER_BY_DENSITY, StudyFigure, bound, sizes};
use crate::scale::Scale;
use crate::section::Section;
use crate::table::{StudyTable, cer, header};
use anyhow::Result;
use figures::{Arm, BoundCurve, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Family};
use probe::{EvaluationMode, ProbeConfig};
use probe_statistics::capacity::{fano_error_bound, partition_code_accuracy};
use run_results::wording;
use text_images::Charset;

const LOAD: &str = "The x axis is what has to be carried over what can be carried: characters per \
    token times the bits of a character, over the bits of the token. No hard code can lie below the \
    black curve; a vocabulary that used its bits fully would follow it.";
const USED_LOAD: &str = "As above, with the entropy of the words that are really used (corrected \
    for the finite sample) in the place of the bits that there are: what still lies above the black \
    curve is not a lack of words, but of learning to use them.";

pub(super) const DEFINITION: Definition = Definition {
    run_plots: &[CER_BY_DENSITY],
    findings,
    ..Definition::new(
        "capacity",
        "Does a hard token stop reading where its bits run out?",
        runs,
    )
};

/// Hard tokens of 6 to 12 bits and two continuous references, trained longer than elsewhere: large
/// vocabularies are learnt slowly, and a knee that training makes is not one of capacity.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let most = scale.largest_vocabulary.ilog2();
    let mut names = vec![
        "patch-merger".to_owned(),
        format!("vet-softmax@{}", vocabulary(most.min(10))),
    ];
    let hard = [6, 10, 12, 16].into_iter().filter(|&bits| bits <= most);
    names.extend(hard.map(|bits| format!("vet-st-argmax@{}+usage", vocabulary(bits))));
    [Charset::Digits, Charset::Alnum36, Charset::Printable94]
        .into_iter()
        .map(|charset| {
            let densities = [0.5, 1.0, 2.0, 4.0];
            let mut config = base(scale, charset, &densities, scale.few_seeds);
            config.arms = arms(&names);
            config.training.steps = scale.long_steps;
            (format!("{charset}-characters"), config)
        })
        .collect()
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let figures = [
        StudyFigure::of("capacity", LOAD, figure(study, Bits::Nominal)),
        StudyFigure::of("capacity_used", USED_LOAD, figure(study, Bits::Used)),
    ];
    Ok(Findings {
        tables: table(study).into_iter().collect(),
        figures: figures.into_iter().flatten().collect(),
        ..Findings::default()
    })
}

/// What hard tokens read, beside what their bits allow and what a simple code reaches.
fn table(study: &StudyResults<'_>) -> Option<StudyTable> {
    let mut rows = Vec::new();
    for result in study.of(Section::Capacity) {
        let alphabet = result.part.config.data.charset.size();
        for &arm in &result.part.config.arms {
            let (Some(bits), Some(words)) = (result.nominal_bits(arm), arm.distinct_tokens())
            else {
                continue;
            };
            for (group, summary) in result.summary.groups.iter().enumerate() {
                let density = summary.density;
                let bound = fano_error_bound(bits, density, alphabet).ok();
                let code = (density.fract() == 0.0)
                    .then(|| partition_code_accuracy(words, alphabet, density as usize).ok());
                let percent = |error: Option<f64>| error.map_or_else(String::new, wording::percent);
                rows.push(vec![
                    format!("`{arm}`"),
                    alphabet.to_string(),
                    density.to_string(),
                    cer(result, arm, group, EvaluationMode::Deterministic),
                    percent(bound),
                    percent(code.flatten().map(|accuracy| 1.0 - accuracy)),
                    result
                        .used_bits(arm, group)
                        .map_or_else(String::new, wording::bits),
                ]);
            }
        }
    }
    (!rows.is_empty()).then(|| StudyTable {
        name: "capacity",
        title: "Errors of hard tokens beside what their bits allow",
        note: "Bound: no code with so many words can do better, place by place (Fano). Partition code: a simple \
               code that exists, one character exactly and of the next one the group it is in; an \
               arm that reads worse has words that it has not learnt to use.",
        header: header(&[
            "arm",
            "alphabet",
            "characters per token",
            "CER",
            "bound",
            "partition code",
            "used bits",
        ]),
        rows,
    })
}

/// Loads between which the bound is drawn.
const LOADS: [f64; 2] = [0.25, 8.0];

/// Which bits of a token are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Bits {
    /// Those it could carry.
    Nominal,
    /// The entropy of the words in use.
    Used,
}

fn figure(study: &StudyResults<'_>, kind: Bits) -> Option<ErrorCurves> {
    let mut panels = Vec::new();
    let mut caption = None;
    for result in study.of(Section::Capacity) {
        let config = &result.part.config;
        let alphabet = config.data.charset.size();
        let hard = config.arms.iter().filter(|arm| arm.kind.is_hard());
        let curves: Vec<Curve> = hard
            .filter_map(|&arm| {
                let bits = result.nominal_bits(arm)?;
                let groups = result.summary.groups.iter().enumerate();
                let mut points: Vec<CurvePoint> = groups
                    .filter_map(|(group, summary)| {
                        let bits = match kind {
                            Bits::Nominal => bits,
                            // There is no load of a code that carries nothing.
                            Bits::Used => {
                                result.used_bits(arm, group).filter(|bits| *bits > 0.0)?
                            }
                        };
                        Some(CurvePoint {
                            x: summary.density * (alphabet as f64).log2() / bits,
                            error: result.error(arm, group),
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
            bounds: vec![load_bound(alphabet)],
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
fn load_bound(alphabet: usize) -> BoundCurve {
    let bits = (alphabet as f64).log2();
    bound("least error that the bits allow (Fano)", LOADS, |load| {
        fano_error_bound(bits / load, 1.0, alphabet).ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bound_is_zero_below_a_load_of_one_and_rises_after() {
        let bound = load_bound(36).points;
        for (load, error) in &bound {
            assert_eq!(*error > 1e-9, *load > 1.0 + 1e-9, "{load} {error}");
        }
        assert!(bound.last().unwrap().1 > 0.5);
    }
}
