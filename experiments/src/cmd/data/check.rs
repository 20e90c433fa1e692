//! `data check`: is a data set what it should be?

use super::{FormatFlag, open, shown};
use anyhow::{Result, bail};
use comfy_table::{Cell, CellAlignment, Table, TableComponent, presets};
use run_results::wording::counted;
use run_support::stop::{Stop, Stopped};
use scene_text::{Benchmark, Format, MAX_LABEL_CHARS, Spread, Survey};

/// Reads every record, decodes every image, and counts what labels hold.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Folder of a data set, or KIND:DIR. All `data.mdb` files below it are looked at.
    place: String,
    /// lmdb, gt, doctr, mjsynth, icdar, folder, or auto to find out.
    #[arg(long, default_value = "auto")]
    format: FormatFlag,
    /// Longest label that the policies keep, in characters.
    #[arg(long, default_value_t = MAX_LABEL_CHARS)]
    max_label_chars: usize,
}

/// # Errors
/// If there is no data set, or records of it cannot be read or its lists are at fault: these are named first.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let mut surveys = Vec::new();
    for dataset in open(&args.place, args.format)? {
        let survey = Survey::of(&*dataset, args.max_label_chars, |_| {
            stop.check()?;
            Ok::<(), Stopped>(())
        })?;
        for fault in &survey.faults {
            eprintln!("note: {}", shown(fault));
        }
        let further = survey.corrupt - survey.faults.len();
        if further > 0 {
            eprintln!("note: {}: and {further} more", shown(dataset.name()));
        }
        surveys.push((shown(dataset.name()), dataset.format(), survey));
    }
    println!("{}", overview(&surveys));
    println!("{}", policies(&surveys));
    match verdict(&surveys) {
        Some(fault) => bail!(fault),
        None => Ok(()),
    }
}

/// What is wrong, if anything is: with samples, and beside them with what lists them.
fn verdict(surveys: &Surveys) -> Option<String> {
    let sum = |count: fn(&Survey) -> usize| -> usize {
        surveys.iter().map(|(_, _, survey)| count(survey)).sum()
    };
    let noted = sum(|survey| survey.noted);
    let unreadable = sum(|survey| survey.corrupt) - noted;
    let samples = counted(sum(|survey| survey.samples), "sample");
    let records = counted(unreadable, "record");
    let lists = format!(
        "{} in its lists of images and labels",
        counted(noted, "fault")
    );
    let what = match (unreadable, noted) {
        (0, 0) => return None,
        (_, 0) => format!("{records} cannot be read (of {samples})"),
        (0, _) => format!("{lists} (beside {samples})"),
        _ => format!("{records} cannot be read (of {samples}), and {lists}"),
    };
    let copied = if unreadable > 0 {
        "the others"
    } else {
        "what is listed soundly"
    };
    let mut firsts = surveys
        .iter()
        .filter_map(|(_, _, survey)| survey.faults.first());
    let first = firsts.next().map(|fault| shown(fault)).unwrap_or_default();
    Some(format!(
        "{what}, the first: {first}; `experiments data import` copies {copied}"
    ))
}

type Surveys = [(String, Format, Survey)];

fn right(text: impl ToString) -> Cell {
    Cell::new(text.to_string()).set_alignment(CellAlignment::Right)
}

fn spread(spread: Option<Spread>) -> Cell {
    right(spread.map_or_else(
        || "-".to_owned(),
        |found| format!("{} / {:.1} / {}", found.least, found.mean, found.most),
    ))
}

fn overview(surveys: &Surveys) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_header([
        "set",
        "format",
        "samples",
        "readable",
        "corrupt",
        "faults\nin lists",
        "not to\nbe read",
        "label characters\nleast / mean / most",
        "width in px",
        "height in px",
        "labels with characters\noutside 36 / 62 / 94",
    ]);
    for (name, format, survey) in surveys {
        let samples = match Benchmark::of_name(name).map(Benchmark::images) {
            Some(published) if published != survey.samples => {
                format!("{}\npublished: {published}", survey.samples)
            }
            _ => survey.samples.to_string(),
        };
        let outside: Vec<String> = survey
            .outside
            .iter()
            .map(|(_, labels, _)| labels.to_string())
            .collect();
        table.add_row([
            Cell::new(name),
            Cell::new(format),
            right(samples),
            right(survey.readable),
            right(survey.corrupt - survey.noted),
            right(survey.noted),
            right(survey.ignored),
            spread(survey.label_chars),
            spread(survey.widths_px),
            spread(survey.heights_px),
            right(outside.join(" / ")),
        ]);
    }
    table.trim_fmt()
}

/// What each policy would do, steps in the order of the policy.
fn policies(surveys: &Surveys) -> String {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.remove_style(TableComponent::HorizontalLines);
    table.remove_style(TableComponent::MiddleIntersections);
    table.set_header(["set", "policy", "charset", "kept", "what happens to labels"]);
    for (name, _, survey) in surveys {
        for (rule, counts) in &survey.policies {
            table.add_row([
                Cell::new(name),
                Cell::new(rule.policy),
                right(rule.charset),
                right(counts.kept),
                Cell::new(counts.steps().join("; ")),
            ]);
        }
    }
    table.trim_fmt()
}
