//! `parity`: our towers and projectors against reference tensors.

use super::Machine;
use anyhow::{Result, bail, ensure};
use comfy_table::{CellAlignment, Table, presets};
use published_models::parity::{Comparison, compare};
use std::path::PathBuf;

/// Runs the weights and inputs of fixtures through our modules and compares every tap.
///
/// A fixture holds tensors `w.*`, `in.*` and `out.*` and a JSON `config` in its metadata; see
/// tools/fixtures/README.md. The family is recognised from the names of the weights.
#[derive(clap::Args, Clone, Debug)]
pub struct Args {
    /// Fixtures.
    #[arg(value_name = "FIXTURE.safetensors", required = true)]
    fixtures: Vec<PathBuf>,
    /// Largest difference that passes; times the largest number of the tap where that is above 1.
    #[arg(long, default_value_t = 1e-5)]
    tolerance: f32,
    #[command(flatten)]
    machine: Machine,
}

/// Compares, prints a row per tap.
///
/// # Errors
/// If a tap fails, or a file is no fixture; the other fixtures are compared all the same.
pub fn run(args: &Args) -> Result<()> {
    ensure!(
        args.tolerance.is_finite() && args.tolerance >= 0.0,
        "--tolerance {} is no size of an error; give 0 or more",
        args.tolerance
    );
    let (device, _lanes) = args.machine.open()?;
    let mut problems = Vec::new();
    for path in &args.fixtures {
        match compare(path, args.tolerance, &device) {
            Ok(comparison) => {
                println!("{}: {}", path.display(), comparison.family.name());
                println!("{}\n", table(&comparison));
                let failed = comparison.taps.iter().filter(|tap| !tap.passes).count();
                if failed > 0 {
                    let all = comparison.taps.len();
                    problems.push(format!("{}: {failed} of {all} taps fail", path.display()));
                }
            }
            Err(error) => problems.push(format!("{:#}", anyhow::Error::new(error))),
        }
    }
    if problems.is_empty() {
        Ok(())
    } else {
        bail!("{}", problems.join("\n       "))
    }
}

fn table(comparison: &Comparison) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_HORIZONTAL_ONLY);
    table.set_header(["tap", "shape", "max abs", "relative", ""]);
    for column in [2, 3] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    for tap in &comparison.taps {
        table.add_row([
            tap.name.clone(),
            format!("{:?}", tap.shape),
            format!("{:.1e}", tap.max_abs),
            format!("{:.1e}", tap.relative),
            if tap.passes { "ok" } else { "FAILS" }.to_owned(),
        ]);
    }
    table
}
