//! What is written of a table and printed.

use super::{TableUse, tally::COUNTED_ABOVE};
use anyhow::{Context, Result};
use figures::{Arm, CerScale, Curve, CurvePanel, CurvePoint, ErrorCurves, Estimate, Family};
use html_report::{Column, Figure, KeyNumber, Picture, Report, Section, Table};
use run_results::{Manifest, wording};
use run_support::atomic;
use serde_json::{Value, json};
use std::path::Path;

const QUESTION: &str = "How does a released visual embedding table use its words on these images, and what \
    does a token keep when it is made of fewer of them?";
const HOW_TO_READ: &str = "A token is the mixture of all rows of the table. To the right more of its best \
    words are mixed, with their probabilities brought to a sum of 1; the height is what is missing of the \
    cosine to the token of all words. One word is what hard tokens would be.";

/// Writes `report.html`, `words.json`, the tables and the figure into an existing folder, each file whole or
/// not at all, and returns the line of `words.json`.
///
/// # Errors
/// If a file cannot be written.
pub fn write(folder: &Path, found: &TableUse, manifest: &Manifest) -> Result<String> {
    let plots = folder.join("plots");
    atomic::make_folder(&plots)?;
    let stem = plots.join("hardening");
    hardening(found).draw(&stem)?;
    csv(&folder.join("hardening.csv"), &hardening_table(found))?;
    csv(&folder.join("masses.csv"), &mass_table(found))?;
    csv(&folder.join("most_used.csv"), &used_table(found))?;
    let line = line(found).to_string();
    atomic::write_bytes(&folder.join("words.json"), format!("{line}\n").as_bytes())?;
    let svg = stem.with_extension("svg");
    let svg =
        std::fs::read_to_string(&svg).with_context(|| format!("cannot read {}", svg.display()))?;
    let path = folder.join("report.html");
    let page = html_report::render(&report(found, svg, manifest))
        .with_context(|| format!("cannot make {}", path.display()))?;
    atomic::write_bytes(&path, page.as_bytes())?;
    Ok(line)
}

/// All numbers in one line, to be pasted somewhere.
fn line(found: &TableUse) -> Value {
    let tally = &found.tally;
    let (entropy, perplexity) = (tally.entropy_bits(), tally.perplexity());
    let pairs = |list: Vec<(usize, f64)>| -> Vec<Value> {
        list.into_iter()
            .map(|(k, value)| json!([k, significant(value)]))
            .collect()
    };
    let hardened = tally.hardened();
    json!({
        "checkpoint": found.checkpoint,
        "family": found.family,
        "words": tally.words(),
        "images": found.images,
        "tokens": tally.tokens(),
        "entropy_bits": significant(entropy.mean),
        "entropy_bits_p5_p50_p95": entropy.percentiles.map(significant),
        "perplexity": significant(perplexity.mean),
        "mass_of_best": pairs(tally.masses()),
        "words_above_1e-4": significant(tally.words_above()),
        "cosine_of_best": pairs(hardened.iter().map(|h| (h.words, h.cosine.mean)).collect()),
        "norm_error_of_best": pairs(hardened.iter().map(|h| (h.words, h.norm_error)).collect()),
        "distinct_best": tally.distinct_best(),
        "best_entropy_bits": significant(tally.best_entropy_bits()),
        "used_softly": significant(tally.used_softly()),
    })
}

/// Six digits, as many as anybody compares.
fn significant(value: f64) -> f64 {
    format!("{value:.5e}").parse().unwrap_or(value)
}

fn hardening(found: &TableUse) -> ErrorCurves {
    let points = found
        .tally
        .hardened()
        .into_iter()
        .map(|hardened| CurvePoint {
            x: hardened.words as f64,
            error: Estimate::exact((1.0 - hardened.cosine.mean).max(0.0)),
        });
    let curve = Curve {
        arm: Arm::new("best words only", Family::VetSoft),
        points: points.collect(),
    };
    ErrorCurves {
        title: "What tokens lose when fewer words are mixed".to_owned(),
        subtitle: sizes(found),
        x_title: "best words that are mixed".to_owned(),
        y_title: "1 − cosine to the token of all words (%)".to_owned(),
        scale: CerScale::Linear,
        panels: vec![CurvePanel {
            title: found.checkpoint.clone(),
            curves: vec![curve],
            references: Vec::new(),
            bounds: Vec::new(),
        }],
    }
}

fn sizes(found: &TableUse) -> String {
    format!(
        "{} on {}, a table of {} words",
        wording::counted(found.tally.tokens(), "token"),
        wording::counted(found.images, "image"),
        wording::count(found.tally.words())
    )
}

fn number(value: f64) -> String {
    wording::significant(value, 4)
}

