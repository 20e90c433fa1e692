//! `plan`: how long a study takes on this machine, and what its seeds and items can show.

use super::Computing;
use anyhow::Result;
use claims::registration::{Rule, Sides};
use claims::{Claim, Family, Registration};
use comfy_table::{CellAlignment, Table};
use probe_statistics::power::{PairedProportions, fewest_seeds, seeds_needed};
use probe_statistics::sign_flip::{Alternative, MonteCarlo, smallest_p};
use run_results::wording;
use run_support::stop::Stop;
use study::{FineGrained, Section, StudyConfig, StudyPreset, plan, verdicts};

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
    let registration = verdicts::registration(None, args.preset, sections)?;
    // Claims are tested where most seeds are.
    let parts = config.parts()?;
    let seeds = parts.iter().map(|part| part.config.seeds.len()).max();
    power(&registration, seeds.unwrap_or(0))?;
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
        "\nTime on {lanes} lanes with images from nothing, statistics left out; learning rates beyond the grid add to \
         it:\n"
    );
    println!("{table}");
    Ok(())
}

/// What the study's seeds can show of its claims, and what it would take to show small differences.
fn power(registration: &Registration, seeds: usize) -> Result<()> {
    let alpha = registration.settings.alpha;
    let claims = registration.claims.iter();
    let primary: Vec<&Claim> = claims
        .filter(|claim| claim.family == Family::Primary)
        .collect();
    // Holm's first step divides the level by the claims of the family.
    let first = alpha / primary.len().max(1) as f64;
    let both = [Alternative::Greater, Alternative::TwoSided];
    let [one, two] = both.map(|alternative| smallest_p(seeds, alternative));
    println!(
        "{seeds} paired seeds: the smallest sign-flip p is {one:.4} one-sided and {two:.4} two-sided."
    );
    println!(
        "At level {alpha} a claim by itself needs {} seeds at least one-sided and {} two-sided.",
        fewest_seeds(alpha, Alternative::Greater)?,
        fewest_seeds(alpha, Alternative::TwoSided)?
    );
    println!(
        "The registration has {}; Holm's first step asks for a p of {}.",
        wording::counted(primary.len(), "primary claim"),
        shown(first)
    );
    let mut planned = None;
    for (sides, name, alternative) in [
        (Sides::One, "one-sided", Alternative::Greater),
        (Sides::Two, "two-sided", Alternative::TwoSided),
    ] {
        let of_sides = primary.iter().filter(|claim| flips(claim) == Some(sides));
        let ids: Vec<&str> = of_sides.map(|claim| claim.id.as_str()).collect();
        if ids.is_empty() {
            continue;
        }
        let needed = registration.fewest_seeds(Family::Primary, sides)?;
        let enough = match seeds >= needed {
            true => "enough here",
            false => "too few here",
        };
        println!(
            "With {name} sign flips ({}) that takes {needed} seeds at least; {seeds} are {enough}.",
            ids.join(", ")
        );
        planned = Some((name, alternative));
    }
    println!();
    // Where claims have both, two-sided flips ask for more.
    let (name, alternative) = planned.unwrap_or(("two-sided", Alternative::TwoSided));
    let levels = match primary.len() {
        0 | 1 => vec![alpha],
        _ => vec![alpha, first],
    };
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    let mut header = vec!["difference / its sd over seeds".to_owned()];
    let of_levels = levels.iter();
    header.extend(of_levels.map(|&level| format!("seeds at {}, {name}", shown(level))));
    table.set_header(header);
    for effect in EFFECTS {
        let mut row = vec![effect.to_string()];
        for &level in &levels {
            let needed = seeds_needed(effect, level, POWER, alternative, SIMULATION)?;
            row.push(needed.map_or_else(|| "above 64".to_owned(), |seeds| seeds.to_string()));
        }
        table.add_row(row);
    }
    println!("{table}\n");
    let mut table = Table::new();
    table.load_preset(comfy_table::presets::ASCII_MARKDOWN);
    let mut header = vec!["difference of word accuracy".to_owned()];
    let of_levels = levels.iter();
    header.extend(of_levels.map(|&level| format!("words at {}, two-sided", shown(level))));
    table.set_header(header);
    for difference in DIFFERENCES {
        let pairs = PairedProportions {
            discordance: DISCORDANCE,
            difference,
        };
        let mut row = vec![format!("{} points", difference * 100.0)];
        for &level in &levels {
            row.push(format!("{:.0}", pairs.words_needed(level, POWER)?.ceil()));
        }
        table.add_row(row);
    }
    println!("{table}\n");
    println!(
        "Power {POWER}; words: two arms of which exactly one reads {:.0}% of the words, fonts not \
         counted.",
        DISCORDANCE * 100.0
    );
    Ok(())
}

/// A level with as many decimals as it takes, up to four.
fn shown(level: f64) -> String {
    let text = format!("{level:.4}");
    text.trim_end_matches('0').to_owned()
}

/// Sides of the sign flips of a claim, the two-sided ones where it has both.
fn flips(claim: &Claim) -> Option<Sides> {
    let sides: Vec<Sides> = claim.parts.iter().filter_map(Rule::sign_flips).collect();
    match sides.contains(&Sides::Two) {
        true => Some(Sides::Two),
        false => sides.first().copied(),
    }
}
