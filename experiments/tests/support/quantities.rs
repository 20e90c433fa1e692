//! One number per quantity: what a finished study shows in several places, compared.

use super::{Rows, Scratch, names};
use std::fs;
use std::path::Path;

/// Numbers of a text that is read by people, each with its decimals: `+4.3 [3.5, −0.07]`.
fn numbers(text: &str) -> Vec<(f64, i32)> {
    let text = text.replace('−', "-");
    let pieces = text.split(|c: char| !(c.is_ascii_digit() || c == '.' || c == '-'));
    pieces
        .filter_map(|piece| {
            let piece = piece.trim_matches('.');
            let decimals = piece.split_once('.').map_or(0, |(_, digits)| digits.len());
            Some((piece.parse().ok()?, decimals as i32))
        })
        .collect()
}

/// Whether a text shows these numbers, rounded as it rounds; a single number may stand without its
/// interval.
fn shows(text: &str, values: &[f64]) -> bool {
    let found = numbers(text);
    !found.is_empty()
        && found.len() <= values.len()
        && found.iter().zip(values).all(|((shown, decimals), value)| {
            (shown - value).abs() <= 0.5 * 10_f64.powi(-decimals) * (1.0 + 1e-9) + 1e-9
        })
}

/// A value, or a difference to a reference arm, with its interval, in percent.
type Triple = [f64; 3];

/// One row of a `summary.csv`: the error rate, or the share of texts without errors.
struct Row {
    arm: String,
    metric: String,
    density: String,
    condition: String,
    value: Triple,
    /// By reference: PatchMerger, MLP.
    against: [Option<(String, Triple)>; 2],
}

fn summary(path: &Path) -> Vec<Row> {
    let rows = Rows::read(path);
    let column = |name: &str| rows.fields(name, &[("mode", "deterministic")]);
    let triples = |[value, low, high]: [&str; 3]| -> Vec<Option<Triple>> {
        let columns = [value, low, high].map(column);
        (0..columns[0].len())
            .map(|row| {
                let numbers = columns.iter().map(|column| column[row].parse::<f64>().ok());
                let numbers: Option<Vec<f64>> = numbers.collect();
                numbers.map(|n| [100.0 * n[0], 100.0 * n[1], 100.0 * n[2]])
            })
            .collect()
    };
    let values = triples(["mean", "low_95", "high_95"]);
    let against = ["merger", "matched"].map(|reference| {
        let of = |field: &str| format!("{reference}_{field}");
        let fields = [of("difference"), of("low_95"), of("high_95")];
        let found = triples(fields.each_ref().map(String::as_str));
        let names = column(&of("arm")).into_iter().map(str::to_owned);
        let pairs = names.zip(found);
        pairs
            .map(|(name, found)| Some((name, found?)))
            .collect::<Vec<_>>()
    });
    let facets = ["arm", "metric", "density", "condition"].map(column);
    (0..values.len())
        .map(|row| {
            let [arm, metric, density, condition] =
                facets.each_ref().map(|facet| facet[row].to_owned());
            Row {
                arm,
                metric,
                density,
                condition,
                value: values[row].unwrap(),
                against: against.each_ref().map(|column| column[row].clone()),
            }
        })
        .collect()
}

