//! The main comparison after long training: 4,000 steps in the registered study.

use super::{by_load, headline, load, run, table};
use crate::answer::Answer;
use crate::figure::CER_BY_ARM;
use crate::part::PartResult;
use crate::scale::Scale;
use crate::section::Section;
use crate::sections::{Definition, Findings, FineGrained, StudyResults, ocr};
use crate::series;
use crate::table::StudyTable;
use anyhow::Result;
use claims::Measurements;
use probe::{EvaluationMode, ProbeConfig};
use probe_statistics::bootstrap::Measure;
use run_results::{Estimator, item_series, wording};
use text_images::Charset;

pub(in crate::sections) const DEFINITION: Definition = Definition {
    run_plots: &[CER_BY_ARM],
    findings,
    measure,
    ..Definition::new(
        "converged",
        "What do soft and hard words cost once training is long enough?",
        runs,
    )
};

/// Standard deviation of the noise on tokens of 128 numbers and unit power at which no more than 10 bits pass
/// (`64 log2(1 + 1/sigma^2) = 10`, the capacity of the Gaussian channel): as many as a word of 1,024 has.
const NOISE_OF_10_BITS: f64 = 2.96;
/// Characters per token, alphabet, and side of a token in patches. Characters of 8 per token are as large as
/// those of 2, and the tokens four times as large.
/// What a reader most wants to know comes first.
const LOADS: [(f64, Charset, usize); 4] = [
    (2.0, Charset::Printable94, 2),
    (1.0, Charset::Printable94, 2),
    (4.0, Charset::Alnum36, 2),
    (8.0, Charset::Alnum36, 4),
];

fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    LOADS
        .map(|(density, charset, merge)| {
            let mut names = vec!["identity".to_owned()];
            names.extend(headline(scale));
            if charset == Charset::Printable94 {
                names.insert(2, format!("noisy-merger@{NOISE_OF_10_BITS}"));
            }
            names.push("blind".to_owned());
            let mut config = run(scale, charset, density, &names);
            if merge != 2 {
                config.data.merge = Some(merge);
                // As many numbers per pixel whatever the tokens are.
                config.d_token *= merge * merge / 4;
            }
            config.hardening_images = scale.test.min(200);
            config.usage_tokens = scale.usage_tokens;
            (format!("{}-per-token", wording::rounded(density)), config)
        })
        .into()
}

/// The run, and where other lengths of training are compared with it, the same under that name.
fn measure(result: &PartResult, measurements: &mut Measurements) -> Result<()> {
    series::add(result, Section::Converged.name(), measurements)?;
    if result.density() <= 2.0 {
        super::training_length::add(result, measurements)?;
    }
    Ok(())
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let mut results: Vec<&PartResult> = study.of(Section::Converged).collect();
    results.sort_by(|a, b| a.density().total_cmp(&b.density()));
    let mut answer = Answer::default();
    for result in &results {
        let mut found = ocr::answer(result);
        for paragraph in &mut found.paragraphs {
            *paragraph = format!(
                "{} after {}. {paragraph}",
                wording::capital(&load(result)),
                wording::counted(result.part.config.training.steps, "step")
            );
        }
        answer.paragraphs.extend(found.paragraphs);
        answer.key_numbers.extend(found.key_numbers);
    }
    let fonts = by_fonts(&results)?;
    let all = table(
        "converged",
        "Character error rate after long training",
        "One density per run. 95% intervals over seeds, each of which has a tower, training images and a \
         start of its own, and fonts. Bits: entropy of the words in use.",
        &by_load(results.into_iter()),
    );
    Ok(Findings {
        tables: all.into_iter().chain(fonts).collect(),
        answer,
        ..Findings::default()
    })
}

/// The same errors, apart for fonts that training images show and fonts that none shows.
fn by_fonts(results: &[&PartResult]) -> Result<Option<StudyTable>> {
    let mut header = vec!["arm".to_owned()];
    let mut rows: Vec<Vec<String>> = Vec::new();
    for (place, result) in results.iter().enumerate() {
        let config = &result.part.config;
        for fonts in ["known", "other"] {
            header.push(format!("{fonts} fonts, {}", load(result)));
        }
        let Some(set) = result.outcome.test_sets.first() else {
            continue;
        };
        let series = item_series(config, &result.outcome)?;
        let read = series
            .iter()
            .filter(|series| series.group == 0 && series.mode == EvaluationMode::Deterministic);
        for series in read {
            let arm = format!("`{}`", series.arm);
            let row = match rows.iter().position(|row| row[0] == arm) {
                Some(row) => row,
                None => {
                    rows.push(vec![arm]);
                    rows.len() - 1
                }
            };
            rows[row].resize(1 + 2 * place, String::new());
            for held_out in [false, true] {
                let seeds = series.in_fonts(set, held_out);
                let estimator = Estimator::of_items(config, Measure::CharacterErrorRate, &seeds);
                rows[row].push(wording::value(estimator.value(&seeds)?));
            }
        }
    }
    for row in &mut rows {
        row.resize(header.len(), String::new());
    }
    Ok((!rows.is_empty()).then_some(StudyTable {
        name: "converged_fonts",
        title: "The same in fonts that training showed, and in others",
        note: "About half of the test images are set in families that no training image shows. 95% intervals over \
               seeds and fonts.",
        header,
        rows,
    }))
}

#[cfg(test)]
mod tests {
    use super::NOISE_OF_10_BITS;

    #[test]
    fn the_noise_lets_as_many_bits_pass_as_a_word_of_1024_has() {
        let bits = 64.0 * (1.0 + NOISE_OF_10_BITS.powi(-2)).log2();
        assert!((9.9..=10.0).contains(&bits), "{bits}");
    }
}
