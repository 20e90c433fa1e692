//! Many characters per token: where do continuous, soft, hard and residual tokens break?

use super::{Definition, Findings, FineGrained, StandAlone, StudyResults};
use crate::answer::Answer;
use crate::design::{arms, base, vocabulary};
use crate::figure::{StudyFigure, curves, scale as scale_of_panels};
use crate::part::PartResult;
use crate::scale::{CompressionScale, Scale};
use crate::section::Section;
use crate::series;
use crate::table::{StudyTable, cer};
use anyhow::Result;
use arms::{ArmKind, ArmSpec};
use figures::{Arm, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family};
use probe::{EvaluationMode, ProbeConfig, ReaderKind};
use run_results::wording;
use text_images::{Charset, Content};

/// Characters of an image of 64 x 32 px: two lines of eight, each of 8 x 16 px whatever the tokens are.
const CHARACTERS: usize = 16;
/// Sides of tokens in patches of 8 px, and how many of them there are then.
const TOKENS: [(usize, usize); 2] = [(2, 8), (4, 2)];
/// Sources of the text, from the most to the least predictable.
const SOURCES: [&str; 3] = ["markov:1", "markov:3", "random"];
/// With the characters before each one, and without.
const READERS: [(ReaderKind, &str); 2] = [
    (ReaderKind::Causal, "causal"),
    (ReaderKind::Attention, "attention"),
];
/// Names and headings of the tables of both.
const TABLES: [(&str, &str); 2] = [
    ("compression_causal", "Read from left to right"),
    ("compression_attention", "Read without language"),
];
/// DeepSeek-OCR (arXiv 2510.18234, Table 2): precision at 10 and 20 text tokens per visual token. A text
/// token is about four characters.
const DEEPSEEK: [(f64, f64); 2] = [(40.0, 0.97), (80.0, 0.60)];

const BY_CHARACTERS: &str = "Tokens get larger to the right, characters do not: what is measured is \
    how much one token can be asked to hold. The first three panels have the reader that knows the \
    language, the next three the one that does not. DeepSeek-OCR reads real pages at another scale; its points stand apart.";
const BY_BITS: &str = "The same errors against the bits of text that a token covers. Where curves of \
    different sources lie on one another, bits decide; where they do not, the number of characters does.";
const REGISTRATION: &str = include_str!("../../registrations/compression-claims.toml");

pub(super) const DEFINITION: Definition = Definition {
    findings,
    // Its runs read the same text with other readers and tokens.
    measure: |result, measurements| series::add(result, &result.part.name(), measurements),
    stand_alone: Some(StandAlone {
        title: "How much text can one visual token hold?",
        question: "The same characters are covered by tokens of 16, 32 and 64 px. Where do continuous \
                   tokens, soft words, hard words and residual codes break, and does a reader that \
                   knows the language hide it?",
        registration: REGISTRATION,
    }),
    ..Definition::new(
        "compression",
        "Where do tokens break as they cover more characters?",
        runs,
    )
};

/// A reader, a source of text and a size of tokens each.
fn runs(scale: &Scale, _: &FineGrained) -> Vec<(String, ProbeConfig)> {
    let CompressionScale {
        seeds,
        train,
        steps,
        batch,
        rates,
        bits,
    } = &scale.compression;
    let (words, rows) = (1_usize << bits, vocabulary(*bits));
    let mut runs = Vec::new();
    for (reader, reader_name) in READERS {
        for source in SOURCES {
            for (merge, tokens) in TOKENS {
                let density = CHARACTERS as f64 / tokens as f64;
                let mut config = base(scale, Charset::Alnum36, &[density], *seeds);
                let content: Content = source.parse().expect("the sources are spelt as they parse");
                config.arms = arms(&[
                    "identity".to_owned(),
                    "linear".to_owned(),
                    "mean-pool".to_owned(),
                    "patch-merger".to_owned(),
                    format!("gelu-mlp@{rows}"),
                    format!("vet-softmax@{rows}"),
                    format!("vet-st-argmax@{rows}+usage"),
                    format!("vq@{words}"),
                    format!("rvq@{}+codes4", words.min(256)),
                    "blind".to_owned(),
                ]);
                config.reader = reader;
                config.data.merge = Some(merge);
                // As many numbers per pixel whatever the tokens are.
                config.d_token *= merge * merge / 4;
                config.data.train_contents = vec![content];
                config.data.test_contents = vec![content];
                config.data.images.train = *train;
                config.training.steps = *steps;
                config.training.batch = *batch;
                config.training.learning_rates.clone_from(rates);
                config.training.extensions = 0;
                let variant = format!("{reader_name}-{}-merge{merge}", source.replace(':', ""));
                runs.push((variant, config));
            }
        }
    }
    runs
}

fn findings(study: &StudyResults<'_>) -> Result<Findings> {
    let results: Vec<&PartResult> = study.of(Section::Compression).collect();
    let figures = [
        StudyFigure::of("compression", BY_CHARACTERS, by_characters(&results)),
        StudyFigure::of("compression_bits", BY_BITS, by_bits(&results)),
    ];
    Ok(Findings {
        tables: READERS
            .iter()
            .zip(TABLES)
            .filter_map(|(&(reader, _), heading)| table(&results, reader, heading))
            .collect(),
        figures: figures.into_iter().flatten().collect(),
        answer: Answer::of(answer(&results)),
    })
}