/// The words of a page, without markup.
fn words(page: &str) -> String {
    let page = page.replace("<code>", "").replace("</code>", "");
    let mut text = String::new();
    for piece in page.split('<') {
        text.push_str(piece.split_once('>').map_or(piece, |(_, words)| words));
        text.push(' ');
    }
    let text = text.replace("&lt;", "<").replace("&gt;", ">");
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// What the claims say: effect and interval by claim and part.
fn claimed(place: &Scratch, run: &str, claim: &str) -> Vec<(String, Option<Triple>)> {
    let rows = Rows::read(&place.result(run, "claims.csv"));
    let column = |name: &str| rows.fields(name, &[("claim", claim)]);
    let columns = ["effect", "low", "high"].map(column);
    let numbers = |row: usize| -> Option<Triple> {
        let found: Option<Vec<f64>> = columns.iter().map(|c| c[row].parse().ok()).collect();
        found.map(|found| [found[0], found[1], found[2]])
    };
    let comparisons = column("comparison").into_iter().enumerate();
    comparisons
        .map(|(row, comparison)| (comparison.to_owned(), numbers(row)))
        .collect()
}

/// What the page, `verdict.md`, plots and tables of every run say about an arm's errors and its
/// differences to others, against `summary.csv`. Returns how many numbers were compared.
#[track_caller]
pub fn assert_runs_agree(place: &Scratch, run: &str) -> usize {
    let mut compared = 0;
    let page = fs::read_to_string(place.result(run, "report.html")).unwrap();
    let page = words(&page);
    for part in names(&place.result(run, "")) {
        let path = place.result(run, &format!("{part}/summary.csv"));
        if !path.is_file() {
            continue;
        }
        let rows = summary(&path);
        let cer = || rows.iter().filter(|row| row.metric == "cer");
        // Sections that need no page of their own have tables only.
        let verdict = place.result(run, &format!("{part}/verdict.md"));
        let verdict = fs::read_to_string(verdict).unwrap_or_default();
        let mut is_comparison = false;
        for line in verdict.lines() {
            if line.starts_with("| arm |") {
                is_comparison = line.contains("CER [95%]");
            }
            if !is_comparison {
                continue;
            }
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [arm, value, merger, mlp] = cells[..] else {
                continue;
            };
            let arm = arm.trim_matches('`');
            if !cer().any(|row| row.arm == arm) {
                continue;
            }
            let agrees = |text: &str, known: &Option<(String, Triple)>| match known {
                // `better by` turns the sign.
                Some((_, [d, l, h])) => shows(text, &[*d, *l, *h]) || shows(text, &[-d, -h, -l]),
                None => text == "–",
            };
            let same = |row: &Row| {
                row.arm == arm
                    && shows(value, &row.value)
                    && agrees(merger, &row.against[0])
                    && agrees(mlp, &row.against[1])
            };
            assert!(cer().any(same), "{part}/verdict.md: {line}");
            compared += 1;
        }
        let plot = place.result(run, &format!("{part}/plots/cer_by_arm.csv"));
        if plot.is_file() {
            let plot = Rows::read(&plot);
            let columns = ["label", "cer", "cer_low", "cer_high"]
                .map(|name| plot.fields(name, &[("kind", "arm"), ("status", "ok")]));
            for index in 0..columns[0].len() {
                let drawn: Vec<f64> = columns[1..]
                    .iter()
                    .filter_map(|column| Some(100.0 * column[index].parse::<f64>().ok()?))
                    .collect();
                let same = |row: &Row| {
                    let pairs = row.value.iter().zip(&drawn);
                    row.arm == columns[0][index] && pairs.clone().all(|(a, b)| (a - b).abs() < 1e-9)
                };
                assert!(cer().any(same), "{part}: {} {drawn:?}", columns[0][index]);
                compared += 1;
            }
        }
        for row in cer().filter(|row| row.condition == "random" && part == "ocr") {
            for (reference, [value, low, high]) in row.against.iter().flatten() {
                let density = row.density.parse::<f64>().unwrap();
                let noun = if density == 1.0 {
                    "character"
                } else {
                    "characters"
                };
                let label = format!("{} − {reference}, {density} {noun} per token ", row.arm);
                for (place, _) in page.match_indices(&label) {
                    let shown = &page[place + label.len()..];
                    let shown = shown.split(" points").next().unwrap();
                    assert!(shows(shown, &[*value, *low, *high]), "{label}{shown}");
                    compared += 1;
                }
            }
        }
    }
    compared
}

/// Claims about the difference of two arms on one test set of a run, against its `summary.csv`.
#[track_caller]
pub fn assert_claims_agree(place: &Scratch, run: &str, part: &str, claims: &[&str]) -> usize {
    let rows = summary(&place.result(run, &format!("{part}/summary.csv")));
    let mut compared = 0;
    for claim in claims {
        for (comparison, numbers) in claimed(place, run, claim) {
            let (arms, metric) = comparison.split_once(", ").unwrap();
            let (arm, reference) = arms.split_once(" − ").unwrap();
            let (metric, sign) = match metric {
                "character error" => ("cer", 1.0),
                "word error" => ("word_accuracy", -1.0),
                other => panic!("{other}"),
            };
            // The summary has the difference from one side.
            let find = |arm: &str, reference: &str| {
                let row = rows.iter().find(|r| r.arm == arm && r.metric == metric)?;
                let mut known = row.against.iter().flatten();
                Some(known.find(|(name, _)| name == reference)?.1)
            };
            let turned = || find(reference, arm).map(|[value, low, high]| [-value, -high, -low]);
            let [value, low, high] = find(arm, reference)
                .or_else(turned)
                .unwrap_or_else(|| panic!("{part}/summary.csv lacks {comparison}"));
            let expected = match sign > 0.0 {
                true => [value, low, high],
                false => [-value, -high, -low],
            };
            let numbers = numbers.unwrap_or_else(|| panic!("{claim}: no numbers for {comparison}"));
            for (found, expected) in numbers.iter().zip(expected) {
                let found = 100.0 * found;
                assert!(
                    (found - expected).abs() < 1e-9,
                    "{claim}: {comparison} is {found}, {part}/summary.csv says {expected}"
                );
            }
            compared += 1;
        }
    }
    compared
}

/// A table of the study against what a claim says of the same comparison: `pick` gives the filters
/// and the column of the row for the arms of a claim's part, if the table has it.
#[track_caller]
pub fn assert_table_agrees(
    place: &Scratch,
    run: &str,
    table: &str,
    claim: &str,
    pick: impl Fn(&str) -> Option<(Vec<(&'static str, String)>, &'static str)>,
) -> usize {
    let rows = Rows::read(&place.result(run, &format!("tables/{table}.csv")));
    let page = fs::read_to_string(place.result(run, "report.html")).unwrap();
    let page = words(&page);
    let mut compared = 0;
    for (comparison, numbers) in claimed(place, run, claim) {
        let (Some((filters, column)), Some(numbers)) = (pick(&comparison), numbers) else {
            continue;
        };
        let filters: Vec<(&str, &str)> = filters.iter().map(|(n, v)| (*n, v.as_str())).collect();
        let cells = rows.fields(column, &filters);
        let [cell] = cells[..] else {
            panic!("{table}: {filters:?} gives {cells:?}")
        };
        // Spreadsheets take what begins with a sign for a formula.
        let cell = cell.trim_start_matches('\'');
        assert!(
            shows(cell, &numbers),
            "{claim} says {numbers:?}, {table} {cell}"
        );
        // What did not vary stands without an interval.
        let shown = if numbers[1] == numbers[2] { 1 } else { 3 };
        assert_eq!(self::numbers(cell).len(), shown, "{cell}");
        assert!(page.contains(cell), "{cell}");
        compared += 1;
    }
    compared
}

/// Right answers of a task over all its test images, against the `summary.csv` of a run that has a
/// single test set.
#[track_caller]
pub fn assert_accuracy_agrees(place: &Scratch, run: &str, part: &str, task: &str) -> usize {
    let rows = summary(&place.result(run, &format!("{part}/summary.csv")));
    let accuracy = Rows::read(&place.result(run, "tables/accuracy.csv"));
    let right = || rows.iter().filter(|row| row.metric == "word_accuracy");
    let mut compared = 0;
    for row in right() {
        if right().filter(|other| other.arm == row.arm).count() > 1 {
            continue;
        }
        let cell = accuracy.fields("right answers", &[("task", task), ("arm", &row.arm)])[0];
        assert!(
            shows(cell, &row.value),
            "{task} {}: {cell}, {:?}",
            row.arm,
            row.value
        );
        compared += 1;
    }
    compared
}