fn report(found: &TableUse, svg: String, manifest: &Manifest) -> Report {
    let tally = &found.tally;
    let hardened = tally.hardened();
    let first = hardened.first();
    let answer = vec![
        format!(
            "`{}`, {}: on average a token mixes {} words as if evenly (perplexity; its entropy is {} bits of \
             {}), and its best word has {} of the mixture. {}",
            found.checkpoint,
            sizes(found),
            number(tally.perplexity().mean),
            number(tally.entropy_bits().mean),
            number((tally.words() as f64).log2()),
            tally
                .masses()
                .first()
                .map_or_else(String::new, |(_, mass)| wording::percent(*mass)),
            first.map_or_else(String::new, |one| format!(
                "Made of that word alone, a token has a cosine of {} to the released one.",
                number(one.cosine.mean)
            )),
        ),
        format!(
            "{} different words are the best of a token. All tokens together mix {} words as if evenly.",
            wording::count(tally.distinct_best()),
            number(tally.used_softly())
        ),
    ];
    let entropy = tally.entropy_bits();
    let key = |label: &str, value: String, note: String| KeyNumber {
        label: label.to_owned(),
        value,
        note,
    };
    let [p5, p50, p95] = entropy.percentiles.map(number);
    let key_numbers = vec![
        key(
            "entropy of a token",
            format!("{} bits", number(entropy.mean)),
            format!("5, 50, 95 of 100 tokens: {p5}, {p50}, {p95}"),
        ),
        key(
            "words above 1e-4",
            number(tally.words_above()),
            format!("of {}", wording::count(tally.words())),
        ),
        key(
            "best words",
            wording::count(tally.distinct_best()),
            format!("of {}", wording::counted(tally.tokens(), "token")),
        ),
    ];
    let mut sections = vec![Section::new("What fewer words keep")];
    sections[0].figure(Figure {
        title: "What tokens lose when fewer words are mixed".to_owned(),
        how_to_read: HOW_TO_READ.to_owned(),
        picture: Picture::Svg(svg),
        data_file: "plots/hardening.csv".to_owned(),
    });
    sections[0].table(shown("Tokens of their best words", hardening_table(found)));
    let mut words = Section::new("The words");
    words.table(shown("Mass of the best words", mass_table(found)));
    words.paragraph(
        "The most used best words, and the rows of the table that point into nearly the same direction. A \
         cosine near 1 says that two words are one.",
    );
    words.table(shown("Most used words", used_table(found)));
    sections.push(words);
    let mut how = Section::new("How it was measured");
    how.bullets(vec![
        format!(
            "Tower, head and table of the checkpoint, with its own image processor; {:.0} s for them.",
            found.seconds
        ),
        format!("A word counts as mixed above {COUNTED_ABOVE:e}."),
        "Where all of a token's best words have rows of zeros, the token has no direction; its cosine counts as 0."
            .to_owned(),
        "The entropy of the best words over all tokens is the plug-in estimate, which is too low by about \
         (distinct − 1) / (2 n ln 2) bits."
            .to_owned(),
        "Few images use few words: compare tables on the same images.".to_owned(),
    ]);
    sections.push(how);
    let replaced = found.is_replaced.then(|| {
        "the checkpoint names a tokenize function that takes one word; here it is replaced by the softmax of its \
         logits, the mixture that the words would make"
            .to_owned()
    });
    let left_out = found.left_out.iter();
    Report {
        title: "The words of a released table".to_owned(),
        question: QUESTION.to_owned(),
        answer,
        key_numbers,
        warnings: replaced
            .into_iter()
            .chain(left_out.map(|file| format!("left out: {file}")))
            .collect(),
        claims: Vec::new(),
        gates: Vec::new(),
        sections,
        configuration: String::new(),
        provenance: manifest.provenance(),
    }
}

/// Header and rows.
type Rows = Vec<Vec<String>>;

fn hardening_table(found: &TableUse) -> Rows {
    let header = [
        "words",
        "cosine",
        "cosine_p5",
        "norm_error",
        "relative_error",
    ];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(found.tally.hardened().into_iter().map(|hardened| {
        let mut cells = vec![hardened.words.to_string()];
        let [p5, _, _] = hardened.cosine.percentiles;
        let values = [
            hardened.cosine.mean,
            p5,
            hardened.norm_error,
            hardened.error,
        ];
        cells.extend(values.map(|value| format!("{value:.6}")));
        cells
    }));
    rows
}

fn mass_table(found: &TableUse) -> Rows {
    let mut rows = vec![vec!["best_words".to_owned(), "mass".to_owned()]];
    let masses = found.tally.masses().into_iter();
    rows.extend(masses.map(|(count, mass)| vec![count.to_string(), format!("{mass:.6}")]));
    rows
}

fn used_table(found: &TableUse) -> Rows {
    let header = ["word", "tokens", "nearest_rows", "their_cosines"];
    let mut rows = vec![header.map(str::to_owned).to_vec()];
    rows.extend(found.used.iter().map(|used| {
        let near = used.neighbours.iter();
        let ids: Vec<String> = near.clone().map(|(word, _)| word.to_string()).collect();
        let cosines: Vec<String> = near.map(|(_, cosine)| format!("{cosine:.4}")).collect();
        vec![
            used.word.to_string(),
            used.tokens.to_string(),
            ids.join(" "),
            cosines.join(" "),
        ]
    }));
    rows
}

fn shown(title: &str, rows: Rows) -> Table {
    let mut rows = rows.into_iter();
    let header = rows.next().unwrap_or_default();
    let columns = header
        .iter()
        .map(|name| Column::number(name.replace('_', " ")));
    Table {
        title: title.to_owned(),
        columns: columns.collect(),
        rows: rows.collect(),
    }
}

fn csv(path: &Path, rows: &Rows) -> Result<()> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for row in rows {
        writer.write_record(row)?;
    }
    let bytes = writer.into_inner().context("cannot format the table")?;
    atomic::write_bytes(path, &bytes)
}