fn source(result: &PartResult) -> Content {
    result.part.config.data.test_contents[0]
}

/// Bits per character of the text of an image.
fn entropy(result: &PartResult) -> Option<f64> {
    let charset = result.part.config.data.charset;
    let bits = source(result).entropy_bits(charset, CHARACTERS);
    Some(bits.ok()?? / CHARACTERS as f64)
}

/// A panel per reader and source; `x` says where a run stands, if it is known.
fn panels(results: &[&PartResult], x: fn(&PartResult) -> Option<f64>) -> Vec<CurvePanel> {
    let mut panels = Vec::new();
    for (reader, name) in READERS {
        for spelling in SOURCES {
            let mut points: Vec<(ArmSpec, f64, Estimate)> = Vec::new();
            for result in results {
                let config = &result.part.config;
                let belongs = config.reader == reader && source(result).to_string() == spelling;
                if let Some(x) = x(result).filter(|_| belongs) {
                    points.extend(
                        config
                            .arms
                            .iter()
                            .map(|&arm| (arm, x, result.error(arm, 0))),
                    );
                }
            }
            if !points.is_empty() {
                panels.push(panel(format!("{name} reader, {spelling}"), curves(points)));
            }
        }
    }
    panels
}

fn panel(title: String, curves: Vec<Curve>) -> CurvePanel {
    CurvePanel {
        title,
        curves,
        references: Vec::new(),
        bounds: Vec::new(),
    }
}

fn by_characters(results: &[&PartResult]) -> Option<ErrorCurves> {
    let mut panels = panels(results, |result| Some(result.density()));
    if panels.is_empty() {
        return None;
    }
    let published = Curve {
        arm: Arm::new("DeepSeek-OCR (2510.18234)", Family::Control),
        points: DEEPSEEK
            .map(|(x, precision)| CurvePoint {
                x,
                error: Estimate::exact(1.0 - precision),
            })
            .to_vec(),
    };
    panels.push(panel(
        "DeepSeek-OCR, real pages".to_owned(),
        vec![published],
    ));
    Some(figure(results, panels, "characters per token"))
}

fn by_bits(results: &[&PartResult]) -> Option<ErrorCurves> {
    let panels = panels(results, |result| Some(result.density() * entropy(result)?));
    (!panels.is_empty()).then(|| figure(results, panels, "bits of text per token"))
}

fn figure(results: &[&PartResult], panels: Vec<CurvePanel>, x_title: &str) -> ErrorCurves {
    ErrorCurves {
        title: "How much text can one visual token hold?".to_owned(),
        subtitle: results
            .first()
            .map_or_else(String::new, |result| crate::figure::sizes(result)),
        x_title: x_title.to_owned(),
        y_title: "CER (%)".to_owned(),
        scale: scale_of_panels(&panels),
        panels,
    }
}

/// Errors of every arm, one column per source and size of tokens.
fn table(
    results: &[&PartResult],
    reader: ReaderKind,
    (name, title): (&'static str, &'static str),
) -> Option<StudyTable> {
    let of_reader: Vec<&PartResult> = results
        .iter()
        .copied()
        .filter(|result| result.part.config.reader == reader)
        .collect();
    let first = of_reader.first()?;
    let columns = of_reader.iter().map(|result| {
        format!(
            "{}, {} per token",
            source(result),
            wording::rounded(result.density())
        )
    });
    let columns: Vec<String> = std::iter::once("arm".to_owned()).chain(columns).collect();
    let rows = first.part.config.arms.iter().map(|&arm| {
        let errors = of_reader
            .iter()
            .map(|result| cer(result, arm, 0, EvaluationMode::Deterministic));
        std::iter::once(format!("`{arm}`")).chain(errors).collect()
    });
    Some(StudyTable {
        name,
        title,
        note: "Character error rates on the test images, with 95% intervals over fonts. `blind` writes \
               without an image.",
        header: columns,
        rows: rows.collect(),
    })
}

/// Where the continuous and the hard tokens stand at the two ends.
fn answer(results: &[&PartResult]) -> Option<String> {
    let causal = |merge: usize, spelling: &str| {
        results.iter().copied().find(|result| {
            let config = &result.part.config;
            config.reader == ReaderKind::Causal
                && config.data.merge == Some(merge)
                && source(result).to_string() == spelling
        })
    };
    let error = |result: &PartResult, kind: ArmKind| {
        let arm = result
            .part
            .config
            .arms
            .iter()
            .find(|arm| arm.kind == kind)?;
        Some(wording::percent(result.mean_error(*arm, 0)?))
    };
    let mut sentences = Vec::new();
    for (merge, _) in TOKENS {
        let result = causal(merge, "random")?;
        sentences.push(format!(
            "at {} characters per token PatchMerger misreads {}, soft words {}, hard words {}, vector \
             quantisation {}, four residual codes {}",
            wording::rounded(result.density()),
            error(result, ArmKind::PatchMerger)?,
            error(result, ArmKind::VetSoftmax)?,
            error(result, ArmKind::VetStArgmax)?,
            error(result, ArmKind::Vq)?,
            error(result, ArmKind::Rvq)?,
        ));
    }
    let first = results.first()?;
    Some(format!(
        "Random characters, causal reader, {} and {}: {}.",
        wording::counted(first.part.config.training.steps, "step"),
        wording::counted(first.part.config.seeds.len(), "seed"),
        sentences.join("; ")
    ))
}
