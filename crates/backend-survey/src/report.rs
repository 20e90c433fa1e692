//! Tables of a survey.

use super::{CURVE_BOUND, FORWARD_BOUND, Finding, Outcome, Surveyed};
use anyhow::Result;
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use run_support::atomic;
use std::path::Path;

/// One row per backend: devices, speed, largest differences, verdict.
#[must_use]
pub fn overview(surveyed: &[Surveyed]) -> String {
    let mut table = table([
        "backend",
        "devices",
        "matmul\nGFLOP/s",
        "forward\nminus flex",
        "20 losses\nminus flex",
        "verdict",
    ]);
    for one in surveyed {
        let mut devices = String::new();
        let mut speed = String::new();
        let (mut forward, mut curve) = (Vec::new(), Vec::new());
        for finding in &one.findings {
            match finding {
                Finding::Devices { names } => devices = names.join("\n"),
                Finding::Matmul { gflops } => speed = format!("{gflops:.0}"),
                Finding::Forward { difference, .. } => forward.push(*difference),
                Finding::Curve { difference, .. } => curve.push(*difference),
            }
        }
        table.add_row([
            Cell::new(one.choice),
            Cell::new(devices),
            right(speed),
            right(largest(&forward)),
            right(largest(&curve)),
            Cell::new(one.verdict()),
        ]);
    }
    format!(
        "{}\nmatmul: 512 x 1024 x 1024, f32, all threads; differences: largest absolute, bounds \
         {FORWARD_BOUND:.0e} and {CURVE_BOUND:.0e}\n",
        table.trim_fmt()
    )
}

/// One row per comparison, one column per backend that was compared; `None` without any.
#[must_use]
pub fn details(surveyed: &[Surveyed]) -> Option<String> {
    let compared: Vec<&Surveyed> = surveyed
        .iter()
        .filter(|one| matches!(one.outcome(), Outcome::Agrees | Outcome::Differs))
        .filter(|one| one.choice.backend != run_support::backend::Backend::Flex)
        .collect();
    let first = compared.first()?;
    let mut header = vec!["minus flex".to_owned()];
    header.extend(compared.iter().map(|one| one.choice.to_string()));
    let mut table = table(header);
    for finding in &first.findings {
        let Some(label) = label(finding) else {
            continue;
        };
        let mut row = vec![Cell::new(&label)];
        for one in &compared {
            let same = one.findings.iter().find(|f| label_is(f, &label));
            row.push(right(same.map(text_of).unwrap_or_default()));
        }
        table.add_row(row);
    }
    Some(table.trim_fmt())
}

/// Writes every number, one per row.
///
/// # Errors
/// If the file cannot be written.
pub fn write_csv(path: &Path, surveyed: &[Surveyed]) -> Result<()> {
    atomic::write(path, |out| {
        let mut rows = csv::Writer::from_writer(out);
        rows.write_record(["backend", "measure", "value", "bound"])?;
        for one in surveyed {
            let backend = one.choice.to_string();
            for finding in &one.findings {
                let (measure, value, bound) = match finding {
                    Finding::Devices { names } => ("devices".to_owned(), names.join("; "), None),
                    Finding::Matmul { gflops } => {
                        ("matmul GFLOP/s".to_owned(), gflops.to_string(), None)
                    }
                    Finding::Forward { difference, .. } => (
                        label(finding).unwrap_or_default(),
                        exact(*difference),
                        Some(FORWARD_BOUND),
                    ),
                    Finding::Curve { difference, .. } => (
                        label(finding).unwrap_or_default(),
                        exact(*difference),
                        Some(CURVE_BOUND),
                    ),
                };
                let bound = bound.map_or_else(String::new, |bound| bound.to_string());
                rows.write_record([&backend, &measure, &value, &bound])?;
            }
            rows.write_record([&backend, "verdict", &one.verdict(), ""])?;
        }
        Ok(rows.flush()?)
    })
}

fn table<T: Into<Cell>>(header: impl IntoIterator<Item = T>) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_header(header.into_iter().map(Into::into).collect::<Vec<Cell>>());
    table
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

fn label(finding: &Finding) -> Option<String> {
    match finding {
        Finding::Forward { case, .. } => Some(format!("forward: {case}")),
        Finding::Curve { arm, .. } => Some(format!("20 losses: {arm}")),
        Finding::Devices { .. } | Finding::Matmul { .. } => None,
    }
}

fn label_is(finding: &Finding, text: &str) -> bool {
    label(finding).is_some_and(|label| label == text)
}

fn text_of(finding: &Finding) -> String {
    match finding {
        Finding::Forward { difference, .. } | Finding::Curve { difference, .. } => {
            number(*difference)
        }
        Finding::Devices { .. } | Finding::Matmul { .. } => String::new(),
    }
}

fn exact(difference: Option<f64>) -> String {
    difference.map_or_else(|| "not finite".to_owned(), |value| value.to_string())
}

fn number(difference: Option<f64>) -> String {
    match difference {
        Some(0.0) => "0".to_owned(),
        Some(difference) => format!("{difference:.1e}"),
        None => "not finite".to_owned(),
    }
}

fn largest(differences: &[Option<f64>]) -> String {
    let mut largest = Some(0.0_f64);
    for difference in differences {
        largest = largest.zip(*difference).map(|(a, b)| a.max(b));
    }
    if differences.is_empty() {
        String::new()
    } else {
        number(largest)
    }
}
