//! `plan`: how long a study takes on this machine, and what its seeds and items can show.

use super::Computing;
use anyhow::Result;
use comfy_table::{CellAlignment, Table};
use probe_statistics::power::{PairedProportions, fewest_seeds, seeds_needed};
use probe_statistics::sign_flip::{Alternative, MonteCarlo, smallest_p};
use run_support::stop::Stop;
use study::{FineGrained, Section, StudyConfig, StudyPreset, plan};

/// Level of a single claim.
const ALPHA: f64 = 0.05;
/// Claims of the primary family, which Holm's first step divides the level by.
const PRIMARY_CLAIMS: f64 = 10.0;
const POWER: f64 = 0.8;
/// Effects of a seed's difference, in standard deviations over seeds.
const EFFECTS: [f64; 4] = [0.5, 1.0, 1.5, 2.0];
/// Differences of word accuracy, and the share of words that exactly one arm reads.
const DIFFERENCES: [f64; 3] = [0.005, 0.01, 0.02];
const DISCORDANCE: f64 = 0.1;
const SIMULATION: MonteCarlo = MonteCarlo {
    draws: 400,
    seed: 1,
};

/// How long does a study take here, and how many seeds and items does a claim need?
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Named size of the study.
    #[arg(long, value_enum, default_value = "quick")]
    preset: StudyPreset,
    /// Sections, separated by commas [default: all].
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Option<Vec<Section>>,
    /// Power analysis only; nothing is timed.
    #[arg(long)]
    no_timing: bool,
    #[command(flatten)]
    computing: Computing,
}

/// # Errors
/// If a run of the study cannot be made.
pub fn run(args: &Args, stop: &Stop) -> Result<()> {
    let sections = args.only.as_deref();
    let sections = sections.unwrap_or_else(|| args.preset.sections());
    let config = StudyConfig {
        preset: args.preset,
        sections: sections.to_vec(),
        fine_grained: FineGrained::in_study(sections),
        settings: toml::Table::new(),
    };
    power(args.preset.scale().seeds as usize)?;
    if args.no_timing {
        return Ok(());
    }
    let session = args.computing.session(stop)?;
    eprintln!("timing a few steps of every kind of cell ...");
    let plans = plan::time(&config, &session)?;
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header(["run", "cells", "minutes"]);
    let lanes = session.lanes.count() as f64;
    let minutes = |seconds: f64| format!("{:.1}", seconds / lanes / 60.0);
    let mut total = (0, 0.0);
    for plan in &plans {
        table.add_row([
            plan.name.clone(),
            plan.cells.to_string(),
            minutes(plan.lane_seconds),
        ]);
        total = (total.0 + plan.cells, total.1 + plan.lane_seconds);
    }
    table.add_row(["all".to_owned(), total.0.to_string(), minutes(total.1)]);
    for column in 1..3 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    println!(
        "\nTime on {lanes} lanes, rendering and statistics left out; learning rates beyond the grid add to it:\n"
    );
    println!("{table}");
    Ok(())
}

/// What the study's seeds can show, and what it would take to show small differences.
fn power(seeds: usize) -> Result<()> {
    let first = ALPHA / PRIMARY_CLAIMS;
    println!(
        "{seeds} paired seeds: the smallest two-sided sign-flip p is {:.4}.",
        smallest_p(seeds, Alternative::TwoSided)
    );
    println!(
        "At level {ALPHA} a claim needs {} seeds at least; in a family of {PRIMARY_CLAIMS} claims (Holm's first \
         step, {first}) {}.\n",
        fewest_seeds(ALPHA, Alternative::TwoSided)?,
        fewest_seeds(first, Alternative::TwoSided)?
    );
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "difference / its sd over seeds".to_owned(),
        format!("seeds at {ALPHA}"),
        format!("seeds at {first}"),
    ]);
    for effect in EFFECTS {
        let needed = |alpha| -> Result<String> {
            let two_sided = Alternative::TwoSided;
            let seeds = seeds_needed(effect, alpha, POWER, two_sided, SIMULATION)?;
            Ok(seeds.map_or_else(|| "above 64".to_owned(), |seeds| seeds.to_string()))
        };
        table.add_row([format!("{effect}"), needed(ALPHA)?, needed(first)?]);
    }
    println!("{table}\n");
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    table.set_header([
        "difference of word accuracy".to_owned(),
        format!("words at {ALPHA}"),
        format!("words at {first}"),
    ]);
    for difference in DIFFERENCES {
        let pairs = PairedProportions {
            discordance: DISCORDANCE,
            difference,
        };
        let words = |alpha| -> Result<String> {
            Ok(format!("{:.0}", pairs.words_needed(alpha, POWER)?.ceil()))
        };
        let points = format!("{} points", difference * 100.0);
        table.add_row([points, words(ALPHA)?, words(first)?]);
    }
    println!("{table}\n");
    println!(
        "Power {POWER}; words: two arms of which exactly one reads {:.0}% of the words, fonts not \
         counted.",
        DISCORDANCE * 100.0
    );
    Ok(())
}
